// Development only: the states of a therapist's page.
import type { ComponentChildren } from "preact";
import type { OnCall } from "../src/connection/supervision_api";
import type { ConcernView, FlagView, SupervisedView } from "../src/protocol/generated";
import { TherapistPage } from "../src/views/therapist/page";
import type { ListeningModel, TherapistModel } from "../src/views/therapist/model";
import type { RoomState } from "../src/state/room";
import type { Words } from "../src/words";
import { monitoringWordsFor } from "../src/words/monitoring";
import { therapistWordsFor } from "../src/words/therapist";

const nothing = () => {};
const now = new Date(2026, 10, 24, 18, 21).getTime();
const ago = (minutes: number) => now - minutes * 60_000;

const concerns: ConcernView[] = [
  { id: "c1", kind: "leader_lost", severity: "urgent", at_ms: ago(0.3) },
  { id: "c2", kind: "removed", severity: "concern", at_ms: ago(6), by: "Dana", person: "Marcus" },
  { id: "c3", kind: "cover_needed", severity: "urgent", at_ms: ago(12), by: "Dana", over: true, acknowledged: true },
];

const flag: FlagView = {
  id: "f1",
  kind: "flag",
  severity: "crisis",
  category: "self_harm",
  at_ms: now - 19_000,
  by: "Dana",
  by_role: "mentor",
  text: "He said he should not be alone tonight.",
  moment: [
    { author: "Tomás", text: "I don’t know how to get through tonight.", at_ms: ago(1) },
    { author: "Joy", text: "We are here.", at_ms: now - 30_000 },
  ],
};

const flagged: ConcernView[] = [
  {
    id: "c1",
    kind: "flagged",
    severity: "crisis",
    at_ms: now - 19_000,
    person: "Tomás",
    participant_id: "tomas",
    flags: [flag, { ...flag, id: "f2", kind: "report", category: "other", by: "Joy", by_role: "participant", text: "Tomás worries me.", moment: [] }],
    due_ms: now + 41_000,
    then: "backup",
    then_names: ["Ben"],
    yours: true,
  },
  {
    id: "c2",
    kind: "flagged",
    severity: "urgent",
    at_ms: ago(1.1),
    flags: [{ ...flag, id: "f3", severity: "urgent", category: "conduct", by: "Theo", text: "Two people are arguing, I need a hand.", moment: [] }],
    step: "backup",
    due_ms: now + 112_000,
    then: "on_call",
    then_names: ["Omar"],
    unstored: true,
  },
  {
    id: "c3",
    kind: "flagged",
    severity: "concern",
    at_ms: ago(6),
    person: "Wren",
    participant_id: "wren",
    flags: [{ ...flag, id: "f4", severity: "concern", category: "abuse_or_neglect", text: "She wrote that home is not safe.", moment: [], acknowledged: true }],
    acknowledged: true,
    holder: "Ruth",
    held_ms: ago(6),
    mine: true,
  },
  {
    id: "c4",
    kind: "flagged",
    severity: "urgent",
    at_ms: ago(9),
    person: "Joy",
    flags: [{ ...flag, id: "f5", severity: "urgent", category: "medical", text: "", moment: [], acknowledged: true }],
    acknowledged: true,
    holder: "Ben",
    held_ms: ago(8),
  },
];

const ended: SupervisedView = {
  session: { id: "s9", title: "Monday group", status: "ended" },
  concerns: [
    {
      id: "c1",
      kind: "flagged",
      severity: "note",
      at_ms: ago(1_300),
      flags: [{ ...flag, id: "f9", severity: "note", category: "technical", text: "", moment: [], by: "Theo" }],
      due_ms: now + 50_000_000,
      then: "backup",
      then_names: ["Ben"],
    },
  ],
};

const onCall: OnCall = {
  on_call: [
    { name: "Ruth", until_ms: new Date(2026, 10, 24, 21).getTime(), you: true, offered: true },
    { name: "Omar", until_ms: new Date(2026, 10, 24, 23).getTime(), offered: true, offered_to_you: true },
  ],
  therapists: [
    { key: "b", name: "Ben" },
    { key: "o", name: "Omar" },
  ],
};

