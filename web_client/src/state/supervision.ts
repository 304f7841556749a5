import type { ConcernView, GlassView, Resolution, Severity, Supervised, SupervisedView, Unsupervised, Watching } from "../protocol/generated";

/** The sessions that I am told of, in the order in which they came up: cards keep their place. */
export type Supervision = readonly SupervisedView[];

/** A concern and the session it arose in. */
export interface Flag {
  readonly sessionId: string;
  readonly title: string;
  readonly ended: boolean;
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

/** The server has said that this is stored: of the flags that were on the screen, `seen` of them. */
export function acknowledged(state: Supervision, sessionId: string, concernId: string, seen: number): Supervision {
  return concernChanged(state, sessionId, concernId, (concern) => {
    if (!concern.flags?.length) return { ...concern, acknowledged: true };
    const all = concern.flags.map((flag, number) => (number < seen ? { ...flag, acknowledged: true } : flag));
    return { ...concern, flags: all, acknowledged: all.every((flag) => flag.acknowledged) };
  });
}

/** The server has said that it ended so. */
export function resolved(state: Supervision, sessionId: string, concernId: string, resolution: Resolution): Supervision {
  return concernChanged(state, sessionId, concernId, (concern) => ({ ...concern, resolution }));
}

/** The server has said that I am reachable for this session, or not any more. `name` is mine. */
export function responding(state: Supervision, sessionId: string, reachable: boolean, name: string): Supervision {
  return changed(state, sessionId, (one) => {
    if (reachable) return { ...one, responder: name, you_respond: true };
    return one.you_respond ? { ...one, responder: "", you_respond: false } : one;
  });
}

/** Those that people can come to now, or that I can do something in. Others are here for what was flagged in them. */
export function liveSessions(state: Supervision): Supervision {
  return state.filter((one) => one.session.status !== "ended" && ((one.assigned ?? true) || mayDo(one)));
}

/** I am not assigned to it, and its concerns have reached me. */
function mayDo({ listening }: SupervisedView): boolean {
  if (!listening) return false;
  return listening.may_listen === "yes" || Boolean(listening.may_step_in) || Boolean(listening.mentors?.length);
}

/** Who listened without a flag, in which session: what is due first. */
export function glassOf(state: Supervision): { view: SupervisedView; glass: GlassView }[] {
  return state
    .flatMap((view) => (view.listening?.glass ?? []).map((glass) => ({ view, glass })))
    .toSorted((a, b) => Number(a.glass.mine ?? false) - Number(b.glass.mine ?? false) || (a.glass.due_ms ?? 0) - (b.glass.due_ms ?? 0));
}

/** What nobody has acknowledged: the most pressing first; of these what has not passed by itself, then the oldest. */
export function waitingFlags(state: Supervision): Flag[] {
  return flags(state, ({ acknowledged: taken }) => !taken).toSorted(
    (a, b) =>
      PRESSING[b.concern.severity] - PRESSING[a.concern.severity] ||
      Number(a.concern.over ?? false) - Number(b.concern.over ?? false) ||
      a.concern.at_ms - b.concern.at_ms,
  );
}

/** What somebody has acknowledged and nobody has resolved: mine first, then the most pressing, then the oldest. */
export function takenFlags(state: Supervision): Flag[] {
  return flags(state, (concern) => Boolean(concern.acknowledged) && isOpen(concern)).toSorted(
    (a, b) =>
      Number(b.concern.mine ?? false) - Number(a.concern.mine ?? false) ||
      PRESSING[b.concern.severity] - PRESSING[a.concern.severity] ||
      a.concern.at_ms - b.concern.at_ms,
  );
}

/** What is done. The newest first. */
export function doneFlags(state: Supervision): Flag[] {
  return flags(state, (concern) => !isOpen(concern)).toSorted((a, b) => b.concern.at_ms - a.concern.at_ms);
}

/** What has come up since, presses more than it did, has one more flag, or has only now reached me. */
export function news(before: Supervision, after: Supervision): Flag[] {
  const known = new Map(flags(before, () => true).map((flag) => [keyOf(flag), flag.concern]));
  return waitingFlags(after).filter((flag) => {
    const { concern } = flag;
    if (concern.over) return false;
    const old = known.get(keyOf(flag));
    if (!old || PRESSING[concern.severity] > PRESSING[old.severity]) return true;
    return (concern.flags?.length ?? 0) > (old.flags?.length ?? 0) || Boolean(concern.yours && !old.yours);
  });
}

/** Whether it is worth interrupting what a screen reader says. */
export function presses({ concern }: Flag): boolean {
  return PRESSING[concern.severity] >= PRESSING.urgent;
}

/** A crisis that has reached me and that nobody has acknowledged: it calls again and again. */
export function callsMe(state: Supervision): boolean {
  return waitingFlags(state).some(({ concern }) => concern.severity === "crisis" && concern.yours && !concern.over);
}

/** Names a flag on one page: each session counts its concerns by itself. */
export function keyOf({ sessionId, concern }: Pick<Flag, "sessionId" | "concern">): string {
  return `${sessionId}/${concern.id}`;
}

function isOpen(concern: ConcernView): boolean {
  return !concern.acknowledged || (Boolean(concern.flags?.length) && !concern.resolution);
}

function flags(state: Supervision, wanted: (concern: ConcernView) => boolean): Flag[] {
  return state.flatMap(({ session, concerns = [] }) =>
    concerns
      .filter(wanted)
      .map((concern) => ({ sessionId: session.id, title: session.title, ended: session.status === "ended", concern })),
  );
}

function concernChanged(
  state: Supervision,
  sessionId: string,
  concernId: string,
  change: (concern: ConcernView) => ConcernView,
): Supervision {
  return changed(state, sessionId, (one) => ({
    ...one,
    concerns: (one.concerns ?? []).map((concern) => (concern.id === concernId ? change(concern) : concern)),
  }));
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
