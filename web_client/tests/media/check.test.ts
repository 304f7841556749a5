import { signal, type Signal } from "@preact/signals";
import { beforeEach, expect, test } from "vitest";
import { ApiError } from "../../src/connection/api";
import { checkPath, type PathVerdict } from "../../src/media/check";
import type { Device } from "../../src/media/devices";
import type { DeviceSource } from "../../src/media/devices";
import { FakeServer, settle, snapshotOf } from "../fakes";
import { FakePeer, makePeer } from "./fake_peer";

const SOUND = { kind: "audio" } as MediaStreamTrack;
const PICTURE = { kind: "video" } as MediaStreamTrack;
const OPEN = (track: MediaStreamTrack): Device => ({ track, problem: null, asking: false });
const ASKING: Device = { track: null, problem: null, asking: true };
const OFF: Device = { track: null, problem: "missing", asking: false };

let server: FakeServer;
let local: Record<DeviceSource, Signal<Device>>;
let verdicts: PathVerdict[];
let blackStopped: number;
let stop: () => void;
/** Packets that have come back of each source. */
let back: Record<DeviceSource, number>;

const black = { kind: "video", stop: () => void (blackStopped += 1) } as unknown as MediaStreamTrack;

beforeEach(() => {
  FakePeer.all = [];
  server = new FakeServer();
  local = { microphone: signal(OPEN(SOUND)), camera: signal(OPEN(PICTURE)) };
  verdicts = [];
  blackStopped = 0;
  back = { microphone: 0, camera: 0 };
});

function begin(blackTrack: () => MediaStreamTrack | null = () => black): void {
  stop = checkPath({ clock: server.clock, connect: server.connect, makePeer, local, blackTrack }, (verdict) =>
    verdicts.push(verdict),
  );
}

async function welcomed(): Promise<void> {
  await settle();
  server.welcome(snapshotOf({ you: "me" }));
  await settle();
  server.socket.say({
    type: "subscribe_offer",
    version: 1,
    sdp: "slots=2",
    fresh: true,
    tracks: [
      { mid: "0", participant_id: "me", source: "microphone" },
      { mid: "1", participant_id: "me", source: "camera" },
    ],
  });
  await settle();
}

/** Time goes by, and of what is said to flow 10 packets come back each tenth of a second. */
async function pass(ms: number, flowing: readonly DeviceSource[] = []): Promise<void> {
  const subscribing = FakePeer.all.at(-1);
  for (let gone = 0; gone < ms; gone += 100) {
    for (const source of flowing) back[source] += 10;
    if (subscribing) {
      subscribing.stats = (["microphone", "camera"] as const).map((source, index) => ({
        id: source,
        type: "inbound-rtp",
        mid: String(index),
        packetsReceived: back[source],
        framesDecoded: back[source],
        jitter: 0.01,
      }));
    }
    await server.clock.advance(100);
  }
}

const last = (): PathVerdict | undefined => verdicts.at(-1);
const sent = (source: DeviceSource) => FakePeer.all[0]?.transceivers[source === "microphone" ? 0 : 1]?.sender.track;
const devices = () => server.socket.ofType("set_devices").at(-1);

test("what is open is sent, and what comes back well is good", async () => {
  begin();
  expect(verdicts).toMatchObject([{ path: "trying", microphone: "trying", camera: "trying", reach: false }]);
  await welcomed();
  expect([sent("microphone"), sent("camera")]).toEqual([SOUND, PICTURE]);
  expect(devices()).toMatchObject({ microphone: true, camera: true });
  await pass(6_000, ["microphone", "camera"]);
  expect(verdicts).toHaveLength(2);
  expect(last()).toMatchObject({ path: "good", microphone: "good", camera: "good", reach: true });
});

test("after the verdict nothing of the check goes on", async () => {
  begin();
  await welcomed();
  await pass(6_000, ["microphone", "camera"]);
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([true, true]);
  expect(server.socket.ofType("leave")).toHaveLength(1);
  expect(server.socket.closedByClient).toBe(1000);
  expect(blackStopped).toBe(1);
  local.camera.value = OFF;
  await pass(60_000);
  expect(verdicts).toHaveLength(2);
  expect(server.joins).toBe(1);
});

