import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/connection/api";
import { Flagging, type FlagApi, type FlagBody } from "../src/flagging";
import type { Draft, OwnFlag, OwnFlags } from "../src/state/flags";
import { FakeClock, settle } from "./fakes";

const URGENT: Draft = { kind: "flag", severity: "urgent", category: "other", about: "joy", name: "Joy", text: "" };
const NOTE: Draft = { ...URGENT, severity: "note" };

let clock: FakeClock;
let stored: string;
let bodies: FlagBody[];
let looks: number;
let answers: (() => Promise<{ stored: boolean }>)[];
let own: OwnFlags;
let made: number;
let api: FlagApi;

beforeEach(() => {
  clock = new FakeClock();
  stored = "";
  bodies = [];
  looks = 0;
  answers = [];
  own = { flags: [] };
  made = 0;
  api = {
    raise: vi.fn((body: FlagBody) => {
      bodies.push(body);
      return (answers.shift() ?? (async () => ({ stored: true })))();
    }),
    own: vi.fn(async () => {
      looks += 1;
      return own;
    }),
    whereabouts: vi.fn(),
  };
});

function open(): Flagging {
  return new Flagging({
    api,
    clock,
    wallNow: () => 1_000_000 + clock.now(),
    newId: () => `f${++made}`,
    kept: { read: () => stored, write: (text) => void (stored = text) },
  });
}

const listed = (change: Partial<OwnFlag> = {}): OwnFlag => ({
  id: "f1",
  kind: "flag",
  severity: "urgent",
  at_ms: 1_000_000,
  about: "Joy",
  status: "received",
  unstored: false,
  told: [],
  ...change,
});
const statuses = (flagging: Flagging) => flagging.shown.value.map(({ status }) => status);
const offline = async () => {
  throw new ApiError(null);
};
const never = () => new Promise<never>(() => {});

test("a flag goes out at once, and is received when it is stored", async () => {
  const flagging = open();
  flagging.raise(URGENT);
  expect(statuses(flagging)).toEqual(["sending"]);
  await settle();
  expect(bodies).toEqual([
    { flag_id: "f1", kind: "flag", severity: "urgent", category: "other", about: "joy", text: "", moment: true },
  ]);
  expect(statuses(flagging)).toEqual(["received"]);
  expect(flagging.news.value?.status).toBe("received");
});

test("where nothing can be stored it says so, and asks with the same id until it is", async () => {
  answers = [async () => ({ stored: false }), async () => ({ stored: false })];
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  expect(statuses(flagging)).toEqual(["unstored"]);
  await clock.advance(2_000);
  expect(bodies.map((body) => body.flag_id)).toEqual(["f1", "f1", "f1"]);
  expect(statuses(flagging)).toEqual(["received"]);
  await clock.advance(60_000);
  expect(bodies).toHaveLength(3);
});

test("without a network it says so at once, and goes on trying", async () => {
  answers = [offline, offline];
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  expect(statuses(flagging)).toEqual(["waiting"]);
  await clock.advance(2_000);
  expect(statuses(flagging)).toEqual(["received"]);
});

test("an answer that does not come is not waited for in silence", async () => {
  answers = [never];
  const flagging = open();
  flagging.raise(URGENT);
  await clock.advance(2_999);
  expect(statuses(flagging)).toEqual(["sending"]);
  await clock.advance(1);
  expect(statuses(flagging)).toEqual(["waiting"]);
});

test("what therapists were told is not said to be unsent, whatever comes after", async () => {
  answers = [async () => ({ stored: false }), offline];
  const flagging = open();
  flagging.raise(URGENT);
  await clock.advance(1_500);
  expect(bodies).toHaveLength(2);
  expect(statuses(flagging)).toEqual(["unstored"]);
});

test("the network that is back is used at once", async () => {
  answers = Array.from({ length: 8 }, () => offline);
  const flagging = open();
  flagging.raise(URGENT);
  await clock.advance(20_000);
  const before = bodies.length;
  answers = [];
  flagging.nudge();
  await settle();
  expect(bodies).toHaveLength(before + 1);
  expect(statuses(flagging)).toEqual(["received"]);
});

test("a busy server is asked again, a refusal is told and not repeated", async () => {
  answers = [
    async () => {
      throw new ApiError("overloaded");
    },
    async () => {
      throw new ApiError("not_allowed");
    },
  ];
  const flagging = open();
  flagging.raise(URGENT);
  await clock.advance(60_000);
  expect(bodies).toHaveLength(2);
  expect(statuses(flagging)).toEqual(["refused"]);
});

