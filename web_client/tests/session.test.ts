import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../src/connection/api";
import type { LocalMedia } from "../src/media/devices";
import { RoomSession } from "../src/session";
import { FakeLocal, FakePublisher, FakeScreen, FakeSubscriber } from "./fake_media";
import { FakeServer, settle, snapshotOf } from "./fakes";

let server: FakeServer;
let local: FakeLocal;
let screen: FakeScreen;
let publisher: FakePublisher;
let subscriber: FakeSubscriber;
let session: RoomSession;

async function enter(wanted = { microphone: true, camera: true }, snapshot = snapshotOf()): Promise<void> {
  server = new FakeServer();
  local = new FakeLocal();
  screen = new FakeScreen();
  publisher = new FakePublisher();
  subscriber = new FakeSubscriber();
  session = new RoomSession(
    {
      connect: server.connect,
      publisher,
      subscriber,
      local: local as unknown as LocalMedia,
      screen,
      newId: server.newId,
      after: server.clock.after,
    },
    wanted,
  );
  session.start();
  await settle();
  server.welcome(snapshot);
  await server.clock.advance(6_000);
}

const microphonesTold = () => server.socket.ofType("set_devices").map((message) => message.microphone);
const closed = (closings: number) =>
  snapshotOf({
    participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 7, microphone_closed: true, closings }],
  });

describe("entering", () => {
  beforeEach(() => enter());

  test("offers media and says what is on", () => {
    expect(publisher.starts).toBe(1);
    expect(publisher.sending.microphone).toBe(local.microphone.value.track);
    expect(server.socket.ofType("set_devices")).toEqual([
      expect.objectContaining({ microphone: true, camera: true, closings: 0 }),
    ]);
  });

  test("with the microphone off sends no sound", async () => {
    await enter({ microphone: false, camera: true });
    expect(publisher.microphones.every((track) => track === null)).toBe(true);
    expect(local.microphone.value.track?.enabled).toBe(false);
    expect(microphonesTold()).toEqual([false]);
  });
});

describe("pictures", () => {
  beforeEach(() => enter());
  const shown = () => server.socket.ofType("set_view").map(({ tiles }) => tiles.map((tile) => tile.participant_id));

  test("of my own are sent in the layers that somebody needs", () => {
    server.socket.say({ type: "layers_wanted", source: "camera", rids: ["q"] }, null);
    expect(publisher.layers).toEqual([["camera", ["q"]]]);
  });

  test("of others come as the page shows them, and the server is told again after it forgot", async () => {
    session.viewing.see([{ participant_id: "dana", source: "camera", size: "large" }]);
    await server.clock.advance(200);
    expect(shown()).toEqual([["dana"]]);
    server.welcome();
    expect(shown()).toEqual([["dana"], ["dana"]]);
  });

  test("that do not come for now are known, until a new stay begins", () => {
    server.socket.say({ type: "pictures_resting", pictures: [{ participant_id: "dana", source: "camera" }] }, null);
    expect(session.resting.value).toEqual([{ participant_id: "dana", source: "camera" }]);
    server.welcome();
    expect(session.resting.value).toEqual([]);
  });

  test("neither come nor go with audio only, and my camera waits for a tap afterwards", async () => {
    session.viewing.see([{ participant_id: "dana", source: "camera", size: "large" }]);
    await server.clock.advance(200);
    session.setAudioOnly(true);
    await settle();
    expect(shown()).toEqual([["dana"], []]);
    expect(publisher.sending.camera).toBeNull();
    expect(publisher.sending.microphone).not.toBeNull();
    expect(session.announcement.value).toEqual({ key: "sayAudioOnly" });
    session.setAudioOnly(false);
    await settle();
    expect(shown()).toEqual([["dana"], [], ["dana"]]);
    expect(publisher.sending.camera).toBeNull();
  });
});

