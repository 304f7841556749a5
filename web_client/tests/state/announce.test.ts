import { expect, test } from "vitest";
import type { RoomFrame } from "../../src/protocol/generated";
import { announce } from "../../src/state/announce";
import { fromSnapshot, reduce } from "../../src/state/room";
import { say } from "../../src/words";
import { en } from "../../src/words/en";
import { snapshotOf } from "../fakes";

function said(frame: RoomFrame): string | null {
  const before = fromSnapshot(snapshotOf());
  const announcement = announce(before, reduce(before, frame), frame);
  return announcement && say(en, announcement);
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
