import { beforeEach, expect, test } from "vitest";
import type { Outcome } from "../src/connection/outbox";
import type { ErrorCode } from "../src/protocol/generated";
import { Telling, type DeviceState } from "../src/telling";
import { FakeClock, settle } from "./fakes";

const on: DeviceState = { microphone: true, camera: true, closings: 0 };
const camera: DeviceState = { ...on, microphone: false };
const ack: Outcome = { type: "ack", id: "x" };
const no = (code: ErrorCode): Outcome => ({ type: "rejected", id: "x", code, message: "" });

let clock: FakeClock;
let sent: DeviceState[];
let answers: Outcome[];
let final: ErrorCode[];
let telling: Telling;

beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  answers = [];
  final = [];
  telling = new Telling({
    send: async (state) => {
      sent.push(state);
      return answers.shift() ?? ack;
    },
    after: clock.after,
    refused: (code) => final.push(code),
  });
});

test("what was taken is not told again", async () => {
  telling.tell(on);
  await settle();
  telling.tell({ ...on });
  expect(sent).toEqual([on]);
});

test.each<ErrorCode>(["rate_limited", "not_saved", "overloaded"])(
  "refused with %s it is told until it is taken, and meanwhile it is in doubt",
  async (code) => {
    answers = [no(code), no(code), ack];
    telling.tell(on);
    await settle();
    expect(telling.doubt.value).toEqual({ microphone: true, camera: true });
    await clock.advance(1_000);
    expect(sent).toHaveLength(2);
    expect(telling.doubt.value.microphone).toBe(true);
    await clock.advance(2_000);
    expect(sent).toHaveLength(3);
    expect(telling.doubt.value).toEqual({ microphone: false, camera: false });
  },
);

test("only what the server has not yet is in doubt", async () => {
  telling.tell(camera);
  await settle();
  answers = [no("rate_limited")];
  telling.tell(on);
  await settle();
  expect(telling.doubt.value).toEqual({ microphone: true, camera: false });
});

test("a wish that changed takes the place of the refused one", async () => {
  answers = [no("overloaded")];
  telling.tell(on);
  await settle();
  telling.tell(camera);
  await clock.advance(60_000);
  expect(sent).toEqual([on, camera]);
  expect(telling.doubt.value).toEqual({ microphone: false, camera: false });
});

test("what is off is never in doubt", async () => {
  answers = [no("overloaded")];
  telling.tell({ microphone: false, camera: false, closings: 0 });
  await settle();
  expect(telling.doubt.value).toEqual({ microphone: false, camera: false });
  await clock.advance(1_000);
  expect(sent).toHaveLength(2);
});

test("waits grow, up to eight seconds", async () => {
  answers = Array.from({ length: 100 }, () => no("overloaded"));
  telling.tell(on);
  await clock.advance(15_000);
  expect(sent).toHaveLength(5);
  await clock.advance(80_000);
  expect(sent).toHaveLength(15);
});

test("an answer that telling again would not change is said, once", async () => {
  answers = [no("not_allowed")];
  telling.tell(on);
  await clock.advance(60_000);
  expect(sent).toHaveLength(1);
  expect(final).toEqual(["not_allowed"]);
});

test("a lost connection calls off what waits, and its return tells anew", async () => {
  answers = [no("overloaded")];
  telling.tell(on);
  await settle();
  telling.forget();
  expect(telling.doubt.value).toEqual({ microphone: false, camera: false });
  await clock.advance(60_000);
  expect(sent).toHaveLength(1);
  telling.tell(on);
  expect(sent).toHaveLength(2);
});
