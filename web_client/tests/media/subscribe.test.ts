import { beforeEach, expect, test } from "vitest";
import type { Outcome } from "../../src/connection/outbox";
import { Subscriber, type Received } from "../../src/media/subscribe";
import type { Trouble } from "../../src/media/tries";
import type { SubscribeOffer } from "../../src/protocol/generated";
import { FakeClock, settle } from "../fakes";
import { FakePeer, makePeer } from "./fake_peer";

let clock: FakeClock;
let answers: [version: number, sdp: string][];
let restarts: number;
let restartAnswer: Outcome;
let troubles: (Trouble | null)[];
let silences: number;
let whispers: (string | null)[];
let received: Received[];
let underWay: number;
let subscriber: Subscriber;

beforeEach(() => {
  FakePeer.all = [];
  clock = new FakeClock();
  answers = [];
  restarts = 0;
  restartAnswer = { type: "ack", id: "x" };
  troubles = [];
  silences = 0;
  received = [];
  whispers = [];
  underWay = 0;
  subscriber = new Subscriber({
    makePeer,
    after: clock.after,
    answer: (version, sdp) => void answers.push([version, sdp]),
    restart: async () => {
      restarts += 1;
      return restartAnswer;
    },
    trouble: (trouble) => void troubles.push(trouble),
    silent: () => void (silences += 1),
    tracks: (now, whisper) => {
      received.push(now);
      whispers.push(whisper?.id ?? null);
    },
    underWay: () => void (underWay += 1),
  });
  subscriber.configure([]);
});

const offer = (version: number, change: Partial<SubscribeOffer> = {}): SubscribeOffer => ({
  type: "subscribe_offer",
  version,
  sdp: "slots=2",
  tracks: [
    { mid: "0", participant_id: "dana", source: "microphone" },
    { mid: "1", participant_id: "dana", source: "camera" },
  ],
  ...change,
});

test("what was offered is under way from the first way out that the browser finds", async () => {
  subscriber.offered(offer(1));
  await settle();
  expect(underWay).toBe(0);
  const peer = FakePeer.all.at(-1) as FakePeer;
  peer.dispatchEvent(new Event("icecandidate"));
  peer.dispatchEvent(new Event("icecandidate"));
  expect(underWay).toBe(1);
});

test("where there is nobody to receive, nothing is waited for", async () => {
  subscriber.offered(offer(1, { tracks: [] }));
  await settle();
  expect(underWay).toBe(1);
});

test("a way that fell silent raises a doubt", async () => {
  subscriber.offered(offer(1));
  await settle();
  (FakePeer.all.at(-1) as FakePeer).become("disconnected");
  expect(silences).toBe(1);
});

test("a way that stays silent for some seconds is asked for anew, and one that comes back is kept", async () => {
  subscriber.offered(offer(1));
  await settle();
  const peer = FakePeer.all.at(-1) as FakePeer;
  peer.become("disconnected");
  await clock.advance(3_000);
  peer.become("connected");
  await clock.advance(10_000);
  expect(restarts).toBe(0);
  peer.become("disconnected");
  await clock.advance(4_999);
  expect(restarts).toBe(0);
  await clock.advance(1);
  expect(restarts).toBe(1);
});

test("an offer is answered, and its tracks are known by person", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  expect(answers).toEqual([[1, "sdp of peer 0"]]);
  const dana = received[0]?.get("dana");
  expect([dana?.microphone?.kind, dana?.camera?.kind]).toEqual(["audio", "video"]);
});

test("a slot changes hands without a new connection", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  subscriber.offered(offer(2, { tracks: [{ mid: "1", participant_id: "joy", source: "camera" }] }));
  await settle();
  expect(FakePeer.all).toHaveLength(1);
  expect(answers.map(([version]) => version)).toEqual([1, 2]);
  expect([...(received[1]?.keys() ?? [])]).toEqual(["joy"]);
  expect(subscriber.tracks).toEqual([{ mid: "1", participant_id: "joy", source: "camera" }]);
});

