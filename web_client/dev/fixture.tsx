// Development only, not part of the build: every state of the client by `?state=NAME`, in English or `?lang=es`.
import { render, type ComponentChildren } from "preact";
import type { ChatView, ParticipantView } from "../src/protocol/generated";
import { chosen } from "../src/state/devices";
import type { RoomState } from "../src/state/room";
import { Arrive, type ArriveModel } from "../src/views/arrive";
import { Choose, Page } from "../src/views/pages";
import { Room } from "../src/views/room";
import type { RoomModel } from "../src/views/room_model";
import { wordsFor } from "../src/words";
import { pictureOf } from "./people";
import { DESK_STATES } from "./desk";
import "../src/styles/tokens.css";
import "../src/styles/base.css";
import "../src/styles/parts.css";
import "../src/styles/arrive.css";
import "../src/styles/room.css";
import "../src/styles/therapist.css";

const query = new URLSearchParams(location.search);
const words = wordsFor([query.get("lang") ?? "en"]);
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
    ...change,
  };
}

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
    received: new Map([...pictures].flatMap(([id, camera]) => (camera ? [[id, { camera }] as const] : []))),
    pending: [],
    notice: null,
    announcement: null,
    soundBlocked: false,
    wide: matchMedia("(min-width: 64rem)").matches,
    chatOpen: false,
    unread: 1,
    draft: "",
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
      }}
    />
  );
}

function arrive(change: Partial<ArriveModel> = {}): ComponentChildren {
  const model: ArriveModel = {
    words,
    name: "Ellie",
    title,
    // Any track will do for a picture of the page.
    microphone: { track: pictures.get("dana") ?? null, problem: null, asking: false },
    camera: { track: pictures.get("ellie") ?? null, problem: null, asking: false },
    wanted: { microphone: true, camera: true },
    level: 0.58,
    wasHeard: true,
    help: false,
    wasClosed: false,
    ...change,
  };
  return (
    <Arrive
      model={model}
      acts={{
        onMicrophone: nothing,
        onCamera: nothing,
        onTryAgain: nothing,
        onJoin: nothing,
        onHelp: nothing,
        onLeave: nothing,
        onQuickExit: nothing,
      }}
    />
  );
}

const asking = { track: null, problem: null, asking: true } as const;
const denied = { track: null, problem: "denied", asking: false } as const;
const leaders = everyone.map((one) => (one.id === "priya" ? { ...one, microphone_closed: true } : one));
const hiddenChat = chat.map((message) => (message.id === "m2" ? { ...message, hidden: true } : message));
const page = { words, help: false, acts: { onHelp: nothing, onQuickExit: nothing } };
const again = (label: string) => ({ label, on: nothing });
const mentorRoom = () => roomOf("dana", leaders, { chat: hiddenChat });
const few = (count: number) => roomOf("ellie", [...everyone.slice(0, count - 1), everyone[7] as ParticipantView]);

const STATES: Record<string, () => ComponentChildren> = {
  ...DESK_STATES(words),
  arrive: () => arrive(),
  "arrive-off": () => arrive({ wanted: { microphone: false, camera: false } }),
  "arrive-denied": () => arrive({ microphone: denied, camera: denied, browser: "chromeAndroid" }),
  "arrive-busy": () => arrive({ camera: { track: null, problem: "busy", asking: false } }),
  "arrive-asking": () => arrive({ microphone: asking, camera: asking }),
  "arrive-closed": () => arrive({ wasClosed: true }),
  "arrive-help": () => arrive({ help: true }),
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
