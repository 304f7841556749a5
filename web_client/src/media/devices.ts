import { signal } from "@preact/signals";
import type { Source } from "../protocol/generated";
import type { Capture } from "./capture";

/** Why a device is not to be had. */
export type Problem = "denied" | "missing" | "busy" | "unsupported";

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
  readonly #latest: Record<Source, number> = { microphone: 0, camera: 0 };

  constructor(capture: Capture, devices: MediaDevices | undefined) {
    this.#capture = capture;
    this.#devices = devices;
  }

  /** Asks once for both; where that fails, for each alone, so that one missing does not take the other. */
  async openBoth(): Promise<void> {
    if (!(await this.#open(BOTH))) await Promise.all(BOTH.map((source) => this.#openAlone(source)));
  }

  /** Resolves to whether the device is open now. */
  async open(source: Source): Promise<boolean> {
    if (this[source].value.track) return true;
    return this.#open([source]);
  }

  close(source: Source): void {
    this.#latest[source] += 1;
    this[source].value.track?.stop();
    this[source].value = { ...this[source].value, track: null, asking: false };
  }

  closeAll(): void {
    for (const source of BOTH) this.close(source);
  }

  async #openAlone(source: Source): Promise<void> {
    // A second question right after a "no" would be nagging; a browser that cannot tell is not asked again.
    if (this[source].value.problem === "denied" && !(await mayAsk(source))) return;
    await this.#open([source]);
  }

  async #open(sources: readonly Source[]): Promise<boolean> {
    const turns = sources.map((source) => (this.#latest[source] += 1));
    const current = (source: Source, index: number) => this.#latest[source] === turns[index];
    for (const source of sources) this[source].value = { track: null, problem: null, asking: true };
    try {
      if (!this.#devices) throw new DOMException("no media devices", "NotSupportedError");
      const stream = await this.#devices.getUserMedia(this.#constraints(sources));
      sources.forEach((source, index) => {
        const track = source === "camera" ? stream.getVideoTracks()[0] : stream.getAudioTracks()[0];
        if (track && current(source, index)) this.#keep(source, track);
        else track?.stop();
      });
    } catch (error) {
      const problem = problemOf(error);
      sources.forEach((source, index) => {
        if (current(source, index)) this[source].value = { track: null, problem, asking: false };
      });
    }
    return sources.every((source) => this[source].value.track !== null);
  }

  #keep(source: Source, track: MediaStreamTrack): void {
    // Unplugged, or taken by a phone call.
    track.addEventListener("ended", () => {
      if (this[source].value.track === track) this[source].value = { track: null, problem: "missing", asking: false };
    });
    this[source].value = { track, problem: null, asking: false };
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

function problemOf(error: unknown): Problem {
  switch (error instanceof DOMException || error instanceof Error ? error.name : "") {
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
