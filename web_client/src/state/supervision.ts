import type { ConcernView, Severity, Supervised, SupervisedView, Unsupervised, Watching } from "../protocol/generated";

/** The sessions of my groups as seen from outside, in the order in which they came up: cards keep their place. */
export type Supervision = readonly SupervisedView[];

/** A concern and the session it arose in. */
export interface Flag {
  readonly sessionId: string;
  readonly title: string;
  readonly concern: ConcernView;
}

const PRESSING: Record<Severity, number> = { crisis: 3, urgent: 2, concern: 1, note: 0 };

/** Sessions known before keep their place. */
export function fromWatching(before: Supervision, { sessions }: Pick<Watching, "sessions">): Supervision {
  const known = before.flatMap((old) => sessions.filter((one) => one.session.id === old.session.id));
  return [...known, ...sessions.filter((one) => !known.includes(one))];
}

export function reduce(state: Supervision, frame: Supervised | Unsupervised): Supervision {
  switch (frame.type) {
    case "supervised":
      return changed(state, frame.view.session.id, () => frame.view, frame.view);
    case "unsupervised":
      return state.filter((one) => one.session.id !== frame.session_id);
  }
}

/** The server has said that this is stored. */
export function acknowledged(state: Supervision, sessionId: string, concernId: string): Supervision {
  return changed(state, sessionId, (one) => ({
    ...one,
    concerns: (one.concerns ?? []).map((concern) =>
      concern.id === concernId ? { ...concern, acknowledged: true } : concern,
    ),
  }));
}

/** The server has said that I am reachable for this session, or not any more. `name` is mine. */
export function responding(state: Supervision, sessionId: string, reachable: boolean, name: string): Supervision {
  return changed(state, sessionId, (one) => {
    if (reachable) return { ...one, responder: name, you_respond: true };
    return one.you_respond ? { ...one, responder: "", you_respond: false } : one;
  });
}

/** What nobody has acknowledged: the most pressing first; of these what has not passed by itself, then the oldest. */
export function waitingFlags(state: Supervision): Flag[] {
  return flags(state, false).toSorted(
    (a, b) =>
      PRESSING[b.concern.severity] - PRESSING[a.concern.severity] ||
      Number(a.concern.over ?? false) - Number(b.concern.over ?? false) ||
      a.concern.at_ms - b.concern.at_ms,
  );
}

/** The newest first. */
export function acknowledgedFlags(state: Supervision): Flag[] {
  return flags(state, true).toSorted((a, b) => b.concern.at_ms - a.concern.at_ms);
}

/** What has come up since, or presses more than it did. */
export function news(before: Supervision, after: Supervision): Flag[] {
  const known = new Map(
    before.flatMap((one) => one.concerns ?? []).map((concern) => [concern.id, PRESSING[concern.severity]]),
  );
  return waitingFlags(after).filter(
    ({ concern }) => !concern.over && PRESSING[concern.severity] > (known.get(concern.id) ?? -1),
  );
}

/** Whether it is worth interrupting what a screen reader says. */
export function presses({ concern }: Flag): boolean {
  return PRESSING[concern.severity] >= PRESSING.urgent;
}

function flags(state: Supervision, taken: boolean): Flag[] {
  return state.flatMap(({ session, concerns = [] }) =>
    concerns
      .filter((concern) => (concern.acknowledged ?? false) === taken)
      .map((concern) => ({ sessionId: session.id, title: session.title, concern })),
  );
}

/** Replaces in place; what is not there goes last, where `added` is given. */
function changed(
  state: Supervision,
  id: string,
  change: (one: SupervisedView) => SupervisedView,
  added?: SupervisedView,
): Supervision {
  if (state.some((one) => one.session.id === id))
    return state.map((one) => (one.session.id === id ? change(one) : one));
  return added ? [...state, added] : state;
}
