import { beforeEach, describe, expect, test } from "vitest";
import { ApiError } from "../../src/connection/api";
import type { Connection } from "../../src/connection/connection";
import { FakeServer, settle, Told, type FakeSocket } from "../fakes";

let server: FakeServer;
let told: Told;
let connection: Connection;

/** In the room, over a socket that took so long to open. */
async function live(opensAfter = 0): Promise<void> {
  server = new FakeServer();
  told = new Told();
  connection = server.connect(told);
  connection.start();
  await server.clock.advance(opensAfter);
  server.welcome();
  await server.clock.advance(6_000);
}

beforeEach(() => live());

describe("a socket that does not open", () => {
  test("is begun anew after five seconds, and no token is used up by it", async () => {
    server.socket.drop();
    await server.clock.advance(4_999);
    expect(server.sockets).toHaveLength(2);
    await server.clock.advance(1);
    expect(server.sockets).toHaveLength(3);
    const [, first, second] = server.sockets;
    expect(first?.closedByClient).toBe(4412);
    first?.open();
    expect(first?.sent).toEqual([]);
    server.resumed();
    expect(second?.sent[0]).toEqual({ type: "resume", resume_token: "resume-1", seq: 0 });
    expect([told.last?.name, told.welcomes, told.resumes, server.joins]).toEqual(["live", 1, 1, 1]);
  });

  test("in four seconds is waited for, and its answer for ten more", async () => {
    server.socket.drop();
    await server.clock.advance(4_000);
    server.socket.open();
    await server.clock.advance(9_999);
    expect(server.sockets).toHaveLength(2);
    server.resumed();
    expect(told.last).toEqual({ name: "live" });
  });

  test("is waited for twice as long as the one before took, on a way that is slow", async () => {
    await live(4_000);
    server.socket.drop();
    await server.clock.advance(7_999);
    expect(server.sockets).toHaveLength(2);
    await server.clock.advance(1);
    expect(server.sockets).toHaveLength(3);
  });

  test("has ten seconds where HTTP has just shown that the network is there", async () => {
    server.socket.drop(4412);
    await server.clock.advance(9_999);
    expect([server.joins, server.sockets.length]).toEqual([2, 2]);
    await server.clock.advance(1_001);
    expect([server.joins, server.sockets.length]).toEqual([3, 3]);
  });

  test("for forty seconds leads over HTTP, which says what is wrong", async () => {
    server.socket.drop();
    await server.clock.advance(39_999);
    expect(server.joins).toBe(1);
    server.joinFails = new ApiError("signed_out");
    await server.clock.advance(1_001);
    expect(told.last).toEqual({ name: "stopped", code: "signed_out" });
  });

  test("is begun anew when the network is back, unless it has only just been begun", async () => {
    server.socket.drop();
    await server.clock.advance(2_000);
    connection.nudge();
    expect(server.sockets).toHaveLength(2);
    await server.clock.advance(1_000);
    connection.nudge();
    await settle();
    expect(server.sockets).toHaveLength(3);
    server.resumed();
    expect(told.last).toEqual({ name: "live" });
  });

  test("is not tried again by who left meanwhile", async () => {
    server.socket.drop();
    await server.clock.advance(1_000);
    connection.leave();
    await server.clock.advance(60_000);
    expect(server.sockets).toHaveLength(2);
  });
});

describe("a network that was dark", () => {
  /** When a system sends the packets that begin a connection: it waits twice as long each time. */
  const SENT_AFTER = [0, 1_000, 3_000, 7_000, 15_000];

  /** Lets every socket open with the first of its packets that is sent in the light. Milliseconds until one did. */
  async function backAfter(dark: number): Promise<number> {
    server.silent = true;
    const begun = new Map<FakeSocket, number>([[server.socket, server.clock.now()]]);
    const lightAt = server.clock.now() + dark;
    for (;;) {
      await server.clock.advance(50);
      const now = server.clock.now();
      const socket = server.socket;
      if (!begun.has(socket)) begun.set(socket, now);
      const since = now - (begun.get(socket) ?? 0);
      const sent = SENT_AFTER.findLast((after) => after <= since) ?? 0;
      if (begun.size > 1 && now >= lightAt && (begun.get(socket) ?? 0) + sent >= lightAt) {
        socket.open();
        expect(socket.ofType("resume")).toHaveLength(1);
        return now - lightAt;
      }
    }
  }

  test.each(Array.from({ length: 32 }, (_, step) => 20_000 + step * 500))(
    "for %d ms has everyone back at their socket within two seconds and a bit",
    async (dark) => {
      expect(await backAfter(dark)).toBeLessThanOrEqual(2_100);
      server.resumed();
      expect([told.last?.name, server.joins]).toEqual(["live", 1]);
    },
  );
});
