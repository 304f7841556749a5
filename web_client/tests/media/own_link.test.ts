import { expect, test } from "vitest";
import { LOOK_EVERY_MS, OwnLink, sampleOf, watchLink, type LinkSample } from "../../src/media/own_link";
import type { TrackInfo } from "../../src/protocol/generated";
import { FakeClock } from "../fakes";
import { FakePeer } from "./fake_peer";

/** Looks in a row, in which so much was lost of each person's sound. */
function after(link: OwnLink, looks: number, losses: Record<string, number>, rest: Partial<LinkSample> = {}): boolean {
  for (let look = 0; look < looks; look += 1) {
    for (const [who, share] of Object.entries(losses)) {
      const { packets, lost } = counters.get(who) ?? { packets: 0, lost: 0 };
      counters.set(who, { packets: packets + 100 * (1 - share), lost: lost + 100 * share });
    }
    link.look({ heard: new Map(counters), lostOfMine: null, rttMs: 40, ...rest });
  }
  return link.weak;
}
const counters = new Map<string, { packets: number; lost: number }>();

test("what everyone's sound loses for six seconds is my connection, and ten good ones end it", () => {
  counters.clear();
  const link = new OwnLink();
  expect(after(link, 3, { dana: 0.1, joy: 0.2 })).toBe(false);
  expect(after(link, 1, { dana: 0.1, joy: 0.2 })).toBe(true);
  expect(after(link, 4, { dana: 0, joy: 0.01 })).toBe(true);
  expect(after(link, 1, { dana: 0.05, joy: 0.05 })).toBe(true);
  expect(after(link, 5, { dana: 0, joy: 0.01 })).toBe(false);
});

test("what one person's sound loses is theirs", () => {
  counters.clear();
  expect(after(new OwnLink(), 10, { dana: 0.5, joy: 0 })).toBe(false);
  counters.clear();
  expect(after(new OwnLink(), 10, { dana: 0.5 })).toBe(false);
});

test("what the server misses of my sound, or a long way, is my connection; a short dip is not", () => {
  counters.clear();
  expect(after(new OwnLink(), 3, {}, { lostOfMine: 0.1 })).toBe(true);
  expect(after(new OwnLink(), 3, {}, { rttMs: 1_200 })).toBe(true);
  const link = new OwnLink();
  after(link, 2, {}, { lostOfMine: 0.5 });
  after(link, 1, {}, { lostOfMine: 0 });
  expect(after(link, 2, {}, { lostOfMine: 0.5 })).toBe(false);
});

test("is read from what the browser counts", () => {
  const tracks: TrackInfo[] = [
    { mid: "a0", participant_id: "dana", source: "microphone" },
    { mid: "v0", participant_id: "dana", source: "camera" },
  ];
  const publish = [
    { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.9 },
    { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.02 },
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.04 },
  ];
  const subscribe = [
    { type: "inbound-rtp", mid: "a0", packetsReceived: 90, packetsLost: 10 },
    { type: "inbound-rtp", mid: "v0", packetsReceived: 1, packetsLost: 9 },
    { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.09 },
    { type: "candidate-pair", nominated: false, state: "succeeded", currentRoundTripTime: 5 },
  ];
  expect(sampleOf(publish, subscribe, tracks)).toEqual({
    heard: new Map([["dana", { packets: 90, lost: 10 }]]),
    lostOfMine: 0.02,
    rttMs: 90,
  });
  expect(sampleOf([], [], tracks)).toEqual({ heard: new Map(), lostOfMine: null, rttMs: null });
});

test("is looked at every two seconds, told when it changes, and no more once stopped", async () => {
  const clock = new FakeClock();
  const peer = new FakePeer({});
  const told: boolean[] = [];
  const stop = watchLink(
    { after: clock.after, publish: () => peer as unknown as RTCPeerConnection, subscribe: () => null, tracks: () => [] },
    (weak) => told.push(weak),
  );
  const stats = (fractionLost: number) => [{ id: "r", type: "remote-inbound-rtp", kind: "audio", fractionLost }];
  peer.stats = stats(0.2);
  for (let look = 0; look < 5; look += 1) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual([true]);
  peer.stats = null;
  for (let look = 0; look < 6; look += 1) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual([true, false]);
  peer.stats = stats(0.2);
  stop();
  for (let look = 0; look < 6; look += 1) await clock.advance(LOOK_EVERY_MS);
  expect(told).toEqual([true, false]);
});
