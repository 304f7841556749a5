import { expect, test } from "vitest";
import { delayBefore, delayWhenBusy } from "../../src/connection/backoff";

test("the first try is made at once", () => {
  expect(delayBefore(0, 0, 0.9)).toBe(0);
});

test("for ten seconds tries are at most one second apart", () => {
  for (let tries = 1; tries < 30; tries += 1) {
    expect(delayBefore(tries, 9_999, 0.999)).toBeLessThanOrEqual(1_000);
    expect(delayBefore(tries, 9_999, 0)).toBeGreaterThanOrEqual(300);
  }
});

test("later tries grow apart up to seven seconds", () => {
  expect(delayBefore(10, 11_000, 0.999)).toBeLessThanOrEqual(1_000);
  expect(delayBefore(13, 20_000, 0.999)).toBeGreaterThan(3_000);
  expect(delayBefore(500, 3_600_000, 0.999)).toBeLessThanOrEqual(7_000);
});

test("people who lost the server together do not come back in one instant", () => {
  expect(delayBefore(3, 2_000, 0.1)).not.toBe(delayBefore(3, 2_000, 0.8));
});

test("a busy server is asked seldom, and never by all at once", () => {
  for (let tries = 0; tries < 30; tries += 1) {
    expect(delayWhenBusy(tries, 0)).toBeGreaterThanOrEqual(800);
    expect(delayWhenBusy(tries, 0.999)).toBeLessThanOrEqual(20_000);
  }
  expect(delayWhenBusy(8, 0.999)).toBeGreaterThan(10_000);
  expect(delayWhenBusy(1, 0.1)).not.toBe(delayWhenBusy(1, 0.8));
});
