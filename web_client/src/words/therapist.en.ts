import type { ConcernKind, Severity } from "../protocol/generated";

const severity: Record<Severity, string> = {
  crisis: "Crisis",
  urgent: "Urgent",
  concern: "Concern",
  note: "Note",
};

/** `by` is who did or asked it, where somebody did. */
type Telling = (by: string, person: string) => string;

const happened: Record<ConcernKind, Telling> = {
  leader_lost: () => "Nobody leads the group. It is paused.",
  cover_needed: (by) => (by ? `${by} needs cover.` : "The mentor needs cover."),
  lobby_unattended: () => "People are waiting, and no mentor has come.",
  nobody_answers: () => "No therapist answers for this session.",
  removed: (by, person) => {
    if (by && person) return `${by} removed ${person} from the session.`;
    return person ? `${person} was removed from the session.` : "Someone was removed from the session.";
  },
};

/** The same once it has passed. */
const passed: Record<ConcernKind, Telling> = {
  ...happened,
  leader_lost: () => "Nobody led the group, and it was paused.",
  cover_needed: (by) => (by ? `${by} needed cover.` : "The mentor needed cover."),
  lobby_unattended: () => "People were waiting, and no mentor had come.",
  nobody_answers: () => "No therapist was answering for this session.",
};

const over: Record<ConcernKind, string> = {
  leader_lost: "Someone leads again",
  cover_needed: "Someone leads again",
  lobby_unattended: "It has passed",
  nobody_answers: "It is answered for again",
  removed: "It has passed",
};

/** English, for the therapist's page alone. Accessible names are a contract with people's tools and outside tests. */
export const therapistEn = {
  title: "Supervision",
  presence: "Your presence",
  unseen: "You are NOT audible or visible",
  unseenMore: "You see all sessions from outside. Nobody in them is told.",

  // Flags
  flags: "Flags",
  waitingFlags: (count: number) => (count === 1 ? "1 waiting" : `${count} waiting`),
  severity: (of: Severity) => severity[of],
  happened: (kind: ConcernKind, by: string, person: string) => happened[kind](by, person),
  passed: (kind: ConcernKind, by: string, person: string) => passed[kind](by, person),
  over: (kind: ConcernKind) => over[kind],
  justNow: "just now",
  acknowledge: "Acknowledge",
  saving: "Saving",
  savingAway: "It is sent as soon as you are connected again.",
  notSaved: "That was not saved. Please try again.",
  acknowledged: "Acknowledged",
  showAcknowledged: "Show acknowledged",
  hideAcknowledged: "Hide acknowledged",
  noFlags: "Nothing is waiting for you.",
  noFlagsMore: "When someone needs you, it appears here at once.",
  tone: "Tone for new flags",
  toneOn: "on",
  toneOff: "off",
  toneWaits: "Your browser plays it once you have pressed anything on this page.",

  // Live sessions
  live: "Live sessions",
  statusLobby: "Lobby, not begun yet",
  statusReturned: "Lobby, waiting to go on",
  statusLive: "Live",
  statusUnled: "Live, and nobody leads",
  statusEnded: "Ended",
  unread: "What was told of this session before cannot be read. Flags may be missing here: look at the session itself.",
  statusPaused: (time: string) => `Paused until ${time}`,
  people: (count: number) => (count === 0 ? "Nobody in it" : count === 1 ? "1 person in it" : `${count} people in it`),
  waiting: (count: number) => (count === 1 ? "1 person waits" : `${count} people wait`),
  leads: (names: string, count: number) => (count === 1 ? `${names} leads` : `${names} lead`),
  nobodyLeads: "Nobody leads",
  late: "People are waiting, and no mentor has come.",
  openFlags: (count: number) => (count === 1 ? "1 flag" : `${count} flags`),
  youRespond: "You are reachable for this session",
  responds: (name: string) => `${name} is reachable for this session`,
  nobodyResponds: "This session cannot begin until a therapist can be reached",
  nobodyRespondsLive: "No therapist can be reached for this session",
  iAmReachable: "I am reachable",
  iAmNotReachable: "I cannot be reached any more",
  stepIn: "Step in",
  noSessions: "No session is open right now.",
  noSessionsMore: "When one of your groups opens, it appears here by itself.",
  own: "Your own sessions",

  // Stepping in
  stepInTitle: (title: string) => `Step in to ${title}?`,
  stepInText: "You will be seen and heard by everyone in it.",
  stepInMore: "First you check your camera and microphone. When you leave, you come back here.",
  stayUnseen: "Stay unseen",

  // My own connection
  awayTitle: "You are not connected",
  awaySince: (time: string) => `Nothing new can reach you since ${time}.`,
  awayEver: "Nothing can reach you yet.",
  awayMore: "Trying again by itself. What you see here may have changed. If someone may be in danger, do not wait for this page.",
  stoppedTitle: "Nothing new can reach you here",
  replacedTitle: "This page is open on another screen",
  replacedText: "New flags reach you there. Here, nothing new comes in.",
  sayConnected: "You are connected again.",
  sayNew: (title: string, text: string) => `New in ${title}: ${text}`,
  sayPressing: (title: string, text: string) => `Urgent, in ${title}: ${text}`,
};

type Shape<T> = T extends (...args: infer A) => string ? (...args: A) => string : T extends string ? string : never;

/** Every catalog has the same keys, with the same arguments. */
export type TherapistWords = { readonly [K in keyof typeof therapistEn]: Shape<(typeof therapistEn)[K]> };
