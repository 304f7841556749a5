/** What the person is told about setting up sound and video: it is being tried again, or it is up to them now. */
export type Trouble = "trying" | "stuck";

const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000];

/** A way that says for so long that nothing comes back is replaced; waiting for it to fail takes the browser longer. */
export const SILENCE_MS = 4_000;

export interface TriesDeps {
  after: (ms: number, act: () => void) => () => void;
  /** Called with null once all is well. */
  trouble: (trouble: Trouble | null) => void;
}

/** Tries again, with longer waits, until it went well or there is no hope without the person. */
export class Tries {
  readonly #deps: TriesDeps;
  #count = 0;
  #stuck = false;
  #cancel: () => void = () => {};

  constructor(deps: TriesDeps) {
    this.#deps = deps;
  }

  /** The last try failed, and nothing goes on by itself. */
  get stuck(): boolean {
    return this.#stuck;
  }

  /** Acts after a while; after the last try nothing happens until `reset`. */
  again(act: () => void): void {
    this.pause();
    const wait = WAITS_MS[this.#count];
    this.#stuck = wait === undefined;
    this.#deps.trouble(wait === undefined ? "stuck" : "trying");
    if (wait === undefined) return;
    this.#count += 1;
    this.#cancel = this.#deps.after(wait, act);
  }

  /** Calls off what waits; the count goes on. */
  pause(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  /** All is well, or everything begins anew. */
  reset(): void {
    this.pause();
    this.#count = 0;
    this.#stuck = false;
    this.#deps.trouble(null);
  }
}
