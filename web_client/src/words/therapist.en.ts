import type { Category, ConcernKind, ConcernView, FlagKind, Outcome, Role, Severity, StateReport, Step } from "../protocol/generated";

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
  flagged: (_, person) => (person ? `A flag about ${person}.` : "A flag about the session."),
  removed: (by, person) => {
    if (by && person) return `${by} removed ${person} from the session.`;
    return person ? `${person} was removed from the session.` : "Someone was removed from the session.";
  },
};

const category: Record<Category, string> = {
  self_harm: "suicide or self-harm",
  harm_to_others: "harm to others",
  abuse_or_neglect: "abuse or neglect",
  return_to_use: "return to use",
  symptoms_returning: "symptoms returning",
  medical: "medical",
  boundary: "boundary",
  conduct: "conduct",
  technical: "technical",
  other: "other",
};

const short: Record<ConcernKind, string> = {
  leader_lost: "Nobody leads",
  cover_needed: "Cover is needed",
  lobby_unattended: "People are waiting",
  removed: "Removed from the session",
  nobody_answers: "No therapist answers",
  flagged: "Flag",
};

const raised: Record<FlagKind, string> = {
  flag: "flagged",
  report: "reported",
  help: "called for help",
  check_on_me: "left, and asked to be checked on",
  left_upset: "saw them leave upset",
};

const roles: Record<Role, string> = { participant: "participant", mentor: "mentor", therapist: "therapist" };

const outcome: Record<Outcome, string> = {
  spoke: "Spoke with the person",
  follow_up: "Follow-up planned",
  handed_on: "Handed to emergency or other care",
  no_action: "No action needed",
};

const reached: Record<Step, string> = {
  responder: "",
  backup: "The backup is asked, too.",
  lead: "The clinical lead is asked, too.",
  on_call: "Everyone on call is asked, too.",
  contact: "The program’s contact has been told.",
};

const then: Record<Step, (names: string) => string> = {
  responder: (names) => `then it goes to ${names}`,
  backup: (names) => `then it goes to ${names}, the backup`,
  lead: (names) => `then it goes to ${names}, clinical lead`,
  on_call: (names) => `then it goes to everyone on call: ${names}`,
  contact: () => "then the program’s contact is told",
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
  flagged: "It has passed",
};

/** Without names or texts: it can be read on a locked screen. */
const notices: Record<Severity, string> = {
  crisis: "A crisis flag is waiting",
  urgent: "An urgent flag is waiting",
  concern: "A flag is waiting",
  note: "A note is waiting",
};

/** By the types of the events in the log. */
const entry: Record<string, (who: string, by: string, detail: string) => string> = {
  session_opened: () => "The lobby opened",
  session_began: () => "The session began",
  session_returned: () => "The group went back to its lobby",
  session_closed: () => "The session ended",
  leader_missed: () => "People had waited for long",
  participant_entered: (who, _, detail) => (detail === "lobby" ? `${who} came to the lobby` : `${who} came in`),
  participant_admitted: (who, by) => (by ? `${by} let ${who} in` : `${who} was let in`),
  participant_moved: (who, by) => `${by} moved ${who} to the waiting room`,
  participant_removed: (who, by) => `${by} removed ${who}`,
  participant_departed: (who) => `${who} left`,
  cover_asked: (who) => `${who} asked for cover`,
  cover_withdrawn: (who) => `${who} could lead again`,
  turn_given: (who) => `${who} had the turn`,
  turn_ended: (who) => `${who}’s turn was over`,
  turn_mode_set: (_, by) => `${by} changed how turns go`,
  concern_raised: (who) => (who ? `Noticed, about ${who}` : "Noticed"),
  flag_raised: (who, by) => (who ? `${by} flagged ${who}` : `${by} flagged the session`),
  concern_escalated: () => "Nobody acknowledged it in time: it went on",
  concern_passed: () => "It passed by itself",
  concern_acknowledged: (_, by) => (by ? `${by} acknowledged it` : "It was acknowledged"),
  concern_taken: (_, by) => `${by} took it over`,
  concern_resolved: (_, by) => `${by} resolved it`,
};

