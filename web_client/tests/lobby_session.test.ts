import { beforeEach, describe, expect, test } from "vitest";
import type { LocalMedia } from "../src/media/devices";
import type { ParticipantView, RoomFrame, ServerMessage, Snapshot, SubscribeOffer } from "../src/protocol/generated";
import { RoomSession } from "../src/session";
import { say } from "../src/words";
import { en } from "../src/words/en";
import { FakeLocal, FakePublisher, FakeScreen, FakeSubscriber } from "./fake_media";
import { FakeServer, settle, snapshotOf } from "./fakes";

let server: FakeServer;
let local: FakeLocal;
let screen: FakeScreen;
let publisher: FakePublisher;
let subscriber: FakeSubscriber;
let session: RoomSession;
let seq: number;

const me: ParticipantView = { id: "ellie", name: "Ellie", role: "participant", place: 7 };
const outside = (change: Partial<Snapshot> = {}): Snapshot =>
  snapshotOf({ participants: [{ ...me, place: 0 }], waiting: true, ...change });

async function come(
  first: Snapshot,
  wanted = { microphone: true, camera: true },
  urgent?: (then: () => void) => void,
): Promise<void> {
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
      ...(urgent && { urgent }),
    },
    wanted,
  );
  seq = 0;
  session.start();
  await settle();
  server.welcome(first);
  await settle();
}

function event(body: RoomFrame): void {
  server.socket.say(body, (seq += 1));
}

/** Frames of which only the latest counts. */
function tell(body: ServerMessage): void {
  server.socket.say(body);
}

const letIn = (snapshot = snapshotOf()) => event({ type: "view_replaced", snapshot });
const moveOut = (snapshot = outside()) => event({ type: "view_replaced", snapshot });
const said = () => session.announcement.value && say(en, session.announcement.value as Parameters<typeof say>[1]);
const told = () => server.socket.ofType("set_devices").map(({ microphone, camera }) => ({ microphone, camera }));
const offer: SubscribeOffer = { type: "subscribe_offer", version: 1, sdp: "x", tracks: [], fresh: true };
function answer(type: "set_not_alone" | "remove" | "admit", body: "ack" | "rate_limited" | "not_allowed"): void {
  const id = server.socket.ofType(type).at(-1)?.id ?? "";
  tell(body === "ack" ? { type: "ack", id } : { type: "rejected", id, code: body, message: "" });
}

describe("in the lobby", () => {
  beforeEach(() => come(outside()));

  test("nothing is offered and nothing is told, whatever is tapped", async () => {
    await session.tapMicrophone();
    await session.tapCamera();
    await session.tapCamera();
    await server.clock.advance(1_000);
    expect([publisher.starts, subscriber.configured, told()]).toEqual([0, 0, []]);
    expect(said()).toBe("You are in the lobby. Nobody sees or hears you here.");
  });

  test("a lost connection that comes back begins no media", async () => {
    await server.clock.advance(6_000);
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    await settle();
    expect([publisher.resumes, subscriber.resumes, publisher.starts, told()]).toEqual([0, 0, 0, []]);
    letIn();
    expect(publisher.starts).toBe(1);
  });

  test("let in soon, I come with what I chose, and hear that I am in", async () => {
    await session.tapCamera();
    letIn();
    expect([publisher.starts, subscriber.configured]).toEqual([1, 1]);
    expect(told()).toEqual([{ microphone: true, camera: false }]);
    expect(said()).toBe("You are in the group now.");
    expect(session.notice.value).toBeNull();
  });

  test("let in after a while, I come muted, with the camera I saw, and read why", async () => {
    await server.clock.advance(21_000);
    publisher.microphones.length = 0;
    letIn();
    expect(told()).toEqual([{ microphone: false, camera: true }]);
    expect(publisher.microphones.every((track) => track === null)).toBe(true);
    expect(session.notice.value).toEqual({ about: "late" });
    expect(said()).toBe("You are in the group now. Your microphone is off.");
  });

  test("who unmutes just before being let in is there, and is heard", async () => {
    await server.clock.advance(60_000);
    await session.tapMicrophone();
    await session.tapMicrophone();
    await server.clock.advance(5_000);
    letIn();
    expect(told()).toEqual([{ microphone: true, camera: true }]);
  });

  test("let in while the connection was away, by a fresh view, is the same", async () => {
    await server.clock.advance(21_000);
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf());
    await settle();
    expect(told()).toEqual([{ microphone: false, camera: true }]);
    expect([publisher.starts, session.notice.value]).toEqual([1, { about: "late" }]);
  });

  test("an offer that comes before the word that I am in is not lost", () => {
    tell(offer);
    expect(subscriber.offers).toEqual([]);
    letIn();
    expect(subscriber.offers).toEqual([offer]);
  });
});

