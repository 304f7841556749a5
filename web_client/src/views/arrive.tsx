import type { Device } from "../media/devices";
import type { Words } from "../words";
import { AllowSteps, problemText, type Browser } from "./allow";
import { HelpSheet, PageBar, Top } from "./frame";
import { Icon } from "./icon";
import { Picture } from "./picture";

export interface ArriveModel {
  words: Words;
  name: string;
  title: string;
  microphone: Device;
  camera: Device;
  /** What the person wants to join with. */
  wanted: { microphone: boolean; camera: boolean };
  /** How loud the microphone is, 0 to 1. */
  level: number;
  wasHeard: boolean;
  help: boolean;
  /** A mentor had closed my microphone when I was here last. */
  wasClosed: boolean;
  browser?: Browser;
}

export interface ArriveActs {
  onMicrophone: () => void;
  onCamera: () => void;
  onTryAgain: () => void;
  onJoin: () => void;
  onHelp: (open: boolean) => void;
  onLeave: () => void;
  onQuickExit: () => void;
}

/** Before joining: how I look and sound, and what the others will get. */
export function Arrive({ model, acts }: { model: ArriveModel; acts: ArriveActs }) {
  const { words, microphone, camera, wanted } = model;
  const microphoneOn = wanted.microphone && microphone.problem === null;
  const cameraOn = wanted.camera && camera.problem === null;
  const problems = [microphone.problem, camera.problem].filter((problem) => problem !== null);
  const denied = microphone.problem === "denied" || camera.problem === "denied";
  return (
    <>
      <Top words={words} title={null} subtitle={model.title} onQuickExit={acts.onQuickExit} />
      <main id="main" tabIndex={-1} class="page arrive" inert={model.help}>
        <div class="stack s hello">
          <h1>{words.hello(model.name)}</h1>
          <p class="big quiet">{words.place}</p>
        </div>
        <section class="stack look" aria-labelledby="check-title">
          <div>
            <h2 id="check-title">{words.checkTitle}</h2>
            <p class="quiet">{words.checkHint}</p>
          </div>
          <div class="view" role="group" aria-label={words.yourCamera}>
            {cameraOn && camera.track ? (
              <>
                <Picture track={camera.track} mirrored />
                <span class="tag">
                  <Icon name="cam" />
                  {words.howOthersSee}
                </span>
              </>
            ) : (
              <div class="blank">
                <i aria-hidden="true">{[...model.name][0]?.toUpperCase()}</i>
                <p>{camera.asking ? words.browserAsking : words.cameraIsOff}</p>
              </div>
            )}
          </div>
          <div class="pair">
            <button
              class={cameraOn && !camera.asking ? "btn soft" : "btn"}
              type="button"
              aria-label={cameraOn ? words.cameraTurnOff : words.cameraTurnOn}
              onClick={acts.onCamera}
            >
              <Icon name={cameraOn && !camera.asking ? "cam" : "camOff"} />
              {words.camera}
            </button>
            <button
              class={microphoneOn && !microphone.asking ? "btn soft" : "btn"}
              type="button"
              aria-label={microphoneOn ? words.mute : words.unmute}
              onClick={acts.onMicrophone}
            >
              <Icon name={microphoneOn && !microphone.asking ? "mic" : "micOff"} />
              {words.microphone}
            </button>
          </div>
        </section>
        <div class="stack ready">
          <ul class="checks">
            <li>
              <Icon name={cameraOn && !camera.asking ? "cam" : "camOff"} />
              <div>
                <h3>{words.camera}</h3>
                <p>
                  {camera.asking
                    ? words.browserAsking
                    : camera.problem
                      ? problemText(words, "camera", camera.problem)
                      : cameraOn
                        ? words.willSee
                        : words.willNotSee}
                </p>
              </div>
            </li>
            <li>
              <Icon name={microphoneOn && !microphone.asking ? "mic" : "micOff"} />
              <div>
                <h3>{words.microphone}</h3>
                <p>
                  {microphone.asking
                    ? words.browserAsking
                    : microphone.problem
                      ? problemText(words, "microphone", microphone.problem)
                      : !microphoneOn
                        ? words.willNotHear
                        : model.wasClosed
                          ? words.wasClosed
                          : words.willHear}
                </p>
              </div>
              {microphoneOn && microphone.track && (
                <div class="sounding">
                  <Meter label={words.level} level={model.level} />
                  <p class="quiet">{model.wasHeard ? words.hearWell : words.saySomething}</p>
                </div>
              )}
            </li>
          </ul>
          {problems.some((problem) => problem !== "unsupported") && (
            <div class="note care">
              <Icon name="alert" />
              <div class="stack s grow">
                {denied && <AllowSteps words={words} {...(model.browser ? { browser: model.browser } : {})} />}
                <p>{words.withoutIt}</p>
                <button class="btn" type="button" onClick={acts.onTryAgain}>
                  {words.tryAgain}
                </button>
              </div>
            </div>
          )}
          <button class="btn main l wide" type="button" onClick={acts.onJoin}>
            {words.join}
          </button>
          {!model.wasClosed && <p class="quiet center">{words.joinStays}</p>}
        </div>
      </main>
      <PageBar words={words} inert={model.help} onHelp={() => acts.onHelp(true)} onLeave={acts.onLeave} />
      {model.help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
    </>
  );
}

function Meter({ label, level }: { label: string; level: number }) {
  const percent = Math.round(level * 100);
  return (
    <div class="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <svg aria-hidden="true" focusable="false" width="100%" height="100%">
        <rect width={`${percent}%`} height="100%" />
      </svg>
    </div>
  );
}
