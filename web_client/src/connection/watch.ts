import {
  ERRORS,
  type Acknowledge,
  type ClientMessage,
  type ErrorCode,
  type IceServer,
  type Listen,
  type Monitored,
  type MonitoringOver,
  type Next,
  type PublishOffer,
  type Resolve,
  type RestartSubscribe,
  type ReviewGlass,
  type SendWhisper,
  type ServerMessage,
  type SetView,
  type SpeakersChanged,
  type SpeakTo,
  type StopListening,
  type SubscribeOffer,
  type Supervised,
  type TakeOver,
  type Unsupervised,
  type Watching,
} from "../protocol/generated";
import { ApiError, troubleOf, type JoinAnswer } from "./api";
import { Pace } from "./backoff";
import { CLOSE_DONE, CLOSE_LOST, Line, type LineDeps } from "./line";
import { Outbox, type Keep, type Outcome, type Request } from "./outbox";

export type WatchPhase =
  /** `failed` counts the tries that did not work since it was live, or since the beginning. */
  { name: "away"; failed: number; busy: boolean } | { name: "live" } | { name: "stopped"; code: ErrorCode };

type WithoutId<M> = M extends unknown ? Omit<M, "id"> : never;

/** What a therapist does about a concern; its id is given where it is sent. */
export type Handling = WithoutId<Acknowledge | TakeOver | Resolve>;

/** What a therapist asks for besides. */
export type Monitoring = WithoutId<
  Listen | StopListening | SendWhisper | SpeakTo | ReviewGlass | PublishOffer | RestartSubscribe | SetView
>;

/** What concerns all sessions. */
export interface SupervisionEvents {
  phase(phase: WatchPhase): void;
  /** Any frame: until now, nothing was missed. */
  heard(): void;
  watching(watching: Watching): void;
  frame(frame: Supervised | Unsupervised): void;
}

/** What concerns the one session that is listened to. */
export interface MonitoringEvents {
  /** The socket stands; nothing of an earlier one goes on. */
  begun(iceServers: readonly IceServer[]): void;
  lost(): void;
  monitoring(frame: Monitored | MonitoringOver | SpeakersChanged): void;
  subscribeOffer(offer: SubscribeOffer): void;
  /** What was sent without an id was refused: of all we send, that is the answer to an offer. */
  answerRefused(): void;
}

export interface WatchEvents extends SupervisionEvents, MonitoringEvents {}

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
  #iceServers: readonly IceServer[] = [];
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
    if (this.#phase === "live") this.#events.lost();
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
    return this.ask(asked, "always");
  }

  /** `never`: not on another socket, and not at all while there is none. */
  ask(asked: Handling | Monitoring, keep: Exclude<Keep, "resume">): Promise<Outcome> {
    const live = this.#phase === "live";
    if (this.#phase === "stopped" || (keep === "never" && !live)) return Promise.resolve({ type: "dropped" });
    const message = { ...asked, id: this.#deps.newId() } as Request;
    const outcome = this.#outbox.add(message, keep);
    if (live) this.#line.send(message);
    return outcome;
  }

  /** Sends what has no answer; nothing while the connection is away. */
  send(message: ClientMessage): void {
    if (this.#phase === "live") this.#line.send(message);
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
      ({ ws_url: url, token, ice_servers: iceServers }) => {
        if (epoch !== this.#epoch) return;
        this.#iceServers = iceServers;
        this.#line.open(url, { type: "watch", token }, true);
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
      case "monitored":
      case "monitoring_over":
      case "speakers_changed":
        this.#events.monitoring(body);
        return;
      case "subscribe_offer":
        this.#events.subscribeOffer(body);
        return;
      case "ack":
      case "publish_answer":
      case "rejected":
        if (body.type === "rejected" && body.id === "") this.#events.answerRefused();
        this.#outbox.settle(body.id, body);
        return;
      default:
        // Nothing else of a room comes here, and what a newer server may say is not known yet.
        return;
    }
  }

  #alive(watching: Watching): void {
    this.#cancelTimer();
    this.#pace.live();
    this.#failed = 0;
    this.#events.watching(watching);
    this.#say({ name: "live" });
    this.#events.begun(this.#iceServers);
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
    this.#outbox.socketLost();
    if (wasLive) this.#events.lost();
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