const sessions: SupervisedView[] = [
  {
    session: { id: "s1", title: "Tuesday evening group", status: "live" },
    people: 8,
    paused_until_ms: new Date(2026, 10, 24, 18, 25).getTime(),
    responder: "Ruth",
    you_respond: true,
    concerns,
  },
  {
    session: { id: "s2", title: "Young adults", status: "live" },
    people: 6,
    waiting: 1,
    leaders: ["Theo", "Ada"],
    responder: "Ben",
    concerns: [{ id: "c4", kind: "cover_needed", severity: "urgent", at_ms: ago(3), by: "Theo", over: true }],
  },
  {
    session: { id: "s3", title: "Parents’ circle", status: "lobby", waits_for: "responder", late: true },
    waiting: 4,
    concerns: [{ id: "c5", kind: "lobby_unattended", severity: "urgent", at_ms: ago(2) }],
  },
];

const SILENT: ListeningModel = {
  room: null,
  asking: null,
  over: null,
  stopped: null,
  refused: new Map(),
  received: new Map(),
  trouble: null,
  soundBlocked: false,
  audioOnly: false,
  unsent: [],
  speaking: null,
  unspoken: null,
};

const dana = { participant_id: "dana", name: "Dana", headphones: true };

/** Three sessions: one that is listened to, one that may be, and one without a flag. */
const listened: SupervisedView[] = [
  {
    session: { id: "s", title: "Tuesday evening group", status: "live" },
    people: 8,
    leaders: ["Dana"],
    responder: "Ruth",
    you_respond: true,
    concerns: flagged,
    listening: {
      may_listen: "yes",
      since_ms: now - 188_000,
      may_step_in: true,
      mentors: [dana],
      whispers: [{ id: "w1", other: "Dana", text: "You are doing well.", at_ms: ago(2), seen: true }],
    },
  },
  {
    session: { id: "s2", title: "Young adults", status: "live" },
    people: 6,
    leaders: ["Theo"],
    responder: "Ben",
    concerns: [],
    listening: { may_listen: "yes", may_step_in: true, mentors: [{ participant_id: "theo", name: "Theo" }] },
  },
  {
    session: { id: "s3", title: "Parents’ circle", status: "live" },
    people: 7,
    leaders: ["Ada"],
    responder: "Ben",
    listening: { may_listen: "no_flag", may_break_glass: true, may_step_in: true },
  },
  {
    session: { id: "s4", title: "Morning group", status: "live" },
    people: 5,
    leaders: ["Noor"],
    responder: "Ben",
    listening: { may_listen: "no_consent", may_step_in: true },
  },
];

const reviews: SupervisedView = {
  session: { id: "s8", title: "Monday group", status: "ended" },
  listening: {
    glass: [
      { id: "g1", by: "Ben", reason: "Ada phoned me before the session and sounded confused.", since_ms: ago(300), until_ms: ago(285), due_ms: now + 50_000_000 },
      { id: "g2", by: "Ruth", reason: "", since_ms: ago(30), until_ms: ago(15), due_ms: now + 50_000_000, mine: true },
    ],
  },
};

