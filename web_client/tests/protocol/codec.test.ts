import { decode as unpack, encode as pack } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { codeOfClose, decode, encode, FrameError } from "../../src/protocol/codec";
import { ERRORS, type ClientMessage, type ErrorCode, type ServerMessage } from "../../src/protocol/generated";

describe("codec", () => {
  test("a client message is one map with its type", () => {
    const message: ClientMessage = { type: "post_chat", id: "a", message_id: "b", text: "Grüße 🌿" };
    expect(unpack(encode(message))).toEqual(message);
  });

  test("a server frame keeps its seq and body", () => {
    const body: ServerMessage = { type: "microphone_closed", participant_id: "p", closings: 2 };
    expect(decode(pack([7, body]))).toEqual({ seq: 7, body });
    expect(decode(pack([null, { type: "ack", id: "x" }]))).toEqual({ seq: null, body: { type: "ack", id: "x" } });
  });

  test("server times beyond 32 bits stay whole numbers", () => {
    const body: ServerMessage = { type: "resumed", resume_token: "t", server_time_ms: 1_795_000_000_123 };
    expect(decode(pack([null, body])).body).toEqual(body);
  });

  test.each([
    ["no bytes", new Uint8Array()],
    ["cut short", pack([1, { type: "ack", id: "x" }]).slice(0, 5)],
    ["not a pair", pack({ type: "ack", id: "x" })],
    ["seq of zero", pack([0, { type: "session_ended" }])],
    ["seq as text", pack(["1", { type: "session_ended" }])],
    ["body without a type", pack([null, { id: "x" }])],
  ])("a frame with %s is refused", (_what, bytes) => {
    expect(() => decode(bytes)).toThrow(FrameError);
  });

  test("each close code of ours leads back to its error", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) expect(codeOfClose(ERRORS[code].close)).toBe(code);
    expect(codeOfClose(1006)).toBeNull();
  });
});
