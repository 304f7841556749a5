import type { Category, ErrorCode, FlagKind, FlagStatus, ParticipantView, Role, Severity } from "../protocol/generated";

/** What a person wants to raise. `about`: a participant's id, "me", or "" for the session; `name` says it to themselves. */
export interface Draft {
  readonly kind: FlagKind;
  readonly severity: Severity;
  readonly category: Category;
  readonly about: string;
  readonly name: string;
  readonly text: string;
}

/** How far a flag of mine has come. `told`: therapists have it, it is not stored yet, and I ask again until it is. */
export type Way = "sending" | "waiting" | "told" | "stored";

/** A flag that I raised on this page, until the server lists it. */
export interface Pending extends Draft {
  readonly id: string;
  /** Unix ms by this device. */
  readonly atMs: number;
  readonly way: Way;
  /** The server does not take it, and trying again would not change that. */
  readonly refused: ErrorCode | null;
}

/** A flag of mine as the server lists it. */
export interface OwnFlag {
  readonly id: string;
  readonly kind: FlagKind;
  readonly severity: Severity;
  readonly at_ms: number;
  /** The name of whom it concerns; empty for the session. */
  readonly about: string;
  readonly status: FlagStatus;
  readonly unstored: boolean;
  /** Whom it has reached, by name, while nobody has read it. */
  readonly told: readonly string[];
}

/** A crisis of mine that nobody has answered. */
export interface Crisis {
  readonly since_ms: number;
  /** The names of those who are being asked. */
  readonly told: readonly string[];
  readonly phones: readonly { readonly name: string; readonly phone: string }[];
}

export interface OwnFlags {
  readonly flags: readonly OwnFlag[];
  readonly crisis?: Crisis;
  /** Mentors and therapists of the group, who can be reported although they were never in the room. */
  readonly staff?: readonly { readonly key: string; readonly name: string; readonly role: Role }[];
}

export const NO_FLAGS: OwnFlags = { flags: [] };

export type ShownStatus = "sending" | "waiting" | "unstored" | "refused" | FlagStatus;

export interface ShownFlag {
  readonly id: string;
  readonly kind: FlagKind;
  readonly severity: Severity;
  readonly about: string;
  readonly atMs: number;
  readonly status: ShownStatus;
  readonly told: readonly string[];
}

/** Someone who is or was in the room. */
export interface Known {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

const WAYS: Record<Way, ShownStatus> = { sending: "sending", waiting: "waiting", told: "unstored", stored: "received" };

/** My flags, the newest first: as the server lists them, and before that as far as this page knows. */
export function shownFlags(pending: readonly Pending[], { flags }: OwnFlags): readonly ShownFlag[] {
  const listed = new Set(flags.map(({ id }) => id));
  const mine = pending
    .filter(({ id }) => !listed.has(id))
    .map(({ id, kind, severity, name, atMs, way, refused }) => ({
      id,
      kind,
      severity,
      about: name,
      atMs,
      status: refused ? ("refused" as const) : WAYS[way],
      told: [],
    }))
    .toReversed();
  const theirs = flags.map(({ id, kind, severity, about, at_ms: atMs, status, unstored, told }) => ({
    id,
    kind,
    severity,
    about,
    atMs,
    status: unstored && status === "received" ? ("unstored" as const) : status,
    told,
  }));
  return [...mine, ...theirs];
}

const OPEN: ReadonlySet<ShownStatus> = new Set<ShownStatus>(["sending", "waiting", "unstored", "received"]);

/** Nobody has read it, as far as I know. */
export function isUnread({ status }: ShownFlag): boolean {
  return OPEN.has(status);
}

/** A crisis of mine that nobody has answered, or that has not even arrived. */
export function unansweredCrises(flags: readonly ShownFlag[]): readonly ShownFlag[] {
  return flags.filter((flag) => flag.severity === "crisis" && isUnread(flag));
}

const PRESSING_MS = 3_000;
const UNREAD_MS = 15_000;
/** Only staff are told how it ended, and that comes late. */
const UNRESOLVED_MS = 60_000;

/** How long until I ask again what became of my flags; null: nothing can become of them. */
export function pollAfter(flags: readonly ShownFlag[]): number | null {
  const unread = flags.filter(isUnread);
  if (unread.some(({ severity }) => severity === "urgent" || severity === "crisis")) return PRESSING_MS;
  if (unread.length > 0) return UNREAD_MS;
  return flags.some(({ status }) => status === "acknowledged") ? UNRESOLVED_MS : null;
}

/** Who went stays known: a concern about them can still be reported. */
export function stillKnown(before: readonly Known[], here: readonly ParticipantView[]): readonly Known[] {
  const now = here.map(({ id, name, role }) => ({ id, name, role }));
  const gone = before.filter((one) => !now.some(({ id }) => id === one.id));
  const all = [...now, ...gone];
  const same = all.length === before.length && all.every((one, place) => before[place]?.id === one.id && before[place].name === one.name);
  return same ? before : all;
}

/** Whom a flag can be about: who is or was here, and of the group's staff whoever was not. */
export function aboutWhom(people: readonly Known[], you: string, { staff }: OwnFlags): readonly Known[] {
  const others = people.filter(({ id }) => id !== you);
  const seen = new Set(people.filter(({ role }) => role !== "participant").map(({ role, name }) => `${role} ${name}`));
  const unseen = (staff ?? []).filter(({ role, name }) => !seen.has(`${role} ${name}`));
  return [...others, ...unseen.map(({ key: id, name, role }) => ({ id, name, role }))];
}

/** Calls and crises that a therapist has read since. */
export function readSince(before: readonly ShownFlag[], after: readonly ShownFlag[]): readonly ShownFlag[] {
  const open = new Set(before.filter(isUnread).map(({ id }) => id));
  return after.filter((flag) => open.has(flag.id) && !isUnread(flag) && flag.status !== "refused" && presses(flag));
}

function presses({ kind, severity }: ShownFlag): boolean {
  return kind === "help" || severity === "crisis";
}

/** A call of mine that nobody has read, and that is no crisis. */
export function waitingCall(flags: readonly ShownFlag[]): ShownFlag | null {
  return flags.find((flag) => flag.kind === "help" && flag.severity !== "crisis" && isUnread(flag)) ?? null;
}

/** The one that changed its status last, where it is worth telling. */
export function newsOf(before: readonly ShownFlag[], after: readonly ShownFlag[]): ShownFlag | null {
  const was = new Map(before.map(({ id, status }) => [id, status]));
  return after.find(({ id, status }) => was.has(id) && was.get(id) !== status && status !== "sending") ?? null;
}
