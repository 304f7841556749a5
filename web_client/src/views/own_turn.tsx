import type { ComponentChildren } from "preact";
import { clockOf, comesBack, type Turn, type TurnClock } from "../state/floor";
import { person, type RoomState } from "../state/room";
import { turnWordsFor, type TurnWords } from "../words/turns";
import { Icon, type IconName } from "./icon";
import type { RoomActs, RoomModel } from "./room_model";
import { useNow } from "./ticking";
import { Notes } from "./turn_notes";

interface Props {
  model: RoomModel;
  acts: RoomActs;
  turn: Turn;
}

/** My own turn: its time, which nobody else of the group sees, and the ways to take it. */
export function OwnTurn({ model, acts, turn }: Props) {
  const { room, words, actual } = model;
  const say = turnWordsFor(words.language);
  const clock = clockOf(turn, useNow(model.now, turn.endsMs > 0 && !turn.held));
  const heard = actual.microphone && !room.floor.unsaved;
  const over = clock.name === "over";
  const typed = turn.form === "typed";
  const signed = turn.form === "signed";
  const title = over ? say.over : heard ? say.heard : say.mine;
  const icon: IconName = clock.name === "held" ? "pause" : typed ? "pencil" : "mic";
  const ringed = clock.name === "runs" || clock.name === "grace";
  return (
    <section class="turn mine" aria-label={say.yourTurn}>
      <div class="about">
        {ringed ? <Ring say={say} leftMs={clock.leftMs} share={clock.share} /> : <span class="ic"><Icon name={icon} /></span>}
        <div class="grow">
          <h2>{title}</h2>
          <p>{aboutTime(say, room, turn, clock, heard)}</p>
        </div>
      </div>
      {/* The same region all through the turn, so that what changes in it is said. */}
      <p class="vh" role="status">
        {over ? say.over : heard ? say.heard : ""}
      </p>
      {typed && !heard && <p>{say.form.typing}</p>}
      {signed && <p>{say.form.signing}</p>}
      <Acts model={model} acts={acts} turn={turn} say={say} heard={heard} />
      {room.floor.order === "passed_on" && room.floor.mode === "round" && <PassOn model={model} acts={acts} turn={turn} say={say} />}
      {heard ? (
        <Notes say={say} notes={model.notes} onNotes={acts.onNotes} />
      ) : (
        <Notes say={say} title={say.form.label} notes={model.notes} onNotes={acts.onNotes}>
          {turn.form !== "spoken" && <Way acts={acts} turn={turn} form="spoken">{say.form.spoken}</Way>}
          {!typed && <Way acts={acts} turn={turn} form="typed">{say.form.typed}</Way>}
          {!signed && <Way acts={acts} turn={turn} form="signed">{say.form.signed}</Way>}
        </Notes>
      )}
      {!heard && turn.form === "spoken" && <p class="wide-only">{comesBack(room.floor) ? say.backLater : say.opensByTap}</p>}
    </section>
  );
}

function Acts({ model, acts, turn, say, heard }: Props & { say: TurnWords; heard: boolean }) {
  const { room, wide, actual } = model;
  const end = (main: boolean) => (
    <button class={main ? "btn main l" : "btn l"} type="button" onClick={() => acts.onTurn({ type: "end_turn", turn: turn.number })}>
      {main && <Icon name="check" />}
      {say.end}
    </button>
  );
  if (turn.form === "typed" && !heard) {
    const write = () => {
      if (wide) document.getElementById("chat-field")?.focus();
      else acts.onChat(true);
    };
    return (
      <div class="acts">
        <button class="btn main l" type="button" onClick={write}>
          <Icon name="pencil" />
          {say.form.write}
        </button>
        {end(false)}
      </div>
    );
  }
  if (turn.form === "signed" && !heard && !actual.camera) {
    return (
      <div class="acts">
        <button class="btn main l" type="button" onClick={acts.onCamera}>
          <Icon name="cam" />
          {say.form.camera}
        </button>
        {end(false)}
      </div>
    );
  }
  if (heard || turn.form !== "spoken") return <div class="acts">{end(true)}</div>;
  const back = comesBack(room.floor);
  return (
    <div class={back ? "acts three" : "acts"}>
      <button class="btn main l" type="button" onClick={acts.onMicrophone}>
        <Icon name="mic" />
        {say.tap}
      </button>
      <button class="btn l" type="button" onClick={() => acts.onTurn({ type: "pass", turn: turn.number })}>
        {say.pass}
      </button>
      {back && (
        <button class="btn l" type="button" onClick={() => acts.onTurn({ type: "pass", come_back: true, turn: turn.number })}>
          {say.comeBack}
        </button>
      )}
    </div>
  );
}

/** In a round that goes from speaker to speaker, who holds the turn chooses. */
function PassOn({ model, acts, turn, say }: Props & { say: TurnWords }) {
  const { room } = model;
  if (room.floor.round.length === 0) return null;
  return (
    <div class="pass-on" role="group" aria-labelledby="pass-on">
      <p id="pass-on">{say.passOn}</p>
      {room.floor.round.map((id) => {
        const name = person(room, id)?.name;
        return name ? (
          <button
            key={id}
            class="btn"
            type="button"
            aria-label={say.passOnTo(name)}
            onClick={() => acts.onTurn({ type: "pass_turn_on", turn: turn.number, participant_id: id })}
          >
            {name}
          </button>
        ) : null;
      })}
    </div>
  );
}

function Way({ acts, turn, form, children }: Omit<Props, "model"> & { form: Turn["form"]; children: ComponentChildren }) {
  return (
    <button class="btn" type="button" onClick={() => acts.onTurn({ type: "set_turn_form", turn: turn.number, form })}>
      {children}
    </button>
  );
}

/** Runs down as an attribute of the drawing; nothing blinks. */
function Ring({ say, leftMs, share }: { say: TurnWords; leftMs: number; share: number }) {
  const clock = clockFace(leftMs);
  return (
    <div class="ring" role="timer" aria-label={say.timeLeft(clock)}>
      <svg viewBox="0 0 60 60" aria-hidden="true" focusable="false">
        <circle class="track" cx="30" cy="30" r="27" />
        <circle class="left" cx="30" cy="30" r="27" pathLength="100" stroke-dasharray={`${Math.round(share * 1_000) / 10} 100`} />
      </svg>
      <b aria-hidden="true">{clock}</b>
    </div>
  );
}

/** "2:00", by full seconds that are still to come. */
function clockFace(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function aboutTime(say: TurnWords, room: RoomState, turn: Turn, clock: TurnClock, heard: boolean): string {
  if (room.floor.unsaved) return say.unheard.unsaved;
  const mentor = onlyLeader(room);
  switch (clock.name) {
    case "held":
      return mentor ? say.held(mentor) : say.heldByNobody;
    case "grace":
      return say.grace;
    case "over":
      return say.nobodyCuts;
    case "runs": {
      const then = turn.firm ? say.thenGrace : "";
      if (!heard) return `${say.upTo(say.length(clock.leftMs))} ${then}`.trim();
      return `${say.left(say.length(clock.leftMs))} ${then || (mentor ? say.more(mentor) : "")}`.trim();
    }
    case "none":
      return say.takeTime;
  }
}

/** Whose doing it is can be said only where one person leads. */
function onlyLeader({ participants }: RoomState): string | null {
  const [one, ...others] = participants.filter(({ role }) => role !== "participant");
  return one && others.length === 0 ? one.name : null;
}