describe("my own connection", () => {
  test("is watched while I am in the room", async () => {
    let told: (weak: boolean) => void = () => {};
    let watching = 0;
    await enter();
    const { clock } = server;
    const watched = new RoomSession(
      {
        connect: server.connect,
        publisher,
        subscriber,
        local: local as unknown as LocalMedia,
        screen,
        newId: server.newId,
        after: clock.after,
        watchLink: (on) => {
          told = on;
          watching += 1;
          return () => void (watching -= 1);
        },
      },
      { microphone: true, camera: false },
    );
    watched.start();
    await settle();
    server.welcome();
    expect(watching).toBe(1);
    told(true);
    expect(watched.weak.value).toBe(true);
    server.welcome();
    expect([watching, watched.weak.value]).toEqual([1, false]);
    watched.dispose();
    expect(watching).toBe(0);
  });
});

describe("my microphone", () => {
  beforeEach(() => enter());

  test("goes silent at once when I mute it", async () => {
    await session.tapMicrophone();
    expect(publisher.sending.microphone).toBeNull();
    expect(local.microphone.value.track?.enabled).toBe(false);
    expect(microphonesTold()).toEqual([true, false]);
  });

  test("goes silent at once when a mentor closes it, and the server hears that I know", () => {
    server.socket.say({ type: "microphone_closed", participant_id: "ellie", closings: 1 }, 1);
    expect(publisher.sending.microphone).toBeNull();
    expect(server.socket.ofType("set_devices").at(-1)).toMatchObject({ microphone: false, closings: 1 });
  });

  test("explains itself while closed and stays silent", async () => {
    server.socket.say({ type: "microphone_closed", participant_id: "ellie", closings: 1 }, 1);
    await session.tapMicrophone();
    expect(publisher.sending.microphone).toBeNull();
    expect(session.notice.value).toEqual({ about: "microphone_closed" });
    expect(session.announcement.value).toEqual({ key: "sayMicrophoneClosed" });
  });

  test("allowed again, opens only by my tap", async () => {
    server.socket.say({ type: "microphone_closed", participant_id: "ellie", closings: 1 }, 1);
    server.socket.say({ type: "microphone_allowed", participant_id: "ellie" }, 2);
    expect(publisher.sending.microphone).toBeNull();
    await session.tapMicrophone();
    expect(publisher.sending.microphone).toBe(local.microphone.value.track);
    expect(server.socket.ofType("set_devices").at(-1)).toMatchObject({ microphone: true, closings: 1 });
  });

  test("closed while the connection was away is off after the return", async () => {
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome(closed(1));
    expect(publisher.sending.microphone).toBeNull();
    expect(microphonesTold()).toEqual([false]);
  });

  test("closed and allowed while the connection was away is off after the return, too", async () => {
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome(
      snapshotOf({ participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 7, closings: 1 }] }),
    );
    expect(publisher.sending.microphone).toBeNull();
    expect(session.mine.value).toMatchObject({ microphone: false, closed: false, closings: 1 });
  });

  const inTurn = (number: number, mode: "open" | "queue" = "queue") =>
    snapshotOf({ floor: { mode, newest: number, turn: { number, holder_id: "ellie" } } });

  test("stays on in my turn over a lost connection", async () => {
    server.socket.say({ type: "floor_changed", floor: inTurn(4, "open").floor ?? {}, closings: 0 });
    server.socket.say({ type: "floor_changed", floor: inTurn(4).floor ?? {}, closings: 0 });
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome(inTurn(4));
    expect(publisher.sending.microphone).toBe(local.microphone.value.track);
  });

  test("is off in a turn that was given while the connection was away, however the room counts closings", async () => {
    server.socket.say({ type: "floor_changed", floor: inTurn(4, "open").floor ?? {}, closings: 9 });
    await session.tapMicrophone();
    expect(publisher.sending.microphone).not.toBeNull();
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome(inTurn(5));
    expect(publisher.sending.microphone).toBeNull();
    expect(microphonesTold().at(-1)).toBe(false);
    await session.tapMicrophone();
    expect(publisher.sending.microphone).not.toBeNull();
  });

  test("is off where the first that this page sees is my turn", async () => {
    await enter({ microphone: true, camera: false }, inTurn(4));
    expect(publisher.sending.microphone).toBeNull();
  });

  test("held is silent, and stays silent when no longer held", () => {
    server.socket.say({ type: "microphone_held", participant_id: "ellie", held: true, closings: 1 });
    expect(publisher.sending.microphone).toBeNull();
    server.socket.say({ type: "microphone_held", participant_id: "ellie", held: false, closings: 1 });
    expect(publisher.sending.microphone).toBeNull();
  });

  test("a closing that comes while the browser asks for permission stands", async () => {
    await enter({ microphone: false, camera: false });
    local.close("microphone");
    local.beforeAnswer = () => {
      server.socket.say({ type: "microphone_closed", participant_id: "ellie", closings: 1 }, 1);
      server.socket.say({ type: "microphone_allowed", participant_id: "ellie" }, 2);
    };
    await session.tapMicrophone();
    expect(local.asked).toEqual(["microphone"]);
    expect(publisher.sending.microphone).toBeNull();
  });

  test("that the server refuses goes off here as well", async () => {
    const [told] = server.socket.ofType("set_devices");
    server.socket.say({ type: "rejected", id: told?.id ?? "", code: "microphone_closed", message: "" });
    await settle();
    expect(publisher.sending.microphone).toBeNull();
  });

  test("that the server could not take is not shown as on, and is told again until it is", async () => {
    await enter({ microphone: false, camera: true });
    await session.tapMicrophone();
    const refused = server.socket.ofType("set_devices").at(-1);
    server.socket.say({ type: "rejected", id: refused?.id ?? "", code: "rate_limited", message: "" });
    await settle();
    expect(session.actual.value.microphone).toBe(false);
    expect(session.announcement.value).toEqual({ key: "sayDoubt" });
    await server.clock.advance(1_000);
    const again = server.socket.ofType("set_devices").at(-1);
    expect(again).toMatchObject({ microphone: true });
    expect(again?.id).not.toBe(refused?.id);
    server.socket.say({ type: "ack", id: again?.id ?? "" });
    await settle();
    expect(session.actual.value.microphone).toBe(true);
    expect(session.announcement.value).toEqual({ key: "sayNoDoubt" });
  });

  test("is not shown as on before the browser has given it", async () => {
    await enter({ microphone: true, camera: true });
    local.microphone.value = { track: null, problem: null, asking: true };
    expect(session.actual.value.microphone).toBe(false);
    expect(session.mine.value.microphone).toBe(true);
  });

  test("tapped twice while the browser asks opens, and does not close again", async () => {
    await enter({ microphone: false, camera: false });
    local.close("microphone");
    await Promise.all([session.tapMicrophone(), session.tapMicrophone()]);
    expect(session.mine.value.microphone).toBe(true);
  });

  test("no frame about others or about me ever opens it", async () => {
    await session.tapMicrophone();
    publisher.microphones.length = 0;
    server.socket.say({ type: "devices_changed", participant_id: "ellie", microphone: true, camera: true });
    server.socket.say({ type: "microphone_allowed", participant_id: "ellie" }, 1);
    server.socket.say({ type: "participant_joined", participant: { id: "ellie", name: "Ellie", role: "participant", place: 7, microphone: true } }, 2);
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf({ participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 7, microphone: true }] }));
    expect(publisher.microphones.every((track) => track === null)).toBe(true);
  });

  test("denied by the browser says why and stays off", async () => {
    await enter({ microphone: false, camera: false });
    local.close("microphone");
    local.answer = "denied";
    await session.tapMicrophone();
    expect(session.mine.value.microphone).toBe(false);
    expect(session.notice.value).toEqual({ about: "device", source: "microphone", problem: "denied" });
  });

  test("unplugged goes off and says so", () => {
    local.microphone.value = { track: null, problem: "lost", asking: false };
    expect(session.mine.value.microphone).toBe(false);
    expect(microphonesTold().at(-1)).toBe(false);
    expect(session.notice.value).toMatchObject({ source: "microphone", problem: "lost" });
  });
});

