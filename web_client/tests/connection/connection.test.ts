import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../../src/connection/api";
import { Connection } from "../../src/connection/connection";
import { socketUrl } from "../../src/connection/socket";
import { FakeServer, settle, snapshotOf, Told } from "../fakes";

let server: FakeServer;
let told: Told;
let connection: Connection;

beforeEach(async () => {
  server = new FakeServer();
  told = new Told();
  connection = server.connect(told);
  connection.start();
  await settle();
});

async function steady(): Promise<void> {
  server.welcome();
  await server.clock.advance(6_000);
}

describe("joining", () => {
  test("the token from HTTP travels in the first frame", () => {
    server.welcome();
    expect(server.socket.sent[0]).toEqual({ type: "join", token: "join-token-1" });
    expect(told.last).toEqual({ name: "live" });
    expect(told.welcomes).toBe(1);
  });

  test("401 stops with words to open the link again, and nothing is tried any more", async () => {
    const other = new FakeServer();
    const toldOther = new Told();
    other.joinFails = new ApiError("signed_out");
    other.connect(toldOther).start();
    await other.clock.advance(60_000);
    expect(toldOther.last).toEqual({ name: "stopped", code: "signed_out" });
    expect(other.joins).toBe(1);
  });

  test("a server that cannot be reached is tried again by itself", async () => {
    const other = new Told();
    server.joinFails = new ApiError(null);
    server.connect(other).start();
    await server.clock.advance(3_000);
    expect(other.last?.name).toBe("connecting");
    server.joinFails = null;
    await server.clock.advance(1_000);
    server.welcome();
    expect(other.last).toEqual({ name: "live" });
  });

  test.each([
    ["overloaded", "busy"],
    ["not_saved", "cannotSave"],
  ] as const)("a server that is %s is left alone for longer, and the person is told so", async (code, trouble) => {
    const other = new Told();
    server.joinFails = new ApiError(code);
    server.connect(other).start();
    const before = server.joins;
    await server.clock.advance(10_000);
    expect(server.joins - before).toBeLessThanOrEqual(4);
    expect(other.last).toMatchObject({ name: "connecting", trouble });
    server.joinFails = null;
    await server.clock.advance(20_000);
    server.welcome();
    expect(other.last).toEqual({ name: "live" });
  });

  test("a socket that says nothing for ten seconds is given up", async () => {
    server.socket.open();
    await server.clock.advance(10_000);
    await server.clock.advance(1_000);
    expect(server.joins).toBe(2);
    expect(server.sockets[0]?.closedByClient).not.toBeNull();
  });

  test("a server that takes a person in and throws them out again is not hammered", async () => {
    for (let round = 0; round < 5; round += 1) {
      server.welcome();
      server.socket.drop(4505);
      await server.clock.advance(0);
    }
    expect(server.joins).toBe(1);
  });
});

