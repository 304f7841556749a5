import {
  ERRORS,
  type Acknowledge,
  type ErrorCode,
  type Next,
  type Resolve,
  type ServerMessage,
  type Supervised,
  type TakeOver,
  type Unsupervised,
  type Watching,
} from "../protocol/generated";
import { ApiError, troubleOf, type JoinAnswer } from "./api";
import { Pace } from "./backoff";
import { CLOSE_DONE, CLOSE_LOST, Line, type LineDeps } from "./line";
import { Outbox, type Outcome } from "./outbox";

export type WatchPhase =
  /** `failed` counts the tries that did not work since it was live, or since the beginning. */
  { name: "away"; failed: number; busy: boolean } | { name: "live" } | { name: "stopped"; code: ErrorCode };

/** What a therapist does about a concern; its id is given where it is sent. */
export type Handling = Omit<Acknowledge, "id"> | Omit<TakeOver, "id"> | Omit<Resolve, "id">;

export interface WatchEvents {
  phase(phase: WatchPhase): void;
  /** Any frame: until now, nothing was missed. */
  heard(): void;
  watching(watching: Watching): void;
  frame(frame: Supervised | Unsupervised): void;
}

export interface WatchDeps extends LineDeps {
  /** Asks for a single-use token; throws ApiError. */
  watch: () => Promise<JoinAnswer>;
  /** 0 ≤ random < 1. */
  random: () => number;
}

/**
 * A therapist's view of all sessions from outside. Nothing is resumed here: a lost socket is begun anew with a new
 * token, and the first frame holds all there is. What a therapist does about a concern is repeated until the server has answered it.
 */
export class WatchConnection {
  readonly #deps: WatchDeps;
  readonly #events: WatchEvents;
  readonly #outbox = new Outbox();
  readonly #line: Line;
  readonly #pace: Pace;

  #phase: WatchPhase["name"] = "stopped";
  /** Grows with each try, so that a late answer to an earlier one is recognized and ignored. */
  #epoch = 0;
  #failed = 0;
  #cancelTimer: () => void = () => {};

  constructor(deps: WatchDeps, events: WatchEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#pace = new Pace(deps);
    this.#line = new Line(deps, {
      frame: (_, body) => this.#received(body),
      unreadable: () => this.#lost("rejoin", null),
      stuck: () => this.#lost("rejoin", null),
      lost: (then, code) => this.#lost(then ?? "rejoin", code),
    });
  }

  /** Also after it stopped ("use this screen instead"). */
  start(): void {
    if (this.#phase !== "stopped") return;
    this.#pace.begin();
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
      this.#line.askNow();
    } else if (this.#phase === "away" && (this.#line.idle || this.#line.stale)) {
      this.#line.close(CLOSE_LOST);
      this.#pace.begin();
      this.#try();
    }
  }

  /** The device says that it has no network. */
  networkLost(): void {
    if (this.#phase === "live") this.#lost("resume", null);
  }

  /** Resolves once the server has answered, over however many sockets; `dropped` when it never will. */
  handle(asked: Handling): Promise<Outcome> {
    if (this.#phase === "stopped") return Promise.resolve({ type: "dropped" });
    const message = { ...asked, id: this.#deps.newId() };
    const outcome = this.#outbox.add(message, "always");
    if (this.#phase === "live") this.#line.send(message);
    return outcome;
  }

  #say(phase: WatchPhase): void {
    this.#phase = phase.name;
    this.#events.phase(phase);
  }

  #try(): void {
    this.#cancelTimer();
    const epoch = ++this.#epoch;
    this.#pace.tried();
    this.#deps.watch().then(
      ({ ws_url: url, token }) => {
        if (epoch === this.#epoch) this.#line.open(url, { type: "watch", token }, true);
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return;
        const code = error instanceof ApiError ? error.code : null;
        this.#lost(code ? ERRORS[code].then : "rejoin", code);
      },
    );
  }

  #received(body: ServerMessage): void {
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
      default:
        // A room's frames do not come here, and what a newer server may say is not known yet.
        return;
    }
  }

  #alive(watching: Watching): void {
    this.#cancelTimer();
    this.#pace.live();
    this.#failed = 0;
    this.#events.watching(watching);
    this.#say({ name: "live" });
    for (const message of this.#outbox.replay("welcome")) this.#line.send(message);
    this.#line.live(watching.ping_every_s * 1000);
  }

  #letGo(closeCode: number): void {
    this.#epoch += 1;
    this.#cancelTimer();
    this.#line.close(closeCode);
  }

  #lost(then: Next, code: ErrorCode | null): void {
    const wasLive = this.#phase === "live";
    this.#letGo(CLOSE_LOST);
    if (then === "stop") {
      this.#outbox.clear();
      this.#say({ name: "stopped", code: code ?? "internal" });
      return;
    }
    const busy = troubleOf(code) !== null;
    const wait = this.#pace.lost(busy);
    if (!wasLive) this.#failed += 1;
    this.#say({ name: "away", failed: this.#failed, busy });
    this.#cancelTimer = this.#deps.clock.after(wait, () => this.#try());
  }
}
