// Development only, not part of the build: every state of the client by `?state=NAME`, in English or `?lang=es`.
import { render, type ComponentChildren } from "preact";
import type { ChatView, FloorView, TurnView, ParticipantView, SessionView, Source, WaitingView } from "../src/protocol/generated";
import type { Choices } from "../src/media/device_list";
import { playTone } from "../src/media/tone";
import { NOWHERE, placeOf, type Step } from "../src/state/arrival";
import { chosen } from "../src/state/devices";
import { floorOf } from "../src/state/floor";
import type { RoomState } from "../src/state/room";
import { Arrive } from "../src/views/arrive";
import type { StepModel } from "../src/views/arrive_model";
import { Check, type CheckModel } from "../src/views/check";
import { useFlags } from "../src/views/flags_here";
import { HelpWays } from "../src/views/frame";
import { Lobby, type LobbyModel } from "../src/views/lobby";
import { Choose, Page } from "../src/views/pages";
import { Room } from "../src/views/room";
import type { RoomModel } from "../src/views/room_model";
import { Yourself } from "../src/views/yourself";
import { wordsFor } from "../src/words";
import { arrivalAnswer, remembered } from "./arrival";
import { pictureOf } from "./people";
import { DESK_STATES } from "./desk";
import { OWN, withFlags } from "./flags";
import "../src/styles/tokens.css";
import "../src/styles/base.css";
import "../src/styles/parts.css";
import "../src/styles/arrive.css";
import "../src/styles/room.css";
import "../src/styles/life.css";
import "../src/styles/sources.css";
import "../src/styles/turns.css";
import "../src/styles/presence.css";
import "../src/styles/therapist.css";
import "../src/styles/listening.css";

const query = new URLSearchParams(location.search);
const words = await wordsFor([query.get("lang") ?? "en"]);
document.documentElement.lang = words.language;
const nothing = () => {};
const title = "Tuesday evening group";

const everyone: ParticipantView[] = [
  { id: "dana", name: "Dana", role: "mentor", place: 0, microphone: true, camera: true },
  { id: "marcus", name: "Marcus", role: "participant", place: 1, microphone: true, camera: true },
  { id: "priya", name: "Priya", role: "participant", place: 2, camera: true },
  { id: "joy", name: "Joy", role: "participant", place: 3, microphone: true, camera: true, connected: false },
  { id: "tomas", name: "Tomás", role: "participant", place: 4, microphone: true },
  { id: "samir", name: "Samir", role: "participant", place: 5, camera: true },
  { id: "wren", name: "Wren", role: "participant", place: 6 },
  { id: "ellie", name: "Ellie", role: "participant", place: 7, microphone: true, camera: true },
];

const at = (minute: number) => new Date(2026, 10, 24, 18, minute).getTime();
const chat: ChatView[] = [
  { id: "m1", author_id: "dana", author_name: "Dana", text: "Welcome, all. Listening is taking part, too.", at_ms: at(2) },
  { id: "m2", author_id: "joy", author_name: "Joy", text: "Same here, Marcus. Mornings are hardest.", at_ms: at(14) },
  { id: "m3", author_id: "ellie", author_name: "Ellie", text: "Thank you for saying that.", at_ms: at(15) },
];

const pictures = new Map(everyone.filter((one) => one.camera).map((one) => [one.id, pictureOf(one.name)]));

function roomOf(you: string, people = everyone, change: Partial<RoomState> = {}): RoomState {
  return {
    session: { id: "s", title, status: "live" },
    you,
    participants: people,
    chat,
    earlier: false,
    speakers: ["marcus"],
    waiting: false,
    asked: false,
    lobby: [],
    pausedUntilMs: 0,
    led: ["dana"],
    idle: [],
    floor: floorOf(null),
    talk: new Map(),
    ...change,
  };
}

/** What a therapist hears who is nobody in it. */
const listenedTo = roomOf("", everyone, { floor: floorOf({ mode: "queue", hands: ["priya", "samir", "ellie"] }) });

