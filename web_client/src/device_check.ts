import { computed, effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import type { DeviceSource, LocalMedia } from "./media/devices";
import type { CheckPath, PathState } from "./state/path";

export interface DeviceCheckDeps {
  local: Pick<LocalMedia, "microphone" | "camera" | "open" | "openBoth" | "close">;
  watchLevel: (track: MediaStreamTrack, heard: (level: number) => void) => () => void;
  /** Left out where nothing looks at the way for sound and picture; then nothing is said about it. */
  checkPath?: CheckPath;
}

const AUDIBLE = 0.3;

/** How I look and sound, before a room is opened. Devices are opened only while `active`, and what was off stays off. */
export class DeviceCheck {
  /** What the person wants to join with; it outlives a stay. */
  readonly wanted = signal({ microphone: true, camera: true });
  /** How loud the microphone is, 0 to 1. */
  readonly level = signal(0);
  readonly wasHeard = signal(false);
  /** Null where nothing looks at it. */
  readonly path = signal<PathState | null>(null);
  readonly #deps: DeviceCheckDeps;
  readonly #active: ReadonlySignal<boolean>;
  #stopPath: () => void = () => {};
  #stopWatching: () => void = () => {};

  constructor(deps: DeviceCheckDeps, active: ReadonlySignal<boolean>) {
    this.#deps = deps;
    this.#active = active;
    effect(() => {
      const begins = active.value;
      this.#stopPath();
      this.#stopPath = () => {};
      if (begins) untracked(() => this.#begin());
    });
    const listenTo = computed(() =>
      active.value && this.wanted.value.microphone ? deps.local.microphone.value.track : null,
    );
    effect(() => {
      const track = listenTo.value;
      this.#stopWatching();
      this.#stopWatching = track ? deps.watchLevel(track, (level) => this.#heard(level)) : () => {};
    });
  }

  /** What a room begins with: what is wanted, and can be had. */
  get result(): { microphone: boolean; camera: boolean } {
    const { local } = this.#deps;
    const { microphone, camera } = this.wanted.value;
    return {
      microphone: microphone && local.microphone.value.problem === null,
      camera: camera && local.camera.value.problem === null,
    };
  }

  toggle(source: DeviceSource): void {
    const { local } = this.#deps;
    const on = this.result[source];
    this.wanted.value = { ...this.wanted.value, [source]: !on };
    if (on) local.close(source);
    else void local.open(source);
  }

  doWithout(source: DeviceSource): void {
    this.wanted.value = { ...this.wanted.value, [source]: false };
    this.#deps.local.close(source);
  }

  /** Asks once more for what could not be had; what was turned off stays off. */
  tryAgain(): void {
    const { local } = this.#deps;
    const { microphone, camera } = this.wanted.value;
    this.wanted.value = {
      microphone: microphone || local.microphone.value.problem !== null,
      camera: camera || local.camera.value.problem !== null,
    };
    this.#open();
  }

  /** The browser's answer changed from "no" to "yes", beside this page. */
  allowed(): void {
    if (this.#active.value) this.tryAgain();
  }

  #begin(): void {
    this.wasHeard.value = false;
    this.#open();
    if (!this.#deps.checkPath) return;
    this.path.value = "trying";
    this.#stopPath = this.#deps.checkPath({
      state: (state) => {
        this.path.value = state;
      },
    });
  }

  #open(): void {
    const { local } = this.#deps;
    const { microphone, camera } = this.wanted.value;
    if (microphone && camera) void local.openBoth();
    else if (microphone) void local.open("microphone");
    else if (camera) void local.open("camera");
  }

  #heard(level: number): void {
    this.level.value = level;
    if (level > AUDIBLE) this.wasHeard.value = true;
  }
}