describe("what I send, while the others are being asked for,", () => {
  let then: (() => void)[];
  const urgent = (act: () => void) => void then.push(act);
  beforeEach(() => {
    then = [];
  });

  test("begins when they have been", async () => {
    await come(snapshotOf(), undefined, urgent);
    expect(publisher.starts).toBe(0);
    then[0]?.();
    expect(publisher.starts).toBe(1);
  });

  test("does not begin in the lobby any more", async () => {
    await come(snapshotOf(), undefined, urgent);
    moveOut();
    then[0]?.();
    expect(publisher.starts).toBe(0);
  });

  test("does not begin after I have left", async () => {
    await come(snapshotOf(), undefined, urgent);
    session.dispose();
    then[0]?.();
    expect(publisher.starts).toBe(0);
  });

  test("begins once, however often I was let in", async () => {
    await come(snapshotOf(), undefined, urgent);
    server.welcome();
    await settle();
    then.forEach((act) => act());
    expect(publisher.starts).toBe(1);
  });
});

describe("moved to the lobby", () => {
  beforeEach(async () => {
    await come(snapshotOf());
    await server.clock.advance(6_000);
  });

  test("everything closes at once, and the mentor's word is said", () => {
    expect(publisher.starts).toBe(1);
    session.received.value = new Map([["dana", {}]]);
    moveOut();
    expect([publisher.closed, subscriber.closed, session.received.value.size]).toEqual([true, true, 0]);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: true });
    expect(session.room.value?.asked).toBe(true);
    expect(said()).toBe("Your mentor asked you to wait here for a moment. You will be let in again.");
  });

  test("my refused wish from before does not turn the camera off", () => {
    const { id } = server.socket.ofType("set_devices").at(-1) ?? { id: "" };
    moveOut();
    tell({ type: "rejected", id, code: "not_admitted", message: "" });
    expect(session.mine.value.camera).toBe(true);
    expect(session.notice.value).toBeNull();
  });

  test("let in again, media begins anew, muted", () => {
    moveOut();
    letIn();
    expect([publisher.starts, subscriber.configured, publisher.closed]).toEqual([2, 2, false]);
    expect(told().at(-1)).toEqual({ microphone: false, camera: true });
  });

  test("with the whole group, nobody is said to have been asked", () => {
    moveOut(outside({ session: { id: "s", title: "t", status: "lobby" } }));
    expect(session.room.value?.asked).toBe(false);
    expect(said()).toBe("You are in the lobby. Nobody sees or hears you here.");
  });

  test("a view may jump ahead in number; what follows counts from there", async () => {
    seq = 41;
    moveOut();
    letIn();
    event({ type: "listening_changed", participant_id: "dana", listening: true });
    expect(session.phase.value.name).toBe("live");
    expect(session.room.value?.participants[0]?.listening).toBe(true);
  });
});

