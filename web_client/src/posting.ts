import { signal } from "@preact/signals";
import type { RequestBody } from "./connection/connection";
import type { Keep, Outcome } from "./connection/outbox";
import type { ChatView, ErrorCode } from "./protocol/generated";

/** A message of mine that the room has not shown yet. */
export interface PendingChat {
  readonly id: string;
  readonly text: string;
  readonly failed: ErrorCode | null;
}

export interface PostingDeps {
  request: (body: RequestBody, keep: Keep) => Promise<Outcome>;
  newId: () => string;
}

/** My messages on their way into the chat: none is lost, none is posted twice. */
export class Posting {
  readonly pending = signal<readonly PendingChat[]>([]);
  readonly #deps: PostingDeps;
  #views = 0;

  constructor(deps: PostingDeps) {
    this.#deps = deps;
  }

  post(text: string): void {
    const message: PendingChat = { id: this.#deps.newId(), text, failed: null };
    this.pending.value = [...this.pending.value, message];
    void this.#post(message);
  }

  /** Sends a message that was refused once more, under its own id. */
  async retry(id: string): Promise<void> {
    const message = this.pending.value.find((one) => one.id === id);
    if (!message?.failed) return;
    this.#amend(id, { failed: null });
    await this.#post(message);
  }

  /** A fresh view of the room came, which may not reach back to what was posted before. */
  renewed(): void {
    this.#views += 1;
  }

  /** What the room shows waits no longer. */
  settle(chat: readonly ChatView[]): void {
    const shown = new Set(chat.map((message) => message.id));
    if (this.pending.value.some((one) => shown.has(one.id))) {
      this.pending.value = this.pending.value.filter((one) => !shown.has(one.id));
    }
  }

  async #post({ id, text }: PendingChat): Promise<void> {
    const views = this.#views;
    const outcome = await this.#deps.request({ type: "post_chat", message_id: id, text }, "always");
    if (outcome.type === "rejected") this.#amend(id, { failed: outcome.code });
    else if (views !== this.#views) this.pending.value = this.pending.value.filter((one) => one.id !== id);
  }

  #amend(id: string, change: Partial<PendingChat>): void {
    this.pending.value = this.pending.value.map((one) => (one.id === id ? { ...one, ...change } : one));
  }
}
