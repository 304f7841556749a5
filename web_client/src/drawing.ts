/** For so long at most the page stays as it is. */
const LONGEST_MS = 120;

/** When the page is drawn anew: at once, unless something is under way that people wait for more. */
export class Drawing {
  readonly #after: (ms: number, act: () => void) => () => void;
  /** What waits for the end of a hold, and calls that off; null: nothing is held. */
  #held: { then: () => void; cancel: () => void } | null = null;
  #draw: (() => void) | null = null;

  constructor(after: (ms: number, act: () => void) => () => void) {
    this.#after = after;
  }

  /** What Preact calls when something has changed. */
  readonly later = (draw: () => void): void => {
    this.#draw = draw;
    queueMicrotask(() => this.#now());
  };

  /** Draws nothing until `release`, or for a moment; `then` is done afterwards, unless a new hold begins before. */
  readonly hold = (then: () => void): void => {
    this.#held?.cancel();
    this.#held = { then, cancel: this.#after(LONGEST_MS, this.release) };
  };

  readonly release = (): void => {
    const held = this.#held;
    if (!held) return;
    held.cancel();
    this.#held = null;
    this.#now();
    held.then();
  };

  #now(): void {
    const draw = this.#draw;
    if (this.#held || !draw) return;
    this.#draw = null;
    draw();
  }
}