describe("my camera", () => {
  beforeEach(() => enter());

  test("turned off lets go of the device, so that its light goes out", async () => {
    await session.tapCamera();
    expect(local.camera.value.track).toBeNull();
    expect(publisher.sending.camera).toBeNull();
    await session.tapCamera();
    expect(publisher.sending.camera).toBe(local.camera.value.track);
  });
});

describe("the door", () => {
  async function waitFor(ms: number): Promise<void> {
    await enter();
    server = new FakeServer();
    server.silent = true;
    session = new RoomSession(
      {
        connect: server.connect,
        publisher,
        subscriber,
        local: local as unknown as LocalMedia,
      screen,
        newId: server.newId,
        after: server.clock.after,
      },
      { microphone: true, camera: true },
    );
    server.joinFails = new ApiError(null);
    session.start();
    await server.clock.advance(ms);
    server.joinFails = null;
    await server.clock.advance(7_000);
    server.welcome();
  }

  test("opened after a long wait is passed with the microphone off, and that is said", async () => {
    await waitFor(20_000);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: true });
    expect(session.notice.value).toEqual({ about: "late" });
    expect(microphonesTold()).toEqual([false]);
  });

  test("opened soon is passed as was chosen", async () => {
    await waitFor(5_000);
    expect(session.mine.value.microphone).toBe(true);
    expect(session.notice.value).toBeNull();
  });
});

