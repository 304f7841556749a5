import { signal } from "@preact/signals";
import type { Outcome } from "./connection/outbox";
import type { ErrorCode } from "./protocol/generated";

export interface DeviceState {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly closings: number;
}

/** Which of my devices are on here while the others do not have them. */
export interface Doubt {
  readonly microphone: boolean;
  readonly camera: boolean;
}

export const NO_DOUBT: Doubt = { microphone: false, camera: false };

export interface TellingDeps {
  send: (state: DeviceState) => Promise<Outcome>;
  after: (ms: number, act: () => void) => () => void;
  /** The server will not take it, however often it is told. */
  refused: (code: ErrorCode) => void;
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 8_000;

/** Answers that telling again would not change. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "microphone_closed",
  "not_your_turn",
  "paused",
  "not_admitted",
  "not_allowed",
  "session_ended",
]);

/** Tells the server what is on, again until it is taken or the wish has changed. */
export class Telling {
  readonly doubt = signal<Doubt>(NO_DOUBT);
  readonly #deps: TellingDeps;
  /** The wish that was sent last; null when the server has to be told whatever it is. */
  #told: DeviceState | null = null;
  /** What the server has taken as on. */
  #taken: Omit<DeviceState, "closings"> = NO_DOUBT;
  #refusals = 0;
  #cancel: () => void = () => {};

  constructor(deps: TellingDeps) {
    this.#deps = deps;
  }

  /** The present wish, while the connection is live. */
  tell(state: DeviceState): void {
    if (this.#told && same(this.#told, state)) return;
    // A closing that came since took the microphone back.
    if (this.#told?.closings !== state.closings) this.#taken = { ...this.#taken, microphone: false };
    this.#refusals = 0;
    void this.#send(state);
  }

  /** The connection is away; with its return everything is told anew. */
  forget(): void {
    this.#cancel();
    this.#told = null;
    this.#taken = NO_DOUBT;
    this.doubt.value = NO_DOUBT;
  }

  async #send(state: DeviceState): Promise<void> {
    this.#cancel();
    this.#told = state;
    // What was never refused needs no words; what was and is off now needs none any more.
    const { microphone, camera } = this.doubt.peek();
    this.doubt.value = { microphone: microphone && state.microphone, camera: camera && state.camera };
    const outcome = await this.#deps.send(state);
    if (this.#told !== state || outcome.type === "dropped") return;
    if (outcome.type !== "rejected") {
      this.#taken = state;
      this.doubt.value = NO_DOUBT;
    } else if (FINAL.has(outcome.code)) {
      this.doubt.value = NO_DOUBT;
      this.#deps.refused(outcome.code);
    } else {
      this.doubt.value = {
        microphone: state.microphone && !this.#taken.microphone,
        camera: state.camera && !this.#taken.camera,
      };
      const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#refusals);
      this.#refusals += 1;
      this.#cancel = this.#deps.after(wait, () => void this.#send(state));
    }
  }
}

function same(a: DeviceState, b: DeviceState): boolean {
  return a.microphone === b.microphone && a.camera === b.camera && a.closings === b.closings;
}
