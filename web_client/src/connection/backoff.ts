import type { Clock } from "./clock";

/** How long nobody should wait more than a second for the next try. */
export const EAGER_MS = 10_000;
const EAGER_GAP_MS = 1_000;
const PATIENT_GAP_MS = 7_000;
const BUSY_GAP_MS = 2_000;
const BUSY_MOST_MS = 20_000;

/**
 * Milliseconds before try number `tries` (0 is the first) when the connection was lost `since` ms ago.
 * At once, then at most 1 s apart for 10 s, then up to 7 s; spread by `random` (0 ≤ random < 1), so that
 * a room full of people does not come back in one instant.
 */
export function delayBefore(tries: number, since: number, random: number): number {
  if (tries === 0) return 0;
  const gap = since < EAGER_MS ? EAGER_GAP_MS : Math.min(PATIENT_GAP_MS, EAGER_GAP_MS * 1.5 ** (tries - 10));
  return Math.max(gap, EAGER_GAP_MS) * (0.4 + 0.6 * random);
}

/** The same where the server said that it has too much to do: never at once, and further apart. */
export function delayWhenBusy(tries: number, random: number): number {
  return Math.min(BUSY_MOST_MS, BUSY_GAP_MS * 1.5 ** Math.max(0, tries - 1)) * (0.4 + 0.6 * random);
}

/** A connection that held this long was a good one: its loss starts the waiting times anew. */
const STEADY_MS = 5_000;

/** How long to wait before each next try. */
export class Pace {
  readonly #deps: { clock: Clock; random: () => number };
  #tries = 0;
  #lostAt = 0;
  #liveAt: number | null = null;

  constructor(deps: { clock: Clock; random: () => number }) {
    this.#deps = deps;
  }

  get tries(): number {
    return this.#tries;
  }

  /** Milliseconds since the connection was lost. */
  get away(): number {
    return this.#deps.clock.now() - this.#lostAt;
  }

  /** As if nothing had failed yet. */
  begin(): void {
    this.#tries = 0;
    this.#lostAt = this.#deps.clock.now();
    this.#liveAt = null;
  }

  tried(): void {
    this.#tries += 1;
  }

  live(): void {
    this.#liveAt = this.#deps.clock.now();
  }

  /** Milliseconds until the next try. */
  lost(busy: boolean): number {
    const { clock, random } = this.#deps;
    if (this.#liveAt !== null && clock.now() - this.#liveAt >= STEADY_MS) this.begin();
    this.#liveAt = null;
    return busy ? delayWhenBusy(this.#tries, random()) : delayBefore(this.#tries, this.away, random());
  }
}
