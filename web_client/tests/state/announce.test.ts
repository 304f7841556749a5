import { expect, test } from "vitest";
import type { RoomFrame, Snapshot } from "../../src/protocol/generated";
import { announce } from "../../src/state/announce";
import { fromSnapshot, reduce } from "../../src/state/room";
import { say } from "../../src/words";
import { en } from "../../src/words/en";
import { snapshotOf } from "../fakes";

function said(frame: RoomFrame, snapshot: Partial<Snapshot> = {}): string | null {
  const before = fromSnapshot(snapshotOf(snapshot));
  const announcement = announce(before, reduce(before, frame), frame);
  return announcement && say(en, announcement as Parameters<typeof say>[1]);
}

test.each<[RoomFrame, string | null]>([
  [{ type: "participant_joined", participant: { id: "joy", name: "Joy", role: "participant", place: 3 } }, "Joy is here."],
  [{ type: "participant_joined", participant: { id: "dana", name: "Dana", role: "mentor", place: 0 } }, null],
  [{ type: "participant_left", participant_id: "dana", reason: "left" }, "Dana has left."],
  [{ type: "presence_changed", participant_id: "dana", connected: false }, "Dana is reconnecting."],
  [{ type: "presence_changed", participant_id: "dana", connected: true }, null],
  [{ type: "microphone_closed", participant_id: "ellie", closings: 1 }, "Your mentor closed your microphone for now."],
  [{ type: "microphone_closed", participant_id: "dana" }, null],
  [{ type: "microphone_allowed", participant_id: "ellie" }, "You may use your microphone again. It is still off."],
  [{ type: "speakers_changed", participant_ids: ["dana"] }, null],
  [
    { type: "chat_posted", message: { id: "a", author_id: "dana", author_name: "Dana", text: "hi", at_ms: 1 } },
    "Dana wrote: hi",
  ],
  [{ type: "chat_posted", message: { id: "a", author_id: "ellie", author_name: "Ellie", text: "hi", at_ms: 1 } }, null],
  [{ type: "session_ended" }, "This session has ended."],
])("%o is announced as %s", (frame, words) => {
  expect(said(frame)).toBe(words);
});

const staff = { you: "dana", lobby: [{ id: "joy", name: "Joy", since_ms: 1 }] };
const session = { id: "s", title: "t" };

test.each<[what: string, Partial<Snapshot>, RoomFrame, string | null]>([
  ["who comes to the lobby", staff, { type: "lobby_joined", person: { id: "noor", name: "Noor", since_ms: 2 } }, "Noor is in the lobby."],
  ["who is in the lobby already", staff, { type: "lobby_joined", person: { id: "joy", name: "Joy", since_ms: 2 } }, null],
  ["who leaves the lobby", staff, { type: "lobby_left", participant_id: "joy" }, "Joy left the lobby."],
  ["who leaves early", staff, { type: "participant_left", participant_id: "ellie", reason: "left" }, "Ellie left early."],
  ["whose place ran out", staff, { type: "participant_left", participant_id: "ellie", reason: "connection_lost" }, "Ellie has left."],
  [
    "who leaves before it began",
    { ...staff, session: { ...session, status: "lobby" } },
    { type: "participant_left", participant_id: "ellie", reason: "left" },
    "Ellie has left.",
  ],
  ["who shares", {}, { type: "screen_changed", participant_id: "dana", screen: true }, "Dana shares a screen."],
  ["who never shared", {}, { type: "screen_changed", participant_id: "dana", screen: false }, null],
  ["my own share", {}, { type: "screen_changed", participant_id: "ellie", screen: true }, "Everyone sees your screen now."],
  ["another's leave to share", staff, { type: "screen_allowed", participant_id: "ellie", allowed: true }, null],
  ["my leave to share", {}, { type: "screen_allowed", participant_id: "ellie", allowed: true }, "You may share your screen now. Nothing is shown until you choose what."],
  ["who hides the group", staff, { type: "not_alone_changed", participant_id: "ellie", on: true }, "Ellie has hidden the group on their screen."],
  ["who never hid it", staff, { type: "not_alone_changed", participant_id: "ellie", on: false }, null],
  ["my own hiding", {}, { type: "not_alone_changed", participant_id: "ellie", on: true }, null],
  ["another's need of cover", { you: "ruth" }, { type: "cover_changed", participant_id: "dana", needed: true }, "Dana asked for cover."],
  ["another's end of it", { you: "ruth" }, { type: "cover_changed", participant_id: "dana", needed: false }, "Dana can lead again."],
  ["my own need of cover", staff, { type: "cover_changed", participant_id: "dana", needed: true }, null],
  ["a pause", {}, { type: "pause_changed", until_ms: 5, closings: 1 }, "Your mentor is reconnecting. Microphones are closed, chat is paused. Your place is kept."],
  [
    "a pause after the mentor left",
    { participants: snapshotOf().participants.slice(1) },
    { type: "pause_changed", until_ms: 5, closings: 1 },
    "Your mentor is not here right now. Microphones are closed, chat is paused. Your place is kept.",
  ],
  [
    "going on after the lobby",
    { session: { ...session, status: "lobby", begun: true } },
    { type: "session_changed", session: { ...session, status: "live" } },
    "The group goes on.",
  ],
  ["a pause, to staff", staff, { type: "pause_changed", until_ms: 5 }, "Nobody leads right now. The group is paused."],
  ["the same pause again", { paused_until_ms: 5 }, { type: "pause_changed", until_ms: 5, closings: 1 }, null],
  ["its end, to staff", { ...staff, paused_until_ms: 5 }, { type: "pause_changed", until_ms: 0 }, "The group goes on."],
  [
    "the beginning",
    { session: { ...session, status: "lobby" } },
    { type: "session_changed", session: { ...session, status: "live" } },
    "The session has begun.",
  ],
  [
    "a late mentor",
    { waiting: true, session: { ...session, status: "lobby" } },
    { type: "session_changed", session: { ...session, status: "lobby", late: true } },
    "It is taking longer than planned. The therapists of this group can see that you wait. You have lost nothing by waiting.",
  ],
  [
    "another note",
    { waiting: true, session: { ...session, status: "lobby", late: true } },
    { type: "session_changed", session: { ...session, status: "lobby", late: true, note: "x" } },
    null,
  ],
  ["who just listens", staff, { type: "listening_changed", participant_id: "ellie", listening: true }, null],
  ["a reaction", {}, { type: "reacted", participant_id: "dana", reaction: "same_here" }, "Dana: Same here"],
  ["a reaction of nobody here", {}, { type: "reacted", participant_id: "noor", reaction: "same_here" }, null],
])("%s", (_what, snapshot, frame, words) => {
  expect(said(frame, snapshot)).toBe(words);
});
