import { beforeEach, describe, expect, test, vi } from "vitest";
import { Arrival } from "../src/arrival";
import { ApiError, type Api, type ArrivalAnswer } from "../src/connection/api";
import type { Step } from "../src/state/arrival";
import { arrivalOf, FakeClock, readyAnswer, REMEMBERED, settle } from "./fakes";

type Asked = Pick<Api, "me" | "arrival" | "setName" | "agree" | "setWhereabouts">;

let clock: FakeClock;
let answer: ArrivalAnswer;
let api: { [K in keyof Asked]: ReturnType<typeof vi.fn<Api[K]>> };
let arrival: Arrival;
let kept: Map<string, readonly Step[]>;
const refused = vi.fn();

beforeEach(() => {
  clock = new FakeClock();
  answer = arrivalOf();
  refused.mockClear();
  api = {
    me: vi.fn(async () => ({ you: "ellie", name: "Ellie", sessions: [] })),
    arrival: vi.fn(async () => answer),
    setName: vi.fn(async (name: string) => ({ name })),
    agree: vi.fn(async () => {}),
    setWhereabouts: vi.fn(async () => {}),
  };
  kept = new Map();
  arrival = load();
});

/** A page in the same tab. */
function load(): Arrival {
  const plans = { read: (id: string) => kept.get(id) ?? [], write: (id: string, plan: readonly Step[]) => void kept.set(id, plan) };
  return new Arrival({ api, clock, random: () => 0.5, language: "es", plans, refused });
}

async function begin(needed = false): Promise<void> {
  arrival.begin("ellie", "s", needed);
  await settle();
}

test("goes from the link to the device check, one thing at a time", async () => {
  await begin();
  expect(api.arrival).toHaveBeenCalledWith("s", "es");
  expect(arrival.step.value).toBe("welcome");
  arrival.type("name", "  El ");
  arrival.type("adult", true);
  await arrival.submit();
  expect(api.setName).toHaveBeenCalledWith("El");
  expect(arrival.step.value).toBe("notice");
  await arrival.submit();
  await arrival.submit();
  expect(api.agree.mock.calls.map(([consent]) => consent)).toEqual([
    { kind: "adult", session_id: "s", version: "18", language: "es" },
    { kind: "notice", session_id: "s", version: "5", language: "en" },
    { kind: "agreement", session_id: "s", version: "2", language: "en" },
  ]);
  expect(arrival.step.value).toBe("where");
  arrival.type("place", "Library ");
  await arrival.submit();
  expect(api.setWhereabouts).toHaveBeenCalledWith("s", { ...REMEMBERED, place: "Library" });
  expect(arrival.step.value).toBe("check");
  expect(arrival.answer.value?.name).toBe("El");
});

describe("a form", () => {
  test("is not sent while something in it is wrong, and a mended field is wrong no longer", async () => {
    await begin();
    arrival.type("name", " ");
    await arrival.submit();
    expect(arrival.wrong.value).toEqual({ name: "missing", adult: "adults_only" });
    expect(api.setName).not.toHaveBeenCalled();
    arrival.type("name", "El");
    expect(arrival.wrong.value).toEqual({ adult: "adults_only" });
  });

  test("that the server refuses keeps what was typed and says so at the field", async () => {
    await begin();
    arrival.type("name", "El");
    arrival.type("adult", true);
    api.setName.mockRejectedValueOnce(new ApiError("invalid_field"));
    await arrival.submit();
    expect(arrival.step.value).toBe("welcome");
    expect(arrival.wrong.value).toEqual({ name: "refused" });
    expect(arrival.draft.value.name).toBe("El");
    expect(arrival.saving.value).toBe(false);
  });

  test("that is somebody else's says so at the field", async () => {
    await begin();
    arrival.type("name", "Dana");
    arrival.type("adult", true);
    api.setName.mockRejectedValueOnce(new ApiError("name_taken"));
    await arrival.submit();
    expect(arrival.step.value).toBe("welcome");
    expect(arrival.wrong.value).toEqual({ name: "taken" });
  });

  test("is sent again by itself while the server is away or busy, and keeps what was typed", async () => {
    await begin();
    arrival.type("adult", true);
    api.setName.mockRejectedValueOnce(new ApiError(null)).mockRejectedValueOnce(new ApiError("rate_limited"));
    void arrival.submit();
    await settle();
    expect([arrival.saving.value, arrival.waiting.value]).toEqual([true, "unreachable"]);
    await clock.advance(1_000);
    expect([arrival.saving.value, arrival.waiting.value]).toEqual([true, "busy"]);
    await clock.advance(3_000);
    expect([arrival.step.value, arrival.saving.value, arrival.waiting.value]).toEqual(["notice", false, null]);
    expect(api.setName).toHaveBeenCalledTimes(3);
  });

  test("that is typed in again while it waits is not sent behind the person's back", async () => {
    await begin();
    arrival.type("adult", true);
    api.setName.mockRejectedValueOnce(new ApiError(null));
    void arrival.submit();
    await settle();
    arrival.type("name", "Elli");
    expect(arrival.saving.value).toBe(false);
    await clock.advance(60_000);
    expect(api.setName).toHaveBeenCalledTimes(1);
    expect(arrival.step.value).toBe("welcome");
  });

  test("is sent once, however often it is pressed", async () => {
    await begin();
    arrival.type("adult", true);
    void arrival.submit();
    void arrival.submit();
    await settle();
    expect(api.setName).toHaveBeenCalledTimes(1);
    expect(arrival.step.value).toBe("notice");
  });
});