describe("a pause", () => {
  beforeEach(async () => {
    await come(snapshotOf({ participants: [{ id: "dana", name: "Dana", role: "mentor", place: 0 }, me] }));
    await server.clock.advance(6_000);
    tell({ type: "pause_changed", until_ms: 9_000, closings: 1 });
  });

  test("closes my microphone, and a tap only says why", async () => {
    expect(session.mine.value).toMatchObject({ microphone: false, camera: true, closings: 1 });
    expect(said()).toContain("Your mentor is reconnecting.");
    await session.tapMicrophone();
    expect(session.mine.value.microphone).toBe(false);
    expect(said()).toBe("Microphones are closed until someone leads again.");
  });

  const therapist: ParticipantView = { id: "ruth", name: "Ruth", role: "therapist", place: 9 };

  test("over because another person leads, says who", async () => {
    // Dana asked for cover, which only those who lead are told: she was here all along.
    event({ type: "participant_joined", participant: therapist });
    tell({ type: "pause_changed", until_ms: 0, closings: 1 });
    expect(said()).toBe("Ruth leads the group now. Your microphone is still off.");
    expect(session.notice.value).toEqual({ about: "back", leader: "Ruth" });
    tell({ type: "presence_changed", participant_id: "ruth", connected: false });
    tell({ type: "pause_changed", until_ms: 9_000, closings: 2 });
    tell({ type: "presence_changed", participant_id: "ruth", connected: true });
    tell({ type: "pause_changed", until_ms: 0, closings: 2 });
    expect(session.notice.value, "a therapist is no mentor").toEqual({ about: "back", leader: "Ruth" });
  });

  test("over because a mentor came who had not led before, says who: nobody is back", async () => {
    event({ type: "participant_joined", participant: { id: "nina", name: "Nina", role: "mentor", place: 9 } });
    tell({ type: "pause_changed", until_ms: 0, closings: 1 });
    expect(session.notice.value).toEqual({ about: "back", leader: "Nina" });
  });

  test("over by another person while I was away says who, too", async () => {
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf({ participants: [therapist, { ...me, closings: 1 }] }));
    expect(session.notice.value).toEqual({ about: "back", leader: "Ruth" });
  });

  test("keeps in mind who led over a new view", async () => {
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf({ participants: [{ ...me, closings: 1 }], paused_until_ms: 9_000 }));
    seq = 0;
    event({ type: "participant_joined", participant: { id: "dana", name: "Dana", role: "mentor", place: 0 } });
    tell({ type: "pause_changed", until_ms: 0, closings: 1 });
    expect(session.notice.value).toEqual({ about: "back", leader: null });
  });

  test("over, the microphone is still off and says so until it is opened", async () => {
    tell({ type: "pause_changed", until_ms: 0, closings: 1 });
    expect(session.mine.value.microphone).toBe(false);
    expect([said(), session.notice.value]).toEqual(["Your mentor is back. Your microphone is still off.", { about: "back", leader: null }]);
    await session.tapMicrophone();
    expect([session.mine.value.microphone, session.notice.value]).toEqual([true, null]);
  });

  test("that ended while I was away is told of, too", async () => {
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf({ participants: [{ id: "dana", name: "Dana", role: "mentor", place: 0 }, { ...me, closings: 1 }] }));
    expect(session.notice.value).toEqual({ about: "back", leader: null });
    expect(session.mine.value.microphone).toBe(false);
  });

  test("that crossed my unmuting keeps the camera on", async () => {
    await come(snapshotOf(), { microphone: false, camera: true });
    await session.tapMicrophone();
    const { id } = server.socket.ofType("set_devices").at(-1) ?? { id: "" };
    tell({ type: "rejected", id, code: "paused", message: "" });
    await settle();
    expect(session.mine.value).toMatchObject({ microphone: false, camera: true });
  });
});