const choices: Choices = {
  microphone: [
    { id: "default", label: "Default - Headset (Bluetooth)" },
    { id: "b", label: "MacBook Air Microphone" },
    { id: "h", label: "Headset (Bluetooth)" },
  ],
  camera: [{ id: "c", label: "FaceTime HD Camera" }],
  speaker: [
    { id: "default", label: "Default - MacBook Air Speakers" },
    { id: "h", label: "Headset (Bluetooth)" },
  ],
};

/** A slide that somebody shows. */
function slide(): MediaStreamTrack | undefined {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [960, 600];
  const paint = canvas.getContext("2d");
  if (!paint) return undefined;
  paint.fillStyle = "#fdfaf3";
  paint.fillRect(0, 0, 960, 600);
  paint.fillStyle = "#2a4a44";
  paint.font = "600 56px sans-serif";
  paint.fillText("Grounding: 5, 4, 3, 2, 1", 90, 140);
  paint.font = "34px sans-serif";
  ["Five things you see", "Four things you feel", "Three things you hear"].forEach((line, place) =>
    paint.fillText(line, 90, 240 + place * 70),
  );
  return canvas.captureStream(0).getVideoTracks()[0];
}

const floor = (view: FloorView, you = "ellie") => {
  const silent = everyone.map((one) => ({ ...one, connected: true, microphone: one.role === "mentor" || one.id === view.turn?.holder_id }));
  return { room: roomOf(you, silent, { floor: floorOf(view), speakers: view.turn && view.turn.holder_id !== you ? [view.turn.holder_id] : [] }) };
};
const ownTurn = (turn: Partial<TurnView> = {}, view: FloorView = {}) =>
  floor({
    mode: "queue",
    newest: 3,
    hands: ["priya", "samir"],
    ...view,
    turn: { number: 3, holder_id: "ellie", limit_ms: 120_000, ends_ms: 120_000, ...turn },
  });
const round: FloorView = { mode: "round", newest: 3, done: ["joy", "samir"], round: ["priya", "ellie", "tomas", "wren"], later: ["wren"], turn: { number: 3, holder_id: "marcus" } };
const ownRound: FloorView = { mode: "round", done: ["joy", "samir", "marcus", "priya"], round: ["tomas", "wren"], later: ["wren"], hands: [] };
const leadTurn: TurnView = { number: 3, holder_id: "marcus", limit_ms: 120_000, ends_ms: 72_000 };
const spokenMs: Readonly<Record<string, number>> = { dana: 200_000, marcus: 245_000, priya: 130_000, joy: 588_000, tomas: 35_000, samir: 110_000, ellie: 75_000 };
const lead = (view: FloorView) => {
  const { room: state } = floor(view, "dana");
  const ruth: ParticipantView = { id: "ruth", name: "Ruth", role: "mentor", place: 9, microphone: true };
  const talk = new Map(Object.entries(spokenMs));
  return { room: { ...state, talk, participants: [...state.participants, ruth], lobby: [noor] }, mine: chosen(true, true) };
};
const spoken = { mine: chosen(true, true) };

const showing = (who: string, you: string) =>
  roomOf(you, everyone.map((one) => (one.id === who ? { ...one, screen: true, may_share: true } : one)));
const shown = (who: string) => {
  const screen = slide();
  const all = new Map<string, Partial<Record<Source, MediaStreamTrack>>>();
  for (const [id, camera] of pictures) if (camera) all.set(id, { camera });
  if (screen) all.set(who, { ...all.get(who), screen });
  return all;
};

