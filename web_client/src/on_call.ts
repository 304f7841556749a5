import { signal } from "@preact/signals";
import { ApiError } from "./connection/api";
import type { Clock } from "./connection/clock";
import type { OnCall, SupervisionApi } from "./connection/supervision_api";
import type { Failure } from "./supervision";

/** How often it is asked whether somebody else is on call now. */
const LOOK_MS = 20_000;

export type Shifts = Pick<SupervisionApi, "onCall" | "beOnCall" | "handOver" | "acceptShift" | "endOnCall">;

/** Whether I am on call, who asked me to be, and what I say to it. */
export class OnCallDesk {
  /** Null until the server has told. */
  readonly view = signal<OnCall | null>(null);
  readonly saving = signal(false);
  /** What could not be carried out; undefined: nothing. */
  readonly failed = signal<Failure | undefined>(undefined);
  readonly #api: Shifts;
  readonly #clock: Clock;
  #cancel: () => void = () => {};
  #stopped = false;

  constructor(api: Shifts, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  be(untilMs: number): Promise<void> {
    return this.#do(() => this.#api.beOnCall(untilMs));
  }

  handOver(to: string): Promise<void> {
    return this.#do(() => this.#api.handOver(to));
  }

  accept(): Promise<void> {
    return this.#do(() => this.#api.acceptShift());
  }

  end(): Promise<void> {
    return this.#do(() => this.#api.endOnCall());
  }

  async #do(act: () => Promise<void>): Promise<void> {
    if (this.saving.peek()) return;
    this.saving.value = true;
    this.failed.value = undefined;
    try {
      await act();
      this.view.value = await this.#api.onCall();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.failed.value = error.code;
    } finally {
      this.saving.value = false;
    }
  }

  async #look(): Promise<void> {
    this.#cancel();
    try {
      const view = await this.#api.onCall();
      if (!this.saving.peek()) this.view.value = view;
    } catch (error) {
      // What was known stays; the page says itself when nothing reaches it.
      if (!(error instanceof ApiError)) throw error;
    }
    if (!this.#stopped) this.#cancel = this.#clock.after(LOOK_MS, () => void this.#look());
  }
}
