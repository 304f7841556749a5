import axe from "axe-core";
import { render } from "preact";
import { useState } from "preact/hooks";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FloorView, TalkTime } from "../../src/protocol/generated";
import { floorOf, talkOf } from "../../src/state/floor";
import { fromSnapshot, type RoomState } from "../../src/state/room";
import { LeadTurns } from "../../src/views/turn_lead";
import type { Settings } from "../../src/views/turn_modes";
import { TurnItems } from "../../src/views/turn_items";
import { minutes, Talk } from "../../src/views/turn_talk";
import type { RoomActs, RoomModel } from "../../src/views/room_model";
import { en } from "../../src/words/en";
import { leadCatalogs } from "../../src/words/turn_lead";
import { snapshotOf } from "../fakes";

let box: HTMLElement;
const onTurn = vi.fn<RoomActs["onTurn"]>();

beforeEach(() => {
  box = document.createElement("div");
  document.body.replaceChildren(box);
  onTurn.mockReset();
});

afterEach(() => {
  render(null, box);
  vi.useRealTimers();
});

const people = ["joy", "priya", "samir", "ellie"].map((id, place) => ({
  id,
  name: `${id[0]?.toUpperCase()}${id.slice(1)}`,
  role: "participant" as const,
  place: place + 1,
}));

function roomOf(floor: FloorView, companions: Readonly<Record<string, string>> = {}, talk: TalkTime[] = []): RoomState {
  const dana = { id: "dana", name: "Dana", role: "mentor" as const, place: 0 };
  const all = people.map((one) => (companions[one.id] ? { ...one, companion_of: companions[one.id] } : one));
  const room = fromSnapshot(snapshotOf({ participants: [dana, ...all] }));
  return { ...room, you: "dana", floor: floorOf(floor), talk: talkOf(talk) };
}

let now = 0;
const modelOf = (room: RoomState) => ({ words: en, room, now: () => now }) as unknown as RoomModel;
const acts = { onTurn } as unknown as RoomActs;

function Lead({ model }: { model: RoomModel }) {
  return <LeadTurns model={model} acts={acts} plan={useState<Settings | null>(null)} />;
}

function lead(floor: FloorView): void {
  act(() => render(<Lead model={modelOf(roomOf(floor))} />, box));
}

function items(id: string, floor: FloorView, companions: Readonly<Record<string, string>> = {}): void {
  const choose = (what: () => void) => what;
  const model = modelOf(roomOf(floor, companions));
  act(() => render(<TurnItems key={id} model={model} acts={acts} id={id} choose={choose} />, box));
}

const buttons = () => [...box.querySelectorAll("button")].map(nameOf);
const nameOf = (one: Element) => one.getAttribute("aria-label") ?? one.textContent ?? "";

function button(name: string): HTMLButtonElement {
  const found = [...box.querySelectorAll("button")].find((one) => nameOf(one) === name);
  if (!found) throw new Error(`no button ${name}, but ${buttons().join(", ")}`);
  return found;
}

const press = (name: string) => act(() => button(name).click());