function room(change: Partial<RoomModel> = {}): ComponentChildren {
  const state = change.room ?? roomOf("ellie");
  const mine = change.mine ?? chosen(false, true);
  const model: RoomModel = {
    words,
    room: state,
    reconnecting: false,
    awayLong: false,
    asking: false,
    closing: new Set(),
    mine,
    actual: { microphone: mine.microphone, camera: mine.camera },
    doubt: { microphone: false, camera: false },
    trouble: null,
    myPicture: pictures.get(state.you),
    rear: false,
    share: { state: "off", possible: true },
    devices: { choices, present: { microphone: "b", camera: "c", speaker: "default" }, flips: false, gone: { microphone: "", camera: "" } },
    received: new Map([...pictures].flatMap(([id, camera]) => (camera ? [[id, { camera }] as const] : []))),
    audioOnly: false,
    weak: false,
    resting: [],
    pending: [],
    notice: null,
    early: [],
    whispers: { list: [], speaker: "", headphones: false },
    reactions: new Map(),
    reacting: false,
    alone: { on: false, told: false },
    announcement: null,
    soundBlocked: false,
    wide: matchMedia("(min-width: 64rem)").matches,
    chatOpen: false,
    unread: 1,
    draft: "",
    notes: "",
    now: () => 0,
    sheet: null,
    menuFor: null,
    ...change,
  };
  return (
    <Room
      model={{ ...model, unread: model.wide || model.chatOpen ? 0 : model.unread }}
      acts={{
        onMicrophone: nothing,
        onCamera: nothing,
        onChoose: nothing,
        onUse: nothing,
        onFlip: nothing,
        onShare: nothing,
        onStopSharing: nothing,
        onCloseScreen: nothing,
        onAllowScreen: nothing,
        onAudioOnly: nothing,
        onSeen: nothing,
        onChat: nothing,
        onSheet: nothing,
        onLeave: nothing,
        onQuickExit: nothing,
        onEnd: nothing,
        onHear: nothing,
        onRetryMedia: nothing,
        onNoticeRead: nothing,
        onDraft: nothing,
        onSend: nothing,
        onRetry: nothing,
        onHide: nothing,
        onShow: nothing,
        onMenu: nothing,
        onCloseMicrophone: nothing,
        onAllowMicrophone: nothing,
        onAdmit: nothing,
        onMove: nothing,
        onRemove: nothing,
        onCover: nothing,
        onListening: nothing,
        onReacting: nothing,
        onReact: nothing,
        onHideGroup: nothing,
        onShowGroup: nothing,
        onEarlyRead: nothing,
        onTurn: nothing,
        onNotes: nothing,
        onSawWhisper: nothing,
        onWhispersRead: nothing,
        onHeadphones: nothing,
      }}
    />
  );
}

const lobbySession: SessionView = {
  id: "s",
  title,
  status: "lobby",
  note: "We start with a short round: one word for how you are. You can always pass. Bring tea if you like.",
};

function lobby(session: Partial<SessionView> = {}, change: Partial<LobbyModel> = {}, me: Partial<ParticipantView> = {}, asked = false) {
  const model: LobbyModel = {
    words,
    room: roomOf("ellie", [{ id: "ellie", name: "Ellie", role: "participant", place: 0, ...me }], {
      session: { ...lobbySession, ...session },
      chat: [],
      speakers: [],
      waiting: true,
      asked,
    }),
    mine: chosen(false, true),
    microphone: { track: pictures.get("dana") ?? null, problem: null, asking: false },
    camera: { track: pictures.get("ellie") ?? null, problem: null, asking: false },
    reconnecting: false,
    stillAlone: false,
    announcement: null,
    sheet: null,
    ...change,
  };
  return (
    <Lobby
      model={model}
      acts={{
        onMicrophone: nothing,
        onCamera: nothing,
        onListening: nothing,
        onSheet: nothing,
        onLeave: nothing,
        onQuickExit: nothing,
      }}
    />
  );
}

function check(change: Partial<CheckModel> = {}): ComponentChildren {
  return (
    <Check
      model={{
        words,
        name: "Ellie",
        // Any track will do for a picture of the page.
        microphone: { track: pictures.get("dana") ?? null, problem: null, asking: false },
        camera: { track: pictures.get("ellie") ?? null, problem: null, asking: false },
        wanted: { microphone: true, camera: true },
        level: 0.58,
        wasHeard: true,
        wasClosed: false,
        stillAlone: false,
        path: "good",
        hasPlace: true,
        ...change,
      }}
      acts={{
        onMicrophone: nothing,
        onCamera: nothing,
        onTryAgain: nothing,
        onTone: playTone,
        onChange: nothing,
        onJoin: nothing,
        onJoinWithout: nothing,
      }}
    />
  );
}

