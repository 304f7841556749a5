import { signal } from "@preact/signals";
import type { Source } from "../protocol/generated";
import type { Capture } from "./capture";

/** Why a device is not to be had; `lost`: it was open and went away; `interrupted`: something else took it over. */
export type Problem = "denied" | "missing" | "busy" | "lost" | "interrupted" | "unsupported";

/** What a person has of their own: opened only when asked for. */
export type DeviceSource = Extract<Source, "microphone" | "camera">;

export interface Device {
  readonly track: MediaStreamTrack | null;
  readonly problem: Problem | null;
  readonly asking: boolean;
  /** What went away, by its own name. */
  readonly gone?: string;
}

export interface LocalDeps {
  /** Which device was chosen on this device before; empty when none was. */
  readonly chosen: { read(source: DeviceSource): string; write(source: DeviceSource, id: string): void };
  readonly after: (ms: number, act: () => void) => () => void;
  /** A page in the background may have to do without its camera, and gets it back by itself. */
  readonly visible: () => boolean;
}

const NOTHING: Device = { track: null, problem: null, asking: false };
const BOTH: readonly DeviceSource[] = ["microphone", "camera"];
const ALONE: LocalDeps = { chosen: { read: () => "", write: () => {} }, after: () => () => {}, visible: () => true };

/** What is silent for less than this is no interruption. */
const INTERRUPTED_MS = 1_000;

/** The microphone and camera of this device. It opens them only when asked, and closing really closes. */
export class LocalMedia {
  readonly microphone = signal<Device>(NOTHING);
  readonly camera = signal<Device>(NOTHING);
  readonly #capture: Capture;
  readonly #devices: MediaDevices | undefined;
  readonly #deps: LocalDeps;
  /** Of a phone's cameras, the one that was turned to. */
  #facing: "user" | "environment" = "user";
  /** The question that is open for each; closing takes it back, whatever its answer will be. */
  readonly #questions: Partial<Record<DeviceSource, Promise<unknown>>> = {};

  constructor(capture: Capture, devices: MediaDevices | undefined, deps: LocalDeps = ALONE) {
    this.#capture = capture;
    this.#devices = devices;
    this.#deps = deps;
  }

  /** Asks once for both; where that fails, for each alone, so that one missing does not take the other. */
  async openBoth(): Promise<void> {
    await this.#ensure(BOTH);
  }

  /** Resolves to whether the device is open now. */
  async open(source: DeviceSource): Promise<boolean> {
    await this.#ensure([source]);
    return this[source].value.track !== null;
  }

  close(source: DeviceSource): void {
    delete this.#questions[source];
    this[source].value.track?.stop();
    this[source].value = { ...this[source].value, track: null, asking: false };
  }

  closeAll(): void {
    for (const source of BOTH) this.close(source);
  }

  /** Another microphone or camera, from now on. What is off stays off. Resolves to null, or to why it was not to be had. */
  async choose(source: DeviceSource, id: string): Promise<Problem | null> {
    this.#deps.chosen.write(source, id);
    this.#facing = "user";
    return this.#replace(source, id);
  }

  /** From the camera at the front to the one at the back, or back again. */
  async flip(): Promise<Problem | null> {
    this.#facing = this.#facing === "user" ? "environment" : "user";
    this.#deps.chosen.write("camera", "");
    return this.#replace("camera", "");
  }