describe("not alone", () => {
  beforeEach(async () => {
    await come(snapshotOf());
    await server.clock.advance(6_000);
    session.hideGroup();
  });
  const hidden = () => server.socket.ofType("set_not_alone").map((message) => message.on);

  test("lets go of my devices at once, tells it, and says so", async () => {
    expect([local.microphone.value.track, local.camera.value.track]).toEqual([null, null]);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: false });
    expect([hidden(), session.notAlone.told.value]).toEqual([[true], false]);
    answer("set_not_alone", "ack");
    await settle();
    expect(session.notAlone.told.value).toBe(true);
    expect(said()).toBe("The group is hidden. Nobody hears or sees you.");
  });

  test("nothing opens meanwhile, and nothing of others is said aloud", async () => {
    await session.tapMicrophone();
    await session.tapCamera();
    expect(local.asked).toEqual([]);
    const before = said();
    event({ type: "chat_posted", message: { id: "m", author_id: "dana", author_name: "Dana", text: "secret", at_ms: 1 } });
    tell({ type: "reacted", participant_id: "dana", reaction: "same_here" });
    expect([said(), session.reactions.shown.value.size]).toEqual([before, 0]);
  });

  test("what could not be told is told again", async () => {
    answer("set_not_alone", "rate_limited");
    await server.clock.advance(2_000);
    expect(hidden()).toEqual([true, true]);
    answer("set_not_alone", "not_allowed");
    await server.clock.advance(10_000);
    expect(hidden()).toEqual([true, true]);
  });

  test("is told anew when I had to join again", async () => {
    answer("set_not_alone", "ack");
    await settle();
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf());
    expect([hidden(), session.notAlone.told.value]).toEqual([[true], false]);
  });

  test("back, microphone and camera are still off", () => {
    session.showGroup();
    expect(hidden()).toEqual([true, false]);
    expect(session.mine.value).toMatchObject({ microphone: false, camera: false });
    expect(session.notAlone.on.value).toBe(false);
  });

  test("an answer to what is not so any more says nothing about what is", async () => {
    const { id } = server.socket.ofType("set_not_alone").at(-1) ?? { id: "" };
    session.showGroup();
    tell({ type: "ack", id });
    await settle();
    expect([session.notAlone.on.value, session.notAlone.told.value]).toEqual([false, false]);
  });

  test("the end of it is not owed to a server that never heard of it", async () => {
    session.showGroup();
    server.socket.drop(4505);
    await server.clock.advance(1_000);
    server.welcome(snapshotOf());
    expect(hidden()).toEqual([]);
  });

  test("the end of it is owed to a server that kept the session", async () => {
    session.showGroup();
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    expect(hidden()).toEqual([false]);
  });
});

describe("who leads", () => {
  const dana = snapshotOf({ you: "dana" });

  test("hears and sees who left early, until it is read or they are back", async () => {
    await come(dana);
    event({ type: "participant_left", participant_id: "ellie", reason: "left" });
    expect([said(), session.early.value.map((one) => one.name)]).toEqual(["Ellie left early.", ["Ellie"]]);
    event({ type: "participant_joined", participant: me });
    expect(session.early.value).toEqual([]);
  });

  test("hears that someone was removed, whoever did it, and not that they left early", async () => {
    await come(dana);
    event({ type: "participant_left", participant_id: "ellie", reason: "removed" });
    expect([said(), session.early.value]).toEqual(["Ellie was removed.", []]);
  });

  test("is told when a removal was refused", async () => {
    await come(dana);
    void session.ask.remove("ellie");
    answer("remove", "not_allowed");
    await settle();
    expect(session.notice.value).toEqual({ about: "request", code: "not_allowed" });
  });

  test("stays in the room with sound and picture when the session returns to its lobby", async () => {
    await come(dana);
    event({
      type: "view_replaced",
      snapshot: snapshotOf({
        you: "dana",
        session: { id: "s", title: "t", status: "lobby" },
        participants: [{ id: "dana", name: "Dana", role: "mentor", place: 0 }],
        lobby: [{ id: "ellie", name: "Ellie", since_ms: 1 }],
      }),
    });
    expect([publisher.starts, publisher.closed]).toEqual([1, false]);
    expect(said()).toBe("The group waits in the lobby until someone can lead.");
  });
});

test("a participant is not told who left early", async () => {
  await come(snapshotOf({ participants: [me, { id: "joy", name: "Joy", role: "participant", place: 3 }] }));
  event({ type: "participant_left", participant_id: "joy", reason: "left" });
  expect([said(), session.early.value]).toEqual(["Joy has left.", []]);
});

test("a reaction is shown for six seconds; a newer one takes its place", async () => {
  await come(snapshotOf());
  tell({ type: "reacted", participant_id: "dana", reaction: "i_hear_you" });
  expect([said(), session.reactions.shown.value.get("dana")]).toEqual(["Dana: I hear you", "i_hear_you"]);
  await server.clock.advance(5_000);
  tell({ type: "reacted", participant_id: "dana", reaction: "thank_you" });
  await server.clock.advance(5_000);
  expect(session.reactions.shown.value.get("dana")).toBe("thank_you");
  await server.clock.advance(1_000);
  expect(session.reactions.shown.value.size).toBe(0);
});
