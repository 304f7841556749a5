import { beforeEach, expect, test } from "vitest";
import { ApiError } from "../../src/connection/api";
import type { Outcome } from "../../src/connection/outbox";
import { WatchConnection, type WatchPhase } from "../../src/connection/watch";
import type { Supervised, Unsupervised, Watching } from "../../src/protocol/generated";
import { FakeServer, settle } from "../fakes";

let server: FakeServer;
let phases: WatchPhase[];
let watchings: Watching[];
let frames: (Supervised | Unsupervised)[];
let told: string[];
let connection: WatchConnection;

beforeEach(async () => {
  server = new FakeServer();
  phases = [];
  watchings = [];
  frames = [];
  told = [];
  connection = new WatchConnection(
    {
      clock: server.clock,
      openSocket: server.openSocket,
      watch: server.join,
      random: () => server.random,
      newId: server.newId,
    },
    {
      phase: (phase) => void phases.push(phase),
      heard: () => {},
      watching: (watching) => void watchings.push(watching),
      frame: (frame) => void frames.push(frame),
      begun: () => void told.push("begun"),
      lost: () => void told.push("lost"),
      monitoring: (frame) => void told.push(frame.type),
      subscribeOffer: (offer) => void told.push(`offer ${offer.version}`),
      answerRefused: () => void told.push("refused"),
    },
  );
  connection.start();
  await settle();
});

function welcome(): void {
  server.socket.open();
  server.socket.say({ type: "watching", sessions: [], server_time_ms: 5, ping_every_s: 10 });
}

test("begins with a token, and is live once the server has told what there is", () => {
  expect(phases).toEqual([{ name: "away", failed: 0, busy: false }]);
  welcome();
  expect(server.socket.sent).toEqual([{ type: "watch", token: "join-token-1" }]);
  expect(watchings.map((one) => one.server_time_ms)).toEqual([5]);
  expect(phases.at(-1)).toEqual({ name: "live" });
  server.socket.say({ type: "unsupervised", session_id: "s" });
  expect(frames).toEqual([{ type: "unsupervised", session_id: "s" }]);
});

test("a lost socket is begun anew at once, with a new token", async () => {
  welcome();
  await server.clock.advance(5_000);
  server.socket.drop();
  expect(phases.at(-1)).toEqual({ name: "away", failed: 0, busy: false });
  await server.clock.advance(0);
  expect([server.joins, server.sockets.length]).toEqual([2, 2]);
  welcome();
  expect(server.socket.sent[0]).toEqual({ type: "watch", token: "join-token-2" });
  expect(phases.at(-1)).toEqual({ name: "live" });
});

test("while the server is away it is tried again, never in one instant and at most seven seconds apart", async () => {
  welcome();
  await server.clock.advance(5_000);
  server.joinFails = new ApiError(null);
  server.socket.drop();
  await server.clock.advance(60_000);
  const tries = server.joins;
  expect(tries).toBeGreaterThan(15);
  expect(tries).toBeLessThan(40);
  expect(phases.at(-1)).toMatchObject({ name: "away", busy: false });
  server.joinFails = null;
  await server.clock.advance(7_000);
  welcome();
  expect(phases.at(-1)).toEqual({ name: "live" });
});

test("a busy server is left alone for longer", async () => {
  welcome();
  server.joinFails = new ApiError("overloaded");
  server.socket.drop();
  await server.clock.advance(60_000);
  expect(phases.at(-1)).toMatchObject({ name: "away", busy: true });
  expect(server.joins).toBeLessThan(12);
});

test("a silent connection is noticed within five seconds and a half", async () => {
  welcome();
  await server.clock.advance(20_000);
  expect(phases.at(-1)).toEqual({ name: "live" });
  server.silent = true;
  await server.clock.advance(5_500);
  expect(phases.some((phase, index) => index > 1 && phase.name === "away")).toBe(true);
  expect(server.sockets[0]?.closedByClient).toBe(4412);
});

test("a page that stood still asks once more before it gives its connection up", async () => {
  welcome();
  server.silent = true;
  await server.clock.advance(2_500);
  server.clock.stall(60_000);
  await server.clock.advance(0);
  expect(phases.at(-1)).toEqual({ name: "live" });
  expect(server.socket.ofType("ping")).toHaveLength(2);
  server.socket.say({ type: "ack", id: "whatever" });
  await server.clock.advance(2_400);
  expect(phases.at(-1)).toEqual({ name: "live" });
});

const ACKNOWLEDGE = { type: "acknowledge", session_id: "s", concern_id: "c", flags: 2 } as const;

