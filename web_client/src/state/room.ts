import type {
  ChatView,
  FloorChanged,
  ParticipantView,
  RoomFrame,
  SessionView,
  Snapshot,
  WaitingView,
} from "../protocol/generated";
import { floorOf, talkOf, type Floor } from "./floor";

/** The room as this viewer may see it: a snapshot, completed by the frames after it. */
export interface RoomState {
  readonly session: SessionView;
  readonly you: string;
  /** By place, which is the order of first arrival: who comes back finds the old place. */
  readonly participants: readonly ParticipantView[];
  readonly chat: readonly ChatView[];
  /** Older messages were left out. */
  readonly earlier: boolean;
  readonly speakers: readonly string[];
  /** I am in the lobby, and see nobody. */
  readonly waiting: boolean;
  /** I was in the room, and was asked to wait outside. */
  readonly asked: boolean;
  /** Who waits, the longest first; empty unless I lead. */
  readonly lobby: readonly WaitingView[];
  /** Nobody leads: until when at the latest the group pauses. 0: somebody does. */
  readonly pausedUntilMs: number;
  /** Who has led so far. */
  readonly led: readonly string[];
  /** Who was there as the pause began, and yet did not lead. */
  readonly idle: readonly string[];
  readonly floor: Floor;
  /** How long each person has spoken, in ms; empty unless I lead. */
  readonly talk: ReadonlyMap<string, number>;
}

export function fromSnapshot(snapshot: Snapshot): RoomState {
  return {
    session: snapshot.session,
    you: snapshot.you,
    participants: snapshot.participants,
    chat: snapshot.chat,
    earlier: snapshot.earlier ?? false,
    speakers: [],
    waiting: snapshot.waiting ?? false,
    asked: false,
    lobby: snapshot.lobby ?? [],
    pausedUntilMs: snapshot.paused_until_ms ?? 0,
    led: idsOf(snapshot.participants.filter(isStaff)),
    idle: snapshot.paused_until_ms ? idsOf(snapshot.participants.filter(isLeading)) : [],
    floor: floorOf(snapshot.floor),
    talk: talkOf(snapshot.talk ?? []),
  };
}

export function reduce(state: RoomState, frame: RoomFrame): RoomState {
  const next = reduced(state, frame);
  if (next.pausedUntilMs > 0) return next;
  const fresh = idsOf(next.participants.filter(isLeading)).filter((id) => !next.led.includes(id));
  return fresh.length > 0 ? { ...next, led: [...next.led, ...fresh] } : next;
}

function reduced(state: RoomState, frame: RoomFrame): RoomState {
  switch (frame.type) {
    case "participant_joined":
      return {
        ...state,
        participants: seated(state.participants, frame.participant),
        lobby: unlisted(state.lobby, frame.participant.id),
      };
    case "participant_left":
      return gone(state, frame.participant_id);
    case "view_replaced":
      return replaced(state, fromSnapshot(frame.snapshot));
    case "lobby_joined":
      return { ...gone(state, frame.person.id), lobby: queued(state.lobby, frame.person) };
    case "lobby_left":
      return { ...state, lobby: unlisted(state.lobby, frame.participant_id) };
    case "session_changed":
      return { ...state, session: frame.session };
    case "pause_changed":
      return paused(state, frame.until_ms, frame.closings ?? 0);
    case "listening_changed":
      return changed(state, frame.participant_id, (one) => ({ ...one, listening: frame.listening }));
    case "not_alone_changed":
      return changed(state, frame.participant_id, (one) => ({ ...one, not_alone: frame.on }));
    case "cover_changed":
      return changed(state, frame.participant_id, (one) => ({ ...one, needs_cover: frame.needed }));
    case "reacted":
      // It passes by, and is no state of the room.
      return state;
    case "chat_posted":
    case "chat_hidden":
    case "chat_shown":
      return { ...state, chat: put(state.chat, frame.message) };
    case "microphone_closed":
      return changed(state, frame.participant_id, (one) => closed(one, frame.closings));
    case "microphone_allowed":
      return changed(state, frame.participant_id, (one) => ({ ...one, microphone_closed: false }));
    case "session_ended":
      return { ...state, session: { ...state.session, status: "ended" }, participants: [], speakers: [], lobby: [], floor: floorOf(null) };
    case "devices_changed": {
      const { participant_id: id, microphone, camera } = frame;
      const next = changed(state, id, (one) => ({ ...one, microphone, camera }));
      return microphone ? next : { ...next, speakers: without(next.speakers, id) };
    }
    case "screen_changed":
      return changed(state, frame.participant_id, (one) => ({
        ...one,
        screen: frame.screen,
        screen_audio: frame.screen_audio ?? false,
      }));
    case "screen_allowed":
      return changed(state, frame.participant_id, (one) => ({ ...one, may_share: frame.allowed }));
    case "presence_changed":
      return changed(state, frame.participant_id, (one) => ({ ...one, connected: frame.connected }));
    case "microphone_held":
      return changed(state, frame.participant_id, (one) =>
        frame.held ? closed(one, frame.closings) : { ...one, microphone_closed: false },
      );
    case "speakers_changed":
      return { ...state, speakers: frame.participant_ids };
    case "floor_changed":
      return floored(state, frame);
    case "talk_time_changed":
      return { ...state, talk: talkOf(frame.times) };
    default:
      return unknown(state, frame);
  }
}

export function person(state: RoomState, id: string): ParticipantView | undefined {
  return state.participants.find((one) => one.id === id);
}

/** I am one of those whose microphone and chat rest while nobody leads. */
export function rests(state: RoomState): boolean {
  return state.pausedUntilMs > 0 && person(state, state.you)?.role === "participant";
}

