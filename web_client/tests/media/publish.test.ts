import { beforeEach, expect, test } from "vitest";
import type { Outcome } from "../../src/connection/outbox";
import { Publisher } from "../../src/media/publish";
import type { Source } from "../../src/protocol/generated";
import { FakeClock, settle } from "../fakes";
import { FakePeer, makePeer } from "./fake_peer";

const track = {} as MediaStreamTrack;
let clock: FakeClock;
let offers: { sdp: string; sources: Record<string, Source> }[];
let answer: (outcome: Outcome) => void;
let publisher: Publisher;

beforeEach(() => {
  FakePeer.all = [];
  clock = new FakeClock();
  offers = [];
  publisher = new Publisher({
    makePeer,
    after: clock.after,
    offer: (sdp, sources) => {
      offers.push({ sdp, sources });
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
});

const peer = (): FakePeer => FakePeer.all.at(-1) as FakePeer;

test("offers sound and picture before any device is ready", async () => {
  publisher.start([{ urls: ["stun:h.example"] }]);
  await settle();
  expect(peer().config).toMatchObject({ bundlePolicy: "max-bundle", iceServers: [{ urls: ["stun:h.example"] }] });
  expect(peer().transceivers.map(({ kind, init }) => [kind, init?.direction])).toEqual([
    ["audio", "sendonly"],
    ["video", "sendonly"],
  ]);
  expect(peer().transceivers[1]?.init?.sendEncodings).toEqual([{ maxBitrate: 600_000 }]);
  expect(offers).toEqual([{ sdp: "sdp of peer 0", sources: { 0: "microphone", 1: "camera" } }]);
});

test("applies the answer", async () => {
  publisher.start([]);
  await settle();
  answer({ type: "publish_answer", id: "x", sdp: "theirs" });
  await settle();
  expect(peer().remote).toEqual([{ type: "answer", sdp: "theirs" }]);
});

test("a track that comes later is sent without a new offer, and null sends nothing", async () => {
  publisher.start([]);
  await settle();
  publisher.use("microphone", track);
  expect(peer().transceivers[0]?.sender.track).toBe(track);
  publisher.use("microphone", null);
  expect(peer().transceivers[0]?.sender.track).toBeNull();
  expect(offers).toHaveLength(1);
});

test("a failed connection is replaced by a new one with the same tracks", async () => {
  publisher.use("camera", track);
  publisher.start([]);
  await settle();
  const first = peer();
  first.become("failed");
  await settle();
  expect(first.closed).toBe(true);
  expect(offers).toHaveLength(2);
  expect(peer().transceivers[1]?.sender.track).toBe(track);
});

test("a rejected offer is made again after a while", async () => {
  publisher.start([]);
  await settle();
  answer({ type: "rejected", id: "x", code: "overloaded", message: "" });
  await clock.advance(1_999);
  expect(offers).toHaveLength(1);
  await clock.advance(1);
  expect(offers).toHaveLength(2);
});

test("an answer that cannot be applied leads to a new offer", async () => {
  publisher.start([]);
  await settle();
  peer().failNext = true;
  answer({ type: "publish_answer", id: "x", sdp: "broken" });
  await clock.advance(2_000);
  expect(offers).toHaveLength(2);
});

test("closed stays closed", async () => {
  publisher.start([]);
  await settle();
  answer({ type: "rejected", id: "x", code: "overloaded", message: "" });
  await settle();
  publisher.close();
  await clock.advance(10_000);
  expect(offers).toHaveLength(1);
  expect(peer().closed).toBe(true);
});