function arrive(step: Step, change: Partial<StepModel> = {}, checked: Partial<CheckModel> = {}): ComponentChildren {
  const plan: readonly Step[] = ["welcome", "notice", "agreement", "where", "check"];
  return (
    <Arrive
      model={{
        words,
        answer: arrivalAnswer,
        step,
        place: placeOf(plan, step),
        back: step !== "welcome",
        line: null,
        declined: false,
        draft: { name: "Ellie", adult: true, whereabouts: remembered },
        wrong: {},
        saving: false,
        waiting: null,
        help: false,
        ...change,
      }}
      acts={{
        onType: nothing,
        onSubmit: nothing,
        onNotNow: nothing,
        onReconsider: nothing,
        onBack: nothing,
        onHelp: nothing,
        onLeave: nothing,
        onQuickExit: nothing,
      }}
      check={step === "check" && check(checked)}
    />
  );
}

const takingBack = (children: ComponentChildren) => (
  <Yourself.Provider value={{ onOpen: nothing, onTakeBack: nothing }}>{children}</Yourself.Provider>
);
const asking = { track: null, problem: null, asking: true } as const;
const denied = { track: null, problem: "denied", asking: false } as const;
const leaders = everyone.map((one) => (one.id === "priya" ? { ...one, microphone_closed: true } : one));
const hiddenChat = chat.map((message) => (message.id === "m2" ? { ...message, hidden: true } : message));
const page = { words, help: false, acts: { onHelp: nothing, onQuickExit: nothing } };
const again = (label: string) => ({ label, on: nothing });
const mentorRoom = () => roomOf("dana", leaders, { chat: hiddenChat });
const noor: WaitingView = { id: "noor", name: "Noor", since_ms: at(10) };
const many: WaitingView[] = [
  noor,
  { id: "ada", name: "Ada", since_ms: at(11) },
  { id: "theo", name: "Theodora Papadopoulos-Winterbottom", since_ms: at(12) },
  { id: "lena", name: "Lena", since_ms: at(13) },
];
const soon: WaitingView[] = [
  { id: "marcus", name: "Marcus", since_ms: at(1), expected: true },
  { id: "priya", name: "Priya", since_ms: at(2), expected: true },
  noor,
];
const rested = everyone.map((one) =>
  one.id === "dana" ? { ...one, connected: false } : one.role === "participant" ? { ...one, microphone: false } : one,
);
const pausedRoom = () => roomOf("ellie", rested, { pausedUntilMs: at(25) });
const tagged = everyone.map((one) => {
  if (one.id === "wren") return { ...one, listening: true };
  if (one.id === "joy") return { ...one, not_alone: true, camera: false, microphone: false };
  return one.id === "priya" ? { ...one, microphone_closed: true, listening: true } : one;
});
const doorRoom = (waiting: WaitingView[]) => roomOf("dana", tagged, { lobby: waiting });
const covered = everyone.map((one) => (one.id === "dana" ? { ...one, needs_cover: true } : one));
const beginning = (waitsFor: "leader" | "responder") =>
  roomOf("dana", everyone.slice(0, 1), {
    session: { ...lobbySession, waits_for: waitsFor },
    lobby: soon,
    chat: [],
    speakers: [],
  });
const few = (count: number) => roomOf("ellie", [...everyone.slice(0, count - 1), everyone[7] as ParticipantView]);

const led = (change: Partial<RoomModel> = {}) =>
  room({ ...floor({ mode: "queue", newest: 3, hands: ["priya", "samir"], turn: { number: 3, holder_id: "marcus", limit_ms: 120_000, ends_ms: 72_000 } }, "dana"), mine: chosen(true, true), ...change });
function LeftPage() {
  const here = useFlags();
  return (
    <Page {...page} icon="leave" title={words.leftTitle} text={words.leftText} act={again(words.joinAgain)}>
      {here && <here.parts.LeftEarly words={words} here={here} />}
    </Page>
  );
}

