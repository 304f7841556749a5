import { useEffect, useRef } from "preact/hooks";
import type { RoundOrder } from "../protocol/generated";
import { clockOf, comesBack, type Turn } from "../state/floor";
import { person, type RoomState } from "../state/room";
import { leadWordsFor, type LeadWords } from "../words/turn_lead";
import { Icon } from "./icon";
import type { RoomModel } from "./room_model";
import { useNow } from "./ticking";
import { goes, Modes, settingsOf, type Leads, type Settings as Wanted } from "./turn_modes";
import { Order } from "./turn_order";
import { minutes } from "./turn_talk";

const ORDERS: readonly RoundOrder[] = ["list", "least_heard", "passed_on"];
const LIMITS_MIN: readonly number[] = [0, 1, 2, 3, 5];
const MINUTE_MS = 60_000;


/**
 * Who speaks and who comes next, and what a mentor does about it. Each request names the turn that it is about. What
 * cannot be done right now keeps its place, so that a hand finds the same thing where it was.
 */
export function LeadTurns({ model, acts, plan, modes = true }: Leads & { modes?: boolean }) {
  const { room, words } = model;
  const { floor } = room;
  const { mode, turn, newest, unsaved } = floor;
  const say = leadWordsFor(words.language);
  const waiting = mode === "round" ? floor.round : floor.hands;
  const over = mode === "round" && !turn && waiting.length === 0;
  const set = settingsOf(floor);
  const [kept, keep] = plan;
  const wanted = kept ?? set;
  const go = goes(plan, floor, acts);
  const change = (what: Partial<Wanted>) => {
    // Kept until it holds: who picks an order and begins the round at once means that order.
    keep({ ...wanted, ...what });
    // To set a round that is over would begin the next one: what is chosen then waits for its start.
    if (!over) acts.onTurn({ type: "set_turn_mode", mode: null, ...wanted, ...what });
  };
  const holds = `${set.order} ${set.limit_ms} ${set.firm}`;
  const holding = useRef(holds);
  useEffect(() => {
    if (holding.current !== holds) keep(null);
    holding.current = holds;
  }, [holds]);
  // After a round the hands follow.
  const following = mode === "round" ? [...floor.round, ...floor.hands] : floor.hands;
  const goesOn = mode !== "quiet" && following.length > 0;
  const about = (act: (turn: Turn) => void, can = true) => ({
    "aria-disabled": turn && can ? undefined : ("true" as const),
    onClick: () => turn && can && act(turn),
  });
  const holder = turn ? (person(room, turn.holder)?.name ?? "") : "";
  return (
    <section class="panel lead" aria-label={say.region}>
      {modes && <Modes model={model} acts={acts} plan={plan} />}
      <Now model={model} say={say} name={holder} waiting={following} />
      {unsaved && (
        <div class="note care" role="group" aria-label={words.notice}>
          <div class="grow">
            <p>{say.unsaved}</p>
            <button
              class="btn"
              type="button"
              onClick={() => (turn ? acts.onTurn({ type: "end_turn", turn: turn.number }) : go(mode))}
            >
              {words.tryAgain}
            </button>
          </div>
        </div>
      )}
      {over ? (
        <button class="btn main wide" type="button" onClick={() => go("round")}>
          {say.begin}
        </button>
      ) : (
        <button
          class="btn main wide"
          type="button"
          aria-disabled={goesOn ? undefined : "true"}
          onClick={() => goesOn && acts.onTurn({ type: "next_speaker", after: newest })}
        >
          {say.nextSpeaker}
        </button>
      )}
      <div class="acts">
        <button
          class="btn"
          type="button"
          aria-label={say.extendTurn}
          {...about(({ number }) => acts.onTurn({ type: "extend_turn", turn: number, by_ms: MINUTE_MS }), (turn?.limitMs ?? 0) > 0)}
        >
          {say.extend}
        </button>
        <button
          class="btn"
          type="button"
          aria-pressed={turn?.held ?? false}
          {...about(({ number, held }) => acts.onTurn({ type: "hold_time", turn: number, on: !held }), (turn?.limitMs ?? 0) > 0)}
        >
          <Icon name="pause" small />
          {say.hold}
        </button>
        <button
          class="btn"
          type="button"
          {...about(({ number }) => acts.onTurn({ type: "end_turn", turn: number, how: "passed" }))}
        >
          {say.pass}
        </button>
        {mode === "round" && (
          <button
            class="btn"
            type="button"
            aria-label={turn ? say.laterFor(holder) : undefined}
            {...about(({ number }) => acts.onTurn({ type: "end_turn", turn: number, how: "later" }), comesBack(floor))}
          >
            {say.later}
          </button>
        )}
        <button
          class={mode === "round" ? "btn full" : "btn"}
          type="button"
          {...about(({ number }) => acts.onTurn({ type: "end_turn", turn: number }))}
        >
          {say.end}
        </button>
      </div>
      <Order model={model} acts={acts} say={say} waiting={waiting} />
      <Settings say={say} wanted={wanted} onChange={change} />
    </section>
  );
}

