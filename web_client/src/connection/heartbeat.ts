import type { Clock } from "./clock";

/** After so long without a sign of life one is asked for, whatever the server thinks is often enough. */
const QUIET_MS = 2_500;
/** A sign of life that was asked for and did not come for so long means that the connection is lost. */
const ANSWER_MS = 2_500;
/** A timer this late says more about this device than about the connection. */
const LATE_MS = 500;

export interface Pulse {
  /** Sends something that the other side answers. */
  ask: () => void;
  lost: () => void;
}

/** Asks for a sign of life after a silence, and tells when none comes. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #pulse: Pulse;
  #quietMs = 0;
  #awaits = false;
  #cancel: () => void = () => {};

  constructor(clock: Clock, pulse: Pulse) {
    this.#clock = clock;
    this.#pulse = pulse;
  }

  /** From now on a silence is questioned, after `everyMs` or sooner. */
  begin(everyMs: number): void {
    this.#quietMs = Math.min(QUIET_MS, everyMs);
    this.heard();
  }

  stop(): void {
    this.#quietMs = 0;
    this.#awaits = false;
    this.#cancel();
  }

  /** Anything from the other side is a sign of life. */
  heard(): void {
    this.#awaits = false;
    this.#cancel();
    if (this.#quietMs > 0) this.#cancel = this.#clock.after(this.#quietMs, () => this.#ask());
  }

  /** Does not wait for the silence. */
  askNow(): void {
    if (this.#quietMs > 0 && !this.#awaits) this.#ask();
  }

  #ask(): void {
    this.#cancel();
    this.#awaits = true;
    const due = this.#clock.now() + ANSWER_MS;
    this.#cancel = this.#clock.after(ANSWER_MS, () => {
      // The page itself stood still: an answer may lie here unread.
      if (this.#clock.now() > due + LATE_MS) this.#ask();
      else this.#pulse.lost();
    });
    this.#pulse.ask();
  }
}
