import { placeInOrder } from "../state/floor";
import { leads, person, unheard, type RoomState } from "../state/room";
import { turnWordsFor, type TurnWords } from "../words/turns";
import { Icon } from "./icon";
import { OwnTurn } from "./own_turn";
import { Panel } from "./panel";
import type { RoomActs, RoomModel } from "./room_model";
import { Notes } from "./turn_notes";

/** Who speaks, and my own turn. The microphone opens only by the tap. Who leads is always heard, and needs none of it. */
export function TurnPanel({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { room, words, alone } = model;
  const { floor, you } = room;
  const { mode, turn, hands } = floor;
  if (leads(room) || room.pausedUntilMs > 0 || alone.on) return null;
  const refused = model.notice?.about === "not_heard";
  if (mode === "open" && !turn && hands.length === 0 && !refused) return null;
  if (turn?.holder === you) return <OwnTurn model={model} acts={acts} turn={turn} />;
  const say = turnWordsFor(words.language);
  // Where everyone may speak and I may not, something that closed microphones could not be saved yet.
  const why = unheard(room) ?? (refused && mode === "open" ? "unsaved" : null);
  const beside = turn !== null && person(room, you)?.companion_of === turn.holder;
  const told = why && (mode === "quiet" || refused) ? say.unheard[why] : beside ? say.withHolder : "";
  const place = placeInOrder(floor, you);
  return (
    <Panel label={say.turn} icon="mic" title={mode === "quiet" ? say.mode.quiet : title(room, say)}>
      {place > 0 && <p class="quiet">{(mode === "round" ? say.inRound : say.handUp)(say.ordinal(place))}</p>}
      <p role="status" class={told ? "" : "vh"}>
        {told}
      </p>
      {place > 0 && (
        <div class="row s wrap">
          {mode === "round" && (
            <button class="btn" type="button" onClick={() => acts.onTurn({ type: "pass" })}>
              {say.pass}
            </button>
          )}
          <Notes say={say} notes={model.notes} onNotes={acts.onNotes} />
        </div>
      )}
    </Panel>
  );
}

/** What is seen and heard: to be given the turn is not yet to speak. */
function title({ participants, speakers, floor: { turn }, you }: RoomState, say: TurnWords): string {
  const nameOf = (id: string | undefined) => participants.find((one) => one.id === id)?.name;
  const holder = participants.find(({ id }) => id === turn?.holder);
  if (!turn || !holder) {
    const name = nameOf(speakers.find((id) => id !== you));
    return name ? say.speaks(name) : say.nobody;
  }
  if (holder.connected === false) return say.isAway(holder.name);
  if (holder.microphone) return say.speaks(holder.name);
  return { spoken: say.has, typed: say.types, signed: say.signs }[turn.form](holder.name);
}

/** Raises or lowers my hand; beside it my place among the hands. */
export function HandKey({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { room, words, alone } = model;
  const say = turnWordsFor(words.language);
  const { mode, hands } = room.floor;
  const up = hands.includes(room.you);
  // In a round the place that counts is the one in it.
  const place = mode === "round" ? 0 : hands.indexOf(room.you) + 1;
  return (
    <li class="w6">
      <button
        class={up ? "key on" : "key"}
        type="button"
        aria-disabled={alone.on ? "true" : undefined}
        aria-describedby={alone.on ? "while-hidden" : place > 0 ? "hand-place" : undefined}
        onClick={() => alone.on || acts.onTurn({ type: up ? "lower_hand" : "raise_hand" })}
      >
        <Icon name="hand" />
        {up ? say.lower : say.raise}
        {place > 0 && <b aria-hidden="true">{say.place(say.ordinal(place))}</b>}
      </button>
      {place > 0 && (
        <span class="vh" id="hand-place">
          {say.place(say.ordinal(place))}
        </span>
      )}
    </li>
  );
}
