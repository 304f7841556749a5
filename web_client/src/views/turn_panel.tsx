import { placeInOrder } from "../state/floor";
import { leads, person, unheard } from "../state/room";
import { turnWordsFor } from "../words/turns";
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
  if (mode === "open" && !turn && hands.length === 0) return null;
  if (turn?.holder === you) return <OwnTurn model={model} acts={acts} turn={turn} />;
  const say = turnWordsFor(words.language);
  const why = unheard(room);
  const name = turn ? person(room, turn.holder)?.name : undefined;
  const place = placeInOrder(floor, you);
  return (
    <Panel label={say.turn} icon="mic" title={mode === "quiet" ? say.mode.quiet : name ? say.speaks(name) : say.nobody}>
      {place > 0 && <p class="quiet">{(mode === "round" ? say.inRound : say.handUp)(say.ordinal(place))}</p>}
      {why && (mode === "quiet" || model.notice?.about === "not_heard") && <p>{say.unheard[why]}</p>}
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

/** Raises or lowers my hand; beside it my place among the hands. */
export function HandKey({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { room, words, alone } = model;
  const say = turnWordsFor(words.language);
  const place = room.floor.hands.indexOf(room.you) + 1;
  const up = place > 0;
  return (
    <li class="w6">
      <button
        class={up ? "key on" : "key"}
        type="button"
        aria-disabled={alone.on ? "true" : undefined}
        aria-describedby={alone.on ? "while-hidden" : up ? "hand-place" : undefined}
        onClick={() => alone.on || acts.onTurn({ type: up ? "lower_hand" : "raise_hand" })}
      >
        <Icon name="hand" />
        {up ? say.lower : say.raise}
        {up && <b aria-hidden="true">{say.place(say.ordinal(place))}</b>}
      </button>
      {up && (
        <span class="vh" id="hand-place">
          {say.place(say.ordinal(place))}
        </span>
      )}
    </li>
  );
}
