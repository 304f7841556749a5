/** For so long at most the page stays as it is. */
const LONGEST_MS = 120;

/** When the page is drawn anew: at once, unless something is under way that people wait for more. */
export class Drawing {
  readonly #after: (ms: number, act: () => void) => () => void;
  #held = false;
  #draw: (() => void) | null = null;
  #cancel: () => void = () => {};

  constructor(after: (ms: number, act: () => void) => () => void) {
    this.#after = after;
  }

  /** What Preact calls when something has changed. */
  readonly later = (draw: () => void): void => {
    this.#draw = draw;
    if (!this.#held) queueMicrotask(() => this.#now());
  };

  /** Until `release`, or for a moment. */
  readonly hold = (): void => {
    this.#cancel();
    this.#held = true;
    this.#cancel = this.#after(LONGEST_MS, this.release);
  };

  readonly release = (): void => {
    this.#cancel();
    this.#held = false;
    this.#now();
  };

  #now(): void {
    const draw = this.#draw;
    if (this.#held || !draw) return;
    this.#draw = null;
    draw();
  }
}
