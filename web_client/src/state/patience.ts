/** Who waited this long at the door may be doing something else by now, and must not be overheard. */
const LATE_MS = 20_000;

/** Watches how long somebody has been at the door. */
export class Patience {
  readonly #after: (ms: number, act: () => void) => () => void;
  #late = false;
  #stop: () => void = () => {};

  constructor(after: (ms: number, act: () => void) => () => void) {
    this.#after = after;
  }

  /** The wait begins, or the person just showed that they are still there. */
  begin(): void {
    this.end();
    this.#stop = this.#after(LATE_MS, () => {
      this.#late = true;
    });
  }

  /** The wait is over; whether it was too long. */
  end(): boolean {
    const late = this.#late;
    this.#stop();
    this.#late = false;
    return late;
  }
}
