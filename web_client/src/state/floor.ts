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
  readonly firm: boolean;
  readonly grace: boolean;
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
}

export function floorOf(view: FloorView | null | undefined): Floor {
  const { mode = "open", turn, newest = 0, hands = [], round = [], later = [], done = [], passed = [] } = view ?? {};
  const { order = "list", limit_ms: limitMs = 0, firm = false, unsaved = false } = view ?? {};
  return { mode, turn: turn ? turnOf(turn) : null, newest, hands, round, later, done, passed, order, limitMs, firm, unsaved };
}

export function talkOf(times: readonly TalkTime[]): ReadonlyMap<string, number> {
  return new Map(times.map(({ participant_id: id, ms }) => [id, ms]));
}

function turnOf(view: TurnView): Turn {
  const { number, holder_id: holder, form = "spoken", held = false, firm = false, grace = false } = view;
  const { limit_ms: limitMs = 0, ends_ms: endsMs = 0, left_ms: leftMs = 0 } = view;
  return { number, holder, form, limitMs, endsMs, leftMs, held, firm, grace };
}