describe("coming back", () => {
  beforeEach(() => enter());

  test("a resume keeps media and says again what is on", async () => {
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    expect(publisher.starts).toBe(1);
    expect([publisher.resumes, subscriber.resumes]).toEqual([1, 1]);
    expect(microphonesTold()).toEqual([true]);
    expect(session.announcement.value).toEqual({ key: "sayBack" });
  });

  test("after longer than the place is kept, nobody claims that it still is", async () => {
    server.silent = true;
    session.networkLost();
    expect(session.phase.value.name).toBe("reconnecting");
    await server.clock.advance(59_000);
    expect(session.awayLong.value).toBe(false);
    await server.clock.advance(1_000);
    expect(session.awayLong.value).toBe(true);
    await server.clock.advance(10_000);
    server.resumed();
    server.welcome();
    expect(session.awayLong.value).toBe(false);
  });

  test("a fresh join builds media anew and replaces the room", async () => {
    server.socket.drop(4505);
    expect(session.announcement.value).toEqual({ key: "sayReconnecting" });
    await server.clock.advance(0);
    server.welcome(snapshotOf({ participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 7 }] }));
    expect([publisher.starts, subscriber.configured]).toEqual([2, 2]);
    expect(session.room.value?.participants).toHaveLength(1);
  });
});

describe("chat", () => {
  beforeEach(() => enter());

  const posted = (id: string, text = "hello") =>
    ({ type: "chat_posted", message: { id, author_id: "ellie", author_name: "Ellie", text, at_ms: 1 } }) as const;

  test("a message waits until the room shows it", () => {
    session.posting.post("hello");
    const [sent] = server.socket.ofType("post_chat");
    expect(session.posting.pending.value).toEqual([{ id: sent?.message_id, text: "hello", failed: null }]);
    server.socket.say(posted(sent?.message_id ?? ""), 1);
    expect(session.posting.pending.value).toEqual([]);
    expect(session.room.value?.chat).toHaveLength(1);
  });

  test("a message that was stored just before a crash shows once", async () => {
    session.posting.post("hello");
    const [sent] = server.socket.ofType("post_chat");
    server.socket.drop();
    await server.clock.advance(0);
    server.socket.drop(4411);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf({ chat: [posted(sent?.message_id ?? "").message] }));
    expect(server.socket.ofType("post_chat")).toEqual([sent]);
    server.socket.say({ type: "ack", id: sent?.id ?? "" });
    expect(session.posting.pending.value).toEqual([]);
    expect(session.room.value?.chat).toHaveLength(1);
  });

  test("a message that was stored, and is older than the fresh view of the room reaches, waits no longer", async () => {
    session.posting.post("hello");
    const [sent] = server.socket.ofType("post_chat");
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome(snapshotOf({ chat: [posted("newer").message] }));
    server.socket.say({ type: "ack", id: sent?.id ?? "" });
    await settle();
    expect(session.posting.pending.value).toEqual([]);
  });

  test("a refused message is kept and goes out again under its own id", async () => {
    session.posting.post("hello");
    const [sent] = server.socket.ofType("post_chat");
    server.socket.say({ type: "rejected", id: sent?.id ?? "", code: "not_saved", message: "" });
    await settle();
    expect(session.posting.pending.value[0]?.failed).toBe("not_saved");
    void session.posting.retry(sent?.message_id ?? "");
    expect(server.socket.ofType("post_chat").map((message) => message.message_id)).toEqual([
      sent?.message_id,
      sent?.message_id,
    ]);
  });
});

