import { codeOfClose, decode, encode } from "../protocol/codec";
import {
  ERRORS,
  type ClientMessage,
  type ErrorCode,
  type Next,
  type ServerMessage,
  type Supervised,
  type Unsupervised,
  type Watching,
} from "../protocol/generated";
import { ApiError, troubleOf, type JoinAnswer } from "./api";
import { delayBefore, delayWhenBusy } from "./backoff";
import type { Clock } from "./clock";
import { Heartbeat } from "./heartbeat";
import { Outbox, type Outcome } from "./outbox";
import type { OpenSocket, Socket } from "./socket";

export type WatchPhase =
  /** `failed` counts the tries that did not work since it was live, or since the beginning. */
  { name: "away"; failed: number; busy: boolean } | { name: "live" } | { name: "stopped"; code: ErrorCode };

export interface WatchEvents {
  phase(phase: WatchPhase): void;
  /** Any frame: until now, nothing was missed. */
  heard(): void;
  watching(watching: Watching): void;
  frame(frame: Supervised | Unsupervised): void;
}

export interface WatchDeps {
  clock: Clock;
  openSocket: OpenSocket;
  /** Asks for a single-use token; throws ApiError. */
  watch: () => Promise<JoinAnswer>;
  /** 0 ≤ random < 1. */
  random: () => number;
  newId: () => string;
}

const CLOSE_LOST = 4412;
const CLOSE_DONE = 1000;
const HANDSHAKE_MS = 10_000;
const STEADY_MS = 5_000;

/**
 * A therapist's view of all sessions from outside. Nothing is resumed here: a lost socket is begun anew with a new
 * token, and the first frame holds all there is. An acknowledgement is repeated until the server has answered it.
 */
export class WatchConnection {
  readonly #deps: WatchDeps;
  readonly #events: WatchEvents;
  readonly #outbox = new Outbox();
  readonly #heartbeat: Heartbeat;

  #phase: WatchPhase["name"] = "stopped";
  #socket: Socket | null = null;
  /** Grows with each try, so that a late answer to an earlier one is recognized and ignored. */
  #epoch = 0;
  #tries = 0;
  #failed = 0;
  #lostAt = 0;
  #liveAt = 0;
  #farewell: { code: ErrorCode; then: Next } | null = null;
  #cancelTimer: () => void = () => {};

  constructor(deps: WatchDeps, events: WatchEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#heartbeat = new Heartbeat(deps.clock, {
      ask: () => this.#write({ type: "ping", id: deps.newId() }),
      lost: () => this.#closed(0),
    });
  }

  /** Also after it stopped ("use this screen instead"). */
  start(): void {
    if (this.#phase !== "stopped") return;
    this.#tries = 0;
    this.#lostAt = this.#deps.clock.now();
    this.#failed = 0;
    this.#say({ name: "away", failed: 0, busy: false });
    this.#try();
  }

  /** Ends without a word to anyone. */
  stop(): void {
    this.#letGo(CLOSE_DONE);
    this.#outbox.clear();
    this.#phase = "stopped";
  }

  /** The network or the page is back: do not wait for the next try, and test a connection that looks alive. */
  nudge(): void {
    if (this.#phase === "live") {
      this.#heartbeat.askNow();
    } else if (this.#phase === "away" && this.#socket === null) {
      this.#tries = 0;
      this.#lostAt = this.#deps.clock.now();
      this.#try();
    }
  }

  /** The device says that it has no network. */
  networkLost(): void {
    if (this.#phase === "live") this.#lost("resume", null);
  }

  /** Resolves once the server has answered, over however many sockets; `dropped` when it never will. */
  acknowledge(sessionId: string, concernId: string): Promise<Outcome> {
    if (this.#phase === "stopped") return Promise.resolve({ type: "dropped" });
    const id = this.#deps.newId();
    const message = { type: "acknowledge", id, session_id: sessionId, concern_id: concernId } as const;
    const outcome = this.#outbox.add(message, "always");
    if (this.#phase === "live") this.#write(message);
    return outcome;
  }

  #say(phase: WatchPhase): void {
    this.#phase = phase.name;
    this.#events.phase(phase);
  }

  #write(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  #try(): void {
    this.#cancelTimer();
    const epoch = ++this.#epoch;
    this.#deps.watch().then(
      (answer) => {
        if (epoch === this.#epoch) this.#open(epoch, answer);
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return;
        const code = error instanceof ApiError ? error.code : null;
        this.#lost(code ? ERRORS[code].then : "rejoin", code);
      },
    );
  }

  #open(epoch: number, { ws_url: url, token }: JoinAnswer): void {
    this.#farewell = null;
    const socket = this.#deps.openSocket(url, {
      opened: () => {
        if (epoch === this.#epoch) socket.send(encode({ type: "watch", token }));
      },
      message: (bytes) => {
        if (epoch === this.#epoch) this.#received(bytes);
      },
      closed: (code) => {
        if (epoch === this.#epoch) this.#closed(code);
      },
    });
    this.#socket = socket;
    this.#cancelTimer = this.#deps.clock.after(HANDSHAKE_MS, () => this.#closed(0));
  }

  #received(bytes: Uint8Array): void {
    let body: ServerMessage;
    try {
      body = decode(bytes).body;
    } catch {
      // It may have told of something: only what a new connection tells is certain.
      this.#lost("rejoin", null);
      return;
    }
    this.#heartbeat.heard();
    this.#events.heard();
    switch (body.type) {
      case "watching":
        this.#alive(body);
        return;
      case "supervised":
      case "unsupervised":
        this.#events.frame(body);
        return;
      case "ack":
      case "rejected":
        this.#outbox.settle(body.id, body);
        return;
      case "goodbye":
        this.#farewell = { code: body.code, then: body.then };
        return;
      default:
        // A room's frames do not come here, and what a newer server may say is not known yet.
        return;
    }
  }

  #alive(watching: Watching): void {
    this.#cancelTimer();
    this.#liveAt = this.#deps.clock.now();
    this.#failed = 0;
    this.#events.watching(watching);
    this.#say({ name: "live" });
    for (const message of this.#outbox.replay("welcome")) this.#write(message);
    this.#heartbeat.begin(watching.ping_every_s * 1000);
  }

  #closed(closeCode: number): void {
    const code = this.#farewell?.code ?? codeOfClose(closeCode);
    this.#lost(this.#farewell?.then ?? (code ? ERRORS[code].then : "rejoin"), code);
  }

  #letGo(closeCode: number): void {
    this.#epoch += 1;
    this.#cancelTimer();
    this.#heartbeat.stop();
    this.#socket?.close(closeCode);
    this.#socket = null;
  }

  #lost(then: Next, code: ErrorCode | null): void {
    const wasLive = this.#phase === "live";
    this.#letGo(CLOSE_LOST);
    if (then === "stop") {
      this.#outbox.clear();
      this.#say({ name: "stopped", code: code ?? "internal" });
      return;
    }
    const { clock, random } = this.#deps;
    const now = clock.now();
    // A connection that held for a while was a good one: its loss starts the waiting times anew.
    if (wasLive && now - this.#liveAt >= STEADY_MS) {
      this.#tries = 0;
      this.#lostAt = now;
    }
    const busy = troubleOf(code) !== null;
    const wait = busy
      ? delayWhenBusy(this.#tries, random())
      : delayBefore(this.#tries, now - this.#lostAt, random());
    if (!wasLive) this.#failed += 1;
    this.#tries += 1;
    this.#say({ name: "away", failed: this.#failed, busy });
    this.#cancelTimer = clock.after(wait, () => this.#try());
  }
}
