import { signal } from "@preact/signals";
import { ApiError } from "./connection/api";
import type { Handling, SupervisionEvents, WatchConnection, WatchPhase } from "./connection/watch";
import type { ConcernView, ErrorCode, Resolution, Severity } from "./protocol/generated";
import {
  acknowledged,
  fromWatching,
  keyOf,
  news,
  reduce,
  resolved,
  responding,
  type Flag,
  type Supervision as Sessions,
} from "./state/supervision";

export interface SupervisionDeps {
  connect: (events: SupervisionEvents) => WatchConnection;
  /** Throws ApiError. */
  setReachable: (sessionId: string, reachable: boolean) => Promise<void>;
  /** Mine, as the groups know it. */
  name: string;
  /** Unix ms on this device. */
  wallNow: () => number;
  /** Something new waits: a tone, by how much the most pressing of it presses. */
  ring: (severity: Severity) => void;
}

/** A request that was not carried out; `null`: nobody could be reached. */
export type Failure = ErrorCode | null;

const NONE: ReadonlySet<string> = new Set();

/** What a therapist sees of all sessions from outside, and what they answer. */
export class Supervision {
  readonly sessions = signal<Sessions | null>(null);
  readonly phase = signal<WatchPhase>({ name: "away", failed: 0, busy: false });
  /** Since when nothing new can have come, in Unix ms on this device; null while connected, and before the first time. */
  readonly silentSince = signal<number | null>(null);
  /** By how much the server's clock is ahead of this device's, in ms. */
  readonly ahead = signal(0);
  /** Concerns (by `keyOf`) and sessions about which something is on its way. */
  readonly saving = signal(NONE);
  readonly failed = signal<ReadonlyMap<string, Failure>>(new Map());
  /** What has just come up, to be said aloud; while no page shows it, all that has. */
  readonly latest = signal<readonly Flag[]>([]);
  readonly #deps: SupervisionDeps;
  readonly #connection: WatchConnection;
  #heardAt: number | null = null;
  #shown = false;

  constructor(deps: SupervisionDeps) {
    this.#deps = deps;
    this.#connection = deps.connect({
      phase: (phase) => this.#entered(phase),
      heard: () => {
        this.#heardAt = deps.wallNow();
      },
      watching: (watching) => {
        this.ahead.value = watching.server_time_ms - deps.wallNow();
        this.#now(fromWatching(this.sessions.peek() ?? [], watching));
      },
      frame: (frame) => this.#now(reduce(this.sessions.peek() ?? [], frame)),
    });
  }

  start(): void {
    this.#connection.start();
  }

  stop(): void {
    this.#connection.stop();
  }

  nudge(): void {
    this.#connection.nudge();
  }

  networkLost(): void {
    this.#connection.networkLost();
  }

  /** A page shows it, and says what is new; or none does. */
  show(shown: boolean): void {
    // What was said is no news to who comes back.
    if (!shown) this.latest.value = [];
    this.#shown = shown;
  }

  /** Of what was on the screen; asks again until the server has answered. */
  async acknowledge({ sessionId, concern }: Flag): Promise<void> {
    const seen = concern.flags?.length ?? 0;
    await this.#handle({ type: "acknowledge", session_id: sessionId, concern_id: concern.id, flags: seen }, concern, () => {
      this.sessions.value = acknowledged(this.sessions.peek() ?? [], sessionId, concern.id, seen);
    });
  }

  async takeOver({ sessionId, concern }: Flag): Promise<void> {
    await this.#handle({ type: "take_over", session_id: sessionId, concern_id: concern.id }, concern, () => {});
  }

  /** Resolves to whether it is stored. */
  async resolve({ sessionId, concern }: Flag, resolution: Resolution): Promise<boolean> {
    const seen = concern.flags?.length ?? 0;
    const asked = { type: "resolve", session_id: sessionId, concern_id: concern.id, resolution, flags: seen } as const;
    return this.#handle(asked, concern, () => {
      this.sessions.value = resolved(this.sessions.peek() ?? [], sessionId, concern.id, resolution);
    });
  }

  async setReachable(sessionId: string, reachable: boolean): Promise<void> {
    await this.#save(sessionId, async () => {
      await this.#deps.setReachable(sessionId, reachable);
      this.sessions.value = responding(this.sessions.peek() ?? [], sessionId, reachable, this.#deps.name);
    });
  }

  #handle(asked: Handling, concern: ConcernView, stored: () => void): Promise<boolean> {
    return this.#save(keyOf({ sessionId: asked.session_id, concern }), async () => {
      const outcome = await this.#connection.handle(asked);
      if (outcome.type === "rejected") throw new ApiError(outcome.code);
      if (outcome.type === "dropped") throw new ApiError(null);
      stored();
    });
  }

  async #save(id: string, act: () => Promise<void>): Promise<boolean> {
    if (this.saving.peek().has(id)) return false;
    this.saving.value = new Set([...this.saving.peek(), id]);
    this.failed.value = new Map([...this.failed.peek()].filter(([other]) => other !== id));
    try {
      await act();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failed.value = new Map([...this.failed.peek(), [id, error.code]]);
      return false;
    } finally {
      this.saving.value = new Set([...this.saving.peek()].filter((other) => other !== id));
    }
  }

  #entered(phase: WatchPhase): void {
    this.phase.value = phase;
    if (phase.name === "live") this.silentSince.value = null;
    else this.silentSince.value ??= this.#heardAt;
  }

  #now(sessions: Sessions): void {
    const fresh = news(this.sessions.peek() ?? [], sessions);
    this.sessions.value = sessions;
    if (fresh.length === 0) return;
    const keys = new Set(fresh.map(keyOf));
    const unsaid = this.#shown ? [] : this.latest.peek().filter((flag) => !keys.has(keyOf(flag)));
    this.latest.value = [...unsaid, ...fresh];
    // The most pressing is first.
    this.#deps.ring(fresh[0]?.concern.severity ?? "note");
  }
}
