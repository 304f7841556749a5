import type { Device } from "../media/devices";
import type { Announcement } from "../state/announce";
import type { MyDevices } from "../state/devices";
import { person, type RoomState } from "../state/room";
import type { Words } from "../words";
import { AllowSteps, problemText } from "./allow";
import { useFlags } from "./flags_here";
import { HelpSheet, PageBar, Top } from "./frame";
import { Icon } from "./icon";
import { Panel } from "./panel";
import { Picture } from "./picture";
import type { OpenSheet, RoomActs } from "./room_model";
import { Said } from "./said";

export interface LobbyModel {
  words: Words;
  room: RoomState;
  mine: MyDevices;
  microphone: Device;
  camera: Device;
  reconnecting: boolean;
  /** The group stays hidden here once I am let in; until then nothing of mine opens. */
  stillAlone: boolean;
  announcement: Announcement | null;
  sheet: OpenSheet;
}

export type LobbyActs = Pick<
  RoomActs,
  "onMicrophone" | "onCamera" | "onListening" | "onSheet" | "onLeave" | "onQuickExit"
>;

/** Before the room: who is inside, and how many, is not told here, and nobody sees or hears me. */
export function Lobby({ model, acts }: { model: LobbyModel; acts: LobbyActs }) {
  const { words, room, mine, microphone, camera } = model;
  const me = person(room, room.you);
  const here = useFlags();
  const listening = me?.listening ?? false;
  const note = room.session.note ?? "";
  const help = model.sheet === "help";
  const [title, text] = told(words, room);
  const cameraOn = mine.camera && camera.track !== null;
  const microphoneOn = mine.microphone && microphone.track !== null;
  return (
    <>
      <Top words={words} title={null} subtitle={room.session.title} onQuickExit={acts.onQuickExit} />
      <main id="main" tabIndex={-1} class="page lobby" inert={help}>
        <div class="stack s hello center">
          <h1>{title}</h1>
          <p class="big quiet">{text}</p>
        </div>
        {here && <here.parts.CrisisCard words={words} here={here} />}
        {model.reconnecting && (
          <Panel care label={words.connection} icon="again" title={words.reconnecting}>
            <p>{words.lobbyText}</p>
          </Panel>
        )}
        {note && (
          <section class="card stack s" aria-labelledby="note-title">
            <h2 id="note-title">{words.lobbyNote}</h2>
            <p class="text">{note}</p>
          </section>
        )}
        <section class="stack look" aria-label={words.checkTitle}>
          <div class="view" role="group" aria-label={words.yourCamera}>
            {cameraOn ? (
              <>
                <Picture track={camera.track ?? undefined} mirrored />
                <span class="tag">
                  <Icon name="lock" />
                  {words.onlyYouSee}
                </span>
              </>
            ) : (
              <div class="blank">
                <i aria-hidden="true">{[...(me?.name ?? "")][0]?.toUpperCase()}</i>
                <p>{camera.asking ? words.browserAsking : words.cameraIsOff}</p>
              </div>
            )}
          </div>
          <div class="stack">
            {model.stillAlone ? (
              <p class="note acc">
                <Icon name="people" />
                <span>{words.door.stillHidden}</span>
              </p>
            ) : (
              <div class="pair">
                <button
                  class={cameraOn ? "btn soft" : "btn"}
                  type="button"
                  aria-label={mine.camera ? words.cameraTurnOff : words.cameraTurnOn}
                  onClick={acts.onCamera}
                >
                  <Icon name={cameraOn ? "cam" : "camOff"} />
                  {words.camera}
                </button>
                <button
                  class={microphoneOn ? "btn soft" : "btn"}
                  type="button"
                  aria-label={mine.closed ? words.unmuteClosed : mine.microphone ? words.mute : words.unmute}
                  aria-disabled={mine.closed ? "true" : undefined}
                  onClick={acts.onMicrophone}
                >
                  <Icon name={microphoneOn ? "mic" : "micOff"} />
                  {words.microphone}
                </button>
              </div>
            )}
            <p class="quiet">
              {camera.problem ? problemText(words, "camera", camera.problem) : cameraOn ? words.lobbyWillSee : words.willNotSee}{" "}
              {mine.closed
                ? words.closedNotice
                : microphone.problem
                  ? problemText(words, "microphone", microphone.problem)
                  : microphoneOn
                    ? words.lobbyWillHear
                    : words.willNotHear}
            </p>
            {(camera.problem === "denied" || microphone.problem === "denied") && (
              <div class="note care">
                <Icon name="alert" />
                <div class="stack s grow">
                  <AllowSteps words={words} />
                  <button
                    class="btn"
                    type="button"
                    onClick={camera.problem === "denied" ? acts.onCamera : acts.onMicrophone}
                  >
                    {words.tryAgain}
                  </button>
                </div>
              </div>
            )}
            <button
              class={listening ? "btn soft wide" : "btn wide"}
              type="button"
              aria-pressed={listening}
              aria-describedby="listening-more"
              onClick={() => acts.onListening(!listening)}
            >
              <Icon name={listening ? "check" : "ear"} />
              {words.justListening}
            </button>
            <p class="quiet" id="listening-more">
              {words.justListeningMore}
            </p>
            <p class="note">
              <Icon name="lock" />
              <span>{words.lobbyPrivate}</span>
            </p>
          </div>
        </section>
      </main>
      <PageBar words={words} inert={help} onHelp={() => acts.onSheet("help")} onLeave={acts.onLeave} />
      <Said words={words} announcement={model.announcement} />
      {help && <HelpSheet words={words} onClose={() => acts.onSheet(null)} />}
    </>
  );
}

/** Why I wait, as far as it is mine to know. */
function told(words: Words, room: RoomState): [title: string, text: string] {
  if (room.asked && room.session.status === "live") return [words.lobbyAskedTitle, words.lobbyAskedText];
  if (room.session.begun) {
    const late = room.session.late ? ` ${words.lobbyLateText}` : "";
    return [words.lobbyBegunTitle, words.lobbyBegunText + late];
  }
  if (room.session.late) return [words.lobbyLateTitle, words.lobbyLateText];
  return [words.lobbyTitle, room.session.status === "lobby" ? words.lobbyNotBegun : words.lobbyText];
}
