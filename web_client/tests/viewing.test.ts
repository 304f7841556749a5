import { beforeEach, expect, test } from "vitest";
import type { Outcome } from "../src/connection/outbox";
import type { Tile } from "../src/protocol/generated";
import { sizeOf } from "../src/views/seen";
import { Viewing } from "../src/viewing";
import { FakeClock, settle } from "./fakes";

let clock: FakeClock;
let told: Tile[][];
let reachable: boolean;
let outcome: Outcome;
let viewing: Viewing;

const dana: Tile = { participant_id: "dana", source: "camera", size: "medium" };
const joy: Tile = { participant_id: "joy", source: "camera", size: "small" };

beforeEach(() => {
  clock = new FakeClock();
  told = [];
  reachable = true;
  outcome = { type: "ack", id: "r" };
  viewing = new Viewing({
    after: clock.after,
    send: async (tiles) => {
      told.push(tiles);
      return outcome;
    },
    reachable: () => reachable,
  });
});

test("a page that turns is told of once, when it rests, and nothing is said twice", async () => {
  viewing.see([dana]);
  viewing.see([joy]);
  expect(told).toEqual([]);
  await clock.advance(200);
  viewing.see([joy]);
  await clock.advance(1_000);
  expect(told).toEqual([[joy]]);
});

test("a page that has not looked yet says nothing, so that everyone comes", async () => {
  viewing.renew();
  viewing.hide(false);
  await clock.advance(1_000);
  expect(told).toEqual([]);
});

test("in the background, and without pictures, nothing is shown; afterwards what was", async () => {
  viewing.see([dana]);
  await clock.advance(200);
  viewing.hide(true);
  await clock.advance(200);
  viewing.hide(false);
  await clock.advance(200);
  viewing.setAudioOnly(true);
  viewing.setAudioOnly(false);
  expect(told).toEqual([[dana], [], [dana], [], [dana]]);
});

test("a server that may have forgotten is told again, and one out of reach later", async () => {
  reachable = false;
  viewing.see([dana]);
  await clock.advance(200);
  expect(told).toEqual([]);
  reachable = true;
  viewing.renew();
  viewing.renew();
  expect(told).toEqual([[dana], [dana]]);
  viewing.forget();
  viewing.renew();
  expect(told).toHaveLength(2);
});

test("what was refused is said again after a while, in its latest form", async () => {
  outcome = { type: "rejected", id: "r", code: "rate_limited", message: "" };
  viewing.see([dana]);
  await clock.advance(200);
  await settle();
  outcome = { type: "ack", id: "r" };
  await clock.advance(1_999);
  expect(told).toEqual([[dana]]);
  await clock.advance(1);
  await clock.advance(10_000);
  expect(told).toEqual([[dana], [dana]]);
});

test("a thumbnail stays one on a dense screen", () => {
  expect([sizeOf(180, 3), sizeOf(300, 1), sizeOf(600, 1), sizeOf(1_200, 1), sizeOf(390, 3)]).toEqual([
    "small",
    "small",
    "medium",
    "large",
    "medium",
  ]);
});
