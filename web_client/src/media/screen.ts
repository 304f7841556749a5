/** What a person chose to show. `sound` is there where the browser gives it. */
export interface Shown {
  readonly picture: MediaStreamTrack;
  readonly sound: MediaStreamTrack | null;
}

/** Text has to stay readable; little in it moves. */
const FRAME_RATE = 15;

/** Newer than the types: what must not come back to the group, and what must not be shown by accident. */
interface Wishes extends DisplayMediaStreamOptions {
  systemAudio: "exclude";
  selfBrowserSurface: "exclude";
  surfaceSwitching: "include";
}

/** The screen, a window or a tab. The browser asks the person each time, and shows that something is shared. */
export class LocalScreen {
  readonly #devices: MediaDevices | undefined;

  constructor(devices: MediaDevices | undefined) {
    this.#devices = devices;
  }

  /** Phones cannot. */
  get possible(): boolean {
    return typeof this.#devices?.getDisplayMedia === "function";
  }

  /** From a tap. Resolves to null where the person chose nothing. */
  async ask(): Promise<Shown | null> {
    const wishes: Wishes = {
      video: { frameRate: { ideal: FRAME_RATE, max: 30 } },
      audio: true,
      // The whole computer's sound would carry the group's own voices back to it.
      systemAudio: "exclude",
      // This very page holds what is not for everyone.
      selfBrowserSurface: "exclude",
      surfaceSwitching: "include",
    };
    const stream = await this.#devices?.getDisplayMedia(wishes).catch(() => null);
    const picture = stream?.getVideoTracks()[0];
    if (!stream || !picture) return null;
    picture.contentHint = "detail";
    return { picture, sound: stream.getAudioTracks()[0] ?? null };
  }
}
