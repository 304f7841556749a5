import type { TurnMode } from "../protocol/generated";
import { person } from "../state/room";
import { turnWordsFor } from "../words/turns";
import { Icon } from "./icon";
import type { RoomActs, RoomModel } from "./room_model";

const MODES: readonly TurnMode[] = ["open", "queue", "round", "quiet"];
const MORE_MS = 60_000;

/** Who speaks and who comes next, and what a mentor does about it. Each request names the turn that it is about. */
export function LeadTurns({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { room, words } = model;
  const { floor } = room;
  const { mode, turn, newest, unsaved } = floor;
  const { limitMs: limit_ms, firm, order } = floor;
  const say = turnWordsFor(words.language).lead;
  const listed = mode === "round" ? floor.round : floor.hands;
  const nameOf = (id: string) => person(room, id)?.name ?? "";
  const set = (wanted: TurnMode) => acts.onTurn({ type: "set_turn_mode", mode: wanted, order, limit_ms, firm });
  return (
    <section class="panel lead" aria-label={say.region}>
      <div class="modes" role="group" aria-label={say.modes}>
        {MODES.map((each) => (
          <button key={each} class="btn" type="button" aria-pressed={mode === each} onClick={() => set(each)}>
            {say.mode[each]}
          </button>
        ))}
      </div>
      <h2>{turn ? say.has(nameOf(turn.holder)) : say.nobody}</h2>
      {unsaved && (
        <div class="note care">
          <p>{say.unsaved}</p>
          <button class="btn" type="button" onClick={() => (turn ? acts.onTurn({ type: "end_turn", turn: turn.number }) : set(mode))}>
            {words.tryAgain}
          </button>
        </div>
      )}
      {mode !== "quiet" && (
        <button
          class="btn main wide"
          type="button"
          aria-disabled={listed.length === 0 ? "true" : undefined}
          onClick={() => listed.length > 0 && acts.onTurn({ type: "next_speaker", after: newest })}
        >
          {say.next}
        </button>
      )}
      {turn && (
        <div class="row s wrap">
          {turn.limitMs > 0 && (
            <button class="btn" type="button" onClick={() => acts.onTurn({ type: "extend_turn", turn: turn.number, by_ms: MORE_MS })}>
              {say.extend}
            </button>
          )}
          <button
            class="btn"
            type="button"
            aria-pressed={turn.held}
            onClick={() => acts.onTurn({ type: "hold_time", turn: turn.number, on: !turn.held })}
          >
            {say.hold}
          </button>
          {mode === "round" && (
            <>
              <button class="btn" type="button" onClick={() => acts.onTurn({ type: "end_turn", turn: turn.number, how: "passed" })}>
                {say.pass}
              </button>
              <button class="btn" type="button" onClick={() => acts.onTurn({ type: "end_turn", turn: turn.number, how: "later" })}>
                {say.later}
              </button>
            </>
          )}
          <button class="btn" type="button" onClick={() => acts.onTurn({ type: "end_turn", turn: turn.number })}>
            {say.end}
          </button>
        </div>
      )}
      {mode === "round" && !turn && listed.length === 0 && (
        <button class="btn" type="button" onClick={() => set("round")}>
          {say.begin}
        </button>
      )}
      {listed.length > 1 && (
        <button class="btn" type="button" onClick={() => acts.onTurn({ type: "least_heard_first" })}>
          {say.leastHeard}
        </button>
      )}
      <ol>
        {listed.map((id, place) => (
          <li key={id}>
            <span class="num quiet">{place + 1}</span>
            <span class="grow">{nameOf(id)}</span>
            {mode !== "quiet" && (
              <button
                class="btn"
                type="button"
                aria-label={say.giveTo(nameOf(id))}
                onClick={() => acts.onTurn({ type: "give_turn", after: newest, participant_id: id })}
              >
                {say.give}
              </button>
            )}
            {place > 0 && (
              <button
                class="btn sq plain up"
                type="button"
                aria-label={say.moveUp(nameOf(id))}
                onClick={() => acts.onTurn({ type: "move_in_order", participant_id: id, before: listed[place - 1] ?? null })}
              >
                <Icon name="next" />
              </button>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}
