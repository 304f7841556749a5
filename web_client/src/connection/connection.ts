import { codeOfClose, decode, encode } from "../protocol/codec";
import {
  ERRORS,
  type ClientMessage,
  type ErrorCode,
  type IceServer,
  type LayersWanted,
  type Next,
  type RoomFrame,
  type ServerMessage,
  type SubscribeOffer,
  type Welcome,
} from "../protocol/generated";
import { ApiError, troubleOf, type JoinAnswer, type Trouble } from "./api";
import { delayBefore, delayWhenBusy } from "./backoff";
import type { Clock } from "./clock";
import { Heartbeat } from "./heartbeat";
import { Outbox, type Keep, type Outcome, type Request } from "./outbox";
import type { OpenSocket, Socket } from "./socket";

export type Phase =
  | { name: "idle" }
  | { name: "connecting"; tries: number; trouble: Trouble | null }
  | { name: "live" }
  | { name: "reconnecting" }
  | { name: "stopped"; code: ErrorCode };

/** What the connection tells the room. */
export interface ConnectionEvents {
  phase(phase: Phase): void;
  /** A fresh view of the room replaces everything known before. */
  welcome(welcome: Welcome, iceServers: IceServer[]): void;
  /** The same server-side session goes on; missed frames follow. */
  resumed(serverTimeMs: number): void;
  frame(frame: RoomFrame): void;
  subscribeOffer(offer: SubscribeOffer): void;
  layersWanted(wanted: LayersWanted): void;
  /** What was sent without an id was refused: of all we send, that is the answer to an offer. */
  answerRefused(): void;
}

export interface ConnectionDeps {
  clock: Clock;
  openSocket: OpenSocket;
  /** Asks for a single-use token; throws ApiError. */
  join: () => Promise<JoinAnswer>;
  /** 0 ≤ random < 1. */
  random: () => number;
  newId: () => string;
}

type WithoutId<M> = M extends unknown ? Omit<M, "id"> : never;
export type RequestBody = WithoutId<Exclude<Request, { type: "ping" }>>;

/** Our own close code where no error code applies; 1000 would read as "done". */
const CLOSE_LOST = 4412;
const CLOSE_DONE = 1000;
const HANDSHAKE_MS = 10_000;
const RESUME_TRIES = 3;
/** A connection that held this long was a good one: its loss starts the waiting times anew. */
const STEADY_MS = 5_000;

/**
 * One person's way into one room: join, resume after a lost socket, join again when that fails.
 * Requests are answered exactly once, whatever happens to sockets in between.
 */
