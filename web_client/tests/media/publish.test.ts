import { beforeEach, expect, test } from "vitest";
import type { Outcome } from "../../src/connection/outbox";
import { encodingsFor } from "../../src/media/layers";
import { Publisher, type PublishDeps } from "../../src/media/publish";
import type { Trouble } from "../../src/media/tries";
import type { Source } from "../../src/protocol/generated";
import { FakeClock, settle } from "../fakes";
import { FakePeer, makePeer } from "./fake_peer";

const track = {} as MediaStreamTrack;
let clock: FakeClock;
let offers: { sdp: string; sources: Record<string, Source> }[];
let answer: (outcome: Outcome) => void;
let publisher: Publisher;
let deps: PublishDeps;
let troubles: (Trouble | null)[];
let silences: number;

beforeEach(() => {
  FakePeer.all = [];
  clock = new FakeClock();
  offers = [];
  troubles = [];
  silences = 0;
  deps = {
    makePeer,
    after: clock.after,
    trouble: (trouble) => void troubles.push(trouble),
    silent: () => void (silences += 1),
    offer: (sdp, sources) => {
      offers.push({ sdp, sources });
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  };
  publisher = new Publisher(deps);
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

test("a way that fell silent raises a doubt, unless it is an old one", async () => {
  publisher.start([]);
  await settle();
  const old = peer();
  publisher.again();
  await settle();
  old.become("disconnected");
  expect(silences).toBe(0);
  peer().become("disconnected");
  expect(silences).toBe(1);
});

test("a way that stays silent for some seconds is replaced, and one that comes back is kept", async () => {
  publisher.start([]);
  await settle();
  const first = peer();
  first.become("connected");
  first.become("disconnected");
  await clock.advance(3_000);
  first.become("connected");
  await clock.advance(10_000);
  expect(offers).toHaveLength(1);
  first.become("disconnected");
  await clock.advance(3_999);
  expect(offers).toHaveLength(1);
  await clock.advance(1);
  expect(first.closed).toBe(true);
  expect(offers).toHaveLength(2);
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

test("a connection that was cut off is replaced at once by a new one with the same tracks", async () => {
  publisher.use("camera", track);
  publisher.start([]);
  await settle();
  const first = peer();
  first.become("connected");
  first.become("failed");
  await settle();
  expect(first.closed).toBe(true);
  expect(offers).toHaveLength(2);
  expect(peer().transceivers[1]?.sender.track).toBe(track);
});

const refuse = async () => {
  answer({ type: "rejected", id: "x", code: "overloaded", message: "" });
  await settle();
};

test("a rejected offer is made again, later each time, and then it is up to the person", async () => {
  publisher.start([]);
  await settle();
  for (const wait of [1_000, 2_000, 4_000, 8_000, 16_000]) {
    await refuse();
    expect(troubles.at(-1)).toBe("trying");
    const before = offers.length;
    await clock.advance(wait - 1);
    expect(offers).toHaveLength(before);
    await clock.advance(1);
    expect(offers).toHaveLength(before + 1);
  }
  await refuse();
  expect(troubles.at(-1)).toBe("stuck");
  await clock.advance(600_000);
  expect(offers).toHaveLength(6);
  publisher.again();
  await settle();
  expect(offers).toHaveLength(7);
  expect(troubles.at(-1)).toBeNull();
});

test("once it stands, all is well again", async () => {
  publisher.start([]);
  await settle();
  await refuse();
  await clock.advance(1_000);
  peer().become("connected");
  expect(troubles.at(-1)).toBeNull();
});

test("a connection that never stands is not tried without end", async () => {
  publisher.start([]);
  for (let round = 0; round < 10; round += 1) {
    await settle();
    peer().become("failed");
    await clock.advance(20_000);
  }
  expect(offers).toHaveLength(6);
  expect(troubles.at(-1)).toBe("stuck");
});

test("an answer that cannot be applied leads to a new offer", async () => {
  publisher.start([]);
  await settle();
  peer().failNext = true;
  answer({ type: "publish_answer", id: "x", sdp: "broken" });
  await clock.advance(1_000);
  expect(offers).toHaveLength(2);
});

test("a resume replaces a connection that ended while the page slept, and no other", async () => {
  publisher.start([]);
  await settle();
  peer().become("connected");
  publisher.resumed();
  expect(FakePeer.all).toHaveLength(1);
  for (const over of ["closed", "failed", "disconnected"] as const) {
    const before = offers.length;
    peer().connectionState = over;
    publisher.resumed();
    await settle();
    expect(offers).toHaveLength(before + 1);
  }
});

test("a connection that the browser ended without a word is replaced when a track changes", async () => {
  publisher.start([]);
  await settle();
  const sender = peer().transceivers[1]?.sender;
  if (!sender) throw new Error("no camera sender");
  sender.replaceTrack = async () => {
    throw new DOMException("", "InvalidStateError");
  };
  publisher.use("camera", track);
  await clock.advance(1_000);
  expect(FakePeer.all).toHaveLength(2);
  expect(peer().transceivers[1]?.sender.track).toBe(track);
});

test("what gave up begins anew with a resume", async () => {
  publisher.start([]);
  for (let round = 0; round < 6; round += 1) {
    await settle();
    await refuse();
    await clock.advance(20_000);
  }
  expect(offers).toHaveLength(6);
  publisher.resumed();
  await settle();
  expect(offers).toHaveLength(7);
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

test("what is shared is offered when it begins, in one offer, and again when it ends", async () => {
  publisher.start([]);
  await settle();
  answer({ type: "publish_answer", id: "1", sdp: "theirs" });
  await settle();
  publisher.use("screen", track);
  publisher.use("screen_audio", track);
  await settle();
  expect(offers).toHaveLength(2);
  expect(offers[1]?.sources).toEqual({ 0: "microphone", 1: "camera", 2: "screen", 3: "screen_audio" });
  const shared = () => peer().transceivers.slice(2).map(({ direction, sender }) => [direction, sender.track]);
  expect(shared()).toEqual([["sendonly", track], ["sendonly", track]]);
  expect(peer().transceivers[2]?.init?.sendEncodings).toEqual([{ maxBitrate: 1_500_000 }]);
  answer({ type: "publish_answer", id: "2", sdp: "theirs" });
  await settle();
  publisher.use("screen", null);
  publisher.use("screen_audio", null);
  await settle();
  expect(offers).toHaveLength(3);
  expect(shared()).toEqual([["inactive", null], ["inactive", null]]);
  expect(FakePeer.all).toHaveLength(1);
});

test("what is shared while an offer is under way is offered after its answer", async () => {
  publisher.start([]);
  await settle();
  publisher.use("screen", track);
  await settle();
  expect(offers).toHaveLength(1);
  answer({ type: "publish_answer", id: "1", sdp: "theirs" });
  await settle();
  expect(offers).toHaveLength(2);
});

test("nothing shared is nothing to offer, and a new connection carries what still is", async () => {
  publisher.start([]);
  await settle();
  answer({ type: "publish_answer", id: "1", sdp: "theirs" });
  publisher.use("screen_audio", null);
  await settle();
  expect(offers).toHaveLength(1);
  publisher.use("screen", track);
  publisher.again();
  await settle();
  expect(offers.at(-1)?.sources).toEqual({ 0: "microphone", 1: "camera", 2: "screen" });
  expect(peer().transceivers[2]?.sender.track).toBe(track);
});

test("a picture is sent in as many layers as the capture bears, lowest first", () => {
  const shape = (width: number, height: number) =>
    encodingsFor({ width, height, frameRate: 24 }).map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]);
  expect(shape(320, 180)).toEqual([[undefined, undefined]]);
  expect(shape(640, 360)).toEqual([["q", 2], ["f", 1]]);
  expect(shape(360, 640)).toEqual(shape(640, 360));
  expect(shape(960, 540)).toEqual([["q", 4], ["h", 2], ["f", 1]]);
  expect(shape(1280, 720)).toEqual(shape(960, 540));
  for (const [width, height] of [[640, 360], [1280, 720]] as const) {
    const bitrates = encodingsFor({ width, height, frameRate: 24 }).map(({ maxBitrate }) => maxBitrate ?? 0);
    expect(bitrates).toEqual(bitrates.toSorted((one, other) => one - other));
  }
});

test("layers that nobody needs are paused, and go on when they are needed; the lowest never stops", async () => {
  publisher = new Publisher({ ...deps, capture: { width: 960, height: 540, frameRate: 24 } });
  publisher.start([]);
  await settle();
  const sender = peer().transceivers[1]?.sender;
  const active = () => sender?.encodings.map((encoding) => encoding.active);
  expect(active()).toEqual([true, true, true]);
  publisher.layersWanted("camera", ["q"]);
  await settle();
  expect(active()).toEqual([true, false, false]);
  publisher.layersWanted("camera", []);
  publisher.layersWanted("camera", ["q", "h", "f"]);
  publisher.layersWanted("camera", ["q", "h"]);
  await settle();
  expect(active()).toEqual([true, true, false]);
  publisher.layersWanted("screen", ["q"]);
  publisher.layersWanted("camera", []);
  await settle();
  expect(active()).toEqual([true, false, false]);

  publisher.again();
  await settle();
  expect(peer().transceivers[1]?.sender.encodings.map((encoding) => encoding.active)).toEqual([true, true, true]);
});
