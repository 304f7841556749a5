import { signal } from "@preact/signals";
import type { Device, DeviceSource, Problem } from "../src/media/devices";
import type { Shown } from "../src/media/screen";
import type { IceServer, Source, SubscribeOffer } from "../src/protocol/generated";

export function fakeTrack(): MediaStreamTrack {
  return { enabled: true, stop() {} } as unknown as MediaStreamTrack;
}

/** The devices of a person who says yes, unless told otherwise. */
export class FakeLocal {
  readonly microphone = signal<Device>({ track: fakeTrack(), problem: null, asking: false });
  readonly camera = signal<Device>({ track: fakeTrack(), problem: null, asking: false });
  answer: "yes" | "denied" = "yes";
  asked: DeviceSource[] = [];
  beforeAnswer: () => void = () => {};

  async open(source: DeviceSource): Promise<boolean> {
    if (this[source].value.track) return true;
    this.asked.push(source);
    await Promise.resolve();
    this.beforeAnswer();
    const yes = this.answer === "yes";
    this[source].value = { track: yes ? fakeTrack() : null, problem: yes ? null : "denied", asking: false };
    return yes;
  }

  close(source: DeviceSource): void {
    this[source].value = { ...this[source].value, track: null };
  }

  closeAll(): void {
    this.close("microphone");
    this.close("camera");
  }

  chosen: [DeviceSource, string][] = [];
  flips = 0;
  problem: Problem | null = null;

  async choose(source: DeviceSource, id: string): Promise<Problem | null> {
    this.chosen.push([source, id]);
    return this.problem;
  }

  async flip(): Promise<Problem | null> {
    this.flips += 1;
    return this.problem;
  }
}

/** A track that tells when it was let go, and can end as by the browser's own bar. */
export class FakeTrack extends EventTarget {
  enabled = true;
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

/** The browser's question what to show: answered by hand. */
export class FakeScreen {
  readonly possible = true;
  picture = new FakeTrack();
  sound: FakeTrack | null = new FakeTrack();
  asked = 0;
  answer: (yes: boolean) => void = () => {};

  ask(): Promise<Shown | null> {
    this.asked += 1;
    this.picture = new FakeTrack();
    if (this.sound) this.sound = new FakeTrack();
    const shown = { picture: this.picture, sound: this.sound } as unknown as Shown;
    return new Promise((resolve) => {
      this.answer = (yes) => resolve(yes ? shown : null);
    });
  }
}

export class FakePublisher {
  readonly sending: Record<Source, MediaStreamTrack | null> = {
    microphone: null,
    camera: null,
    screen: null,
    screen_audio: null,
  };
  /** Every track that ever went out through the microphone's sender. */
  readonly microphones: (MediaStreamTrack | null)[] = [];
  readonly layers: [Source, readonly string[]][] = [];
  starts = 0;
  agains = 0;
  resumes = 0;
  closed = false;
  again = () => void (this.agains += 1);
  resumed = () => void (this.resumes += 1);

  use(source: Source, track: MediaStreamTrack | null): void {
    this.sending[source] = track;
    if (source === "microphone") this.microphones.push(track);
  }

  layersWanted(source: Source, rids: readonly string[]): void {
    this.layers.push([source, rids]);
  }

  start(_iceServers: readonly IceServer[]): void {
    this.starts += 1;
    this.closed = false;
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeSubscriber {
  readonly offers: SubscribeOffer[] = [];
  configured = 0;
  resumes = 0;
  refusals = 0;
  agains = 0;
  refused = () => void (this.refusals += 1);
  again = () => void (this.agains += 1);
  configure = (): void => {
    this.configured += 1;
    this.closed = false;
  };
  offered = (offer: SubscribeOffer) => void this.offers.push(offer);
  resumed = () => void (this.resumes += 1);
  closed = false;
  close = () => void (this.closed = true);
}
