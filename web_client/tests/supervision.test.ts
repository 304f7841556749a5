import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/connection/api";
import type { Outcome } from "../src/connection/outbox";
import type { Handling, SupervisionEvents, WatchConnection } from "../src/connection/watch";
import type { ConcernView, SupervisedView } from "../src/protocol/generated";
import type { Flag } from "../src/state/supervision";
import { Supervision } from "../src/supervision";
import { settle } from "./fakes";

const concern: ConcernView = { id: "c", kind: "cover_needed", severity: "urgent", at_ms: 0, by: "Dana" };
const view = (concerns: ConcernView[] = []): SupervisedView => ({
  session: { id: "s", title: "Tuesday evening group", status: "live" },
  concerns,
});

let events: SupervisionEvents;
let answer: (outcome: Outcome) => void;
let wall: number;
const ring = vi.fn();
const setReachable = vi.fn<(sessionId: string, reachable: boolean) => Promise<void>>();
let supervision: Supervision;
let asked: Handling;

const asFlag = (of: ConcernView): Flag => ({ sessionId: "s", title: "Tuesday evening group", ended: false, concern: of });

beforeEach(() => {
  vi.resetAllMocks();
  wall = 1_000;
  supervision = new Supervision({
    connect: (given) => {
      events = given;
      return {
        handle: (handling: Handling) => {
          asked = handling;
          return new Promise<Outcome>((settled) => (answer = settled));
        },
      } as unknown as WatchConnection;
    },
    setReachable,
    name: "Ruth",
    wallNow: () => wall,
    ring,
  });
});

function live(concerns: ConcernView[] = []): void {
  events.heard();
  events.watching({ type: "watching", sessions: [view(concerns)], server_time_ms: 61_000, ping_every_s: 10 });
  events.phase({ name: "live" });
}

test("what comes up is told once, with a tone", () => {
  live();
  expect(ring).not.toHaveBeenCalled();
  events.frame({ type: "supervised", view: view([concern]) });
  events.frame({ type: "supervised", view: { ...view([concern]), people: 2 } });
  expect(ring).toHaveBeenCalledTimes(1);
  expect(supervision.latest.value).toMatchObject([{ title: "Tuesday evening group", concern: { id: "c" } }]);
});

test("what came up while away is told with the return, and what was known is not", () => {
  live([concern]);
  expect(ring).toHaveBeenCalledTimes(1);
  events.phase({ name: "away", failed: 0, busy: false });
  live([concern]);
  expect(ring).toHaveBeenCalledTimes(1);
  events.phase({ name: "away", failed: 0, busy: false });
  live([concern, { ...concern, id: "d" }]);
  expect(ring).toHaveBeenCalledTimes(2);
});

test("who comes back to the page is told what came up meanwhile, and not again what they were told", () => {
  const told = () => supervision.latest.value.map(({ concern: { id } }) => id);
  live([concern]);
  expect(told(), "from before the page was there").toEqual(["c"]);
  supervision.show(true);
  supervision.show(false);
  expect(told()).toEqual([]);
  const [d, e] = [{ ...concern, id: "d" }, { ...concern, id: "e", severity: "concern" as const }];
  events.frame({ type: "supervised", view: view([concern, d]) });
  events.frame({ type: "supervised", view: view([concern, d, e]) });
  events.frame({ type: "supervised", view: view([concern, d, { ...e, severity: "urgent" }]) });
  supervision.show(true);
  expect(told()).toEqual(["d", "e"]);
  events.frame({ type: "supervised", view: view([concern, d, e, { ...concern, id: "f" }]) });
  expect(told()).toEqual(["f"]);
});

test("it has heard nothing since the last sign of life, not since it found out", () => {
  live();
  expect(supervision.silentSince.value).toBeNull();
  wall = 7_000;
  events.phase({ name: "away", failed: 0, busy: false });
  wall = 9_000;
  events.phase({ name: "away", failed: 1, busy: false });
  expect(supervision.silentSince.value).toBe(1_000);
  live();
  expect(supervision.silentSince.value).toBeNull();
});

