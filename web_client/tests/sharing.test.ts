import { beforeEach, expect, test } from "vitest";
import type { LocalMedia } from "../src/media/devices";
import type { ParticipantView } from "../src/protocol/generated";
import { RoomSession } from "../src/session";
import { FakeLocal, FakePublisher, FakeScreen, FakeSubscriber, type FakeTrack } from "./fake_media";
import { FakeServer, settle, snapshotOf } from "./fakes";

let server: FakeServer;
let publisher: FakePublisher;
let screen: FakeScreen;
let session: RoomSession;

const me = (change: Partial<ParticipantView> = {}) =>
  snapshotOf({ participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 7, may_share: true, ...change }] });

beforeEach(async () => {
  server = new FakeServer();
  publisher = new FakePublisher();
  screen = new FakeScreen();
  const local = new FakeLocal() as unknown as LocalMedia;
  const { connect, newId, clock } = server;
  session = new RoomSession(
    { connect, publisher, subscriber: new FakeSubscriber(), local, screen, newId, after: clock.after },
    { microphone: false, camera: false },
  );
  session.start();
  await settle();
  server.welcome(me());
  await settle();
});

const asked = () => server.socket.ofType("share_screen");
const says = (on: boolean) => server.socket.say({ type: "screen_changed", participant_id: "ellie", screen: on });
const letGo = () => [screen.picture, screen.sound].every((track) => (track as FakeTrack).stopped);
const published = () => [publisher.sending.screen, publisher.sending.screen_audio];

/** As far as the room's answer. */
async function choose(): Promise<void> {
  void session.share();
  await settle();
  screen.answer(true);
  await settle();
}

async function share(): Promise<void> {
  await choose();
  says(true);
  server.socket.say({ type: "ack", id: asked().at(-1)?.id ?? "" });
  await settle();
}

test("a screen goes out once the room has taken it, never before", async () => {
  await choose();
  expect(asked()).toEqual([expect.objectContaining({ sound: true })]);
  expect(published()).toEqual([null, null]);
  server.socket.say({ type: "ack", id: asked()[0]?.id ?? "" });
  await settle();
  expect(published()).toEqual([screen.picture, screen.sound]);
  expect(session.sharing.state.value).toBe("on");
});

test("without sound it is shared without", async () => {
  screen.sound = null;
  await share();
  expect(asked()).toEqual([expect.objectContaining({ type: "share_screen", sound: false })]);
  expect(published()).toEqual([screen.picture, null]);
});

test("who chooses nothing shares nothing", async () => {
  void session.share();
  await settle();
  screen.answer(false);
  await settle();
  expect(asked()).toEqual([]);
  expect(session.sharing.state.value).toBe("off");
});

test("a second tap asks no second time", async () => {
  void session.share();
  void session.share();
  await settle();
  expect(screen.asked).toBe(1);
});

test("a refusal lets go of it and says why", async () => {
  await choose();
  server.socket.say({ type: "rejected", id: asked()[0]?.id ?? "", code: "screen_taken", message: "" });
  await settle();
  expect(letGo()).toBe(true);
  expect(session.sharing.state.value).toBe("off");
  expect(session.notice.value).toEqual({ about: "request", code: "screen_taken" });
});

test("stopped here, it is over here at once, and the room is told", async () => {
  await share();
  session.sharing.stop();
  expect(published()).toEqual([null, null]);
  expect(letGo()).toBe(true);
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
  says(false);
  expect(session.notice.value).toBeNull();
});

test("the browser's own bar stops it alike", async () => {
  await share();
  screen.picture.dispatchEvent(new Event("ended"));
  expect(published()).toEqual([null, null]);
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
});

test("stopped before the room's answer, it never goes out", async () => {
  await choose();
  session.sharing.stop();
  server.socket.say({ type: "ack", id: asked()[0]?.id ?? "" });
  await settle();
  expect(published()).toEqual([null, null]);
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
});

test("ended by a mentor it is over, and says by whom", async () => {
  await share();
  says(false);
  expect(letGo()).toBe(true);
  expect(published()).toEqual([null, null]);
  expect(session.notice.value).toEqual({ about: "share_ended", by: "mentor" });
});

test("a pause ends what a participant shares", async () => {
  await share();
  server.socket.say({ type: "pause_changed", until_ms: 9, closings: 1 });
  expect(letGo()).toBe(true);
});

test.each([
  ["a lost connection", 4505],
  ["a lost socket", 1006],
])("%s ends it, and its return begins nothing", async (_what, code) => {
  await share();
  server.socket.drop(code);
  await settle();
  expect(letGo()).toBe(true);
  expect(session.notice.value).toEqual({ about: "share_ended", by: "connection" });
  await server.clock.advance(5_000);
  server.welcome(me());
  await settle();
  expect(server.socket.ofType("share_screen")).toEqual([]);
  expect(publisher.sending.screen).toBeNull();
});

test("a connection that is back before the server missed it tells the room that it is over", async () => {
  await share();
  server.socket.drop();
  await server.clock.advance(2_000);
  server.resumed();
  await settle();
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
  says(true);
  expect(session.sharing.state.value).toBe("off");
});

test("a question of the browser that outlives the connection begins nothing", async () => {
  void session.share();
  await settle();
  server.socket.drop(4505);
  await settle();
  screen.answer(true);
  await settle();
  expect(letGo()).toBe(true);
  expect(session.sharing.state.value).toBe("off");
});

test("not alone ends it at once", async () => {
  await share();
  session.hideGroup();
  expect(letGo()).toBe(true);
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
});

test("leaving lets go of it", async () => {
  await share();
  session.dispose();
  expect(letGo()).toBe(true);
});

test("a mentor's leave is said aloud, and so is its end", () => {
  server.welcome(me({ may_share: false }));
  server.socket.say({ type: "screen_allowed", participant_id: "ellie", allowed: true });
  expect(session.announcement.value).toEqual({ key: "sayMayShare" });
  server.socket.say({ type: "screen_allowed", participant_id: "ellie", allowed: false });
  expect(session.announcement.value).toEqual({ key: "sayMayNotShare" });
});

test("asking for cover ends it, too", async () => {
  await share();
  session.needCover(true);
  await settle();
  expect(server.socket.ofType("stop_sharing")).toHaveLength(1);
  expect(session.sharing.state.value).not.toBe("on");
});