const STATES: Record<string, () => ComponentChildren> = {
  ...DESK_STATES(words, listenedTo, new Map([...pictures].flatMap(([id, track]) => (track ? [[id, track] as const] : [])))),
  welcome: () => arrive("welcome"),
  "welcome-wrong": () =>
    arrive("welcome", {
      draft: { name: "", adult: false, whereabouts: NOWHERE },
      wrong: { name: "missing", adult: "adults_only" },
    }),
  notice: () => arrive("notice"),
  "notice-changed": () => arrive("notice", { line: "changed" }),
  "notice-saving": () => arrive("notice", { saving: true }),
  "not-now": () => arrive("notice", { declined: true }),
  agreement: () => arrive("agreement"),
  where: () => arrive("where"),
  "where-first": () => arrive("where", { draft: { name: "Ellie", adult: true, whereabouts: NOWHERE } }),
  "where-wrong": () =>
    arrive("where", {
      draft: { name: "Ellie", adult: true, whereabouts: { ...remembered, call_back: "none" } },
      wrong: { place: "missing", call_back: "phone" },
    }),
  "where-waiting": () => arrive("where", { saving: true, waiting: "unreachable" }),
  "where-needed": () => arrive("where", { line: "needed" }),
  arrive: () => arrive("check"),
  "arrive-path": () => arrive("check", {}, { path: "weak" }),
  "arrive-off": () => arrive("check", {}, { wanted: { microphone: false, camera: false } }),
  "arrive-denied": () =>
    arrive("check", {}, { microphone: denied, camera: denied, path: "none", browser: "chromeAndroid" }),
  "arrive-busy": () => arrive("check", {}, { camera: { track: null, problem: "busy", asking: false } }),
  "arrive-asking": () => arrive("check", {}, { microphone: asking, camera: asking, path: "trying" }),
  "arrive-closed": () => arrive("check", {}, { wasClosed: true, path: null }),
  "arrive-hidden": () => arrive("check", {}, { wanted: { microphone: false, camera: false }, stillAlone: true }),
  "arrive-help": () => takingBack(arrive("check", { help: true })),
  "room-you": () => takingBack(room()),
  "mentor-you": () => takingBack(room({ room: doorRoom([noor]), mine: chosen(true, true) })),
  "room-help": () => takingBack(room({ sheet: "help" })),
  removed: () => (
    <Page {...page} icon="mark" title={words.yourself.removedTitle} text={words.yourself.removedText}>
      <HelpWays words={words} />
    </Page>
  ),
  revoking: () => (
    <Page {...page} icon="lock" title={words.yourself.takingTitle} text={words.yourself.takingUnreachable} />
  ),
  revoked: () => (
    <Page
      {...page}
      icon="check"
      title={words.yourself.takenTitle}
      text={words.yourself.takenText}
      act={again(words.door.readAgain)}
    >
      <HelpWays words={words} />
    </Page>
  ),
  choose: () => (
    <Choose
      {...page}
      name="Ellie"
      sessions={[
        { id: "a", title, status: "live", role: "participant" },
        { id: "b", title: "You and Dana", status: "live", role: "participant" },
      ]}
      onChoose={nothing}
    />
  ),
  participant: () => room(),
  two: () => room({ room: few(2), mine: chosen(true, true) }),
  three: () => room({ room: few(3), mine: chosen(true, true) }),
  chat: () =>
    room({
      chatOpen: true,
      draft: "I am glad",
      pending: [
        { id: "p1", text: "Me too.", failed: null },
        { id: "p2", text: "See you next week.", failed: "rate_limited" },
      ],
    }),
  hidden: () => room({ chatOpen: true, room: roomOf("ellie", everyone, { chat: hiddenChat.map((m) => (m.hidden ? { ...m, text: "" } : m)) }) }),
  help: () => room({ sheet: "help" }),
  reconnecting: () => room({ reconnecting: true, mine: chosen(true, true) }),
  "reconnecting-long": () => room({ reconnecting: true, awayLong: true, mine: chosen(true, true) }),
  asking: () => room({ asking: true, mine: chosen(true, true), actual: { microphone: false, camera: false } }),
  late: () => room({ notice: { about: "late" } }),
  closed: () => room({ mine: { ...chosen(false, true), closed: true, closings: 1 } }),
  blocked: () => room({ soundBlocked: true, mine: chosen(true, true) }),
  problem: () => room({ notice: { about: "device", source: "microphone", problem: "denied" } }),
  lost: () => room({ notice: { about: "device", source: "microphone", problem: "lost" } }),
  doubt: () =>
    room({
      mine: chosen(true, true),
      actual: { microphone: false, camera: true },
      doubt: { microphone: true, camera: false },
    }),
  "media-trying": () => room({ trouble: "trying", mine: chosen(true, true), actual: { microphone: false, camera: false } }),
  "media-stuck": () => room({ trouble: "stuck", mine: chosen(true, true), actual: { microphone: false, camera: false } }),
  unsure: () => room({ room: mentorRoom(), mine: chosen(true, true), notice: { about: "unsure" } }),
  "chat-long": () => room({ chatOpen: true, draft: "a ".repeat(1_010), room: roomOf("ellie", everyone, { earlier: true }) }),
  "chat-near": () => room({ chatOpen: true, draft: "a ".repeat(950) + "a", room: roomOf("ellie", everyone, { earlier: true }) }),
  mentor: () => room({ room: mentorRoom(), mine: chosen(true, true) }),
  "mentor-menu": () => room({ room: mentorRoom(), mine: chosen(true, true), menuFor: "marcus" }),
  "mentor-allow": () => room({ room: mentorRoom(), mine: chosen(true, true), menuFor: "priya" }),
  "mentor-chat": () => room({ room: mentorRoom(), mine: chosen(true, true), chatOpen: true }),
  "mentor-waiting": () =>
    room({ room: mentorRoom(), mine: chosen(true, true), reconnecting: true, closing: new Set(["marcus"]) }),
  "mentor-leave": () => room({ room: mentorRoom(), mine: chosen(true, true), sheet: "leave" }),
  "mentor-end": () => room({ room: mentorRoom(), mine: chosen(true, true), sheet: "end" }),
  "mentor-unsaved": () => room({ room: mentorRoom(), mine: chosen(true, true), notice: { about: "request", code: "not_saved" } }),
  shared: () => room({ room: showing("dana", "ellie"), received: shown("dana") }),
  "turn-waiting": () => room(floor({ mode: "queue", newest: 2, hands: ["priya", "samir", "ellie"], turn: { number: 2, holder_id: "marcus" } })),
  "turn-own": () => room(ownTurn()),
  "turn-speaking": () => room({ ...ownTurn({ ends_ms: 41_000 }), ...spoken }),
  "turn-soft": () => room({ ...ownTurn({ ends_ms: 1 }), ...spoken, now: () => 20_000 }),
  "turn-held": () => room({ ...ownTurn({ ends_ms: 0, left_ms: 60_000, held: true }), ...spoken }),
  "turn-grace": () => room({ ...ownTurn({ ends_ms: 20_000, firm: true, grace: true }), ...spoken }),
  "turn-typed": () => room(ownTurn({ form: "typed" })),
  "turn-signed": () => room(ownTurn({ form: "signed" })),
  "turn-round": () => room(floor(round)),
  "turn-round-own": () => room(ownTurn({}, ownRound)),
  "turn-pass-on": () => room(ownTurn({}, { ...ownRound, order: "passed_on" })),
  "turn-quiet": () => room(floor({ mode: "quiet" })),
  "lead-queue": () => room(lead({ mode: "queue", newest: 3, hands: ["priya", "samir", "ellie"], turn: leadTurn })),
  "lead-soft": () => room({ ...lead({ mode: "queue", newest: 3, hands: ["priya"], turn: { ...leadTurn, ends_ms: 1 } }), now: () => 20_000 }),
  "lead-held": () => room(lead({ mode: "queue", newest: 3, hands: ["priya"], turn: { ...leadTurn, ends_ms: 0, left_ms: 72_000, held: true, held_by: "ruth" } })),
  "lead-free": () => room(lead({ mode: "queue", newest: 3 })),
  "lead-open": () => room(lead({ mode: "open" })),
  "lead-round": () => room(lead({ ...round, passed: ["samir"], turn: { ...leadTurn, number: 3 } })),
  "lead-over": () => room(lead({ mode: "round", newest: 9, done: ["joy", "samir"] })),
  "lead-quiet": () => room(lead({ mode: "quiet" })),
  "lead-unsaved": () => room(lead({ mode: "queue", newest: 3, hands: ["priya"], turn: leadTurn, unsaved: true })),
  "may-share": () => room({ room: roomOf("ellie", everyone.map((one) => (one.id === "ellie" ? { ...one, may_share: true } : one))) }),
  "mentor-shares": () => room({ room: showing("dana", "dana"), mine: chosen(true, true), share: { state: "on", possible: true } }),
  "mentor-shared": () => room({ room: showing("priya", "dana"), received: shown("priya"), mine: chosen(true, true) }),
  "mentor-share-menu": () => room({ room: mentorRoom(), mine: chosen(true, true), menuFor: "joy" }),
  "share-ended": () => room({ notice: { about: "share_ended", by: "connection" } }),
  devices: () => room({ sheet: "devices" }),
  "devices-phone": () => room({ sheet: "devices", devices: { choices: { ...choices, speaker: [] }, present: {}, flips: true, gone: { microphone: "", camera: "" } } }),
  moved: () => room({ notice: { about: "moved", label: "Headset (Bluetooth)" }, mine: chosen(true, true) }),
  "speaker-gone": () => room({ notice: { about: "speaker" } }),
  interrupted: () => room({ notice: { about: "device", source: "microphone", problem: "interrupted" } }),
  lobby: () => lobby(),
  "lobby-live": () => lobby({ status: "live" }),
  "lobby-begun": () => lobby({ begun: true, late: true }),
  "lobby-late": () => lobby({ late: true, note: "" }),
  "lobby-asked": () => lobby({ status: "live", note: "" }, {}, {}, true),
  "lobby-listening": () => lobby({}, { mine: chosen(true, true) }, { listening: true }),
  "lobby-off": () => lobby({ note: "" }, { mine: chosen(false, false) }),
  "lobby-hidden": () => lobby({}, { mine: chosen(false, false), stillAlone: true }),
  "lobby-denied": () => lobby({ note: "" }, { mine: chosen(false, false), microphone: denied, camera: denied }),
  "lobby-reconnecting": () => lobby({}, { reconnecting: true }),
  "lobby-help": () => lobby({}, { sheet: "help" }),
  paused: () => room({ room: pausedRoom(), received: new Map() }),
  "paused-chat": () => room({ room: pausedRoom(), chatOpen: true, draft: "I was about to say" }),
  "paused-gone": () =>
    room({ room: roomOf("ellie", rested.slice(1), { pausedUntilMs: at(25) }), received: new Map() }),
  back: () => room({ notice: { about: "back", leader: null } }),
  "back-other": () => room({ notice: { about: "back", leader: "Ruth" } }),
  reactions: () =>
    room({ reacting: true, reactions: new Map([["joy", "i_hear_you"], ["ellie", "thank_you"], ["tomas", "same_here"]]) }),
  listening: () =>
    room({ room: roomOf("ellie", everyone.map((one) => (["wren", "ellie"].includes(one.id) ? { ...one, listening: true } : one))), reacting: true }),
  alone: () => room({ alone: { on: true, told: true }, mine: chosen(false, false), unread: 0 }),
  "alone-telling": () => room({ alone: { on: true, told: false }, mine: chosen(false, false), unread: 0 }),
  "mentor-door": () => room({ room: doorRoom([noor]), mine: chosen(true, true), early: [{ id: "samir", name: "Samir" }] }),
  "mentor-door-many": () => room({ room: doorRoom(many), mine: chosen(true, true) }),
  "mentor-door-menu": () => room({ room: doorRoom([noor]), mine: chosen(true, true), menuFor: "noor" }),
  "mentor-remove": () => room({ room: doorRoom([noor]), mine: chosen(true, true), sheet: { remove: "noor", name: "Noor" } }),
  "mentor-begin": () => room({ room: beginning("responder"), mine: chosen(true, true) }),
  "mentor-begin-leader": () => room({ room: beginning("leader"), mine: chosen(true, true) }),
  "mentor-cover": () =>
    room({
      room: roomOf("dana", covered.map((one) => (one.role === "participant" ? { ...one, microphone: false } : one)), {
        pausedUntilMs: at(25),
        lobby: [noor],
      }),
      mine: chosen(false, true),
    }),
  "mentor-covered": () => room({ room: roomOf("dana", covered), mine: chosen(false, true) }),
  "mentor-reactions": () => room({ room: doorRoom([]), mine: chosen(true, true), reactions: new Map([["priya", "thank_you"], ["joy", "same_here"]]) }),
  "mentor-flag": () => withFlags(led({ sheet: { flag: "tomas", category: "self_harm" } }), "dana", everyone),
  "mentor-flag-abuse": () => withFlags(led({ sheet: { flag: "", category: "abuse_or_neglect" } }), "dana", everyone),
  "mentor-call": () => withFlags(led({ sheet: "call" }), "dana", everyone),
  "mentor-status": () => withFlags(led(), "dana", everyone, OWN.status),
  "mentor-status-sharing": () => withFlags(led({ share: { state: "on", possible: true } }), "dana", everyone, OWN.crisis),
  "mentor-crisis": () => withFlags(led(), "dana", everyone, OWN.crisis),
  "mentor-whisper": () =>
    withFlags(led({ whispers: { list: [{ id: "w", other: "Ruth", text: "You are doing well. Maybe ask Wren for a yes or a no.", at_ms: at(20) }], speaker: "", headphones: false } }), "dana", everyone, OWN.status),
  "mentor-spoken-to": () => withFlags(led({ whispers: { list: [], speaker: "Ruth", headphones: true } }), "dana", everyone),
  "mentor-devices": () => withFlags(led({ sheet: "devices" }), "dana", everyone),
  "therapist-room": () => {
    const ruth: ParticipantView = { id: "ruth", name: "Ruth", role: "therapist", place: 8, microphone: true, camera: true };
    return led({ room: roomOf("ruth", [...everyone, ruth]), mine: chosen(true, true), actual: { microphone: true, camera: true } });
  },
  "therapist-room-leave": () => {
    const ruth: ParticipantView = { id: "ruth", name: "Ruth", role: "therapist", place: 8 };
    return led({ room: roomOf("ruth", [...everyone, ruth]), sheet: "leave" });
  },
  "mentor-upset": () => withFlags(led({ early: [{ id: "samir", name: "Samir" }] }), "dana", everyone),
  "help-flags": () => withFlags(takingBack(room({ sheet: "help" })), "ellie", everyone, OWN.read),
  "help-offline": () => withFlags(room({ sheet: "help" }), "ellie", everyone, undefined, true),
  "own-crisis": () => withFlags(room(), "ellie", everyone, OWN.own),
  "lobby-crisis": () => withFlags(lobby(), "ellie", everyone, OWN.own),
  "left-early": () =>
    withFlags(<LeftPage />, "ellie", everyone),
  loading: () => <Page {...page} icon="mark" title={words.loading} />,
  left: () => <Page {...page} icon="leave" title={words.leftTitle} text={words.leftText} act={again(words.joinAgain)} />,
  ended: () => <Page {...page} icon="check" title={words.endedTitle} text={words.endedText} />,
  replaced: () => (
    <Page {...page} icon="screens" title={words.replacedTitle} text={words.replacedText} act={again(words.useThisScreen)} />
  ),
  link: () => <Page {...page} icon="lock" title={words.linkTitle} text={words.error("link_invalid")} />,
};

const app = document.getElementById("app");
const state = STATES[query.get("state") ?? "participant"];
if (app && state) render(state(), app);
if (app && !state) app.textContent = Object.keys(STATES).join(" ");