test("times are told by the server's clock", () => {
  live();
  expect(supervision.ahead.value).toBe(60_000);
});

test("an acknowledgement is on its way until it is answered, and asked for once", async () => {
  live([concern]);
  void supervision.acknowledge(asFlag(concern));
  const first = answer;
  void supervision.acknowledge(asFlag(concern));
  expect(answer).toBe(first);
  expect(supervision.saving.value.has("s/c")).toBe(true);
  expect(supervision.sessions.value?.[0]?.concerns?.[0]?.acknowledged).toBeUndefined();
  answer({ type: "ack", id: "1" });
  await settle();
  expect(supervision.saving.value.has("s/c")).toBe(false);
  expect(supervision.sessions.value?.[0]?.concerns?.[0]?.acknowledged).toBe(true);
});

test("one that was not stored is still waiting, says why, and can be tried again", async () => {
  live([concern]);
  void supervision.acknowledge(asFlag(concern));
  answer({ type: "rejected", id: "1", code: "not_saved", message: "" });
  await settle();
  expect(supervision.failed.value.get("s/c")).toBe("not_saved");
  expect(supervision.sessions.value?.[0]?.concerns?.[0]?.acknowledged).toBeUndefined();
  void supervision.acknowledge(asFlag(concern));
  expect(supervision.failed.value.has("s/c")).toBe(false);
  answer({ type: "ack", id: "2" });
  await settle();
  expect(supervision.sessions.value?.[0]?.concerns?.[0]?.acknowledged).toBe(true);
});

test("being reachable is said only once the server has stored it", async () => {
  live();
  let stored!: () => void;
  setReachable.mockImplementation(() => new Promise((done) => (stored = done)));
  void supervision.setReachable("s", true);
  expect(setReachable).toHaveBeenCalledWith("s", true);
  expect(supervision.sessions.value?.[0]?.you_respond).toBeUndefined();
  stored();
  await settle();
  expect(supervision.sessions.value?.[0]).toMatchObject({ you_respond: true, responder: "Ruth" });
});

test("without a network nobody is falsely reachable", async () => {
  live();
  setReachable.mockRejectedValue(new ApiError(null));
  await supervision.setReachable("s", true);
  expect(supervision.failed.value.get("s")).toBeNull();
  expect(supervision.sessions.value?.[0]?.you_respond).toBeUndefined();
  expect(supervision.saving.value.size).toBe(0);
});

test("what is acknowledged, taken over and resolved names the flags that were on the screen", async () => {
  const flag = { id: "f", kind: "flag", severity: "urgent", category: "other", at_ms: 0, by: "Dana", by_role: "mentor" } as const;
  const flagged: ConcernView = { ...concern, kind: "flagged", flags: [flag, { ...flag, id: "g" }] };
  live([flagged]);
  void supervision.acknowledge(asFlag(flagged));
  expect(asked).toEqual({ type: "acknowledge", session_id: "s", concern_id: "c", flags: 2 });
  answer({ type: "ack", id: "1" });
  await settle();
  void supervision.takeOver(asFlag(flagged));
  expect(asked).toEqual({ type: "take_over", session_id: "s", concern_id: "c" });
  answer({ type: "ack", id: "2" });
  await settle();
  const resolution = { outcome: "spoke", note: "Spoke." } as const;
  const stored = supervision.resolve(asFlag(flagged), resolution);
  expect(asked).toEqual({ type: "resolve", session_id: "s", concern_id: "c", resolution, flags: 2 });
  answer({ type: "ack", id: "3" });
  expect(await stored).toBe(true);
  expect(supervision.sessions.value?.[0]?.concerns?.[0]?.resolution).toEqual(resolution);
});

test("a resolution that was refused is not there, and says why", async () => {
  live([concern]);
  const stored = supervision.resolve(asFlag(concern), { outcome: "no_action" });
  answer({ type: "rejected", id: "1", code: "conflict", message: "" });
  expect(await stored).toBe(false);
  expect(supervision.failed.value.get("s/c")).toBe("conflict");
});