describe("a text", () => {
  beforeEach(async () => {
    answer = { ...readyAnswer(), notice: arrivalOf().notice, ready: false };
    await begin();
  });

  test("that was exchanged while it was read is shown anew, and says so", async () => {
    api.agree.mockRejectedValueOnce(new ApiError("conflict"));
    answer = { ...answer, notice: { ...answer.notice, version: "6" } };
    await arrival.submit();
    await settle();
    expect(arrival.step.value).toBe("notice");
    expect(arrival.answer.value?.notice.version).toBe("6");
    expect(arrival.lines.value.get("notice")).toBe("renewed");
    await arrival.submit();
    expect(api.agree.mock.calls.at(-1)?.[0]).toMatchObject({ kind: "notice", version: "6" });
    expect(arrival.step.value).toBe("check");
    expect(arrival.lines.value.size).toBe(0);
  });

  test("that changed since it was agreed to says so", async () => {
    await arrival.submit();
    answer = { ...answer, notice: { ...answer.notice, version: "6" } };
    await begin(true);
    expect(arrival.lines.value.get("notice")).toBe("changed");
  });

  test("may be declined and read again, and nothing is sent by that", async () => {
    arrival.decline();
    expect(arrival.declined.value).toBe(true);
    arrival.reconsider();
    expect([arrival.declined.value, arrival.step.value]).toEqual([false, "notice"]);
    expect(api.agree).not.toHaveBeenCalled();
  });

  test("that stands agreed is not agreed to twice", async () => {
    await arrival.submit();
    arrival.visit("where");
    arrival.back();
    expect(arrival.step.value).toBe("check");
    arrival.back();
    expect(arrival.step.value).toBe("notice");
    await arrival.submit();
    expect(api.agree).toHaveBeenCalledTimes(1);
  });
});

test("a reload goes on from what the server has", async () => {
  answer = { ...readyAnswer(), whereabouts: arrivalOf().whereabouts, ready: false };
  await begin();
  expect(arrival.plan.value).toEqual(["where", "check"]);
  expect(arrival.draft.value.whereabouts).toEqual(REMEMBERED);
});

test("the reason is said when the room sent somebody back", async () => {
  answer = { ...readyAnswer(), whereabouts: arrivalOf().whereabouts, ready: false };
  await begin(true);
  expect(arrival.lines.value).toEqual(new Map([["where", "needed"]]));
});

test("what this page does not know is not gone round in circles", async () => {
  answer = { ...readyAnswer(), ready: false };
  await begin(true);
  expect(refused).toHaveBeenCalledWith("arrival_incomplete");
  expect(arrival.step.value).toBeNull();
});

test("nothing is shown or stored as somebody who signed in beside this page", async () => {
  api.me.mockResolvedValue({ you: "marcus", name: "Marcus", sessions: [] });
  await begin();
  expect([arrival.step.value, arrival.answer.value]).toEqual([null, null]);
  expect(refused).toHaveBeenCalledWith("other_person");
});

test("that somebody else signed in is what is told, whatever became of what was asked beside it", async () => {
  api.me.mockResolvedValue({ you: "marcus", name: "Marcus", sessions: [] });
  api.arrival.mockRejectedValue(new ApiError("not_found"));
  await begin();
  expect(refused).toHaveBeenCalledWith("other_person");
});

test("what is given is not stored as somebody who signed in meanwhile", async () => {
  await begin();
  api.me.mockResolvedValue({ you: "marcus", name: "Marcus", sessions: [] });
  arrival.type("name", "El");
  arrival.type("adult", true);
  await arrival.submit();
  expect(api.setName).not.toHaveBeenCalled();
  expect(refused).toHaveBeenCalledWith("other_person");
});

test("while the server is away the arrival waits and says so", async () => {
  api.arrival.mockRejectedValueOnce(new ApiError(null));
  await begin();
  expect([arrival.step.value, arrival.waiting.value]).toEqual([null, "unreachable"]);
  await clock.advance(1_000);
  expect([arrival.step.value, arrival.waiting.value]).toEqual(["welcome", null]);
});

test("an answer that comes after leaving changes nothing", async () => {
  arrival.begin("ellie", "s");
  arrival.stop();
  await settle();
  expect([arrival.step.value, arrival.answer.value]).toEqual([null, null]);
});

test("what was typed is forgotten on the way out", async () => {
  await begin();
  arrival.type("place", "Library");
  arrival.forget();
  expect(arrival.draft.value.whereabouts.place).toBe("");
  expect(arrival.answer.value).toBeNull();
});

test("after a reload the steps are as many as before, and those behind can be gone back to", async () => {
  await begin();
  const plan = arrival.plan.value;
  expect(plan).toHaveLength(5);
  answer = { ...arrivalOf(), adult: true, notice: { ...arrivalOf().notice, agreed: true } };
  arrival = load();
  await begin();
  expect([arrival.step.value, arrival.plan.value]).toEqual(["agreement", plan]);
  answer = readyAnswer();
  arrival = load();
  await begin();
  expect([arrival.step.value, arrival.plan.value]).toEqual(["check", plan]);
  arrival.end();
  await begin();
  expect(arrival.plan.value, "a new visit").toEqual(["check"]);
});
