import { computed, effect, signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { Outcome } from "./connection/outbox";
import type { DeviceSource, LocalMedia } from "./media/devices";
import type { Publisher } from "./media/publish";
import type { ErrorCode, ParticipantView } from "./protocol/generated";
import type { Announcement } from "./state/announce";
import { chosen, heard, type MyDevices } from "./state/devices";
import type { Notice } from "./state/notice";
import { type DeviceState, type Doubt, Telling } from "./telling";

export interface OwnDevicesDeps {
  local: Pick<LocalMedia, "microphone" | "camera" | "open" | "close" | "closeAll">;
  publisher: Pick<Publisher, "use">;
  send: (state: DeviceState) => Promise<Outcome>;
  after: (ms: number, act: () => void) => () => void;
  /** I am in the room, and the connection is live. */
  reachable: () => boolean;
  /** I have come as far as the room or its lobby, where a lost device is news. */
  arrived: () => boolean;
  /** The turns let me be heard. */
  mayBeHeard: () => boolean;
  /** The way out for sound and picture stands, as far as is known; a signal is read in it. */
  wayOut: () => boolean;
  explain: (notice: Notice) => void;
  announce: (announcement: Announcement) => void;
}

/** My microphone and camera: from the tap to what goes out and what the others are told of it. */
export class OwnDevices {
  readonly mine: Signal<MyDevices>;
  /** Which of my devices the others do not have although they are on here. */
  readonly doubt: ReadonlySignal<Doubt>;
  /** What really goes out to the others, as far as can be known here. */
  readonly actual: ReadonlySignal<Doubt>;
  readonly #deps: OwnDevicesDeps;
  readonly #telling: Telling;
  readonly #stopEffects: readonly (() => void)[];

  constructor(deps: OwnDevicesDeps, wanted: { microphone: boolean; camera: boolean }) {
    this.#deps = deps;
    const { local } = deps;
    this.mine = signal(chosen(wanted.microphone, wanted.camera));
    const telling = new Telling({ send: deps.send, after: deps.after, refused: (code) => this.#refused(code) });
    this.#telling = telling;
    this.doubt = telling.doubt;
    const sending = computed(() => ({
      microphone: this.mine.value.microphone && local.microphone.value.track !== null,
      camera: this.mine.value.camera && local.camera.value.track !== null,
    }));
    this.actual = computed(() => {
      const way = deps.wayOut();
      return {
        microphone: way && sending.value.microphone && !telling.doubt.value.microphone,
        camera: way && sending.value.camera && !telling.doubt.value.camera,
      };
    });
    let doubted = false;
    this.#stopEffects = [
      effect(() => {
        const track = local.microphone.value.track;
        const on = sending.value.microphone;
        if (track) track.enabled = on;
        deps.publisher.use("microphone", on ? track : null);
      }),
      effect(() => {
        deps.publisher.use("camera", sending.value.camera ? local.camera.value.track : null);
      }),
      effect(() => {
        if (local.microphone.value.problem && this.mine.value.microphone) this.#lost("microphone");
        if (local.camera.value.problem && this.mine.value.camera) this.#lost("camera");
      }),
      effect(() => {
        void sending.value;
        this.tell();
      }),
      effect(() => {
        const { microphone, camera } = telling.doubt.value;
        const doubts = microphone || camera;
        if (doubts !== doubted && deps.reachable()) deps.announce({ key: doubts ? "sayDoubt" : "sayNoDoubt" });
        doubted = doubts;
      }),
    ];
  }

  /** Resolves to whether the tap opened it. */
  async tapMicrophone(): Promise<boolean> {
    const before = this.mine.value;
    if (before.closed) {
      this.#deps.explain({ about: "microphone_closed" });
      return false;
    }
    if (!before.microphone && !this.#deps.mayBeHeard()) {
      this.#deps.explain({ about: "not_heard" });
      return false;
    }
    if (before.microphone) {
      this.mute();
      return false;
    }
    if (!(await this.#ready("microphone"))) return false;
    // A closing that came while the browser asked for permission stands.
    if (this.mine.value.closings !== before.closings || this.mine.value.closed) return false;
    if (!this.#deps.mayBeHeard()) return false;
    this.mine.value = { ...this.mine.value, microphone: true };
    return true;
  }

  async tapCamera(): Promise<void> {
    if (this.mine.value.camera) {
      this.mine.value = { ...this.mine.value, camera: false };
      this.#deps.local.close("camera");
    } else if (await this.#ready("camera")) {
      this.mine.value = { ...this.mine.value, camera: true };
    }
  }

  mute(): void {
    if (this.mine.peek().microphone) this.mine.value = { ...this.mine.value, microphone: false };
  }

  /** Both are off, and really closed: also what the browser is still asking for. */
  closeAll(): void {
    this.mine.value = { ...this.mine.value, microphone: false, camera: false };
    this.#deps.local.closeAll();
  }

  /** What the room says of me. */
  hear(me: ParticipantView | undefined): void {
    if (!me) return;
    this.mine.value = heard(this.mine.value, { closed: me.microphone_closed ?? false, closings: me.closings ?? 0 });
  }

  tell(): void {
    if (!this.#deps.reachable()) return;
    const { local } = this.#deps;
    const { microphone, camera, closings } = this.mine.peek();
    this.#telling.tell({
      microphone: microphone && local.microphone.peek().track !== null,
      camera: camera && local.camera.peek().track !== null,
      closings,
    });
  }

  /** Nobody can be told now; later everything is told anew. */
  forget(): void {
    this.#telling.forget();
  }

  dispose(): void {
    for (const stop of this.#stopEffects) stop();
    this.#telling.forget();
  }

  #refused(code: ErrorCode): void {
    // I was moved to the lobby meanwhile, where nothing goes out, and my wish stands.
    if (code === "not_admitted") return;
    // After a closing, a turn's end or a pause the room's own frame says more.
    const saysMore = code === "microphone_closed" || code === "not_your_turn" || code === "paused";
    this.mine.value = { ...this.mine.value, microphone: false, ...(saysMore ? {} : { camera: false }) };
    if (code === "not_your_turn") this.#deps.explain({ about: "not_heard" });
    if (!saysMore) this.#deps.explain({ about: "request", code });
  }

  async #ready(source: DeviceSource): Promise<boolean> {
    if (await this.#deps.local.open(source)) return true;
    const { problem } = this.#deps.local[source].value;
    if (problem) this.#deps.explain({ about: "device", source, problem });
    return false;
  }

  #lost(source: DeviceSource): void {
    this.mine.value = { ...this.mine.value, [source]: false };
    const { problem } = this.#deps.local[source].value;
    // On arrival the person has already read why; only a device lost on the way is news.
    if (problem && this.#deps.arrived()) this.#deps.explain({ about: "device", source, problem });
  }
}
