import { ERRORS, type ClientMessage, type ErrorCode, type ServerMessage } from "./generated";

type MessagePack = typeof import("./message_pack");

/** Loaded while people read and choose: nobody needs it before the first socket is open. */
let messagePack: MessagePack | null = null;

/** Rejects where it cannot be loaded; asked again, it is tried again. */
export async function codecReady(): Promise<void> {
  messagePack ??= await import("./message_pack");
}

function loaded(): MessagePack {
  if (!messagePack) throw new Error("a frame before the codec was ready");
  return messagePack;
}

/** The WebSocket subprotocol this client speaks: each frame is one MessagePack value. */
export const SUBPROTOCOL = "holdspace.msgpack";

/** One frame from the server: `seq` counts the durable room events for this viewer, else null. */
export interface ServerFrame {
  seq: number | null;
  body: ServerMessage;
}

/** A frame that is not `[seq | null, {type, …}]`. */
export class FrameError extends Error {}

export function encode(message: ClientMessage): Uint8Array<ArrayBuffer> {
  return loaded().encode(message);
}

/** Reads one server frame. The server is trusted for the fields of a type, never for the frame's shape. */
export function decode(bytes: Uint8Array): ServerFrame {
  const { decode: unpack } = loaded();
  let frame: unknown;
  try {
    frame = unpack(bytes);
  } catch (cause) {
    throw new FrameError("not MessagePack", { cause });
  }
  if (!Array.isArray(frame) || frame.length !== 2) throw new FrameError("not a pair");
  const [seq, body] = frame as [unknown, unknown];
  if (seq !== null && !(typeof seq === "number" && Number.isSafeInteger(seq) && seq > 0)) {
    throw new FrameError("seq is neither null nor a count");
  }
  if (typeof body !== "object" || body === null || typeof (body as { type?: unknown }).type !== "string") {
    throw new FrameError("body has no type");
  }
  return { seq, body: body as ServerMessage };
}

const CODES = new Map<number, ErrorCode>(
  (Object.keys(ERRORS) as ErrorCode[]).map((code) => [ERRORS[code].close, code]),
);

/** The error behind a WebSocket close code, or null for a close that is not ours. */
export function codeOfClose(close: number): ErrorCode | null {
  return CODES.get(close) ?? null;
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}
