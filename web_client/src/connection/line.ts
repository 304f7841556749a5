import { codeOfClose, decode, encode } from "../protocol/codec";
import { ERRORS, type ClientMessage, type ErrorCode, type Next, type ServerMessage } from "../protocol/generated";
import type { Clock } from "./clock";
import { Heartbeat } from "./heartbeat";
import type { OpenSocket, Socket } from "./socket";

/** Our own close codes where no error code applies; 1000 would read as "done". */
export const CLOSE_LOST = 4412;
export const CLOSE_DONE = 1000;

/**
 * So long a socket may take to open that may have been begun without a network. Its packets were sent after 0, 1, 3,
 * and would be after 7 and 15 seconds: begun anew after five, there is one every two seconds, and whoever needs four
 * has them. (A second socket beside the first would be of no use: browsers open one at a time to a server.)
 */
export const OPENING_MS = 5_000;
/** A way that is known to be slow has more. */
const SLOWER = 2;
/** The same where the network is known to be there; and how long the first answer may take, once it is open. */
export const HANDSHAKE_MS = 10_000;

export interface LineDeps {
  clock: Clock;
  openSocket: OpenSocket;
  newId: () => string;
}

export interface LineEvents {
  frame(seq: number | null, body: ServerMessage): void;
  /** It may have told of something: only what a new connection tells is certain. */
  unreadable(): void;
  /** The socket did not open in time. */
  stuck(): void;
  /** The socket is gone, or shows no sign of life; `then` is what the server, or the code, says of it. */
  lost(then: Next | null, code: ErrorCode | null): void;
}

/** One socket at a time: it opens, its first message is answered, it shows signs of life; or else it is told. */
export class Line {
  readonly #deps: LineDeps;
  readonly #events: LineEvents;
  readonly #heartbeat: Heartbeat;
  #socket: Socket | null = null;
  #begunAt = 0;
  #open = false;
  /** How long the latest one took to open. */
  #took = 0;
  #farewell: { code: ErrorCode; then: Next } | null = null;
  #cancel: () => void = () => {};

  constructor(deps: LineDeps, events: LineEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#heartbeat = new Heartbeat(deps.clock, {
      ask: () => this.send({ type: "ping", id: deps.newId() }),
      lost: () => this.#lost(0),
    });
  }

  /** No socket is there, nor on its way. */
  get idle(): boolean {
    return this.#socket === null;
  }

  /** It is on its way for so long that it may be waiting for packets that were sent into a dead network. */
  get stale(): boolean {
    return this.#socket !== null && !this.#open && this.#deps.clock.now() - this.#begunAt >= OPENING_MS / 2;
  }

  /** `proven`: the network has just been seen to work. `first` is sent once, when the socket is open. */
  open(url: string, first: ClientMessage, proven: boolean): void {
    const { clock, openSocket } = this.#deps;
    this.#farewell = null;
    this.#open = false;
    this.#begunAt = clock.now();
    const socket = openSocket(url, {
      opened: () => {
        if (socket !== this.#socket) return;
        this.#open = true;
        this.#took = clock.now() - this.#begunAt;
        this.#cancel();
        this.#cancel = clock.after(HANDSHAKE_MS, () => this.#lost(0));
        this.send(first);
      },
      message: (bytes) => {
        if (socket === this.#socket) this.#received(bytes);
      },
      closed: (code) => {
        if (socket === this.#socket) this.#lost(code);
      },
    });
    this.#socket = socket;
    const patience = proven ? HANDSHAKE_MS : Math.min(HANDSHAKE_MS, Math.max(OPENING_MS, SLOWER * this.#took));
    this.#cancel = clock.after(patience, () => this.#events.stuck());
  }

  send(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  /** The first message was answered; from now on a silence is questioned. */
  live(pingEveryMs: number): void {
    this.#cancel();
    this.#heartbeat.begin(pingEveryMs);
  }

  askNow(): void {
    this.#heartbeat.askNow();
  }

  /** Nothing more is told of it. What was written is sent before the closing handshake (RFC 6455 section 7.1.1). */
  close(code: number): void {
    this.#cancel();
    this.#heartbeat.stop();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code);
  }

  #received(bytes: Uint8Array): void {
    let frame;
    try {
      frame = decode(bytes);
    } catch {
      this.#events.unreadable();
      return;
    }
    this.#heartbeat.heard();
    if (frame.body.type === "goodbye") this.#farewell = frame.body;
    else this.#events.frame(frame.seq, frame.body);
  }

  #lost(closeCode: number): void {
    const code = this.#farewell?.code ?? codeOfClose(closeCode);
    this.#events.lost(this.#farewell?.then ?? (code ? ERRORS[code].then : null), code);
  }
}
