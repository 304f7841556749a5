import type { ChatView, ParticipantView, RoomFrame, SessionView, Snapshot } from "../protocol/generated";

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
}

export function fromSnapshot(snapshot: Snapshot): RoomState {
  return {
    session: snapshot.session,
    you: snapshot.you,
    participants: snapshot.participants,
    chat: snapshot.chat,
    earlier: snapshot.earlier ?? false,
    speakers: [],
  };
}

export function reduce(state: RoomState, frame: RoomFrame): RoomState {
  switch (frame.type) {
    case "participant_joined":
      return { ...state, participants: seated(state.participants, frame.participant) };
    case "participant_left":
      return {
        ...state,
        participants: state.participants.filter((one) => one.id !== frame.participant_id),
        speakers: without(state.speakers, frame.participant_id),
      };
    case "chat_posted":
    case "chat_hidden":
    case "chat_shown":
      return { ...state, chat: put(state.chat, frame.message) };
    case "microphone_closed":
      return changed(state, frame.participant_id, (one) => closed(one, frame.closings));
    case "microphone_allowed":
      return changed(state, frame.participant_id, (one) => ({ ...one, microphone_closed: false }));
    case "session_ended":
      return { ...state, session: { ...state.session, status: "ended" }, participants: [], speakers: [] };
    case "devices_changed": {
      const { participant_id: id, microphone, camera } = frame;
      const next = changed(state, id, (one) => ({ ...one, microphone, camera }));
      return microphone ? next : { ...next, speakers: without(next.speakers, id) };
    }
    case "presence_changed":
      return changed(state, frame.participant_id, (one) => ({ ...one, connected: frame.connected }));
    case "microphone_held":
      return changed(state, frame.participant_id, (one) =>
        frame.held ? closed(one, frame.closings) : { ...one, microphone_closed: false },
      );
    case "speakers_changed":
      return { ...state, speakers: frame.participant_ids };
    default:
      return unknown(state, frame);
  }
}

export function person(state: RoomState, id: string): ParticipantView | undefined {
  return state.participants.find((one) => one.id === id);
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

function seated(people: readonly ParticipantView[], one: ParticipantView): readonly ParticipantView[] {
  const others = people.filter((other) => other.id !== one.id);
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
