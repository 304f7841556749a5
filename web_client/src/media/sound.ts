import { signal } from "@preact/signals";

/** Plays the sound of the others. A browser may want a tap first; then `blocked` is true. */
export class Sound {
  readonly blocked = signal(false);
  readonly #players = new Map<MediaStreamTrack, HTMLAudioElement>();

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