describe("a mentor's act", () => {
  beforeEach(() => enter());

  const close: [string, () => Promise<void>] = ["close_microphone", () => session.ask.closeMicrophone("ellie")];
  const acts: [string, () => Promise<unknown>][] = [
    ["allow_microphone", () => session.ask.allowMicrophone("ellie")],
    ["hide_chat", () => session.ask.hideChat("m")],
    ["show_chat", () => session.ask.showChat("m")],
  ];

  test.each(acts)("%s is not repeated in a new session, and the mentor is told to look", async (type, act) => {
    void act();
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome();
    await settle();
    expect(server.socket.sent.filter((message) => message.type === type)).toEqual([]);
    expect(session.notice.value).toEqual({ about: "unsure" });
  });

  test.each([...acts, close])("%s is repeated under its own id while the session goes on", async (type, act) => {
    void act();
    const first = server.socket.sent.filter((message) => message.type === type);
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    expect(server.socket.sent.filter((message) => message.type === type)).toEqual(first);
  });

  test("of closing a microphone waits for the connection, is shown as waiting, and is done in the new session", async () => {
    server.socket.drop(4505);
    void session.ask.closeMicrophone("joy");
    expect(session.ask.closing.value).toEqual(new Set());
    await server.clock.advance(1_000);
    expect(session.ask.closing.value).toEqual(new Set(["joy"]));
    server.welcome();
    const [sent] = server.socket.ofType("close_microphone");
    expect(sent?.participant_id).toBe("joy");
    server.socket.say({ type: "ack", id: sent?.id ?? "" });
    await settle();
    expect(session.ask.closing.value).toEqual(new Set());
    expect(session.notice.value).toBeNull();
  });

  test("of ending the session is repeated until it is done", async () => {
    void session.ask.endSession();
    const first = server.socket.ofType("end_session");
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome();
    expect(server.socket.ofType("end_session")).toEqual(first);
  });

  test("leaves no note behind when one leaves", async () => {
    void session.ask.hideChat("m");
    session.leave();
    await settle();
    expect(session.notice.value).toBeNull();
  });

  test("that was not saved is said", async () => {
    void session.ask.closeMicrophone("ellie");
    const [sent] = server.socket.ofType("close_microphone");
    server.socket.say({ type: "rejected", id: sent?.id ?? "", code: "not_saved", message: "" });
    await settle();
    expect(session.notice.value).toEqual({ about: "request", code: "not_saved" });
  });
});

