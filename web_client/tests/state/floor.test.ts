import { expect, test } from "vitest";
import type { FloorView, RoomFrame } from "../../src/protocol/generated";
import { fromSnapshot, person, reduce, unheard } from "../../src/state/room";
import { ServerClock } from "../../src/connection/clock";
import { turnCatalogs, turnWordsFor } from "../../src/words/turns";
import { snapshotOf } from "../fakes";

const open = fromSnapshot(
  snapshotOf({
    participants: [
      { id: "dana", name: "Dana", role: "mentor", place: 0 },
      { id: "marcus", name: "Marcus", role: "participant", place: 1 },
      { id: "ellie", name: "Ellie", role: "participant", place: 7, microphone: true },
    ],
  }),
);
const changed = (floor: FloorView, closings = 0): RoomFrame => ({ type: "floor_changed", floor, closings });
const held = (id: string): FloorView => ({ mode: "queue", newest: 1, turn: { number: 1, holder_id: id } });

test.each<[what: string, FloorView, you: string, string | null]>([
  ["in an open room", {}, "ellie", null],
  ["with the turn", held("ellie"), "ellie", null],
  ["while another has it", held("marcus"), "ellie", "turn"],
  ["while nobody has it", { mode: "round" }, "ellie", "turn"],
  ["in quiet time", { mode: "quiet" }, "ellie", "quiet"],
  ["while a closing is not saved", { ...held("ellie"), unsaved: true }, "ellie", "unsaved"],
  ["who leads", { mode: "quiet", unsaved: true }, "dana", null],
])("who is heard: %s", (_, floor, you, why) => {
  expect(unheard(reduce({ ...open, you }, changed(floor)))).toBe(why);
});

test("who is here with the turn's holder is heard with them", () => {
  const people = open.participants.map((one) => (one.id === "ellie" ? { ...one, companion_of: "marcus" } : one));
  expect(unheard(reduce({ ...open, participants: people }, changed(held("marcus"))))).toBeNull();
});

test("a change of turns silences me where I am not heard, and brings my own number of closings", () => {
  const after = reduce(open, changed(held("marcus"), 3));
  expect(person(after, "ellie")).toMatchObject({ microphone: false, closings: 3 });
  expect(person(reduce(open, changed(held("ellie"))), "ellie")).toMatchObject({ microphone: true });
});

test("talk time replaces what was told before, and the end of a session ends the turns", () => {
  const told = reduce(open, { type: "talk_time_changed", times: [{ participant_id: "marcus", ms: 2_000 }] });
  expect([...told.talk]).toEqual([["marcus", 2_000]]);
  expect(reduce(reduce(open, changed(held("ellie"))), { type: "session_ended" }).floor.turn).toBeNull();
});

test("the server's clock goes on from what it told last", () => {
  let wall = 1_000;
  const clock = new ServerClock(() => wall);
  clock.told(61_000);
  wall += 500;
  expect(clock.now()).toBe(61_500);
});

test("places are said as each language says them, and the names that people's tools rely on stay", () => {
  const en = turnWordsFor("en");
  expect([1, 2, 3, 4, 11, 12, 22].map(en.ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "12th", "22nd"]);
  expect(turnWordsFor("es").ordinal(3)).toBe("3.º");
  expect([en.raise, en.lower, en.pass, en.end]).toEqual(["Raise hand", "Lower hand", "Pass", "End turn"]);
  expect(JSON.stringify(turnCatalogs)).not.toContain("!");
});
