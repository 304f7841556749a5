import { signal } from "@preact/signals";
import type { RequestBody } from "./connection/connection";
import type { Keep, Outcome } from "./connection/outbox";
import type { Publisher } from "./media/publish";
import type { LocalScreen, Shown } from "./media/screen";
import type { ParticipantView } from "./protocol/generated";
import type { Notice } from "./state/notice";

/** `asking`: the browser lets the person choose; `on`: everyone sees it. */
export type ShareState = "off" | "asking" | "on";

export interface SharingDeps {
  screen: Pick<LocalScreen, "possible" | "ask">;
  publisher: Pick<Publisher, "use">;
  request: (body: RequestBody, keep: Keep) => Promise<Outcome>;
  /** Of my microphone, as far as I know: sound is not shared by a word from before the last of them. */
  closings: () => number;
  reachable: () => boolean;
  explain: (notice: Notice) => void;
}

/** My screen, from the tap until nobody sees it any more. It begins only with a tap: never by itself, never again. */
export class Sharing {
  readonly state = signal<ShareState>("off");
  readonly #deps: SharingDeps;
  #shown: Shown | null = null;
  /** The room has said that I share. */
  #seen = false;
  /** Each share is another one: what comes late is not for this one. */
  #turn = 0;

  constructor(deps: SharingDeps) {
    this.#deps = deps;
  }

  get possible(): boolean {
    return this.#deps.screen.possible;
  }

  async start(): Promise<void> {
    if (this.state.peek() !== "off") return;
    this.state.value = "asking";
    const turn = this.#begin();
    const closings = this.#deps.closings();
    const shown = await this.#deps.screen.ask();
    if (!shown || turn !== this.#turn || !this.#deps.reachable()) {
      release(shown);
      if (turn === this.#turn) this.#drop();
      return;
    }
    this.#shown = shown;
    // The browser has its own bar to stop it.
    shown.picture.addEventListener("ended", () => turn === this.#turn && this.stop());
    const outcome = await this.#deps.request({ type: "share_screen", sound: shown.sound !== null, closings }, "never");
    if (turn !== this.#turn) return;
    if (outcome.type !== "ack") {
      this.#drop();
      if (outcome.type === "rejected") this.#deps.explain({ about: "request", code: outcome.code });
      return;
    }
    this.#deps.publisher.use("screen", shown.picture);
    this.#deps.publisher.use("screen_audio", shown.sound);
    this.state.value = "on";
  }

  /** By my own wish. The server hears of it, whatever it had taken before. */
  stop(): void {
    if (!this.#shown) return;
    this.#drop();
    void this.#deps.request({ type: "stop_sharing" }, "resume");
  }

  /** The connection is away, I wait outside, or I left: it is over, and does not come back by itself. */
  end(): void {
    const was = this.state.peek() === "on";
    const asked = this.#shown !== null;
    this.#drop();
    // A connection may be back before the server has missed it.
    if (asked) void this.#deps.request({ type: "stop_sharing" }, "resume");
    if (was) this.#deps.explain({ about: "share_ended", by: "connection" });
  }

  /** What the room says of me: somebody else may have ended it. */
  hear(me: ParticipantView | undefined): void {
    if (!this.#shown) return;
    const shares = me?.screen ?? false;
    if (this.#seen && !shares) {
      this.#drop();
      this.#deps.explain({ about: "share_ended", by: "mentor" });
    }
    this.#seen ||= shares;
  }

  #begin(): number {
    this.#seen = false;
    this.#turn += 1;
    return this.#turn;
  }

  #drop(): void {
    this.#turn += 1;
    release(this.#shown);
    const published = this.state.peek() === "on";
    this.#shown = null;
    this.state.value = "off";
    if (!published) return;
    this.#deps.publisher.use("screen", null);
    this.#deps.publisher.use("screen_audio", null);
  }
}

function release(shown: Shown | null): void {
  shown?.picture.stop();
  shown?.sound?.stop();
}
