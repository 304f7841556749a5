import {
  ERRORS,
  type ClientMessage,
  type ErrorCode,
  type IceServer,
  type LayersWanted,
  type PicturesResting,
  type Next,
  type RoomFrame,
  type ServerMessage,
  type SubscribeOffer,
  type Welcome,
  type Whispered,
  type WhisperSpeaking,
} from "../protocol/generated";
import { ApiError, troubleOf, type JoinAnswer, type Trouble } from "./api";
import { Pace } from "./backoff";
import { CLOSE_DONE, CLOSE_LOST, Line, type LineDeps } from "./line";
import { Outbox, type Keep, type Outcome, type Request } from "./outbox";

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
  picturesResting(resting: PicturesResting): void;
  /** A therapist speaks to me alone. */
  whisper(frame: Whispered | WhisperSpeaking): void;
  /** What was sent without an id was refused: of all we send, that is the answer to an offer. */
  answerRefused(): void;
}

export interface ConnectionDeps extends LineDeps {
  /** Asks for a single-use token; throws ApiError. */
  join: () => Promise<JoinAnswer>;
  /** 0 ≤ random < 1. */
  random: () => number;
}

type WithoutId<M> = M extends unknown ? Omit<M, "id"> : never;
export type RequestBody = WithoutId<Exclude<Request, { type: "ping" }>>;

const RESUME_TRIES = 3;
/** After so long without a network a place is as good as gone, and what goes over HTTP has more time. */
const RESUME_FOR_MS = 40_000;

/**
 * One person's way into one room: join, resume after a lost socket, join again when that fails.
 * Requests are answered exactly once, whatever happens to sockets in between.
 */
export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #events: ConnectionEvents;
  readonly #outbox = new Outbox();

  readonly #line: Line;
  readonly #pace: Pace;

  #phase: Phase = { name: "idle" };
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
  #trouble: Trouble | null = null;
  #wasLive = false;
  #cancelTimer: () => void = () => {};

  constructor(deps: ConnectionDeps, events: ConnectionEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#pace = new Pace(deps);
    this.#line = new Line(deps, {
      frame: (seq, body) => this.#received(seq, body),
      unreadable: () => this.#lost("rejoin", null),
      stuck: () => this.#stuck(),
      lost: (then, code) => this.#lost(then ?? "resume", code),
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Joins; also after it stopped ("use this screen instead"). */
  start(): void {
    this.#resumeToken = null;
    this.#wasLive = false;
    this.#pace.begin();
    this.#try();
  }

  /** Says goodbye to the server where that is possible, and stays away. */
  leave(): void {
    if (this.#phase.name === "live") this.#write({ type: "leave", id: this.#deps.newId() });
    this.#epoch += 1;
    this.#cancelTimer();
    this.#line.close(CLOSE_DONE);
    this.#outbox.clear();
    this.#setPhase({ name: "stopped", code: "left" });
  }

  /** The network or the page is back: do not wait for the next try, and test a connection that looks alive. */
  nudge(): void {
    if (this.#phase.name === "live") {
      this.#line.askNow();
    } else if (this.#phase.name === "reconnecting" || this.#phase.name === "connecting") {
      if (!this.#line.idle && !this.#line.stale) return;
      this.#line.close(CLOSE_LOST);
      this.#pace.begin();
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
      this.#wasLive ? { name: "reconnecting" } : { name: "connecting", tries: this.#pace.tries, trouble: this.#trouble },
    );
  }

  #write(message: ClientMessage): void {
    this.#line.send(message);
  }

  #try(): void {
    this.#cancelTimer();
    const epoch = ++this.#epoch;
    this.#setAway();
    this.#pace.tried();
    if (this.#resumeToken !== null) {
      this.#line.open(this.#url, { type: "resume", resume_token: this.#resumeToken, seq: this.#seq }, false);
      return;
    }
    this.#deps.join().then(
      (answer) => {
        if (epoch !== this.#epoch) return;
        this.#url = answer.ws_url;
        this.#iceServers = answer.ice_servers;
        this.#line.open(this.#url, { type: "join", token: answer.token }, true);
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return;
        const code = error instanceof ApiError ? error.code : null;
        this.#lost(code ? ERRORS[code].then : "rejoin", code);
      },
    );
  }

  #received(seq: number | null, body: ServerMessage): void {
    if (seq !== null) {
      if (seq <= this.#seq) return;
      // A whole view contains what came before it; of anything else nothing may be missing.
      if (seq !== this.#seq + 1 && body.type !== "view_replaced") {
        this.#lost("rejoin", null);
        return;
      }
      this.#seq = seq;
    }
    this.#handle(body);
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
      case "subscribe_offer":
        this.#events.subscribeOffer(body);
        return;
      case "layers_wanted":
        this.#events.layersWanted(body);
        return;
      case "pictures_resting":
        this.#events.picturesResting(body);
        return;
      case "goodbye":
        // The line has heard it.
        return;
      case "watching":
      case "supervised":
      case "unsupervised":
      case "monitored":
      case "monitoring_over":
        // What a therapist sees from outside; a room's socket carries none of it.
        return;
      case "whispered":
      case "whisper_speaking":
        this.#events.whisper(body);
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
    this.#pace.live();
    this.#setPhase({ name: "live" });
    for (const message of this.#outbox.replay(how)) this.#write(message);
    this.#line.live(this.#pingEveryMs);
  }

  /** No packet came through: a resume is begun anew at once, and over HTTP it is seen whether the network is there. */
  #stuck(): void {
    if (this.#resumeToken === null || this.#pace.away >= RESUME_FOR_MS) {
      this.#lost("rejoin", null);
      return;
    }
    this.#line.close(CLOSE_LOST);
    this.#try();
  }

  #lost(then: Next, code: ErrorCode | null): void {
    const wasLive = this.#phase.name === "live";
    this.#epoch += 1;
    this.#cancelTimer();
    this.#line.close(CLOSE_LOST);
    this.#outbox.socketLost();
    if (then === "stop") {
      this.#outbox.clear();
      this.#setPhase({ name: "stopped", code: code ?? "internal" });
      return;
    }
    // A resume that keeps failing may be refused before any frame can say why; joining over HTTP tells.
    if (!wasLive && this.#resumeToken !== null) this.#failedResumes += 1;
    if (then === "rejoin" || this.#failedResumes >= RESUME_TRIES) this.#resumeToken = null;
    this.#trouble = troubleOf(code);
    const wait = this.#pace.lost(this.#trouble !== null);
    this.#setAway();
    this.#cancelTimer = this.#deps.clock.after(wait, () => this.#try());
  }
}
