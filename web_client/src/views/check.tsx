import type { Device } from "../media/devices";
import type { PathState } from "../state/path";
import type { Words } from "../words";
import { AllowSteps, problemText, type Browser } from "./allow";
import { Icon } from "./icon";
import { PathCheck } from "./path_check";
import { Picture } from "./picture";
import { SpeakerCheck } from "./speaker";

export interface CheckModel {
  words: Words;
  name: string;
  microphone: Device;
  camera: Device;
  /** What the person wants to join with. */
  wanted: { microphone: boolean; camera: boolean };
  /** How loud the microphone is, 0 to 1. */
  level: number;
  wasHeard: boolean;
  /** A mentor had closed my microphone when I was here last. */
  wasClosed: boolean;
  /** The group is hidden on this screen, and I come back in like that. */
  stillAlone: boolean;
  /** Null where nothing looks at the way. */
  path: PathState | null;
  /** There is a place of today that can be changed. */
  hasPlace: boolean;
  browser?: Browser;
}

export interface CheckActs {
  onMicrophone: () => void;
  onCamera: () => void;
  onTryAgain: () => void;
  onTone: () => Promise<void>;
  onChange: (step: "welcome" | "where") => void;
  onJoin: () => void;
  onJoinWithout: (source: "microphone" | "camera") => void;
}

/** Last before joining: how I look and sound, and what the others will get. */
export function Check({ model, acts }: { model: CheckModel; acts: CheckActs }) {
  const { words, microphone, camera, wanted } = model;
  const microphoneOn = wanted.microphone && microphone.problem === null;
  const cameraOn = wanted.camera && camera.problem === null;
  const problems = [microphone.problem, camera.problem].filter((problem) => problem !== null);
  // With neither to be had, "Join" says it all.
  const without = problems.length > 1 ? [] : (["camera", "microphone"] as const).filter((source) => wanted[source]);
  const denied = microphone.problem === "denied" || camera.problem === "denied";
  return (
    <div class="check">
      <div class="hello">
        <h1>{words.checkTitle}</h1>
        <p class="quiet">{words.checkHint}</p>
      </div>
      <div class="stack look">
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
              <p>{camera.asking ? words.browserAsking : words.willNotSee}</p>
            </div>
          )}
        </div>
        {model.stillAlone ? (
          <p class="note acc">
            <Icon name="people" />
            <span>{words.door.stillHidden}</span>
          </p>
        ) : (
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
        )}
        <div class="mine">
          <p>{words.door.youAre(model.name)}</p>
          <div class="row s wrap">
            <button class="btn plain snug" type="button" onClick={() => acts.onChange("welcome")}>
              {words.door.changeName}
            </button>
            {model.hasPlace && (
              <button class="btn plain snug" type="button" onClick={() => acts.onChange("where")}>
                {words.door.changePlace}
              </button>
            )}
          </div>
        </div>
      </div>
      <div class="stack ready">
        <ul class="checks">
          {camera.problem && (
            <li>
              <Icon name="camOff" />
              <div>
                <h2>{words.camera}</h2>
                <p>{problemText(words, "camera", camera.problem)}</p>
              </div>
            </li>
          )}
          <li>
            <Icon name={microphoneOn && !microphone.asking ? "mic" : "micOff"} />
            <div>
              <h2>{words.microphone}</h2>
              <p>{microphoneText(model)}</p>
            </div>
            {microphoneOn && microphone.track && model.wasHeard && <Icon name="check" />}
            {microphoneOn && microphone.track && (
              <div class="below sounding">
                <Meter label={words.level} level={model.level} />
                <p class="quiet">{model.wasHeard ? words.hearWell : words.saySomething}</p>
              </div>
            )}
          </li>
          <SpeakerCheck words={words} onTone={acts.onTone} />
          {model.path && <PathCheck words={words} state={model.path} />}
        </ul>
        {problems.some((problem) => problem !== "unsupported") && (
          <div class="note care">
            <Icon name="alert" />
            <div class="stack s grow">
              {denied && <AllowSteps words={words} {...(model.browser ? { browser: model.browser } : {})} />}
              <p>{problems.length > 1 ? words.withoutThem : words.withoutIt}</p>
              <button class="btn" type="button" onClick={acts.onTryAgain}>
                {words.tryAgain}
              </button>
            </div>
          </div>
        )}
      </div>
      <div class="joining">
        <button class="btn main l wide" type="button" onClick={acts.onJoin}>
          {words.join}
        </button>
      </div>
      <div class="stack others">
        {without.length > 0 && (
          <div class="pair">
            {without.map((source) => (
              <button key={source} class="btn plain" type="button" onClick={() => acts.onJoinWithout(source)}>
                {source === "camera" ? words.door.withoutCamera : words.door.withoutMicrophone}
              </button>
            ))}
          </div>
        )}
        {!model.wasClosed && !model.stillAlone && <p class="quiet center">{words.joinStays}</p>}
      </div>
    </div>
  );
}

function microphoneText({ words, microphone, wanted, wasClosed }: CheckModel): string {
  if (microphone.asking) return words.browserAsking;
  if (microphone.problem) return problemText(words, "microphone", microphone.problem);
  if (!wanted.microphone) return words.willNotHear;
  return wasClosed ? words.wasClosed : words.willHear;
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