/** Why the turns do not let me be heard. `unsaved`: a closing is being settled. */
export type Unheard = "turn" | "quiet" | "unsaved";

export function unheard(state: RoomState): Unheard | null {
  if (leads(state)) return null;
  const { mode, turn, unsaved } = state.floor;
  if (unsaved) return "unsaved";
  if (mode === "open") return null;
  if (mode === "quiet") return "quiet";
  const holder = turn?.holder;
  if (holder === undefined) return "turn";
  return holder === state.you || holder === person(state, state.you)?.companion_of ? null : "turn";
}

/** I am heard by a turn that this page did not know to be mine: it was given meanwhile, and opens nothing. */
export function isNewTurn(before: RoomState | null, after: RoomState): boolean {
  const { mode, turn } = after.floor;
  if (leads(after) || !turn || mode === "open" || unheard(after) !== null) return false;
  return before?.floor.turn?.number !== turn.number || before.you !== after.you;
}

/** Nobody is in the room who could lead it, also nobody whose connection may come back. */
export function ledByNobody(state: RoomState): boolean {
  return !state.participants.some(isStaff);
}

/** Whose coming ended the pause; null where a mentor of before leads again. */
export function tookOver(before: RoomState, after: RoomState): string | null {
  const came = after.participants.filter((one) => isLeading(one) && !before.idle.includes(one.id));
  const mentorIsBack = came.some(({ id, role }) => role === "mentor" && before.led.includes(id));
  return mentorIsBack ? null : (came[0]?.name ?? null);
}

/** Whose screen everyone sees. */
export function sharer(state: RoomState): ParticipantView | undefined {
  return state.participants.find((one) => one.screen);
}

/** I may share my screen as far as the room is concerned. */
export function mayShare(state: RoomState): boolean {
  return (leads(state) || (person(state, state.you)?.may_share ?? false)) && !rests(state);
}

export function leads(state: RoomState): boolean {
  const me = person(state, state.you);
  return me !== undefined && isStaff(me);
}

function isStaff({ role }: ParticipantView): boolean {
  return role === "mentor" || role === "therapist";
}

/** As far as is told to this viewer: participants do not see who asked for cover. */
function isLeading(one: ParticipantView): boolean {
  return isStaff(one) && (one.connected ?? true) && !one.needs_cover && !one.not_alone;
}

function idsOf(people: readonly ParticipantView[]): readonly string[] {
  return people.map((one) => one.id);
}

/** A newer server may send what this page does not know; the switch above is complete at compile time. */
function unknown(state: RoomState, _frame: never): RoomState {
  return state;
}

function changed(state: RoomState, id: string, change: (one: ParticipantView) => ParticipantView): RoomState {
  return { ...state, participants: state.participants.map((one) => (one.id === id ? change(one) : one)) };
}

function closed(one: ParticipantView, closings: number | undefined): ParticipantView {
  return { ...one, microphone: false, microphone_closed: true, ...(closings === undefined ? {} : { closings }) };
}

function gone(state: RoomState, id: string): RoomState {
  return { ...state, participants: unlisted(state.participants, id), speakers: without(state.speakers, id) };
}

/** Who is asked to wait is told so until let in, whatever else becomes of the session. */
function replaced(before: RoomState, after: RoomState): RoomState {
  const asked = before.waiting ? before.asked : after.session.status === "live";
  return { ...after, asked: after.waiting && asked, led: before.led };
}

function paused(state: RoomState, untilMs: number, closings: number): RoomState {
  const silent = untilMs > 0;
  const begins = silent && state.pausedUntilMs === 0;
  const idle = begins ? idsOf(state.participants.filter(isLeading)) : state.idle;
  const participants = state.participants.map((one) => ({
    ...one,
    ...(silent && one.role === "participant" ? { microphone: false, screen: false, screen_audio: false } : {}),
    ...(one.id === state.you ? { closings } : {}),
  }));
  const on = new Set(participants.filter((one) => one.microphone).map((one) => one.id));
  return { ...state, pausedUntilMs: untilMs, idle, participants, speakers: state.speakers.filter((id) => on.has(id)) };
}

/** `closings`: my own number. Who is not heard any more is silent in what I see of myself at once. */
function floored(state: RoomState, { floor, closings = 0 }: FloorChanged): RoomState {
  const next = { ...state, floor: floorOf(floor, state.floor) };
  const silent = unheard(next) !== null;
  return changed(next, state.you, (one) => ({ ...one, closings, ...(silent ? { microphone: false } : {}) }));
}

/** By the time of waiting; who came at the same moment stays in the order told. */
function queued(lobby: readonly WaitingView[], one: WaitingView): readonly WaitingView[] {
  return [...unlisted(lobby, one.id), one].toSorted((a, b) => a.since_ms - b.since_ms);
}

function unlisted<T extends { id: string }>(list: readonly T[], id: string): readonly T[] {
  return list.filter((one) => one.id !== id);
}

function seated(people: readonly ParticipantView[], one: ParticipantView): readonly ParticipantView[] {
  const others = unlisted(people, one.id);
  const before = others.filter((other) => other.place < one.place);
  return [...before, one, ...others.slice(before.length)];
}

/** Replaces in place, so that nothing jumps; what is new goes last. */
function put<T extends { id: string }>(list: readonly T[], item: T): readonly T[] {
  return list.some((one) => one.id === item.id)
    ? list.map((one) => (one.id === item.id ? item : one))
    : [...list, item];
}

function without(ids: readonly string[], id: string): readonly string[] {
  return ids.includes(id) ? ids.filter((one) => one !== id) : ids;
}