describe("a lost socket", () => {
  beforeEach(steady);

  test("resumes at once after the last frame received, and the room stays", async () => {
    server.socket.say({ type: "participant_left", participant_id: "x", reason: "left" }, 1);
    server.socket.drop();
    await server.clock.advance(0);
    expect(told.last).toEqual({ name: "reconnecting" });
    server.resumed();
    expect(server.socket.sent[0]).toEqual({ type: "resume", resume_token: "resume-1", seq: 1 });
    expect(told.last).toEqual({ name: "live" });
    expect([told.welcomes, told.resumes, server.joins]).toEqual([1, 1, 1]);
  });

  test("the next loss uses the next resume token", async () => {
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed("resume-2");
    await server.clock.advance(6_000);
    server.socket.drop();
    await server.clock.advance(0);
    server.socket.open();
    expect(server.socket.sent[0]).toMatchObject({ resume_token: "resume-2" });
  });

  test("a resume that is refused becomes a join", async () => {
    server.socket.drop();
    await server.clock.advance(0);
    server.socket.open();
    server.socket.say({ type: "goodbye", code: "token_invalid", message: "", then: "rejoin" });
    server.socket.drop(4411);
    await server.clock.advance(1_000);
    expect(server.joins).toBe(2);
    server.welcome();
    expect(server.socket.sent[0]?.type).toBe("join");
    expect(told.last).toEqual({ name: "live" });
  });

  test("after three resumes without an answer the way over HTTP says what is wrong", async () => {
    server.socket.drop();
    for (let tries = 0; tries < 3; tries += 1) {
      await server.clock.advance(1_000);
      server.socket.drop();
    }
    server.joinFails = new ApiError("signed_out");
    await server.clock.advance(1_000);
    expect(told.last).toEqual({ name: "stopped", code: "signed_out" });
  });

  test("while the server is down tries go on, and nobody has to touch anything", async () => {
    server.socket.drop();
    server.joinFails = new ApiError(null);
    for (let second = 0; second < 120; second += 1) {
      await server.clock.advance(1_000);
      if (server.socket.closedByClient === null && server.sockets.length < 5) server.socket.drop();
    }
    expect(told.last).toEqual({ name: "reconnecting" });
    server.joinFails = null;
    await server.clock.advance(7_000);
    server.welcome();
    expect(told.last).toEqual({ name: "live" });
  });

  test("the network's return is used at once", async () => {
    server.socket.drop();
    server.joinFails = new ApiError(null);
    for (let second = 0; second < 60; second += 1) {
      await server.clock.advance(1_000);
      if (server.sockets.length < 5 && server.socket.closedByClient === null) server.socket.drop();
    }
    server.joinFails = null;
    const before = server.joins;
    connection.nudge();
    await settle();
    expect(server.joins).toBe(before + 1);
  });
});

describe("how the server says goodbye", () => {
  beforeEach(steady);

  test("replaced by another screen: stay away", async () => {
    server.socket.say({ type: "goodbye", code: "replaced", message: "", then: "stop" });
    server.socket.drop(4407);
    await server.clock.advance(60_000);
    expect(told.last).toEqual({ name: "stopped", code: "replaced" });
    expect(server.sockets).toHaveLength(1);
  });

  test("using this screen instead joins anew", async () => {
    server.socket.drop(4407);
    connection.start();
    await settle();
    server.welcome();
    expect(server.joins).toBe(2);
    expect(told.last).toEqual({ name: "live" });
  });

  test("a close code alone says what to do", async () => {
    server.socket.drop(4506);
    await server.clock.advance(0);
    expect(server.joins).toBe(2);
  });

  test("what the last frame says counts more than the close code", async () => {
    server.socket.say({ type: "goodbye", code: "draining", message: "", then: "resume" });
    server.socket.drop(4506);
    await server.clock.advance(0);
    server.socket.open();
    expect(server.socket.sent[0]?.type).toBe("resume");
  });
});

describe("sequence", () => {
  beforeEach(steady);

  test("frames arrive in order, ephemeral ones between", () => {
    server.socket.say({ type: "session_ended" }, 1);
    server.socket.say({ type: "speakers_changed", participant_ids: [] });
    expect(told.frames.map((frame) => frame.type)).toEqual(["session_ended", "speakers_changed"]);
  });

  test("a gap asks for a fresh snapshot", async () => {
    server.socket.say({ type: "session_ended" }, 2);
    expect(told.frames).toEqual([]);
    await server.clock.advance(0);
    expect(server.joins).toBe(2);
  });

  test("only a whole view may jump ahead, and counting goes on from it", async () => {
    server.socket.say({ type: "view_replaced", snapshot: snapshotOf() }, 5);
    server.socket.say({ type: "view_replaced", snapshot: snapshotOf() }, 4);
    server.socket.say({ type: "session_ended" }, 6);
    expect(told.frames.map((frame) => frame.type)).toEqual(["view_replaced", "session_ended"]);
    server.socket.say({ type: "session_ended" }, 8);
    await server.clock.advance(0);
    expect(server.joins).toBe(2);
  });

  test("a frame that was seen before is not applied twice", () => {
    server.socket.say({ type: "session_ended" }, 1);
    server.socket.say({ type: "session_ended" }, 1);
    expect(told.frames).toHaveLength(1);
  });

  test("counting begins anew with a fresh snapshot", async () => {
    server.socket.say({ type: "session_ended" }, 1);
    server.socket.drop(4412);
    await server.clock.advance(0);
    server.welcome();
    server.socket.say({ type: "session_ended" }, 1);
    expect(told.frames).toHaveLength(2);
  });

  test("bytes that cannot be read ask for a fresh snapshot", async () => {
    server.socket.sayBytes(new Uint8Array([0xc1]));
    await server.clock.advance(0);
    expect(server.joins).toBe(2);
  });

  test("a late frame of a lost socket is ignored", async () => {
    const old = server.socket;
    old.drop();
    await server.clock.advance(0);
    server.resumed();
    old.say({ type: "session_ended" }, 1);
    expect(told.frames).toEqual([]);
  });
});

