import { signal } from "@preact/signals";
import type { Reaction } from "./protocol/generated";

/** Long enough to be seen, short enough not to stay. */
const SHOWN_MS = 6_000;

/** Who reacted just now, and how; the last of each person, for a moment. */
export class Reactions {
  readonly shown = signal<ReadonlyMap<string, Reaction>>(new Map());
  readonly #after: (ms: number, act: () => void) => () => void;
  readonly #ends = new Map<string, () => void>();

  constructor(after: (ms: number, act: () => void) => () => void) {
    this.#after = after;
  }

  show(id: string, reaction: Reaction): void {
    this.#ends.get(id)?.();
    this.shown.value = new Map([...this.shown.peek(), [id, reaction]]);
    this.#ends.set(
      id,
      this.#after(SHOWN_MS, () => {
        this.#ends.delete(id);
        this.shown.value = new Map([...this.shown.peek()].filter(([one]) => one !== id));
      }),
    );
  }

  clear(): void {
    for (const end of this.#ends.values()) end();
    this.#ends.clear();
    this.shown.value = new Map();
  }
}
