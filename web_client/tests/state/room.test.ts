import { describe, expect, test } from "vitest";
import type { ChatView, ParticipantView, RoomFrame, WaitingView } from "../../src/protocol/generated";
import { fromSnapshot, leads, person, reduce, rests, tookOver, type RoomState } from "../../src/state/room";
import { unreadAfter } from "../../src/state/unread";
import { snapshotOf } from "../fakes";

const start = fromSnapshot(snapshotOf());
const after = (...frames: RoomFrame[]): RoomState => frames.reduce(reduce, start);
const message = (id: string, change: Partial<ChatView> = {}): ChatView => ({
  id,
  author_id: "dana",
  author_name: "Dana",
  text: "hello",
  at_ms: 1,
  ...change,
});

test("a view that leaves out older messages is known to, also after more came", () => {
  expect(start.earlier).toBe(false);
  const cut = fromSnapshot({ ...snapshotOf(), earlier: true });
  expect(reduce(cut, { type: "chat_posted", message: message("m") }).earlier).toBe(true);
});

describe("people", () => {
  test("who comes sits by their place", () => {
    const state = after({ type: "participant_joined", participant: { id: "joy", name: "Joy", role: "participant", place: 3 } });
    expect(state.participants.map((one) => one.id)).toEqual(["dana", "joy", "ellie"]);
  });

  test("who comes again keeps their place", () => {
    const state = after({ type: "participant_joined", participant: { id: "dana", name: "Dana", role: "mentor", place: 0 } });
    expect(state.participants.map((one) => one.id)).toEqual(["dana", "ellie"]);
    expect(person(state, "dana")?.camera).toBeUndefined();
  });

  test("who leaves is gone, also from the speakers", () => {
    const state = after(
      { type: "speakers_changed", participant_ids: ["dana", "ellie"] },
      { type: "participant_left", participant_id: "dana", reason: "left" },
    );
    expect(state.participants.map((one) => one.id)).toEqual(["ellie"]);
    expect(state.speakers).toEqual(["ellie"]);
  });

  test("a lost connection is shown and the place is kept", () => {
    const lost = after({ type: "presence_changed", participant_id: "dana", connected: false });
    expect(person(lost, "dana")?.connected).toBe(false);
    expect(person(reduce(lost, { type: "presence_changed", participant_id: "dana", connected: true }), "dana")?.connected).toBe(true);
  });
});

describe("microphones", () => {
  test("devices change, and who is muted is no speaker", () => {
    const state = after(
      { type: "speakers_changed", participant_ids: ["dana"] },
      { type: "devices_changed", participant_id: "dana", microphone: false, camera: false },
    );
    expect(person(state, "dana")).toMatchObject({ microphone: false, camera: false });
    expect(state.speakers).toEqual([]);
  });

  test("a closing is counted for the person themselves", () => {
    const state = after({ type: "microphone_closed", participant_id: "ellie", closings: 3 });
    expect(person(state, "ellie")).toMatchObject({ microphone: false, microphone_closed: true, closings: 3 });
  });

  test("a mentor sees a closing without its count", () => {
    const state = after({ type: "microphone_closed", participant_id: "ellie" });
    expect(person(state, "ellie")).not.toHaveProperty("closings");
  });

  test("allowing does not open", () => {
    const state = after(
      { type: "microphone_closed", participant_id: "ellie", closings: 1 },
      { type: "microphone_allowed", participant_id: "ellie" },
    );
    expect(person(state, "ellie")).toMatchObject({ microphone: false, microphone_closed: false, closings: 1 });
  });

  test("a held microphone is closed until it is not", () => {
    const held = after({ type: "microphone_held", participant_id: "ellie", held: true, closings: 1 });
    expect(person(held, "ellie")).toMatchObject({ microphone: false, microphone_closed: true, closings: 1 });
    const free = reduce(held, { type: "microphone_held", participant_id: "ellie", held: false, closings: 1 });
    expect(person(free, "ellie")).toMatchObject({ microphone: false, microphone_closed: false, closings: 1 });
  });
});