test("stopped before its verdict, it says nothing more", async () => {
  begin();
  await welcomed();
  stop();
  stop();
  await pass(60_000, ["microphone"]);
  expect(verdicts).toHaveLength(1);
  expect(FakePeer.all.every((peer) => peer.closed)).toBe(true);
  expect(server.socket.ofType("leave")).toHaveLength(1);
});

test("where nothing has come back in eight seconds, sound and picture do not come through", async () => {
  begin();
  await welcomed();
  await pass(7_900);
  expect(verdicts).toHaveLength(1);
  await pass(200);
  expect(last()).toMatchObject({ path: "none", microphone: "none", camera: "none", reach: true });
});

test("a server that was not reached is told apart", async () => {
  server.joinFails = new ApiError(null);
  begin();
  await pass(8_100);
  expect(last()).toMatchObject({ path: "none", reach: false });
});

test("a server that is too busy for a check says nothing of the way", async () => {
  server.joinFails = new ApiError("overloaded");
  begin();
  await pass(8_100);
  expect(last()).toMatchObject({ path: "off", microphone: "off", camera: "off", reach: true });
});

test("who may not check is not told that the way is bad", async () => {
  server.joinFails = new ApiError("signed_out");
  begin();
  await settle();
  expect(last()).toMatchObject({ path: "off", reach: true });
});

test("a check can be done again", async () => {
  begin();
  await pass(8_100);
  begin();
  await welcomed();
  back = { microphone: 0, camera: 0 };
  await pass(6_000, ["microphone", "camera"]);
  expect(last()).toMatchObject({ path: "good" });
});

test("a way that breaks while it is watched is none", async () => {
  begin();
  await welcomed();
  await pass(500, ["microphone", "camera"]);
  await pass(5_000);
  expect(last()).toMatchObject({ path: "none", reach: true });
});

test("who has no camera sends black, and both are kept apart", async () => {
  local.camera.value = OFF;
  begin();
  await welcomed();
  expect(sent("camera")).toBe(black);
  expect(devices()).toMatchObject({ microphone: true, camera: true });
  await pass(6_000, ["microphone", "camera"]);
  expect(last()).toMatchObject({ path: "good", microphone: "good", camera: "off" });
});

test("who has neither still learns about the way", async () => {
  local.microphone.value = OFF;
  local.camera.value = OFF;
  begin();
  await welcomed();
  expect(devices()).toMatchObject({ microphone: false, camera: true });
  await pass(6_000, ["camera"]);
  expect(last()).toMatchObject({ path: "good", microphone: "off", camera: "off" });
});

test("a browser that cannot make a black picture sends sound alone", async () => {
  local.camera.value = OFF;
  begin(() => null);
  await welcomed();
  expect(sent("camera")).toBeNull();
  expect(devices()).toMatchObject({ microphone: true, camera: false });
  await pass(6_000, ["microphone"]);
  expect(last()).toMatchObject({ path: "good", microphone: "good", camera: "off" });
});

test("the watch waits for the answer to the browser's question, and takes what it brings", async () => {
  local.microphone.value = ASKING;
  local.camera.value = ASKING;
  begin();
  await welcomed();
  await pass(15_000, ["camera"]);
  expect(verdicts).toHaveLength(1);
  local.microphone.value = OPEN(SOUND);
  local.camera.value = OPEN(PICTURE);
  expect([sent("microphone"), sent("camera")]).toEqual([SOUND, PICTURE]);
  expect(devices()).toMatchObject({ microphone: true, camera: true });
  await pass(6_000, ["microphone", "camera"]);
  expect(last()).toMatchObject({ path: "good", microphone: "good", camera: "good" });
});

test("a question that nobody answers is not waited for without end", async () => {
  local.microphone.value = ASKING;
  begin();
  await welcomed();
  await pass(35_000, ["camera"]);
  expect(last()).toMatchObject({ path: "good", microphone: "off", camera: "good" });
});

test("a connection that cannot be asked is looked at again", async () => {
  begin();
  await welcomed();
  for (const peer of FakePeer.all) peer.stats = null;
  await server.clock.advance(1_000);
  await pass(6_000, ["microphone", "camera"]);
  expect(last()).toMatchObject({ path: "good" });
});
