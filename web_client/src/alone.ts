import { signal } from "@preact/signals";
import type { Outcome } from "./connection/outbox";
import type { ErrorCode } from "./protocol/generated";

export interface AloneDeps {
  send: (on: boolean) => Promise<Outcome>;
  after: (ms: number, act: () => void) => () => void;
}

const AGAIN_MS = 2_000;

/** Answers that telling again would not change. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["not_allowed", "not_admitted", "session_ended"]);

/** "Not alone": the group is hidden on this device. That is so at once, whatever the network does; telling it follows. */
export class NotAlone {
  readonly on = signal(false);
  /** Those who lead know of it. */
  readonly told = signal(false);
  readonly #deps: AloneDeps;
  #owed = false;
  #cancel: () => void = () => {};

  constructor(deps: AloneDeps) {
    this.#deps = deps;
  }

  set(on: boolean): void {
    this.on.value = on;
    this.told.value = false;
    void this.#tell();
  }

  /** The connection is away, or I wait outside. */
  forget(): void {
    this.#cancel();
    this.told.value = false;
  }

  /** I am in the room, again: in a new session (`fresh`) the server knows of nothing that was told before. */
  renew(fresh: boolean): void {
    if (fresh) this.#owed = false;
    if (this.on.peek() || this.#owed) void this.#tell();
  }

  async #tell(): Promise<void> {
    this.#cancel();
    this.#owed = true;
    const on = this.on.peek();
    const outcome = await this.#deps.send(on);
    if (on !== this.on.peek() || outcome.type === "dropped") return;
    if (outcome.type !== "rejected") {
      this.#owed = false;
      this.told.value = on;
    } else if (!FINAL.has(outcome.code)) {
      this.#cancel = this.#deps.after(AGAIN_MS, () => void this.#tell());
    }
  }
}