describe("chat", () => {
  test("messages stand in the room's one order", () => {
    const state = after({ type: "chat_posted", message: message("a") }, { type: "chat_posted", message: message("b") });
    expect(state.chat.map((one) => one.id)).toEqual(["a", "b"]);
  });

  test("a hidden message loses its text and keeps its place; shown again it has it back", () => {
    const hidden = after(
      { type: "chat_posted", message: message("a") },
      { type: "chat_posted", message: message("b") },
      { type: "chat_hidden", message: message("a", { text: "", hidden: true }) },
    );
    expect(hidden.chat[0]).toMatchObject({ id: "a", text: "", hidden: true });
    const shown = reduce(hidden, { type: "chat_shown", message: message("a") });
    expect(shown.chat[0]).toEqual(message("a"));
  });

  test("unread counts what others wrote after the last one read", () => {
    const chat = [message("a"), message("b", { author_id: "ellie" }), message("c"), message("d", { hidden: true })];
    expect(unreadAfter(chat, "a", "ellie")).toBe(1);
    expect(unreadAfter(chat, null, "ellie")).toBe(2);
    expect(unreadAfter(chat, "c", "ellie")).toBe(0);
    expect(unreadAfter(chat, "unknown", "ellie")).toBe(0);
  });
});

test("the end of a session is the room's last state", () => {
  const state = after({ type: "speakers_changed", participant_ids: ["dana"] }, { type: "session_ended" });
  expect(state.session.status).toBe("ended");
  expect(state.speakers).toEqual([]);
});

test("a frame of a newer server changes nothing", () => {
  expect(reduce(start, { type: "something_new" } as unknown as RoomFrame)).toBe(start);
});

test("a frame never changes the state before it", () => {
  const frozen = Object.freeze({ ...start, participants: Object.freeze([...start.participants]) });
  reduce(frozen, { type: "microphone_closed", participant_id: "ellie", closings: 1 });
  expect(frozen.participants).toEqual(start.participants);
});

describe("the lobby, as who leads sees it", () => {
  const waits = (id: string, since: number, change: Partial<WaitingView> = {}): RoomFrame => ({
    type: "lobby_joined",
    person: { id, name: id, since_ms: since, ...change },
  });
  const ids = (state: RoomState) => state.lobby.map((one) => one.id);

  test("the longest waits first, and nobody waits twice", () => {
    const state = after(waits("joy", 20), waits("noor", 10), waits("joy", 5, { expected: true }));
    expect(ids(state)).toEqual(["joy", "noor"]);
    expect(state.lobby[0]?.expected).toBe(true);
  });

  test("who comes in waits no longer", () => {
    const joy: RoomFrame = { type: "participant_joined", participant: { id: "joy", name: "Joy", role: "participant", place: 3 } };
    const state = after(waits("joy", 1), joy);
    expect([ids(state), person(state, "joy")?.name]).toEqual([[], "Joy"]);
  });

  test("who is asked to wait is not in the room, and no speaker", () => {
    const state = after({ type: "speakers_changed", participant_ids: ["ellie"] }, waits("ellie", 1));
    expect([ids(state), person(state, "ellie"), state.speakers]).toEqual([["ellie"], undefined, []]);
  });

  test("who leaves it is gone", () => {
    expect(ids(after(waits("joy", 1), { type: "lobby_left", participant_id: "joy" }))).toEqual([]);
    expect(ids(after(waits("joy", 1), { type: "session_ended" }))).toEqual([]);
  });
});