  /** A page that slept may have missed that a device ended, or is silent. */
  check(): void {
    for (const source of BOTH) {
      // A camera that is being exchanged was ended by us; what becomes of it, the browser's answer says.
      if (this.#questions[source]) continue;
      const { track } = this[source].value;
      if (track?.readyState === "ended") this.#lost(source, "lost");
      else if (track?.muted) this.#fellSilent(source, track);
    }
  }

  /** What is open stays as it is, and what is being asked for is not asked for twice. */
  async #ensure(sources: readonly DeviceSource[]): Promise<void> {
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

  async #ask(sources: readonly DeviceSource[], question: Promise<void>): Promise<void> {
    const open = (source: DeviceSource) => this.#questions[source] === question;
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

  async #replace(source: DeviceSource, id: string): Promise<Problem | null> {
    const before = this[source].value.track;
    if (!before) return null;
    // Most phones open one camera at a time; a microphone goes on until the other one is there.
    if (source === "camera") before.stop();
    const question: Promise<Error | null> = Promise.resolve().then(() =>
      this.#request([source], (one) => this.#questions[one] === question, id),
    );
    this.#questions[source] = question;
    const error = await question;
    if (this.#questions[source] !== question) return null;
    delete this.#questions[source];
    if (!error) return null;
    const problem = problemOf(error);
    if (source === "camera") this.camera.value = { track: null, problem, asking: false };
    return problem;
  }

  /** Keeps what is still wanted when the browser answers; resolves to the error when it says no. */
  async #request(
    sources: readonly DeviceSource[],
    open: (source: DeviceSource) => boolean,
    exactly = "",
  ): Promise<Error | null> {
    try {
      if (!this.#devices) throw new DOMException("no media devices", "NotSupportedError");
      const stream = await this.#devices.getUserMedia(this.#constraints(sources, exactly));
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

  #keep(source: DeviceSource, track: MediaStreamTrack): void {
    this[source].value.track?.stop();
    track.addEventListener("ended", () => {
      if (this[source].value.track === track) this.#lost(source, "lost");
    });
    track.addEventListener("mute", () => this.#fellSilent(source, track));
    this[source].value = { track, problem: null, asking: false };
  }

  /** Unplugged, or taken away. It is off then, also where another was just asked for. */
  #lost(source: DeviceSource, problem: Problem): void {
    delete this.#questions[source];
    const gone = this[source].value.track?.label ?? "";
    this[source].value = { track: null, problem, asking: false, gone };
  }

  /** A phone call, or a switch on the device. It is off then, until the person taps: nothing opens by itself. */
  #fellSilent(source: DeviceSource, track: MediaStreamTrack): void {
    this.#deps.after(INTERRUPTED_MS, () => {
      if (this[source].value.track !== track || !track.muted) return;
      if (source === "camera" && !this.#deps.visible()) return;
      track.stop();
      this.#lost(source, "interrupted");
    });
  }

  #constraints(sources: readonly DeviceSource[], exactly: string): MediaStreamConstraints {
    const { width, height, frameRate } = this.#capture;
    // What was chosen once and is not plugged in today is no reason to have none.
    const device = (source: DeviceSource) => {
      const id = this.#deps.chosen.read(source);
      return exactly ? { deviceId: { exact: exactly } } : id ? { deviceId: { ideal: id } } : {};
    };
    return {
      audio: sources.includes("microphone") && {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...device("microphone"),
      },
      video: sources.includes("camera") && {
        width: { ideal: width },
        height: { ideal: height },
        frameRate: { ideal: frameRate },
        facingMode: this.#facing,
        ...device("camera"),
      },
    };
  }
}

/** Whether it shows what is in front of a phone, and not its person. */
export function isRear(track: MediaStreamTrack | null): boolean {
  return track?.getSettings?.().facingMode === "environment";
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

async function mayAsk(source: DeviceSource): Promise<boolean> {
  try {
    const permission = await navigator.permissions.query({ name: source as PermissionName });
    return permission.state === "granted";
  } catch {
    return false; // this browser does not tell
  }
}

/** Calls `allowed` when the person opens the device in the browser's own settings, where the browser tells. */
export function watchPermission(source: DeviceSource, allowed: () => void): void {
  navigator.permissions?.query({ name: source as PermissionName }).then(
    (permission) =>
      permission.addEventListener("change", () => {
        if (permission.state === "granted") allowed();
      }),
    () => undefined, // this browser does not tell
  );
}
