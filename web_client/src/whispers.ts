import { computed, signal } from "@preact/signals";
import type { RequestBody } from "./connection/connection";
import type { Keep, Outcome } from "./connection/outbox";
import type { Whispered, WhisperSpeaking, WhisperView } from "./protocol/generated";

interface WhispersDeps {
  request: (body: RequestBody, keep: Keep) => Promise<Outcome>;
}

/** What a therapist says to me alone while I lead. Nobody else's page has it. */
export class Whispers {
  /** The newest first, until they are put away. */
  readonly list = signal<readonly WhisperView[]>([]);
  /** Who speaks to me now; empty: nobody. */
  readonly speaker = signal("");
  /** I said that nobody else hears what I hear. */
  readonly headphones = signal(false);
  readonly voice = signal<MediaStreamTrack | null>(null);
  /** What is to be heard of it: the server lets nothing through before, and this page does not rely on that. */
  readonly audible = computed(() => (this.headphones.value ? this.voice.value : null));
  readonly #deps: WhispersDeps;
  #shown: ReadonlySet<string> = new Set();
  #confirming = 0;

  constructor(deps: WhispersDeps) {
    this.#deps = deps;
  }

  hear(frame: Whispered | WhisperSpeaking): void {
    if (frame.type === "whisper_speaking") this.speaker.value = frame.name;
    // The server has not heard that it was seen.
    else if (this.#shown.has(frame.whisper.id)) this.#saw(frame.whisper.id);
    else if (!this.list.peek().some(({ id }) => id === frame.whisper.id)) this.list.value = [frame.whisper, ...this.list.peek()];
  }

  /** It is on the screen, and nothing covers it. */
  saw(id: string): void {
    if (this.#shown.has(id)) return;
    this.#shown = new Set([...this.#shown, id]);
    this.#saw(id);
  }

  /** What was read; another one comes for itself. */
  putAway(): void {
    this.list.value = this.list.peek().filter(({ id }) => !this.#shown.has(id));
  }

  /** Off holds here at once, on only once the server knows. */
  confirm(on: boolean): void {
    const asked = (this.#confirming += 1);
    if (!on) {
      if (!this.headphones.peek()) return;
      this.#off();
    }
    void this.#deps.request({ type: "confirm_headphones", on }, "never").then((outcome) => {
      if (on && outcome.type === "ack" && asked === this.#confirming) this.headphones.value = true;
    });
  }

  /** Another session begins with the server, which knows of no headphones. */
  forget(): void {
    this.#confirming += 1;
    this.#off();
  }

  #off(): void {
    this.headphones.value = false;
    this.speaker.value = "";
  }

  #saw(id: string): void {
    void this.#deps.request({ type: "saw_whisper", whisper_id: id }, "resume");
  }
}