export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #events: ConnectionEvents;
  readonly #outbox = new Outbox();

  #phase: Phase = { name: "idle" };
  #socket: Socket | null = null;
  /** Grows with each try, so that a late answer to an earlier one is recognized and ignored. */
  #epoch = 0;
  #url = "";
  #iceServers: IceServer[] = [];
  #resumeToken: string | null = null;
  #failedResumes = 0;
  #seq = 0;
  #pingEveryMs = 0;
  /** Whose room this is; a view of it as somebody else is not shown. */
  #you: string | null = null;
  #tries = 0;
  #lostAt = 0;
  #liveAt = 0;
  #trouble: Trouble | null = null;
  #wasLive = false;
  #farewell: Next | null = null;
  #farewellCode: ErrorCode | null = null;
  #cancelTimer: () => void = () => {};
  readonly #heartbeat: Heartbeat;

  constructor(deps: ConnectionDeps, events: ConnectionEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#heartbeat = new Heartbeat(deps.clock, {
      ask: () => this.#write({ type: "ping", id: deps.newId() }),
      lost: () => this.#closed(0),
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Joins; also after it stopped ("use this screen instead"). */
  start(): void {
    this.#resumeToken = null;
    this.#wasLive = false;
    this.#tries = 0;
    this.#lostAt = this.#deps.clock.now();
    this.#try();
  }

  /** Says goodbye to the server where that is possible, and stays away. */
  leave(): void {
    if (this.#phase.name === "live") this.#write({ type: "leave", id: this.#deps.newId() });
    this.#epoch += 1;
    this.#cancelTimer();
    this.#heartbeat.stop();
    // What was written is sent before the closing handshake (RFC 6455 section 7.1.1).
    this.#socket?.close(CLOSE_DONE);
    this.#socket = null;
    this.#outbox.clear();
    this.#setPhase({ name: "stopped", code: "left" });
  }

  /** The network or the page is back: do not wait for the next try, and test a connection that looks alive. */
  nudge(): void {
    if (this.#phase.name === "live") {
      this.#heartbeat.askNow();
    } else if (this.#socket === null && (this.#phase.name === "reconnecting" || this.#phase.name === "connecting")) {
      this.#tries = 0;
      this.#lostAt = this.#deps.clock.now();
      this.#try();
    }
  }

  /** The device says that it has no network: what was sent into it would only be waited for. */
  networkLost(): void {
    if (this.#phase.name === "live") this.#lost("resume", null);
  }

  /** Sends a request; while the connection is away it waits, unless a newer one would take its place. */
  request(body: RequestBody, keep: Keep): Promise<Outcome> {
    const live = this.#phase.name === "live";
    if ((keep === "never" && !live) || this.#phase.name === "stopped") return Promise.resolve({ type: "dropped" });
    const message = { ...body, id: this.#deps.newId() } as Request;
    const outcome = this.#outbox.add(message, keep);
    if (live) this.#write(message);
    return outcome;
  }

  /** Sends a message that has no answer; false when the connection is away. */
  send(message: ClientMessage): boolean {
    if (this.#phase.name !== "live") return false;
    this.#write(message);
    return true;
  }

  #setPhase(phase: Phase): void {
    this.#phase = phase;
    this.#events.phase(phase);
  }

  #setAway(): void {
    this.#setPhase(
      this.#wasLive ? { name: "reconnecting" } : { name: "connecting", tries: this.#tries, trouble: this.#trouble },
    );
  }

  #write(message: ClientMessage): void {
    this.#socket?.send(encode(message));
  }

  #try(): void {
    this.#cancelTimer();
    const epoch = ++this.#epoch;
    this.#setAway();
    this.#tries += 1;
    if (this.#resumeToken !== null) {
      this.#open(epoch, { type: "resume", resume_token: this.#resumeToken, seq: this.#seq });
      return;
    }
    this.#deps.join().then(
      (answer) => {
        if (epoch !== this.#epoch) return;
        this.#url = answer.ws_url;
        this.#iceServers = answer.ice_servers;
        this.#open(epoch, { type: "join", token: answer.token });
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return;
        const code = error instanceof ApiError ? error.code : null;
        this.#lost(code ? ERRORS[code].then : "rejoin", code);
      },
    );
  }

  #open(epoch: number, first: ClientMessage): void {
    this.#farewell = null;
    this.#farewellCode = null;
    const socket = this.#deps.openSocket(this.#url, {
      opened: () => {
        if (epoch === this.#epoch) socket.send(encode(first));
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
    let frame;
    try {
      frame = decode(bytes);
    } catch {
      // What cannot be read may have been an event: only a fresh snapshot is certain.
      this.#lost("rejoin", null);
      return;
    }
    this.#heartbeat.heard();
    if (frame.seq !== null) {
      if (frame.seq <= this.#seq) return;
      // A whole view contains what came before it; of anything else nothing may be missing.
      if (frame.seq !== this.#seq + 1 && frame.body.type !== "view_replaced") {
        this.#lost("rejoin", null);
        return;
      }
      this.#seq = frame.seq;
    }
    this.#handle(frame.body);
  }

  #handle(body: ServerMessage): void {
    switch (body.type) {
      case "welcome":
        // Before anything that waits is sent: it was meant to be said by someone else.
        if (this.#you !== null && this.#you !== body.snapshot.you) {
          this.#lost("stop", "other_person");
          return;
        }
        this.#you = body.snapshot.you;
        this.#seq = 0;
        this.#pingEveryMs = body.ping_every_s * 1000;
        this.#alive(body.resume_token, "welcome");
        this.#events.welcome(body, this.#iceServers);
        return;
      case "resumed":
        this.#alive(body.resume_token, "resumed");
        this.#events.resumed(body.server_time_ms);
        return;
      case "ack":
      case "rejected":
      case "publish_answer":
        if (body.type === "rejected" && body.id === "") this.#events.answerRefused();
        this.#outbox.settle(body.id, body);
        return;
      case "goodbye":
        this.#farewell = body.then;
        this.#farewellCode = body.code;
        return;
      case "subscribe_offer":
        this.#events.subscribeOffer(body);
        return;
      case "layers_wanted":
        this.#events.layersWanted(body);
        return;
      case "watching":
      case "supervised":
      case "unsupervised":
        // What a therapist sees from outside; a room's socket carries none of it.
        return;
      default:
        this.#events.frame(body);
    }
  }

  #alive(resumeToken: string, how: "welcome" | "resumed"): void {
    this.#cancelTimer();
    this.#resumeToken = resumeToken;
    this.#failedResumes = 0;
    this.#trouble = null;
    this.#wasLive = true;
    this.#liveAt = this.#deps.clock.now();
    this.#setPhase({ name: "live" });
    for (const message of this.#outbox.replay(how)) this.#write(message);
    this.#heartbeat.begin(this.#pingEveryMs);
  }

  #closed(closeCode: number): void {
    const code = this.#farewellCode ?? codeOfClose(closeCode);
    const then = this.#farewell ?? (code ? ERRORS[code].then : "resume");
    this.#lost(then, code);
  }

  #lost(then: Next, code: ErrorCode | null): void {
    const wasLive = this.#phase.name === "live";
    this.#epoch += 1;
    this.#cancelTimer();
    this.#heartbeat.stop();
    this.#socket?.close(CLOSE_LOST);
    this.#socket = null;
    this.#outbox.socketLost();
    if (then === "stop") {
      this.#outbox.clear();
      this.#setPhase({ name: "stopped", code: code ?? "internal" });
      return;
    }
    // A resume that keeps failing may be refused before any frame can say why; joining over HTTP tells.
    if (!wasLive && this.#resumeToken !== null) this.#failedResumes += 1;
    if (then === "rejoin" || this.#failedResumes >= RESUME_TRIES) this.#resumeToken = null;
    const now = this.#deps.clock.now();
    if (wasLive && now - this.#liveAt >= STEADY_MS) {
      this.#tries = 0;
      this.#lostAt = now;
    }
    this.#trouble = troubleOf(code);
    const random = this.#deps.random();
    const wait = this.#trouble
      ? delayWhenBusy(this.#tries, random)
      : delayBefore(this.#tries, now - this.#lostAt, random);
    this.#setAway();
    this.#cancelTimer = this.#deps.clock.after(wait, () => this.#try());
  }
}
