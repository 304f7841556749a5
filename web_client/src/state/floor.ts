import type { FloorView, RoundOrder, TalkTime, TurnForm, TurnMode, TurnView } from "../protocol/generated";

/** The running turn, with nothing left out. Times are 0 for whom they do not concern. */
export interface Turn {
  readonly number: number;
  readonly holder: string;
  readonly form: TurnForm;
  readonly limitMs: number;
  /** By the server's clock; 0: no limit, or the clock stands still. */
  readonly endsMs: number;
  /** While the clock stands still; negative: over by so much. */
  readonly leftMs: number;
  readonly held: boolean;
  /** Who stopped the clock: told to who leads, else empty. */
  readonly heldBy: string;
  readonly firm: boolean;
  readonly grace: boolean;
  /** Its holder was come back to, as far as this page saw it: once is all. */
  readonly again: boolean;
}

/** The speaking turns as this viewer sees them, with nothing left out. */
export interface Floor {
  readonly mode: TurnMode;
  readonly turn: Turn | null;
  readonly newest: number;
  readonly hands: readonly string[];
  readonly round: readonly string[];
  readonly later: readonly string[];
  readonly done: readonly string[];
  readonly passed: readonly string[];
  readonly order: RoundOrder;
  readonly limitMs: number;
  readonly firm: boolean;
  readonly unsaved: boolean;
  /** Of the mode, for whom it concerns. */
  readonly modeNumber: number;
}

/** `before`: as it was seen until now. */
export function floorOf(view: FloorView | null | undefined, before?: Floor): Floor {
  const { mode = "open", turn, newest = 0, hands = [], round = [], later = [], done = [], passed = [] } = view ?? {};
  const { order = "list", limit_ms: limitMs = 0, firm = false, unsaved = false } = view ?? {};
  const modeNumber = view?.mode_number ?? 0;
  const running = turn ? turnOf(turn, before) : null;
  return { mode, turn: running, newest, hands, round, later, done, passed, order, limitMs, firm, unsaved, modeNumber };
}

export function talkOf(times: readonly TalkTime[]): ReadonlyMap<string, number> {
  return new Map(times.map(({ participant_id: id, ms }) => [id, ms]));
}

function turnOf(view: TurnView, before: Floor | undefined): Turn {
  const { number, holder_id: holder, form = "spoken", held = false, firm = false, grace = false } = view;
  const { limit_ms: limitMs = 0, ends_ms: endsMs = 0, left_ms: leftMs = 0, held_by: heldBy = "" } = view;
  const known = before?.turn?.number === number ? before.turn.again : before?.later.includes(holder);
  return { number, holder, form, limitMs, endsMs, leftMs, held, heldBy, firm, grace, again: known ?? false };
}

/** How a turn stands to its time: told only to its holder and those who lead. */
export type TurnClock =
  | { readonly name: "none" }
  /** `share`: of the whole, 0 to 1. */
  | { readonly name: "runs"; readonly leftMs: number; readonly share: number }
  | { readonly name: "grace"; readonly leftMs: number; readonly share: number }
  | { readonly name: "held"; readonly leftMs: number }
  | { readonly name: "over"; readonly byMs: number };

/** A firm limit gives so much once. */
const GRACE_MS = 30_000;

export function clockOf(turn: Turn, nowMs: number): TurnClock {
  if (turn.held) return { name: "held", leftMs: turn.leftMs };
  if (turn.endsMs === 0) return { name: "none" };
  const leftMs = turn.endsMs - nowMs;
  if (leftMs <= 0) return turn.firm ? { name: "grace", leftMs: 0, share: 0 } : { name: "over", byMs: -leftMs };
  const whole = turn.grace ? GRACE_MS : Math.max(turn.limitMs, leftMs);
  return { name: turn.grace ? "grace" : "runs", leftMs, share: Math.min(1, leftMs / whole) };
}

/** Who holds the turn can be come back to: once, and where somebody else comes first. */
export function comesBack({ mode, turn, round }: Floor): boolean {
  return mode === "round" && turn !== null && !turn.again && round.length > 0;
}

/** My place in what is still to come, from 1; 0: none. */
export function placeInOrder({ mode, round, hands }: Floor, id: string): number {
  return (mode === "round" ? round : hands).indexOf(id) + 1;
}

/** How a person stands in what the queue's list shows. */
export interface Listed {
  readonly id: string;
  readonly how: "done" | "speaks" | "waits" | "later";
  /** From 1, of those who wait. */
  readonly place: number;
}

/** The round from its first to its last, or the hands in their order: on every screen the same. */
export function listed({ mode, turn, hands, round, later, done }: Floor): readonly Listed[] {
  if (mode !== "round") return hands.map((id, index) => ({ id, how: "waits", place: index + 1 }));
  const before = done.filter((id) => id !== turn?.holder && !round.includes(id));
  return [
    ...before.map((id) => ({ id, how: "done", place: 0 }) as const),
    ...(turn ? [{ id: turn.holder, how: "speaks", place: 0 } as const] : []),
    ...round.map((id, index) => ({ id, how: later.includes(id) ? "later" : "waits", place: index + 1 }) as const),
  ];
}