describe("requests", () => {
  beforeEach(steady);

  test("are answered by their id", async () => {
    const outcome = connection.request({ type: "hide_chat", message_id: "m" }, "always");
    const id = server.socket.ofType("hide_chat")[0]?.id ?? "";
    server.socket.say({ type: "rejected", id, code: "not_allowed", message: "" });
    await expect(outcome).resolves.toMatchObject({ code: "not_allowed" });
  });

  test("without an answer are sent again under the same id after a resume", async () => {
    const outcome = connection.request({ type: "post_chat", message_id: "m", text: "hello" }, "always");
    const [first] = server.socket.ofType("post_chat");
    server.socket.drop();
    await server.clock.advance(0);
    server.resumed();
    expect(server.socket.ofType("post_chat")).toEqual([first]);
    server.socket.say({ type: "ack", id: first?.id ?? "" });
    await expect(outcome).resolves.toMatchObject({ type: "ack" });
  });

  test("without an answer are sent again under the same id after a join, in order, once", async () => {
    void connection.request({ type: "post_chat", message_id: "m1", text: "one" }, "always");
    void connection.request({ type: "post_chat", message_id: "m2", text: "two" }, "always");
    const first = server.socket.ofType("post_chat");
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome();
    expect(server.socket.ofType("post_chat")).toEqual(first);
  });

  test("that were answered are never sent again", async () => {
    void connection.request({ type: "post_chat", message_id: "m", text: "hello" }, "always");
    server.socket.say({ type: "ack", id: server.socket.ofType("post_chat")[0]?.id ?? "" });
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome();
    expect(server.socket.ofType("post_chat")).toEqual([]);
  });

  test("made while the connection is away wait for its return", async () => {
    server.socket.drop();
    void connection.request({ type: "post_chat", message_id: "m", text: "hello" }, "always");
    await server.clock.advance(0);
    server.resumed();
    expect(server.socket.ofType("post_chat")).toHaveLength(1);
  });

  test("about an old media connection do not survive a fresh join", async () => {
    const outcome = connection.request({ type: "publish_offer", sdp: "v=0", sources: {} }, "resume");
    server.socket.drop(4505);
    await server.clock.advance(0);
    server.welcome();
    await expect(outcome).resolves.toEqual({ type: "dropped" });
    expect(server.socket.ofType("publish_offer")).toEqual([]);
  });

  test("for a device state are replaced, not repeated", async () => {
    const outcome = connection.request({ type: "set_devices", microphone: true, camera: true }, "never");
    server.socket.drop();
    await expect(outcome).resolves.toEqual({ type: "dropped" });
  });
});

test("what was sent without an id and refused is the answer to an offer", async () => {
  await steady();
  server.socket.say({ type: "rejected", id: "", code: "sdp_rejected", message: "" });
  expect(told.answersRefused).toBe(1);
});