test("an older offer is not answered again", async () => {
  subscriber.offered(offer(2, { fresh: true }));
  subscriber.offered(offer(1));
  await settle();
  expect(answers).toHaveLength(1);
});

test("a fresh offer makes a new connection, and the old one stays until its last picture is kept", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  expect(answers).toHaveLength(2);
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([false, false]);
  await clock.advance(2_000);
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([true, false]);
});

test("after a new join the old connection stays until the first offer, then goes", async () => {
  subscriber.offered(offer(5, { fresh: true }));
  await settle();
  subscriber.configure([]);
  expect(FakePeer.all[0]?.closed).toBe(false);
  subscriber.offered(offer(1));
  await clock.advance(2_000);
  expect(FakePeer.all.map((peer) => peer.closed)).toEqual([true, false]);
  expect(answers.map(([version]) => version)).toEqual([5, 1]);
});

test("a failed connection asks the server for a new one", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  FakePeer.all[0]?.become("failed");
  await clock.advance(1_000);
  expect(restarts).toBe(1);
});

test("an offer that cannot be applied asks for a new one, slowly", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  (FakePeer.all[0] as FakePeer).failNext = true;
  subscriber.offered(offer(2));
  await settle();
  expect(restarts).toBe(0);
  await clock.advance(1_000);
  expect(restarts).toBe(1);
});

test("a resume asks for a new connection only where the old one does not stand", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  FakePeer.all[0]?.become("connected");
  subscriber.resumed();
  expect(restarts).toBe(0);
  FakePeer.all[0]?.become("disconnected");
  subscriber.resumed();
  subscriber.resumed();
  expect(restarts).toBe(1);
});

test("a refused answer leads to a new offer", async () => {
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  subscriber.refused();
  expect(troubles.at(-1)).toBe("trying");
  await clock.advance(1_000);
  expect(restarts).toBe(1);
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  FakePeer.all[1]?.become("connected");
  expect(troubles.at(-1)).toBeNull();
});

test("a refused restart is asked for again, later each time, and then it is up to the person", async () => {
  restartAnswer = { type: "rejected", id: "x", code: "overloaded", message: "" };
  subscriber.offered(offer(1, { fresh: true }));
  await settle();
  FakePeer.all[0]?.become("failed");
  await clock.advance(600_000);
  expect(restarts).toBe(5);
  expect(troubles.at(-1)).toBe("stuck");
  subscriber.again();
  await settle();
  expect(restarts).toBe(6);
});

test("after closing, a late offer makes no connection and a late refusal asks for nothing", async () => {
  subscriber.offered(offer(1));
  await settle();
  const made = FakePeer.all.length;
  restartAnswer = { type: "rejected", id: "x", code: "not_admitted", message: "" };
  subscriber.again();
  subscriber.close();
  subscriber.offered(offer(2));
  await clock.advance(60_000);
  expect([FakePeer.all.length, restarts]).toEqual([made, 1]);
  expect(troubles).not.toContain("trying");
  subscriber.configure([]);
  subscriber.offered(offer(3, { fresh: true }));
  await settle();
  expect(answers.at(-1)?.[0]).toBe(3);
});

test("a section for whispers is nobody's sound, and known by its name alone", async () => {
  subscriber.offered(offer(1));
  await settle();
  const peer = FakePeer.all.at(-1) as FakePeer;
  expect(whispers).toEqual([null]);
  peer.addTransceiver("audio");
  peer.setLocalDescription = async () => {
    peer.transceivers.forEach((one, index) => (one.mid = index === 2 ? "w0" : String(index)));
    peer.localDescription = { sdp: "" };
  };
  subscriber.offered(offer(2));
  await settle();
  expect(whispers[1]).toBe(peer.transceivers[2]?.receiver.track.id);
  expect([...(received[1]?.keys() ?? [])]).toEqual(["dana"]);
});