describe("a view replaced", () => {
  const outside: RoomFrame = { type: "view_replaced", snapshot: { ...snapshotOf(), waiting: true, participants: [] } };
  const again = (status: "lobby" | "live"): RoomFrame => ({
    type: "view_replaced",
    snapshot: { ...snapshotOf(), waiting: true, participants: [], session: { id: "s", title: "t", status } },
  });

  test("takes the place of everything", () => {
    const state = after({ type: "chat_posted", message: message("m") }, { type: "speakers_changed", participant_ids: ["dana"] }, outside);
    expect(state).toMatchObject({ participants: [], chat: [], speakers: [], waiting: true, asked: true });
    expect(reduce(state, { type: "view_replaced", snapshot: snapshotOf() })).toEqual(start);
  });

  test("who was asked to wait still is when the session goes back to its lobby", () => {
    expect(after(outside, again("lobby")).asked).toBe(true);
    expect(after(again("lobby"), again("live")).asked).toBe(false);
  });
});

describe("a pause", () => {
  const both: RoomFrame[] = [
    { type: "devices_changed", participant_id: "ellie", microphone: true, camera: true },
    { type: "speakers_changed", participant_ids: ["dana", "ellie"] },
  ];

  test("closes the microphones of participants, and of nobody else", () => {
    const state = after(...both, { type: "pause_changed", until_ms: 9, closings: 2 });
    expect([person(state, "dana")?.microphone, person(state, "ellie")?.microphone]).toEqual([true, false]);
    expect(person(state, "ellie")).toMatchObject({ camera: true, closings: 2 });
    expect([state.pausedUntilMs, state.speakers, rests(state)]).toEqual([9, ["dana"], true]);
  });

  test("over, opens none", () => {
    const state = after(...both, { type: "pause_changed", until_ms: 9, closings: 2 }, { type: "pause_changed", until_ms: 0, closings: 2 });
    expect([state.pausedUntilMs, person(state, "ellie")?.microphone, rests(state)]).toEqual([0, false, false]);
  });

  test("is no rest for who leads", () => {
    expect(rests(fromSnapshot(snapshotOf({ you: "dana", paused_until_ms: 9 })))).toBe(false);
    expect([leads(fromSnapshot(snapshotOf({ you: "dana" }))), leads(start)]).toEqual([true, false]);
  });
});

describe("who leads after a pause", () => {
  const me: ParticipantView = { id: "ellie", name: "Ellie", role: "participant", place: 1 };
  const ruth: ParticipantView = { id: "ruth", name: "Ruth", role: "therapist", place: 9 };
  const dana: ParticipantView = { id: "dana", name: "Dana", role: "mentor", place: 0 };

  test("is not who was there all along, also for who came in the midst of it", () => {
    const before = reduce(fromSnapshot({ ...snapshotOf({ participants: [dana, me] }), paused_until_ms: 9_000 }), {
      type: "participant_joined",
      participant: ruth,
    });
    expect(tookOver(before, reduce(before, { type: "pause_changed", until_ms: 0 }))).toBe("Ruth");
  });

  test("is the mentor who is back, also for who waited outside meanwhile", () => {
    let state = start;
    for (const snapshot of [snapshotOf({ participants: [me], waiting: true }), snapshotOf({ participants: [ruth, me] })]) {
      state = reduce(state, { type: "view_replaced", snapshot });
    }
    const before = [
      { type: "participant_left", participant_id: "ruth", reason: "left" },
      { type: "pause_changed", until_ms: 9_000 },
      { type: "participant_joined", participant: dana },
    ].reduce((so, frame) => reduce(so, frame as RoomFrame), state);
    expect(tookOver(before, reduce(before, { type: "pause_changed", until_ms: 0 }))).toBeNull();
  });
});

test("what is known about a person changes with its frame, and a reaction changes nothing", () => {
  const state = after(
    { type: "listening_changed", participant_id: "ellie", listening: true },
    { type: "not_alone_changed", participant_id: "ellie", on: true },
    { type: "cover_changed", participant_id: "dana", needed: true },
  );
  expect(person(state, "ellie")).toMatchObject({ listening: true, not_alone: true });
  expect(person(state, "dana")?.needs_cover).toBe(true);
  expect(reduce(state, { type: "reacted", participant_id: "ellie", reaction: "thank_you" })).toBe(state);
  const session = { id: "s", title: "t", status: "live", late: true } as const;
  expect(after({ type: "session_changed", session }).session).toBe(session);
});