/** English, for the therapist's page alone. Accessible names are a contract with people's tools and outside tests. */
export const therapistEn = {
  title: "Supervision",
  presence: "Your presence",
  unseen: "You are NOT audible or visible",
  unseenMore: "You see all sessions from outside. Nobody in them is told.",

  // Flags
  flags: "Flags",
  countFlags: (waiting: number, mine: number) => (mine > 0 ? `${waiting} waiting, ${mine} yours` : `${waiting} waiting`),
  flagsWaiting: (count: number) => (count === 0 ? "Flags" : `Flags: ${count} waiting`),
  flagsAway: "Flags: not connected",
  waitingList: "Waiting, the most serious first",
  takenList: "Acknowledged, not resolved yet",
  doneList: "Done",
  about: ({ kind, person = "", flags = [] }: ConcernView) => {
    const kinds = new Set(flags.map((flag) => flag.category));
    // "Other" says nothing beside something else.
    if (kinds.size > 1) kinds.delete("other");
    const what = [...kinds].map((one) => category[one]).join(", ");
    if (kind !== "flagged") return person ? `${person} · ${short[kind]}` : short[kind];
    // Who calls says no more than that.
    const calls = what === category.other && flags.every((flag) => flag.kind === "help");
    return `${person || "Session"} · ${calls ? "call for help" : what}`;
  },
  inEnded: (title: string) => `${title}, ended`,
  raised: (kind: FlagKind, by: string, role: Role, time: string, danger: boolean) =>
    `${by}, ${roles[role]}, ${danger ? "said: I am in danger," : raised[kind]} at ${time}`,
  moment: (lines: number) => (lines === 1 ? "The line of chat before it" : `The ${lines} lines of chat before it`),
  unstored: "Not yet stored. It has reached you, and storing is tried again every second.",
  timeLeft: (time: string) => `Time left ${time}`,
  then: (step: Step, names: string) => then[step](names),
  thenAt: (time: string, next: string) => `At ${time}: ${next}`,
  reached: (step: Step) => reached[step],
  yoursSince: (time: string) => `Yours since ${time}`,
  withSince: (name: string, time: string) => `With ${name} since ${time}`,
  takeOver: "Take over",
  resolve: "Resolve",
  resolveTitle: (what: string) => `Resolve: ${what}`,
  resolveOf: (names: string, time: string) => `From ${names}, ${time}`,
  outcomeTitle: "Outcome",
  outcome: (of: Outcome) => outcome[of],
  stillRight: "Raising it was still right.",
  reportTitle: "Report to the state",
  reportMore: "No flag here reports for you.",
  report: (of: StateReport) => (of === "made" ? "Made" : "Not made"),
  reportDetails: "When, to whom, number",
  note: "Note",
  noteMore: (names: string) =>
    `Part of the clinical record. It cannot be changed later.${names ? ` ${names} will see “resolved”, not this note.` : ""}`,
  resolveMissing: "Please choose, and write, what is still open above.",
  resolveConflict: "Something came in meanwhile. Close this, read the card again, and then resolve it.",
  resolved: (what: string, time: string) => `Resolved at ${time}: ${what}`,
  notYet: "Not yet",
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
  showDone: "Show what is done",
  hideDone: "Hide what is done",
  noFlags: "Nothing is waiting for you.",
  noFlagsMore: "When someone needs you, it appears here at once.",
  tone: "Tone for new flags",
  toneOn: "on",
  toneOff: "off",
  toneWaits: "Your browser plays it once you have pressed anything on this page.",

  // What can be read
  where: (name: string) => `Show where ${name} is`,
  whereTitle: (name: string) => `Where ${name} is`,
  nowAt: "Now at",
  phone: "Phone",
  contact: "Contact",
  noContact: "Nobody was named.",
  confirmedAt: (time: string) => `Confirmed at ${time}.`,
  readIsKept: "That you read this is written down.",
  notRead: "That could not be read just now.",
  timeline: "Timeline",
  timelineOf: (title: string) => `Timeline: ${title}`,
  nothingYet: "Nothing has happened yet.",
  entry: (what: string, who: string, by: string, detail: string) => entry[what]?.(who, by, detail) ?? what,

  // On call
  onCallTitle: "On call",
  onCallMore: "Flags that nobody acknowledges in time reach whoever is on call, from all groups.",
  onCallUntil: (time: string) => `On call until ${time}`,
  notOnCall: "Not on call",
  beOnCall: "I am on call",
  until: (time: string) => `until ${time}`,
  allOnCall: (names: string) => `On call now: ${names}.`,
  nameUntil: (name: string, time: string) => `${name} until ${time}`,
  handOverTo: "Hand over to",
  askThem: "Ask them",
  offered: "Someone was asked to go on with it. Until they accept, you stay on call.",
  endOnCall: "I am not on call any more",
  askedToTakeOver: (name: string, time: string) => `${name} asks you to take over on call until ${time}.`,
  accept: "Accept",

  // Notifications of the browser
  noticesAsk: "Notify me when this page is in the background",
  noticesOn: "You are notified when this page is in the background.",
  noticesDenied: "Your browser shows no notifications of this page. You can allow them in its settings.",
  notice: (of: Severity) => notices[of],

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
