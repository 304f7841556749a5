import { beforeEach, expect, test, vi } from "vitest";
import { Drawing } from "../src/drawing";
import { FakeClock, settle } from "./fakes";

let clock: FakeClock;
let drawing: Drawing;
const draw = vi.fn();
const then = vi.fn();

beforeEach(() => {
  clock = new FakeClock();
  drawing = new Drawing(clock.after);
  draw.mockClear();
  then.mockClear();
});

test("what has changed is drawn at once, and not in the middle of the change", async () => {
  drawing.later(draw);
  expect(draw).not.toHaveBeenCalled();
  await settle();
  expect(draw).toHaveBeenCalledTimes(1);
});

test("while something is urgent nothing is drawn, also what had changed just before", async () => {
  drawing.later(draw);
  drawing.hold(then);
  await settle();
  expect(draw).not.toHaveBeenCalled();
  drawing.release();
  expect(draw).toHaveBeenCalledTimes(1);
  expect(then).toHaveBeenCalledTimes(1);
  expect(draw.mock.invocationCallOrder[0]).toBeLessThan(then.mock.invocationCallOrder[0] ?? 0);
});

test("nothing is urgent for long", async () => {
  drawing.hold(then);
  drawing.later(draw);
  await clock.advance(120);
  expect(draw).toHaveBeenCalledTimes(1);
  expect(then).toHaveBeenCalledTimes(1);
});

test("what waited is done once", async () => {
  drawing.hold(then);
  drawing.release();
  drawing.release();
  await clock.advance(1_000);
  expect(then).toHaveBeenCalledTimes(1);
});

test("of two in a row only what the later one waits for is done", () => {
  const later = vi.fn();
  drawing.hold(then);
  drawing.hold(later);
  drawing.release();
  expect(then).not.toHaveBeenCalled();
  expect(later).toHaveBeenCalledTimes(1);
});
