import { expect, test } from "vitest";
import { lettersLeft } from "../../src/state/length";

test.each([
  ["nothing", "", 2_000],
  ["letters of one byte", "a".repeat(1_990), 10],
  ["letters of two bytes", "ñ".repeat(1_990), 10],
  ["just full", "ñ".repeat(2_000), 0],
  ["two letters too many", "a".repeat(2_002), -2],
  ["letters of three bytes, by bytes", "語".repeat(1_330), 3],
  ["emoji count as one letter and four bytes", "🌱".repeat(990), 10],
  ["one emoji too many", "🌱".repeat(1_001), -1],
])("%s", (_name, text, left) => {
  expect(lettersLeft(text)).toBe(left);
});
