import { signal } from "@preact/signals";

/** Plays the sound of the others. A browser may want a tap first; then `blocked` is true. */
export class Sound {
  readonly blocked = signal(false);
  readonly #players = new Map<MediaStreamTrack, HTMLAudioElement>();
  #speaker = "";

  /** Whether this browser plays on anything but its usual speaker. */
  static readonly chooses = typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;

  /** Plays on that speaker from now on; empty: on the usual one. */
  on(speaker: string): void {
    this.#speaker = speaker;
    for (const player of this.#players.values()) this.#direct(player);
  }

  #direct(player: HTMLAudioElement): void {
    if (!Sound.chooses || player.sinkId === this.#speaker) return;
    // One that is not there any more: the sound stays where it is, and is heard.
    player.setSinkId(this.#speaker).catch(() => undefined);
  }

  /** From now on exactly these tracks are heard. */
  play(tracks: readonly MediaStreamTrack[]): void {
    for (const [track, player] of this.#players) {
      if (tracks.includes(track)) continue;
      player.srcObject = null;
      this.#players.delete(track);
    }
    for (const track of tracks) {
      if (this.#players.has(track)) continue;
      const player = new Audio();
      player.srcObject = new MediaStream([track]);
      this.#players.set(track, player);
      this.#direct(player);
      void this.#begin(player);
    }
  }

  /** Called from a tap. */
  async unblock(): Promise<void> {
    this.blocked.value = false;
    await Promise.all([...this.#players.values()].map((player) => this.#begin(player)));
  }

  async #begin(player: HTMLAudioElement): Promise<void> {
    try {
      await player.play();
    } catch (error) {
      // Anything else is a track that went away before it could be played.
      if (error instanceof DOMException && error.name === "NotAllowedError") this.blocked.value = true;
    }
  }
}