describe("sound and video", () => {
  beforeEach(() => enter());

  test("a refused answer is the subscriber's to mend", () => {
    server.socket.say({ type: "rejected", id: "", code: "sdp_rejected", message: "" });
    expect(subscriber.refusals).toBe(1);
  });

  test("my microphone and camera are not shown as on while there is no way for them", () => {
    expect(session.actual.value).toEqual({ microphone: true, camera: true });
    session.mediaTrouble("publish", "trying");
    expect(session.actual.value).toEqual({ microphone: false, camera: false });
    session.mediaTrouble("publish", null);
    expect(session.actual.value).toEqual({ microphone: true, camera: true });
  });

  test("what does not work is said, and only that is tried once more at a press", () => {
    session.mediaTrouble("subscribe", "trying");
    expect(session.announcement.value).toEqual({ key: "sayMediaTrying" });
    session.mediaTrouble("subscribe", "stuck");
    expect(session.announcement.value).toEqual({ key: "sayMediaStuck" });
    session.retryMedia();
    expect([publisher.agains, subscriber.agains]).toEqual([0, 1]);
  });
});

describe("the end", () => {
  beforeEach(() => enter());

  test("of the session is the end of the stay", () => {
    expect(session.over.value).toBeNull();
    server.socket.say({ type: "session_ended" }, 1);
    expect(session.over.value).toBe("session_ended");
  });

  test("lets go of microphone, camera and connections", () => {
    session.dispose();
    expect(local.microphone.value.track).toBeNull();
    expect(local.camera.value.track).toBeNull();
    expect(publisher.closed).toBe(true);
    expect(server.socket.ofType("leave")).toHaveLength(1);
    expect(session.over.value).toBe("left");
  });
});

describe("asking for cover", () => {
  beforeEach(() => enter());

  test("closes my own microphone and camera first", () => {
    session.needCover(true);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: false });
    expect([local.microphone.value.track, local.camera.value.track]).toEqual([null, null]);
    const told = server.socket.sent.map(({ type }) => type);
    expect(told.lastIndexOf("set_devices")).toBeLessThan(told.indexOf("ask_for_cover"));
    expect(server.socket.ofType("set_devices").at(-1)).toMatchObject({ microphone: false, camera: false });
  });

  test("taken back, opens nothing", async () => {
    session.needCover(true);
    session.needCover(false);
    await server.clock.advance(3_000);
    expect(server.socket.ofType("withdraw_cover")).toHaveLength(1);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: false });
  });
});

describe("choosing devices", () => {
  beforeEach(() => enter());

  test("what is off stays off", async () => {
    await session.tapMicrophone();
    await session.choose("microphone", "headset");
    expect(local.chosen).toEqual([["microphone", "headset"]]);
    expect(session.mine.value.microphone).toBe(false);
    expect(publisher.sending.microphone).toBeNull();
  });

  test("one in place of what went away opens with that tap", async () => {
    local.microphone.value = { track: null, problem: "lost", asking: false, gone: "Headset" };
    expect(session.notice.value).toEqual({ about: "device", source: "microphone", problem: "lost" });
    await session.choose("microphone", "built-in", true);
    expect(session.mine.value.microphone).toBe(true);
    expect(session.notice.value).toBeNull();
  });

  test("what cannot be had is explained", async () => {
    local.problem = "busy";
    await session.choose("microphone", "taken");
    expect(session.notice.value).toEqual({ about: "device", source: "microphone", problem: "busy" });
    await session.flipCamera();
    expect(session.notice.value).toEqual({ about: "device", source: "camera", problem: "busy" });
  });

  test("an interruption is off for everyone, and opens only by a tap", async () => {
    local.microphone.value = { track: null, problem: "interrupted", asking: false };
    expect(microphonesTold().at(-1)).toBe(false);
    expect(session.notice.value).toEqual({ about: "device", source: "microphone", problem: "interrupted" });
    await session.tapMicrophone();
    expect(microphonesTold().at(-1)).toBe(true);
  });

  test("that the system moved an open microphone is said; of one that is off there is nothing to say", async () => {
    await session.tapMicrophone();
    session.microphoneMoved("Headset");
    expect(session.notice.value).toBeNull();
    await session.tapMicrophone();
    session.microphoneMoved("Headset");
    expect(session.notice.value).toEqual({ about: "moved", label: "Headset" });
    await session.choose("microphone", "built-in");
    expect(session.notice.value).toBeNull();
  });
});