function pick(label: string, value: string): void {
  const select = [...box.querySelectorAll("label")].find((one) => one.textContent?.startsWith(label))?.querySelector("select");
  if (!select) throw new Error(`no choice ${label}`);
  act(() => {
    select.value = value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

const rows = () => [...box.querySelectorAll("li")].map((one) => one.textContent?.replace(/Give turn.*/, ""));

describe("the turn and its clock, for who leads", () => {
  const turn = { number: 4, holder_id: "joy", limit_ms: 120_000, ends_ms: 200_000 };
  const timer = () => box.querySelector("[role=timer]")?.getAttribute("aria-label");

  test("say how much is left, by the server's clock, and count down", () => {
    vi.useFakeTimers();
    now = 128_000;
    lead({ mode: "queue", newest: 4, turn, hands: ["priya"] });
    expect(timer()).toBe("Time left 1:12");
    expect(box.querySelector(".now")?.textContent).toContain("Next is Priya.");
    now = 129_005;
    act(() => {
      vi.advanceTimersByTime(1_005);
    });
    expect(timer()).toBe("Time left 1:11");
  });

  test("say by how much a soft limit is over, and that nobody is cut off", () => {
    now = 220_000;
    lead({ mode: "queue", newest: 4, turn });
    expect(timer()).toBe("0:20 over the time");
    expect(box.querySelector(".ring")?.textContent).toBe("+0:20");
    expect(box.querySelector(".now")?.textContent).toContain("Nobody is cut off.");
  });

  test("say aloud, once, that a time is over", () => {
    const said = () => box.querySelector("[role=status]")?.textContent;
    now = 199_000;
    lead({ mode: "queue", newest: 4, turn });
    const region = box.querySelector("[role=status]");
    expect(said()).toBe("");
    now = 201_000;
    lead({ mode: "queue", newest: 4, turn });
    expect(said()).toBe("Joy: The time is over. Nobody is cut off.");
    expect(box.querySelector("[role=status]")).toBe(region);
  });

  test("say that its holder is reconnecting", () => {
    const away = roomOf({ mode: "queue", newest: 4, turn });
    const participants = away.participants.map((one) => (one.id === "joy" ? { ...one, connected: false } : one));
    act(() => render(<Lead model={modelOf({ ...away, participants })} />, box));
    expect(box.querySelector(".now")?.textContent).toContain("has the turn, and is reconnecting.");
  });

  test("say that a held clock stands still", () => {
    lead({ mode: "queue", newest: 4, turn: { ...turn, ends_ms: 0, left_ms: 72_000, held: true } });
    expect(timer()).toBe("Time held at 1:12");
    expect(box.querySelector(".now")?.textContent).toContain("The clock stands still.");
    expect(button("Hold time").getAttribute("aria-pressed")).toBe("true");
    press("Hold time");
    expect(onTurn).toHaveBeenCalledWith({ type: "hold_time", turn: 4, on: false });
  });

  test.each([
    ["dana", "You stopped the clock."],
    ["lee", "Lee stopped the clock."],
    ["gone", "The clock stands still."],
  ])("name who stopped it where several lead: %s", (heldBy, told) => {
    const room = roomOf({ mode: "queue", newest: 4, turn: { ...turn, ends_ms: 0, left_ms: 9_000, held: true, held_by: heldBy } });
    const lee = { id: "lee", name: "Lee", role: "mentor" as const, place: 9 };
    const model = modelOf({ ...room, participants: [...room.participants, lee] });
    act(() => render(<Lead model={model} />, box));
    expect(box.querySelector(".now")?.textContent).toContain(told);
  });

  test("show no clock where there is no limit, also when it is held", () => {
    lead({ mode: "queue", newest: 4, turn: { number: 4, holder_id: "joy", held: true } });
    expect(timer()).toBeUndefined();
  });
});

describe("what a mentor does", () => {
  test("picks an order and begins the round before the first is answered: it is that order, until another holds", () => {
    lead({ mode: "open", newest: 4 });
    pick("Order of a round", "passed_on");
    press("Round");
    expect(onTurn.mock.lastCall?.[0]).toMatchObject({ type: "set_turn_mode", mode: "round", order: "passed_on" });
    pick("Order of a round", "passed_on");
    lead({ mode: "open", newest: 4, order: "least_heard" });
    press("Round");
    expect(onTurn.mock.lastCall?.[0]).toMatchObject({ mode: "round", order: "least_heard" });
  });

  test("has nothing to stop in a turn without a limit, and nobody to come back to where nobody else comes", () => {
    lead({ mode: "round", newest: 4, turn: { number: 4, holder_id: "joy" } });
    press("Hold time");
    press("Later, come back to Joy");
    expect(onTurn).not.toHaveBeenCalled();
  });

  test("goes on at who has the turn, once the row that gave it is gone", () => {
    lead({ mode: "queue", newest: 3, hands: ["priya"] });
    press("Give turn to Priya");
    lead({ mode: "queue", newest: 4, turn: { number: 4, holder_id: "priya" } });
    expect(document.activeElement?.textContent).toBe("Priya");
  });

  test("sees the hands in a round as well, and calls on them after it", () => {
    lead({ mode: "round", newest: 4, round: ["ellie"], hands: ["joy", "ellie"], turn: { number: 4, holder_id: "priya" } });
    expect(buttons().filter((name) => name.startsWith("Give turn"))).toEqual(["Give turn to Ellie", "Give turn to Joy"]);
    expect(box.textContent).toContain("2 hands");
    lead({ mode: "round", newest: 4, hands: ["joy"], turn: { number: 4, holder_id: "priya" } });
    expect(box.querySelector(".now")?.textContent).toContain("Next is Joy.");
    press("Next speaker");
    expect(onTurn).toHaveBeenCalledWith({ type: "next_speaker", after: 4 });
  });

  test("hears the order that least heard first made", () => {
    lead({ mode: "queue", newest: 4, hands: ["priya", "joy"] });
    press("Least heard first");
    lead({ mode: "queue", newest: 4, hands: ["joy", "priya"] });
    expect(box.querySelector("[aria-live]")?.textContent).toBe("The order is Joy, Priya");
  });

  test("stays in its place without a turn, and then does nothing", () => {
    const turn = { number: 4, holder_id: "joy", limit_ms: 60_000, ends_ms: 9e12 };
    lead({ mode: "queue", newest: 4, turn });
    const names = buttons();
    lead({ mode: "queue", newest: 4 });
    expect(buttons()).toEqual(names);
    for (const name of ["Next speaker", "Extend turn", "Hold time", "Pass", "End turn"]) {
      expect(button(name).getAttribute("aria-disabled")).toBe("true");
      press(name);
    }
    expect(onTurn).not.toHaveBeenCalled();
  });

  test("names the turn that it is about", () => {
    lead({ mode: "round", newest: 4, round: ["ellie"], turn: { number: 4, holder_id: "joy", limit_ms: 60_000, ends_ms: 9e12 } });
    for (const name of ["Next speaker", "Extend turn", "Hold time", "Pass", "Later, come back to Joy", "End turn"]) press(name);
    expect(onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "next_speaker", after: 4 },
      { type: "extend_turn", turn: 4, by_ms: 60_000 },
      { type: "hold_time", turn: 4, on: true },
      { type: "end_turn", turn: 4, how: "passed" },
      { type: "end_turn", turn: 4, how: "later" },
      { type: "end_turn", turn: 4 },
    ]);
  });

  test("tries again what could not be saved: the end of the turn, or else the mode", () => {
    lead({ mode: "queue", newest: 4, unsaved: true, turn: { number: 4, holder_id: "joy" } });
    press(en.tryAgain);
    expect(onTurn).toHaveBeenLastCalledWith({ type: "end_turn", turn: 4 });
    lead({ mode: "quiet", newest: 4, unsaved: true });
    press(en.tryAgain);
    expect(onTurn.mock.lastCall?.[0]).toMatchObject({ type: "set_turn_mode", mode: "quiet" });
  });
});

describe("time and order of the turns to come", () => {
  const set = { mode: "queue", order: "list", limit_ms: 120_000, firm: false } as const;

  test("are set at once, each with what was chosen before it and may still be on its way", () => {
    lead(set);
    pick("Time for each turn", "5");
    pick("When the time is over", "firm");
    pick("Order of a round", "passed_on");
    expect(onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "set_turn_mode", ...set, mode: null, limit_ms: 300_000 },
      { type: "set_turn_mode", ...set, mode: null, limit_ms: 300_000, firm: true },
      { type: "set_turn_mode", ...set, mode: null, limit_ms: 300_000, firm: true, order: "passed_on" },
    ]);
  });

  test("do not begin the next round when one is over: they wait for its start", () => {
    lead({ ...set, mode: "round", done: ["joy"] });
    pick("Time for each turn", "1");
    pick("When the time is over", "firm");
    expect(onTurn).not.toHaveBeenCalled();
    press("Start a round");
    expect(onTurn).toHaveBeenCalledWith({ type: "set_turn_mode", mode: "round", order: "list", limit_ms: 60_000, firm: true, after: 0 });
  });

  test("show a limit that is none of the choices", () => {
    lead({ ...set, limit_ms: 600_000 });
    expect(box.querySelector("summary")?.textContent).toContain("10 minutes");
  });
});