test("what did not arrive before a reload is sent after it, under its own id", async () => {
  answers = [offline];
  const before = open();
  before.raise({ ...URGENT, text: "He gave his dog away." });
  await settle();
  before.stop();
  bodies = [];
  const after = open();
  await settle();
  expect(bodies.map(({ flag_id, text }) => [flag_id, text])).toEqual([["f1", "He gave his dog away."]]);
  expect(statuses(after)).toEqual(["received"]);
  expect(stored).toBe("");
});

test("it asks every 3 s while something pressing is unread, every 15 s for the rest, and then not any more", async () => {
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  own = { flags: [listed()] };
  looks = 0;
  await clock.advance(9_000);
  expect(looks).toBe(3);
  own = { flags: [listed({ status: "read" }), listed({ id: "f0", severity: "note" })] };
  await clock.advance(3_000);
  looks = 0;
  await clock.advance(30_000);
  expect(looks).toBe(2);
  own = { flags: [listed({ status: "read" }), listed({ id: "f0", severity: "note", status: "read" })] };
  await clock.advance(15_000);
  looks = 0;
  await clock.advance(600_000);
  expect(looks).toBe(0);
  expect(flagging.news.value?.id).toBe("f0");
});

test("who leads also hears how it ended", async () => {
  own = { flags: [listed({ status: "acknowledged" })] };
  const flagging = open();
  await settle();
  own = { flags: [listed({ status: "resolved" })] };
  await clock.advance(60_000);
  expect(statuses(flagging)).toEqual(["resolved"]);
  looks = 0;
  await clock.advance(600_000);
  expect(looks).toBe(0);
});

test("a look that fails is made up for", async () => {
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  api.own = offline;
  await clock.advance(9_000);
  api.own = async () => ({ flags: [listed({ status: "acknowledged" })] });
  await clock.advance(3_000);
  expect(statuses(flagging)).toEqual(["acknowledged"]);
});

test("a crisis counts as unanswered from the tap until someone has read it", async () => {
  answers = [offline];
  const flagging = open();
  flagging.raise({ ...URGENT, severity: "crisis" });
  expect(flagging.crises.value).toHaveLength(1);
  await clock.advance(1_000);
  own = { flags: [listed({ severity: "crisis", status: "acknowledged" })] };
  await clock.advance(3_000);
  expect(flagging.crises.value).toEqual([]);
});

test("flags stand with the newest first, and each once", async () => {
  const flagging = open();
  flagging.raise(NOTE);
  await settle();
  own = { flags: [listed({ severity: "note" })] };
  await flagging.look();
  flagging.raise(URGENT);
  expect(flagging.shown.value.map(({ id }) => id)).toEqual(["f2", "f1"]);
});

test("who went stays known", () => {
  const flagging = open();
  const [dana, joy] = (["dana", "joy"] as const).map((id, place) => ({ id, name: id, role: "participant" as const, place }));
  flagging.see([dana!, joy!], "dana", false);
  expect(flagging.wasInside.value).toBe(false);
  flagging.see([dana!], "dana", true);
  expect(flagging.people.value.map(({ id }) => id)).toEqual(["dana", "joy"]);
  expect(flagging.wasInside.value).toBe(true);
});

test("who may not know asks no more, until they raise something", async () => {
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  const answering = api.own;
  api.own = async () => {
    looks += 1;
    throw new ApiError("signed_out");
  };
  await clock.advance(3_000);
  looks = 0;
  await clock.advance(60_000);
  expect(looks).toBe(0);
  api.own = answering;
  own = { flags: [listed({ status: "read" })] };
  flagging.nudge();
  await settle();
  expect(statuses(flagging)).toEqual(["read"]);
});

test("stopped, it asks and sends nothing any more", async () => {
  answers = [offline];
  const flagging = open();
  flagging.raise(URGENT);
  await settle();
  flagging.stop();
  looks = 0;
  await clock.advance(60_000);
  expect([bodies.length, looks]).toEqual([1, 0]);
});

test("why whereabouts cannot be read is told", async () => {
  const flagging = open();
  vi.mocked(api.whereabouts).mockRejectedValueOnce(new ApiError("not_allowed"));
  expect(await flagging.whereabouts("joy")).toBe("not_allowed");
  vi.mocked(api.whereabouts).mockRejectedValueOnce(new ApiError(null));
  expect(await flagging.whereabouts("joy")).toBe(null);
});
