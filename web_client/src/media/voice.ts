import type { IceServer } from "../protocol/generated";
import type { LocalMedia } from "./devices";
import type { Publisher } from "./publish";

export interface VoiceDeps {
  local: Pick<LocalMedia, "microphone" | "open" | "close">;
  publisher: Pick<Publisher, "use" | "start" | "close">;
}

/** A therapist's own voice, for one mentor: the microphone is open only while they speak, its way only once they have. */
export class Voice {
  readonly #deps: VoiceDeps;
  #iceServers: readonly IceServer[] = [];
  #begun = false;
  #wanted = false;

  constructor(deps: VoiceDeps) {
    this.#deps = deps;
  }

  configure(iceServers: readonly IceServer[]): void {
    this.#iceServers = iceServers;
  }

  /** Resolves to whether the microphone is open. */
  async open(): Promise<boolean> {
    const { local, publisher } = this.#deps;
    this.#wanted = true;
    const open = await local.open("microphone");
    if (!open || !this.#wanted) return false;
    publisher.use("microphone", local.microphone.peek().track);
    if (!this.#begun) publisher.start(this.#iceServers);
    this.#begun = true;
    return true;
  }

  close(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#deps.publisher.use("microphone", null);
    this.#deps.local.close("microphone");
  }

  /** The way is gone, too. */
  end(): void {
    this.close();
    this.#begun = false;
    this.#deps.publisher.close();
  }
}