describe("a sign of life", () => {
  beforeEach(async () => {
    server.welcome();
    await settle();
  });

  test("is asked for when nothing was heard for a while", async () => {
    await server.clock.advance(2_500);
    expect(server.socket.ofType("ping")).toHaveLength(1);
    await server.clock.advance(2_500);
    expect(server.socket.ofType("ping")).toHaveLength(2);
    expect(told.last).toEqual({ name: "live" });
  });

  test("that does not come tells of a silent loss within five seconds", async () => {
    server.silent = true;
    await server.clock.advance(4_999);
    expect(told.last).toEqual({ name: "live" });
    await server.clock.advance(1);
    expect(told.last).toEqual({ name: "reconnecting" });
  });

  test("that comes slowly is no loss", async () => {
    server.silent = true;
    for (let round = 0; round < 10; round += 1) {
      await server.clock.advance(2_500 + 2_400);
      const [ping] = server.socket.ofType("ping").slice(-1);
      server.socket.say({ type: "ack", id: ping?.id ?? "" });
    }
    expect(server.sockets).toHaveLength(1);
    expect(told.phases.filter(({ name }) => name === "reconnecting")).toEqual([]);
  });

  test("is any frame", async () => {
    server.silent = true;
    for (let round = 0; round < 10; round += 1) {
      await server.clock.advance(2_400);
      server.socket.say({ type: "speakers_changed", participant_ids: [] });
    }
    expect(server.socket.ofType("ping")).toEqual([]);
    expect(server.sockets).toHaveLength(1);
  });

  test("is not missed by a page that stood still itself", async () => {
    server.silent = true;
    await server.clock.advance(2_500);
    server.clock.stall(6_000);
    server.silent = false;
    await server.clock.advance(10_000);
    expect(server.sockets).toHaveLength(1);
    expect(told.last).toEqual({ name: "live" });
  });

  test("is asked for at once, and only once, when there is a doubt", async () => {
    server.silent = true;
    connection.nudge();
    connection.nudge();
    expect(server.socket.ofType("ping")).toHaveLength(1);
    await server.clock.advance(2_500);
    expect(told.last).toEqual({ name: "reconnecting" });
  });

  test("is not waited for when the device says that it has no network", async () => {
    connection.networkLost();
    expect(told.last).toEqual({ name: "reconnecting" });
    await server.clock.advance(1_000);
    server.resumed();
    expect(told.last).toEqual({ name: "live" });
  });
});

test("a view of the room as somebody else stops everything, and nothing that waited is sent", async () => {
  await steady();
  server.socket.drop();
  const waiting = connection.request({ type: "post_chat", message_id: "m", text: "Ellie's own words" }, "always");
  await server.clock.advance(1_000);
  server.socket.say({ type: "goodbye", code: "resync", message: "", then: "rejoin" });
  server.socket.drop(4419);
  await server.clock.advance(1_000);
  server.welcome(snapshotOf({ you: "priya" }));
  await expect(waiting).resolves.toEqual({ type: "dropped" });
  expect(told.last).toEqual({ name: "stopped", code: "other_person" });
  expect(told.welcomes).toBe(1);
  expect(server.socket.sent.map(({ type }) => type)).toEqual(["join"]);
  expect(server.socket.closedByClient).not.toBeNull();
  await server.clock.advance(60_000);
  expect(server.joins).toBe(2);
});

describe("leaving", () => {
  test("says so, closes, and stays away", async () => {
    await steady();
    connection.leave();
    expect(server.socket.ofType("leave")).toHaveLength(1);
    expect(server.socket.closedByClient).toBe(1000);
    server.socket.drop(1000);
    await server.clock.advance(60_000);
    expect(told.last).toEqual({ name: "stopped", code: "left" });
    expect(server.sockets).toHaveLength(1);
  });

  test("works while the connection is away", async () => {
    await steady();
    server.socket.drop();
    connection.leave();
    await server.clock.advance(60_000);
    expect(server.sockets).toHaveLength(1);
    expect(told.last).toEqual({ name: "stopped", code: "left" });
  });
});

test("the socket's address may be a path or whole", () => {
  expect(socketUrl("/ws", "https://h.example/join?debug")).toBe("wss://h.example/ws");
  expect(socketUrl("http://127.0.0.1:8081/ws", "http://127.0.0.1:8080/")).toBe("ws://127.0.0.1:8081/ws");
  expect(socketUrl("wss://h.example/ws", "https://h.example/")).toBe("wss://h.example/ws");
});
