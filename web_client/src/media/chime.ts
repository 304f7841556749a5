import { signal } from "@preact/signals";

const NOTES_HZ = [523, 659];
const APART_S = 0.22;
const NOTE_S = 0.9;
const LOUD = 0.1;

/** What a person presses counts as a tap; a mouse that only moves does not. */
const TAPS = ["pointerup", "keydown"] as const;

/** Two soft notes that come unasked. A browser plays them only on a page that was tapped once. */
export class Chime {
  /** Nothing can be heard before a first tap. */
  readonly ready = signal(false);
  #context: AudioContext | null = null;

  /** Waits for the first tap anywhere on the page. */
  listen(): void {
    for (const tap of TAPS) addEventListener(tap, this.#tapped);
  }

  ring(): void {
    const context = this.#context;
    if (!context || context.state !== "running") return;
    NOTES_HZ.forEach((pitch, index) => {
      const begins = context.currentTime + index * APART_S;
      const note = new OscillatorNode(context, { frequency: pitch, type: "sine" });
      const volume = new GainNode(context, { gain: 0 });
      volume.gain.setValueAtTime(0, begins);
      volume.gain.linearRampToValueAtTime(LOUD, begins + 0.06);
      volume.gain.exponentialRampToValueAtTime(0.001, begins + NOTE_S);
      note.connect(volume).connect(context.destination);
      note.start(begins);
      note.stop(begins + NOTE_S);
    });
  }

  stop(): void {
    for (const tap of TAPS) removeEventListener(tap, this.#tapped);
    void this.#context?.close();
    this.#context = null;
    this.ready.value = false;
  }

  readonly #tapped = (): void => {
    const context = (this.#context ??= new AudioContext());
    // A phone call may have stopped it since: each tap starts it again.
    void context.resume().then(() => {
      this.ready.value = context.state === "running";
    });
  };
}