export function DESK_STATES(words: Words, room: RoomState, pictures: ReadonlyMap<string, MediaStreamTrack>): Record<string, () => ComponentChildren> {
  const desk = (change: Partial<TherapistModel> = {}) => (
    <TherapistPage
      model={{
        words,
        own: therapistWordsFor(words.language),
        now,
        sessions,
        mine: [],
        phase: { name: "live" },
        silentSince: null,
        saving: new Set(),
        failed: new Map(),
        latest: [],
        tone: true,
        toneReady: true,
        help: false,
        onCall: null,
        onCallSaving: false,
        onCallFailed: undefined,
        notices: "unsupported",
        said: monitoringWordsFor(words.language),
        wide: matchMedia("(min-width: 64rem)").matches,
        listening: SILENT,
        ...change,
      }}
      acts={{
        onHelp: nothing,
        onQuickExit: nothing,
        onStepIn: nothing,
        onOwn: nothing,
        onAcknowledge: nothing,
        onTakeOver: nothing,
        onResolve: () => Promise.resolve(false),
        onReadWhere: () =>
          Promise.resolve({
            place: "Parked behind the library",
            city: "Dayton",
            region: "Ohio",
            call_back: "555-0190",
            contact_name: "Inés",
            contact_relation: "mother",
            contact_phone: "555-0121",
            no_contact: false,
            confirmed_ms: ago(30),
          }),
        onReadTimeline: () =>
          Promise.resolve([
            { at_ms: ago(21), what: "session_began" },
            { at_ms: ago(12), what: "participant_entered", who: "Tomás", detail: "room" },
            { at_ms: ago(0.3), what: "flag_raised", who: "Tomás", by: "Dana" },
          ]),
        onBeOnCall: nothing,
        onHandOver: nothing,
        onAcceptShift: nothing,
        onEndOnCall: nothing,
        onNotices: nothing,
        onReachable: nothing,
        onTone: nothing,
        onStart: nothing,
        onListen: nothing,
        onBreakGlass: () => Promise.resolve(false),
        onStopListening: nothing,
        onOverRead: nothing,
        onHear: nothing,
        onRetryMedia: nothing,
        onAudioOnly: nothing,
        onSeen: nothing,
        onWhisper: nothing,
        onRetryWhisper: nothing,
        onSpeakTo: nothing,
        onStopSpeaking: nothing,
        onReview: () => Promise.resolve("not_saved"),
      }}
    />
  );
  const hears: ListeningModel = { ...SILENT, room, received: new Map([...pictures].map(([id, camera]) => [id, { camera }])) };
  const away = { phase: { name: "away", failed: 1, busy: false }, silentSince: ago(3) } as const;
  return {
    desk: () => desk(),
    "desk-flags": () =>
      desk({
        onCall,
        notices: "off",
        sessions: [{ ...sessions[1]!, session: { id: "s1", title: "Tuesday evening group", status: "live" }, concerns: flagged }, sessions[2]!, ended],
      }),
    "desk-calm": () => desk({ sessions: [], tone: false }),
    "desk-crisis": () =>
      desk({
        toneReady: false,
        mine: [{ id: "m", title: "Mentors’ circle", status: "live", role: "participant" }],
        sessions: sessions.map((one) => ({
          ...one,
          concerns: (one.concerns ?? []).map((c) => (c.id === "c1" ? { ...c, severity: "crisis" } : c)),
        })),
      }),
    "desk-away": () => desk({ ...away, saving: new Set(["c1"]) }),
    "desk-failed": () => desk({ saving: new Set(["c1", "s1"]), failed: new Map([["c2", "not_saved"], ["s2", null]]) }),
    "desk-replaced": () => desk({ phase: { name: "stopped", code: "replaced" }, silentSince: ago(1) }),
    "desk-stopped": () => desk({ phase: { name: "stopped", code: "not_allowed" }, silentSince: ago(1) }),
    "desk-never": () => desk({ phase: { name: "away", failed: 3, busy: false }, sessions: null }),
    "desk-loading": () => desk({ phase: { name: "away", failed: 0, busy: false }, sessions: null }),
    "desk-help": () => desk({ help: true }),
    "desk-may-listen": () => desk({ sessions: [{ ...listened[0]!, listening: { ...listened[0]!.listening, since_ms: 0 } }, ...listened.slice(1)] }),
    "desk-listening": () => desk({ sessions: listened, listening: hears }),
    "desk-starting": () => desk({ sessions: listened, listening: { ...hears, asking: "s2" } }),
    "desk-glass-listening": () =>
      desk({
        sessions: [{ ...listened[0]!, listening: { ...listened[0]!.listening, may_listen: "no_flag", until_ms: now + 760_000, mentors: [{ ...dana, headphones: false }] } }, ...listened.slice(1)],
        listening: { ...hears, soundBlocked: true, trouble: "stuck", unsent: [{ id: "u", sessionId: "s", to: "dana", name: "Dana", text: "Maybe ask Wren.", failed: null }] },
      }),
    "desk-speaking": () =>
      desk({ sessions: listened, listening: { ...hears, speaking: { sessionId: "s", to: "dana", name: "Dana", state: "on" } } }),
    "desk-over": () =>
      desk({ sessions: listened, listening: { ...SILENT, over: { sessionId: "s", title: "Tuesday evening group", why: "lost" }, refused: new Map([["s2", "not_saved"]]) } }),
    "desk-consent": () => desk({ sessions: listened, listening: { ...SILENT, over: { sessionId: "s", title: "Tuesday evening group", why: "consent" } } }),
    "desk-reviews": () => desk({ sessions: [listened[1]!, reviews] }),
  };
}
