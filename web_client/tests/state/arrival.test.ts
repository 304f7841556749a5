import { describe, expect, test } from "vitest";
import type { ArrivalAnswer } from "../../src/connection/api";
import {
  changedSince,
  missing,
  nextStep,
  NOWHERE,
  placeOf,
  planOf,
  previousStep,
  trimmed,
  wrongInWelcome,
  wrongInWhere,
} from "../../src/state/arrival";
import { arrivalOf, readyAnswer, REMEMBERED } from "../fakes";

const newcomer = arrivalOf();
const ready = readyAnswer();
const staff: ArrivalAnswer = { ...newcomer, role: "mentor", adult: true, whereabouts: null };

describe("what is asked", () => {
  test.each<[string, ArrivalAnswer, string[]]>([
    ["a newcomer, all of it, the camera last", newcomer, ["welcome", "notice", "agreement", "where", "check"]],
    ["a newcomer in a group without an agreement", { ...newcomer, agreement: null }, ["welcome", "notice", "where", "check"]],
    ["a mentor, no place and no age", staff, ["notice", "agreement", "check"]],
    ["who was here last week", { ...ready, whereabouts: newcomer.whereabouts }, ["where", "check"]],
    ["who comes back within the session", ready, ["check"]],
    ["who took the agreement back", { ...ready, notice: newcomer.notice }, ["notice", "check"]],
  ])("of %s", (_name, answer, steps) => {
    expect(planOf(answer)).toEqual(steps);
    expect(missing(answer)).toEqual(steps.slice(0, -1));
  });

  test("keeps its count when something is asked again on the way", () => {
    const asked = planOf(newcomer);
    expect(planOf({ ...ready, notice: newcomer.notice }, asked)).toEqual(asked);
    expect(planOf({ ...ready, agreement: newcomer.agreement }, ["where", "check"])).toEqual(["agreement", "where", "check"]);
  });
});

describe("the way through", () => {
  const plan = planOf(newcomer);

  test("goes step by step, there and back", () => {
    expect(nextStep(plan, "welcome")).toBe("notice");
    expect(nextStep(plan, "where")).toBe("check");
    expect(previousStep(plan, "notice")).toBe("welcome");
    expect(previousStep(plan, "welcome")).toBeNull();
    expect(placeOf(plan, "agreement")).toEqual({ number: 3, of: 5 });
  });

  test("leads from what was opened by wish back to the check", () => {
    const short = planOf(ready);
    expect(placeOf(short, "welcome")).toBeNull();
    expect(placeOf(short, "check")).toBeNull();
    expect(nextStep(short, "welcome")).toBe("check");
    expect(previousStep(short, "welcome")).toBe("check");
    expect(previousStep(short, "check")).toBeNull();
  });
});

describe("a text that changed", () => {
  const newer = { ...newcomer.notice, version: "6" };

  test("is told to whoever had agreed to it", () => {
    expect(changedSince(ready, { ...ready, notice: newer })).toEqual(new Map([["notice", "changed"]]));
    expect(changedSince(null, { ...ready, notice: { ...newer, changed: true } })).toEqual(new Map([["notice", "changed"]]));
  });

  test("is told to whoever was reading it", () => {
    expect(changedSince(newcomer, { ...newcomer, notice: newer })).toEqual(new Map([["notice", "renewed"]]));
  });

  test("is not invented: neither for a newcomer, nor after taking it back, nor where it stands agreed", () => {
    expect(changedSince(null, newcomer).size).toBe(0);
    expect(changedSince(ready, { ...ready, notice: newcomer.notice }).size).toBe(0);
    expect(changedSince(newcomer, { ...ready, notice: { ...newer, agreed: true } }).size).toBe(0);
    expect(changedSince({ ...ready, agreement: null }, ready).size).toBe(0);
  });
});

describe("a name", () => {
  const draft = { name: "Ellie", adult: true, whereabouts: NOWHERE };

  test.each([
    ["Ellie", undefined],
    ["  ", "missing"],
    ["é".repeat(40), undefined],
    ["é".repeat(41), "too_long"],
    ["😀".repeat(40), undefined],
    [`  ${"a".repeat(40)} `, undefined],
    ["a\u0007b", "unreadable"],
  ])("%s is %s", (name, wrong) => {
    expect(wrongInWelcome({ ...draft, name }).name).toBe(wrong);
  });

  test("alone is not enough for who has not said to be an adult", () => {
    expect(wrongInWelcome({ ...draft, adult: false })).toEqual({ adult: "adults_only" });
  });
});

describe("whereabouts", () => {
  const complete = { ...REMEMBERED, place: "Library" };

  test("need everything but who the contact is", () => {
    expect(wrongInWhere(complete)).toEqual({});
    expect(wrongInWhere({ ...complete, contact_relation: "" })).toEqual({});
    expect(Object.keys(wrongInWhere(NOWHERE))).toEqual(["place", "city", "region", "call_back", "contact_name", "contact_phone"]);
    expect(wrongInWhere({ ...complete, contact_relation: "x".repeat(201) })).toEqual({ contact_relation: "too_long" });
  });

  test.each([
    ["+1 (937) 555-0172", undefined],
    ["555.0172", undefined],
    ["911", undefined],
    ["12", "phone"],
    ["call me", "phone"],
    ["555 0172 ext 4", "phone"],
  ])("the number %s is %s", (call_back, wrong) => {
    expect(wrongInWhere({ ...complete, call_back }).call_back).toBe(wrong);
  });

  test("need no contact where there is nobody to name, and send none", () => {
    const nobody = { ...complete, contact_name: " ", contact_phone: "call me", no_contact: true };
    expect(wrongInWhere(nobody)).toEqual({});
    expect(trimmed(nobody)).toEqual({ ...complete, contact_name: "", contact_relation: "", contact_phone: "", no_contact: true });
    expect(Object.keys(wrongInWhere({ ...nobody, call_back: "" }))).toEqual(["call_back"]);
  });

  test("are sent without the spaces around", () => {
    expect(trimmed({ ...complete, place: "  Library " })).toEqual(complete);
  });
});
