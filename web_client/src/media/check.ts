import { effect } from "@preact/signals";
import type { Clock } from "../connection/clock";
import type { Connection, ConnectionEvents, Phase } from "../connection/connection";
import type { IceServer } from "../protocol/generated";
import type { DeviceSource, LocalMedia } from "./devices";
import { isBack, judge, sampleOf, type PathState, type PathVerdict, type Sample, type Stat } from "./path_verdict";
import { Publisher } from "./publish";
import { Subscriber } from "./subscribe";

export type { PathState, PathVerdict } from "./path_verdict";

export interface CheckDeps {
  clock: Clock;
  /** A connection that joins by `POST /check`. */
  connect: (events: ConnectionEvents) => Connection;
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  local: Pick<LocalMedia, "microphone" | "camera">;
  /** What is sent where there is no camera; null where a browser cannot make it. */
  blackTrack: () => MediaStreamTrack | null;
}

/** When nothing has come back after so long, nothing will. */
const PATIENCE_MS = 8_000;
/** For so long what comes back is watched. */
const WATCH_MS = 4_000;
const LOOK_EVERY_MS = 250;
/** A browser's question for microphone or camera is waited for so long; what the person says later is not looked at. */
const QUESTION_MS = 30_000;

/**
 * Sends one's own sound and picture to the server and back, and tells what that way is good for. What comes back is
 * never played and never shown. It ends by itself with a verdict; the returned function ends it before, in silence.
 */
export function checkPath(deps: CheckDeps, on: (verdict: PathVerdict) => void): () => void {
  const check = new Check(deps, on);
  check.start();
  return () => check.stop();
}

class Check {
  readonly #deps: CheckDeps;
  readonly #on: (verdict: PathVerdict) => void;
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  #black: MediaStreamTrack | null = null;
  #reached = false;
  #busy = false;
  #over = false;
  #began = 0;
  /** Looks at it, from the first at which something was back and no question was open. */
  readonly #watched: Sample[] = [];
  #cancelLook: () => void = () => {};
  #unwatch: () => void = () => {};

  constructor(deps: CheckDeps, on: (verdict: PathVerdict) => void) {
    this.#deps = deps;
    this.#on = on;
    const tries = { makePeer: deps.makePeer, after: deps.clock.after, silent: () => {}, trouble: () => {} };
    this.#publisher = new Publisher({
      ...tries,
      offer: (sdp, sources) => this.#connection.request({ type: "publish_offer", sdp, sources }, "resume"),
    });
    this.#subscriber = new Subscriber({
      ...tries,
      answer: (version, sdp) => void this.#connection.send({ type: "subscribe_answer", version, sdp }),
      restart: () => this.#connection.request({ type: "restart_subscribe" }, "resume"),
      tracks: () => {},
    });
    this.#connection = deps.connect({
      phase: (phase) => this.#phase(phase),
      welcome: (_, iceServers) => this.#welcome(iceServers),
      resumed: () => {},
      frame: () => {},
      subscribeOffer: (offer) => this.#subscriber.offered(offer),
      layersWanted: () => {},
      picturesResting: () => {},
      whisper: () => {},
      answerRefused: () => this.#subscriber.refused(),
    });
  }

  start(): void {
    this.#began = this.#deps.clock.now();
    this.#black = this.#deps.blackTrack();
    this.#on(this.#without("trying"));
    // Devices come and go while the browser still asks for them.
    this.#unwatch = effect(() => {
      this.#publisher.use("microphone", this.#track("microphone"));
      this.#publisher.use("camera", this.#track("camera") ?? this.#black);
      this.#setDevices();
    });
    this.#connection.start();
    this.#lookLater();
  }

  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelLook();
    this.#unwatch();
    this.#publisher.close();
    this.#subscriber.close();
    this.#connection.leave();
    this.#black?.stop();
  }

  #track(source: DeviceSource): MediaStreamTrack | null {
    return this.#deps.local[source].value.track;
  }

  #setDevices(): void {
    const microphone = this.#track("microphone") !== null;
    const camera = (this.#track("camera") ?? this.#black) !== null;
    void this.#connection.request({ type: "set_devices", microphone, camera, closings: 0 }, "never");
  }

  #phase(phase: Phase): void {
    if (this.#over) return;
    this.#busy = phase.name === "connecting" && phase.trouble !== null;
    // The server answered, and lets nobody try this out now: that says nothing of the way.
    if (phase.name === "stopped") this.#finish({ ...this.#without("off"), reach: true });
  }

  #welcome(iceServers: IceServer[]): void {
    this.#reached = true;
    this.#subscriber.configure(iceServers);
    this.#publisher.start(iceServers);
    this.#setDevices();
  }

  #lookLater(): void {
    this.#cancelLook = this.#deps.clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const sample = await this.#sample();
    if (this.#over) return;
    const waited = this.#deps.clock.now() - this.#began;
    const watching = this.#watched.length > 0;
    if (watching || (isBack(sample) && (!this.#isAsking() || waited >= QUESTION_MS))) this.#watched.push(sample);
    if (this.#watched.length > WATCH_MS / LOOK_EVERY_MS) this.#finish(judge(this.#watched, new Set(this.#own())));
    else if (!watching && !isBack(sample) && waited >= PATIENCE_MS) this.#finish(this.#nothing());
    else this.#lookLater();
  }

  #nothing(): PathVerdict {
    return this.#busy ? { ...this.#without("off"), reach: true } : this.#without("none");
  }

  async #sample(): Promise<Sample> {
    const sources = new Map(this.#subscriber.tracks.map(({ mid, source }) => [mid, source]));
    const [publish, subscribe] = await Promise.all([this.#publisher.peer, this.#subscriber.peer].map(statsOf));
    return sampleOf(publish ?? [], subscribe ?? [], sources);
  }

  #isAsking(): boolean {
    return this.#deps.local.microphone.value.asking || this.#deps.local.camera.value.asking;
  }

  #own(): DeviceSource[] {
    return (["microphone", "camera"] as const).filter((source) => this.#track(source) !== null);
  }

  /** A verdict without anything measured. */
  #without(state: PathState): PathVerdict {
    const { microphone, camera } = this.#deps.local;
    const of = (device: { track: unknown; asking: boolean }) => (device.track || device.asking ? state : "off");
    return {
      path: state,
      microphone: of(microphone.value),
      camera: of(camera.value),
      reach: this.#reached,
      rttMs: null,
      loss: null,
      jitterMs: null,
    };
  }

  #finish(verdict: PathVerdict): void {
    this.stop();
    this.#on(verdict);
  }
}

async function statsOf(peer: RTCPeerConnection | null): Promise<Stat[]> {
  if (!peer) return [];
  // A connection that ended while it was asked has none.
  return peer.getStats().then(
    (report) => [...report.values()] as Stat[],
    () => [],
  );
}
