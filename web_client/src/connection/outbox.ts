import type { Ack, ClientMessage, PublishAnswer, Rejected } from "../protocol/generated";

/** A message that the server answers by its id. */
export type Request = Extract<ClientMessage, { id: string }>;

/** How a request ended. `dropped`: the connection it belonged to is gone and it must not be sent again. */
export type Outcome = Ack | PublishAnswer | Rejected | { type: "dropped" };

/**
 * For how long an unanswered request is sent again, always under its own id:
 * `always` after every return (the server carries it out once), `resume` only while the same server-side
 * session goes on, `never` because a newer one takes its place.
 */
export type Keep = "always" | "resume" | "never";

interface Entry {
  message: Request;
  keep: Keep;
  settle: (outcome: Outcome) => void;
}

/** Requests the server has not answered yet, in the order in which they were made. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();

  add(message: Request, keep: Keep): Promise<Outcome> {
    return new Promise((settle) => {
      this.#entries.set(message.id, { message, keep, settle });
    });
  }

  settle(id: string, outcome: Outcome): void {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    entry?.settle(outcome);
  }

  /** Called when a socket is lost. */
  socketLost(): void {
    this.#drop((entry) => entry.keep === "never");
  }

  /** What to send again, after `resumed` or after a fresh `welcome`. */
  replay(how: "resumed" | "welcome"): Request[] {
    if (how === "welcome") this.#drop((entry) => entry.keep !== "always");
    return [...this.#entries.values()].map((entry) => entry.message);
  }

  clear(): void {
    this.#drop(() => true);
  }

  #drop(which: (entry: Entry) => boolean): void {
    for (const [id, entry] of this.#entries) if (which(entry)) this.settle(id, { type: "dropped" });
  }
}
