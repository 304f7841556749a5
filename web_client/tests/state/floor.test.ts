import { expect, test } from "vitest";
import type { FloorView, RoomFrame } from "../../src/protocol/generated";
import { announce } from "../../src/state/announce";
import { clockOf, comesBack, floorOf, listed } from "../../src/state/floor";
import { fromSnapshot, person, reduce, unheard, type RoomState } from "../../src/state/room";
import { ServerClock } from "../../src/connection/clock";
import { sayTurn, turnCatalogs, turnWordsFor } from "../../src/words/turns";
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

test.each([
  ["has no limit", {}, 0, { name: "none" }],
  ["runs", { limit_ms: 120_000, ends_ms: 130_000 }, 100_000, { name: "runs", leftMs: 30_000, share: 0.25 }],
  ["stands still", { limit_ms: 120_000, left_ms: 5_000, held: true }, 500_000, { name: "held", leftMs: 5_000 }],
  ["is over, and nobody is cut off", { limit_ms: 120_000, ends_ms: 1_000 }, 21_000, { name: "over", byMs: 20_000 }],
  ["is in its grace", { limit_ms: 150_000, ends_ms: 30_000, firm: true, grace: true }, 15_000, { name: "grace", leftMs: 15_000, share: 0.5 }],
])("a turn's time %s", (_, turn, now, clock) => {
  const floor = floorOf({ turn: { number: 1, holder_id: "ellie", ...turn } });
  expect(floor.turn && clockOf(floor.turn, now)).toEqual(clock);
});

test("the list shows a round from its first to its last, and in other modes the hands", () => {
  const turn = { number: 3, holder_id: "marcus" };
  const round = floorOf({ mode: "round", done: ["joy"], round: ["ellie", "wren"], later: ["wren"], hands: ["tomas"], turn });
  expect(listed(round).map(({ id, how, place }) => `${id} ${how} ${place}`)).toEqual([
    "joy done 0", "marcus speaks 0", "ellie waits 1", "wren later 2",
  ]);
  expect(listed(floorOf({ mode: "queue", hands: ["tomas"], turn })).map(({ id, place }) => [id, place])).toEqual([["tomas", 1]]);
});

test("of the turns only what changed for me is said", () => {
  const said = (from: FloorView, to: FloorView): string | null => {
    const before: RoomState = reduce({ ...open, you: "ellie" }, changed(from));
    const frame = changed(to);
    const told = announce(before, reduce(before, frame), frame);
    return told?.key === "sayTurn" ? sayTurn("en", told.news) : null;
  };
  const queue: FloorView = { mode: "queue", newest: 1 };
  const own = held("ellie");
  expect(said(queue, { ...held("marcus"), hands: ["tomas", "ellie"] })).toBe("Marcus has the turn. You are 2nd.");
  expect(said(held("marcus"), { ...held("marcus"), hands: ["tomas"] })).toBeNull();
  expect(said({ ...queue, hands: ["ellie"] }, { ...own, turn: { number: 1, holder_id: "ellie", limit_ms: 120_000 } })).toBe(
    "It's your turn. You have up to 2 minutes.",
  );
  expect(said(own, { ...own, turn: { number: 1, holder_id: "ellie", held: true } })).toBe("The clock is stopped.");
  expect(said(own, queue)).toBe("Your turn is over.");
  expect(said({ ...queue, hands: ["ellie"] }, queue)).toBe("Your hand is down.");
  expect(said({}, queue)).toBe("From now on: One person at a time.");
  expect(said(held("marcus"), queue)).toBe("The turn of Marcus is over.");
  expect(said(held("marcus"), { ...queue, turn: { number: 1, holder_id: "marcus", form: "typed" } })).toBe("Marcus is writing.");
  const round = { ...held("marcus"), mode: "round" as const, round: ["ellie"] };
  expect(said(round, { ...round, round: [] })).toBe("You are not in the round any more.");
  expect(said({ ...held("marcus"), hands: ["ellie"] }, { ...round, hands: ["ellie"] })).toBe(
    "From now on: Check-in round. You are 1st in the round.",
  );
});

test("who leads hears whose hand goes up", () => {
  const leading = (view: FloorView): RoomState => reduce({ ...open, you: "dana" }, changed(view));
  const after = leading({ mode: "queue", hands: ["ellie", "marcus"] });
  const told = announce(leading({ mode: "queue", hands: ["ellie"] }), after, changed({}));
  expect(told?.key === "sayTurn" && sayTurn("en", told.news)).toBe("Marcus raised a hand.");
});

test("who is made a companion hears with whom, and when that ends", () => {
  const me = { id: "ellie", name: "Ellie", role: "participant" as const, place: 7 };
  const said = (from: string, to: string) => {
    const joined = (of: string) => ({ type: "participant_joined" as const, participant: { ...me, ...(of && { companion_of: of }) } });
    const before = reduce({ ...open, you: "ellie" }, joined(from));
    const told = announce(before, reduce(before, joined(to)), joined(to));
    return told?.key === "sayTurn" ? sayTurn("en", told.news) : told;
  };
  expect(said("", "marcus")).toBe("You are here with Marcus, and can speak in their turn.");
  expect(said("marcus", "")).toBe("You take part for yourself again.");
  expect(said("marcus", "marcus")).toBeNull();
});

test("who was come back to in a round is not come back to again, nor is who comes last", () => {
  const round = { mode: "round" as const, round: ["marcus", "ellie"], later: ["ellie"], turn: { number: 1, holder_id: "tomas" } };
  const first = floorOf(round);
  expect(comesBack(first)).toBe(true);
  expect(comesBack(floorOf({ ...round, round: [] }))).toBe(false);
  const own = { mode: "round" as const, round: ["marcus"], turn: { number: 2, holder_id: "ellie" } };
  const again = floorOf(own, first);
  expect(comesBack(again)).toBe(false);
  expect(comesBack(floorOf({ ...own, round: ["marcus", "joy"] }, again))).toBe(false);
});

test("a length is said in whole seconds, as each language says it", () => {
  expect([120_000, 60_000, 90_000, 40_200].map(turnWordsFor("en").length)).toEqual([
    "2 minutes", "1 minute", "1 minute 30 seconds", "41 seconds",
  ]);
  expect(turnWordsFor("es").length(90_000)).toBe("1 minuto 30 segundos");
});
