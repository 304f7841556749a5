/** Time as the connection sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds that only ever grow. */
  now(): number;
  /** Runs `act` once after `ms`; the returned function calls it off. */
  after(ms: number, act: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** The server's time in Unix ms: what it told last, and this device's own clock from then on. */
export class ServerClock {
  readonly #wallNow: () => number;
  #ahead = 0;

  constructor(wallNow: () => number = Date.now) {
    this.#wallNow = wallNow;
  }

  told(serverMs: number): void {
    this.#ahead = serverMs - this.#wallNow();
  }

  readonly now = (): number => this.#wallNow() + this.#ahead;
}
