import { signal } from "@preact/signals";

export type ChoiceKind = "microphone" | "camera" | "speaker";

export interface Choice {
  readonly id: string;
  readonly label: string;
}

/** What there is to choose from on this device; empty where the browser does not tell. */
export type Choices = Readonly<Record<ChoiceKind, readonly Choice[]>>;

export const NO_CHOICES: Choices = { microphone: [], camera: [], speaker: [] };

const KINDS: Readonly<Record<MediaDeviceKind, ChoiceKind>> = {
  audioinput: "microphone",
  videoinput: "camera",
  audiooutput: "speaker",
};

/** Follows whatever the system takes for its usual one; some browsers list it as a device. */
export const USUAL = "default";

type Enumerates = Pick<MediaDevices, "enumerateDevices" | "addEventListener" | "removeEventListener">;

/** The devices that are plugged in now. */
export class DeviceList {
  readonly choices = signal<Choices>(NO_CHOICES);
  readonly #devices: Enumerates | undefined;
  /** The usual microphone is another one now. */
  readonly #moved: (label: string) => void;
  readonly #look = () => void this.refresh();
  #asked = 0;

  constructor(devices: Enumerates | undefined, moved: (label: string) => void) {
    this.#devices = devices;
    this.#moved = moved;
  }

  start(): void {
    this.#devices?.addEventListener("devicechange", this.#look);
    this.#look();
  }

  stop(): void {
    this.#devices?.removeEventListener("devicechange", this.#look);
  }

  /** Also once a device was allowed: before that, a browser gives no names. */
  async refresh(): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const found = await this.#devices?.enumerateDevices().catch(() => []);
    if (asked !== this.#asked || !found) return;
    const usual = usualMicrophone(this.choices.peek());
    const of = (kind: ChoiceKind) =>
      found
        .filter((one) => KINDS[one.kind] === kind && one.deviceId && one.label && one.deviceId !== "communications")
        .map(({ deviceId: id, label }) => ({ id, label }));
    this.choices.value = { microphone: of("microphone"), camera: of("camera"), speaker: of("speaker") };
    const now = usualMicrophone(this.choices.peek());
    if (usual && now && usual !== now) this.#moved(now);
  }
}

function usualMicrophone(choices: Choices): string | undefined {
  return choices.microphone.find(({ id }) => id === USUAL)?.label;
}