test("an acknowledgement is sent again under its own id until it is answered", async () => {
  welcome();
  let outcome: Outcome | null = null;
  void connection.handle(ACKNOWLEDGE).then((answer) => void (outcome = answer));
  const [first] = server.socket.ofType("acknowledge");
  expect(first).toMatchObject({ session_id: "s", concern_id: "c", flags: 2 });
  await server.clock.advance(5_000);
  server.socket.drop();
  await server.clock.advance(0);
  welcome();
  expect(server.socket.ofType("acknowledge")).toEqual([first]);
  await settle();
  expect(outcome).toBeNull();
  server.socket.say({ type: "ack", id: first?.id ?? "" });
  await settle();
  expect(outcome).toEqual({ type: "ack", id: first?.id });
  server.socket.drop();
  await server.clock.advance(1_000);
  welcome();
  expect(server.socket.ofType("acknowledge")).toEqual([]);
});

test("one made while away is sent with the return", async () => {
  welcome();
  server.socket.drop();
  void connection.handle(ACKNOWLEDGE);
  await server.clock.advance(1_000);
  welcome();
  expect(server.socket.ofType("acknowledge")).toHaveLength(1);
});

test("a goodbye says what comes next: a restart is waited out, an ended sign-in is final", async () => {
  welcome();
  server.socket.say({ type: "goodbye", code: "draining", message: "", then: "rejoin" });
  server.socket.drop(4506);
  await server.clock.advance(1_000);
  welcome();
  const pending = connection.handle(ACKNOWLEDGE);
  server.socket.say({ type: "goodbye", code: "signed_out", message: "", then: "stop" });
  server.socket.drop(4401);
  expect(phases.at(-1)).toEqual({ name: "stopped", code: "signed_out" });
  expect(await pending).toEqual({ type: "dropped" });
  const tries = server.joins;
  await server.clock.advance(60_000);
  expect(server.joins).toBe(tries);
});

test("who may not watch is told so, and not tried again", async () => {
  server.joinFails = new ApiError("not_allowed");
  server.socket.drop();
  await server.clock.advance(1_000);
  expect(phases.at(-1)).toEqual({ name: "stopped", code: "not_allowed" });
});

test("replaced by another screen, it comes back only when asked to", async () => {
  welcome();
  server.socket.drop(4407);
  expect(phases.at(-1)).toEqual({ name: "stopped", code: "replaced" });
  connection.start();
  await settle();
  welcome();
  expect(phases.at(-1)).toEqual({ name: "live" });
});

test("when the network is back it does not wait for its turn", async () => {
  welcome();
  connection.networkLost();
  server.joinFails = new ApiError(null);
  await server.clock.advance(30_000);
  server.joinFails = null;
  const tries = server.joins;
  connection.nudge();
  await settle();
  expect(server.joins).toBe(tries + 1);
});

test("what cannot be read may have told of something: everything is asked for anew", async () => {
  welcome();
  server.socket.sayBytes(new Uint8Array([0xc1]));
  await server.clock.advance(1_000);
  expect(server.sockets).toHaveLength(2);
});

test("after stop nothing is tried, and nothing late is heard", async () => {
  welcome();
  const socket = server.socket;
  connection.stop();
  expect(socket.closedByClient).toBe(1000);
  socket.say({ type: "unsupervised", session_id: "s" });
  socket.drop();
  await server.clock.advance(60_000);
  expect([frames.length, server.joins]).toEqual([0, 1]);
});

test("what concerns the session that is listened to goes its own way", async () => {
  welcome();
  server.socket.say({ type: "monitoring_over", session_id: "s", why: "consent" });
  server.socket.say({ type: "speakers_changed", participant_ids: [] });
  server.socket.say({ type: "subscribe_offer", version: 3, sdp: "", tracks: [], fresh: true });
  server.socket.say({ type: "rejected", id: "", code: "sdp_rejected", message: "" });
  expect(told).toEqual(["begun", "monitoring_over", "speakers_changed", "offer 3", "refused"]);
  await server.clock.advance(5_000);
  server.socket.drop();
  expect(told.at(-1)).toBe("lost");
});

test("what is asked once is never asked on another socket; what must be done is", async () => {
  welcome();
  const listening = connection.ask({ type: "listen", session_id: "s", reason: "" }, "never");
  void connection.ask({ type: "stop_listening" }, "always");
  await server.clock.advance(5_000);
  server.socket.drop();
  expect(await listening).toEqual({ type: "dropped" });
  expect(await connection.ask({ type: "listen", session_id: "s", reason: "" }, "never")).toEqual({ type: "dropped" });
  await server.clock.advance(0);
  welcome();
  expect(server.socket.sent.map(({ type }) => type)).toEqual(["watch", "stop_listening"]);
});

test("a page that stops on purpose has lost what it listened to", () => {
  welcome();
  connection.stop();
  expect(told).toEqual(["begun", "lost"]);
});