describe("the order", () => {
  test("of a round tells who leads apart who passed, and who asked for later", () => {
    lead({
      mode: "round",
      newest: 3,
      turn: { number: 3, holder_id: "samir" },
      done: ["joy", "priya"],
      passed: ["priya"],
      round: ["ellie"],
      later: ["ellie"],
    });
    expect(rows()).toEqual(["Joydone", "Priyapassed", "Samirspeaking", "1Ellie · later"]);
  });

  const hands = ["joy", "priya", "samir"];

  test.each([
    ["Move Samir", "Move up", "samir", "priya"],
    ["Move Samir", "To the top", "samir", "joy"],
    ["Move Joy", "Move down", "joy", "samir"],
    ["Move Priya", "Move down", "priya", null],
  ])("%s: %s", (opener, way, id, before) => {
    lead({ mode: "queue", hands });
    press(opener);
    expect(button(opener).getAttribute("aria-expanded")).toBe("true");
    press(way);
    expect(onTurn).toHaveBeenCalledWith({ type: "move_in_order", participant_id: id, before });
    expect(button(opener).getAttribute("aria-expanded")).toBe("false");
  });

  test("says the new place of whom I moved, and the focus stays with them", () => {
    lead({ mode: "queue", hands });
    press("Move Samir");
    expect(document.activeElement?.textContent).toBe("Move up");
    press("To the top");
    expect(document.activeElement).toBe(button("Move Samir"));
    expect(box.querySelector("[aria-live=polite]")?.textContent).toBe("");
    lead({ mode: "queue", hands: ["samir", "joy", "priya"] });
    expect(document.activeElement).toBe(button("Move Samir"));
    expect(box.querySelector("[aria-live=polite]")?.textContent).toBe("Samir is 1st now");
  });

  test("takes the focus from nobody when others change it", () => {
    lead({ mode: "queue", hands });
    button("Next speaker").focus();
    lead({ mode: "queue", hands: ["samir", "joy", "priya"] });
    expect(document.activeElement).toBe(button("Next speaker"));
    expect(box.querySelector("[aria-live=polite]")?.textContent).toBe("");
  });

  test("moves nobody beyond its ends, and closes by Escape with the focus where it was", () => {
    lead({ mode: "queue", hands });
    press("Move Joy");
    press("Move up");
    press("To the top");
    expect(onTurn).not.toHaveBeenCalled();
    act(() => void document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
    expect(document.activeElement).toBe(button("Move Joy"));
    expect(button("Move Joy").getAttribute("aria-expanded")).toBe("false");
  });

  test("lowers a hand by name, and in a round leaves a person out", () => {
    lead({ mode: "queue", hands });
    press("Move Priya");
    press("Lower Priya's hand");
    lead({ mode: "round", round: ["ellie", "joy"] });
    press("Move Joy");
    press("Take Joy out of the round");
    expect(onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "deny_turn", participant_id: "priya" },
      { type: "deny_turn", participant_id: "joy" },
    ]);
  });
});