/** Whose turn it is, and its clock: told to nobody but who leads, and the holder. */
function Now({
  model,
  say,
  name,
  waiting,
}: {
  model: RoomModel;
  say: LeadWords;
  name: string;
  waiting: readonly string[];
}) {
  const { room } = model;
  const { mode, turn } = room.floor;
  const first = person(room, waiting[0] ?? "")?.name;
  const follows = mode === "quiet" ? "" : first ? say.next(first) : say.noneNext;
  const now = useNow(model.now, turn !== null && turn.endsMs > 0 && !turn.held);
  if (!turn) {
    return (
      <div class="now">
        <div>
          <h2 tabIndex={-1}>{mode === "quiet" ? say.quiet : say.nobody}</h2>
          {follows && <p class="quiet">{follows}</p>}
        </div>
      </div>
    );
  }
  const clock = clockOf(turn, now);
  const timed = clock.name !== "none" && !(clock.name === "held" && turn.limitMs === 0);
  const time =
    clock.name === "over"
      ? `+${minutes(clock.byMs)}`
      : clock.name === "held" && clock.leftMs < 0
        ? `+${minutes(-clock.leftMs)}`
        : minutes(clock.name === "none" ? 0 : clock.leftMs, Math.ceil);
  const spoken = clock.name === "over" ? say.overBy(time.slice(1)) : clock.name === "held" ? say.heldAt(time) : say.left(time);
  const away = person(room, turn.holder)?.connected === false;
  const share = clock.name === "runs" || clock.name === "grace" ? clock.share : 0;
  return (
    <div class="now">
      {timed && (
        <div class={`ring ${clock.name}`} role="timer" aria-label={spoken}>
          {(clock.name === "runs" || clock.name === "grace") && (
            <svg viewBox="0 0 60 60" aria-hidden="true">
              <circle class="track" cx="30" cy="30" r="27" />
              <circle class="left" cx="30" cy="30" r="27" pathLength="100" stroke-dasharray={`${Math.round(share * 100)} 100`} />
            </svg>
          )}
          <b class="num" aria-hidden="true">
            {time}
          </b>
        </div>
      )}
      <div>
        <h2 tabIndex={-1}>{name}</h2>
        <p class="quiet">
          {away ? say.away : say.speaks} {clock.name === "held" ? stillBy(say, room, turn) : clock.name === "over" ? say.over : clock.name === "grace" ? say.grace : follows}
        </p>
        {/* The same region all through the turn, so that what changes in it is said. */}
        <p class="vh" role="status">
          {clock.name === "over" ? `${name}: ${say.over}` : clock.name === "grace" ? `${name}: ${say.grace}` : ""}
        </p>
      </div>
    </div>
  );
}

/** Who stopped the clock is said where it is not plain: where several lead. */
function stillBy(say: LeadWords, room: RoomState, { heldBy }: Turn): string {
  const leaders = room.participants.filter(({ role }) => role !== "participant");
  const name = leaders.length > 1 ? leaders.find(({ id }) => id === heldBy)?.name : undefined;
  if (!name) return say.still;
  return heldBy === room.you ? say.stillByYou : say.stillBy(name);
}

/** How the turns to come go: set with the mode. */
function Settings({ say, wanted, onChange }: { say: LeadWords; wanted: Wanted; onChange: (what: Partial<Wanted>) => void }) {
  const orders = { list: say.list, least_heard: say.leastFirst, passed_on: say.passedOn };
  const now = Math.round(wanted.limit_ms / MINUTE_MS);
  const told = (count: number) => (count === 0 ? say.none : say.minutes(count));
  const limits = LIMITS_MIN.includes(now) ? LIMITS_MIN : [...LIMITS_MIN, now].toSorted((a, b) => a - b);
  return (
    <details class="settings">
      <summary>
        {say.settings} <span class="quiet">{told(now)}</span>
      </summary>
      <label>
        {say.limit}
        <select
          class="input"
          value={String(now)}
          onChange={(event) => onChange({ limit_ms: Number(event.currentTarget.value) * MINUTE_MS })}
        >
          {limits.map((count) => (
            <option key={count} value={String(count)}>
              {told(count)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {say.atEnd}
        <select
          class="input"
          value={wanted.firm ? "firm" : "soft"}
          onChange={(event) => onChange({ firm: event.currentTarget.value === "firm" })}
        >
          <option value="soft">{say.soft}</option>
          <option value="firm">{say.firm}</option>
        </select>
      </label>
      <label>
        {say.order}
        <select
          class="input"
          value={wanted.order}
          onChange={(event) => {
            const order = ORDERS.find((each) => each === event.currentTarget.value);
            if (order) onChange({ order });
          }}
        >
          {ORDERS.map((each) => (
            <option key={each} value={each}>
              {orders[each]}
            </option>
          ))}
        </select>
      </label>
    </details>
  );
}
