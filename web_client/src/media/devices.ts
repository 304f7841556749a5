import { signal } from "@preact/signals";
import type { Source } from "../protocol/generated";
import type { Capture } from "./capture";

/** Why a device is not to be had; `lost`: it was open and went away. */
export type Problem = "denied" | "missing" | "busy" | "lost" | "unsupported";

export interface Device {
  readonly track: MediaStreamTrack | null;
  readonly problem: Problem | null;
  readonly asking: boolean;
}

const NOTHING: Device = { track: null, problem: null, asking: false };
const BOTH: readonly Source[] = ["microphone", "camera"];

/** The microphone and camera of this device. It opens them only when asked, and closing really closes. */
export class LocalMedia {
  readonly microphone = signal<Device>(NOTHING);
  readonly camera = signal<Device>(NOTHING);
  readonly #capture: Capture;
  readonly #devices: MediaDevices | undefined;
  /** The question that is open for each; closing takes it back, whatever its answer will be. */
  readonly #questions: Partial<Record<Source, Promise<void>>> = {};

  constructor(capture: Capture, devices: MediaDevices | undefined) {
    this.#capture = capture;
    this.#devices = devices;
  }

  /** Asks once for both; where that fails, for each alone, so that one missing does not take the other. */
  async openBoth(): Promise<void> {
    await this.#ensure(BOTH);
  }

  /** Resolves to whether the device is open now. */
  async open(source: Source): Promise<boolean> {
    await this.#ensure([source]);
    return this[source].value.track !== null;
  }

  close(source: Source): void {
    delete this.#questions[source];
    this[source].value.track?.stop();
    this[source].value = { ...this[source].value, track: null, asking: false };
  }

  closeAll(): void {
    for (const source of BOTH) this.close(source);
  }

  /** A page that slept may have missed that a device ended. */
  check(): void {
    for (const source of BOTH) if (this[source].value.track?.readyState === "ended") this.#lost(source);
  }

  /** What is open stays as it is, and what is being asked for is not asked for twice. */
  async #ensure(sources: readonly Source[]): Promise<void> {
    const missing = sources.filter((source) => !this[source].value.track && !this.#questions[source]);
    if (missing.length > 0) {
      const question: Promise<void> = Promise.resolve().then(() => this.#ask(missing, question));
      for (const source of missing) {
        this.#questions[source] = question;
        this[source].value = { track: null, problem: null, asking: true };
      }
    }
    await Promise.all(sources.map((source) => this.#questions[source]));
  }

  async #ask(sources: readonly Source[], question: Promise<void>): Promise<void> {
    const open = (source: Source) => this.#questions[source] === question;
    const failed = await this.#request(sources, open);
    const alone = failed !== null && sources.length > 1;
    await Promise.all(
      sources.filter(open).map(async (source) => {
        // A second question right after a "no" would be nagging; a browser that cannot tell is not asked again.
        const again = alone && (problemOf(failed) !== "denied" || (await mayAsk(source)));
        const error = again && open(source) ? await this.#request([source], open) : failed;
        if (!open(source)) return;
        delete this.#questions[source];
        if (error) this[source].value = { track: null, problem: problemOf(error), asking: false };
      }),
    );
  }

  /** Keeps what is still wanted when the browser answers; resolves to the error when it says no. */
  async #request(sources: readonly Source[], open: (source: Source) => boolean): Promise<Error | null> {
    try {
      if (!this.#devices) throw new DOMException("no media devices", "NotSupportedError");
      const stream = await this.#devices.getUserMedia(this.#constraints(sources));
      for (const source of sources) {
        const track = source === "camera" ? stream.getVideoTracks()[0] : stream.getAudioTracks()[0];
        if (track && open(source)) this.#keep(source, track);
        else track?.stop();
      }
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #keep(source: Source, track: MediaStreamTrack): void {
    this[source].value.track?.stop();
    track.addEventListener("ended", () => {
      if (this[source].value.track === track) this.#lost(source);
    });
    this[source].value = { track, problem: null, asking: false };
  }

  /** Unplugged, or taken by a phone call. */
  #lost(source: Source): void {
    this[source].value = { track: null, problem: "lost", asking: false };
  }

  #constraints(sources: readonly Source[]): MediaStreamConstraints {
    const { width, height, frameRate } = this.#capture;
    return {
      audio: sources.includes("microphone") && { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      video: sources.includes("camera") && {
        width: { ideal: width },
        height: { ideal: height },
        frameRate: { ideal: frameRate },
        facingMode: "user",
      },
    };
  }
}

function problemOf(error: Error): Problem {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}

async function mayAsk(source: Source): Promise<boolean> {
  try {
    const permission = await navigator.permissions.query({ name: source as PermissionName });
    return permission.state === "granted";
  } catch {
    return false; // this browser does not tell
  }
}

/** Calls `allowed` when the person opens the device in the browser's own settings, where the browser tells. */
export function watchPermission(source: Source, allowed: () => void): void {
  navigator.permissions?.query({ name: source as PermissionName }).then(
    (permission) =>
      permission.addEventListener("change", () => {
        if (permission.state === "granted") allowed();
      }),
    () => undefined, // this browser does not tell
  );
}