test("axe finds nothing in a round, with its settings and a move open", async () => {
  lead({
    mode: "round",
    newest: 3,
    unsaved: true,
    turn: { number: 3, holder_id: "samir", limit_ms: 60_000, ends_ms: 9e12 },
    done: ["joy"],
    round: ["ellie", "priya"],
    later: ["priya"],
  });
  box.querySelector("details")?.setAttribute("open", "");
  press("Move Ellie");
  // Colors need a real browser; they are checked there.
  const { violations } = await axe.run(box, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
});

describe("in the menu of a participant", () => {
  test("the turn is given, and the hand lowered", () => {
    items("joy", { mode: "queue", newest: 7, hands: ["joy"] });
    press("Give turn to Joy");
    press("Lower Joy's hand");
    expect(onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "give_turn", after: 7, participant_id: "joy" },
      { type: "deny_turn", participant_id: "joy" },
    ]);
  });

  test("no turn is offered in quiet time, to who holds it, or to a companion", () => {
    items("joy", { mode: "quiet" });
    expect(buttons()).toEqual(["Speaks with …"]);
    items("priya", { mode: "queue", newest: 1, turn: { number: 1, holder_id: "priya" } });
    expect(buttons()).toEqual(["Speaks with …"]);
    items("samir", { mode: "queue" }, { samir: "joy" });
    expect(buttons()).toEqual(["Speaks with Joy"]);
  });

  test("who is here with another speaks with them, and alone again", () => {
    items("joy", { mode: "open" });
    press("Speaks with …");
    press("Priya");
    expect(onTurn).toHaveBeenLastCalledWith({ type: "set_companion", participant_id: "joy", companion_of: "priya" });
    items("samir", { mode: "open" }, { samir: "joy" });
    press("Speaks with Joy");
    press("Takes part alone");
    expect(onTurn).toHaveBeenLastCalledWith({ type: "set_companion", participant_id: "samir", companion_of: null });
  });

  test("nobody accompanies a companion, nor does who is accompanied", () => {
    items("joy", { mode: "open" }, { samir: "joy" });
    expect(buttons()).toEqual(["Give turn to Joy"]);
    items("priya", { mode: "open" }, { samir: "joy" });
    press("Speaks with …");
    expect(buttons()).toEqual(["Give turn to Priya", "Speaks with …", "Joy", "Ellie"]);
  });
});

describe("talk time", () => {
  test("is said as on a clock, with its share against who spoke most", () => {
    act(() => render(<Talk language="en" ms={245_000} most={588_000} />, box));
    expect(box.querySelector(".vh")?.textContent).toBe(", spoke 4:05");
    expect(box.querySelector("rect")?.getAttribute("width")).toBe("42");
    act(() => render(<Talk language="en" ms={0} most={0} />, box));
    expect(box.querySelector("rect")?.getAttribute("width")).toBe("0");
    expect([0, 59_999, 60_000, 605_000].map((ms) => minutes(ms))).toEqual(["0:00", "0:59", "1:00", "10:05"]);
  });
});

test("the names that people's tools rely on, and words as complete in each language", () => {
  const { en: english, es } = leadCatalogs;
  expect([english?.nextSpeaker, english?.hold, english?.extendTurn, english?.end, english?.region, english?.giveTo("Ana")]).toEqual([
    "Next speaker", "Hold time", "Extend turn", "End turn", "Speaking queue", "Give turn to Ana",
  ]);
  expect(Object.keys(es ?? {})).toEqual(Object.keys(english ?? {}));
  expect(JSON.stringify(leadCatalogs)).not.toMatch(/[!¡]/);
});
