import type { Outcome } from "../connection/outbox";
import type { IceServer, Source } from "../protocol/generated";
import type { Capture } from "./capture";
import { encodingsFor, sendOnly } from "./layers";
import { SILENCE_MS, Tries, type TriesDeps } from "./tries";

/** Sharp text costs more than a face, though less often. */
const MAX_SCREEN_BITRATE = 1_500_000;

/** The rest is added when it is first shared. */
const OWN: readonly Source[] = ["microphone", "camera"];

export interface PublishDeps extends TriesDeps {
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  offer: (sdp: string, sources: Record<string, Source>) => Promise<Outcome>;
  /** What the camera is asked for. Left out, the picture is sent in one layer. */
  capture?: Capture;
  /** What is there from the start; left out: sound and picture. */
  own?: readonly Source[];
  /** Nothing comes back on this way; the network may be gone. */
  silent: () => void;
}

/** What `RTCPeerConnection` wants of the server's list. */
export function peerConfig(iceServers: readonly IceServer[]): RTCConfiguration {
  return { bundlePolicy: "max-bundle", iceServers: iceServers.map((server) => ({ ...server })) };
}

/**
 * The connection that carries my sound and picture. It is offered at once; tracks come when they are ready, and change
 * without a new offer. Only what is shared is offered when it begins and ends: most people never do.
 */
export class Publisher {
  readonly #deps: PublishDeps;
  readonly #tracks: Record<Source, MediaStreamTrack | null> = {
    microphone: null,
    camera: null,
    screen: null,
    screen_audio: null,
  };
  #config: RTCConfiguration = {};
  #peer: RTCPeerConnection | null = null;
  #transceivers: Partial<Record<Source, RTCRtpTransceiver>> = {};
  /** Offers are made one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #due = false;
  /** The layers of a picture that somebody needs, by source; a change waits for the one before it. */
  #layers: Partial<Record<Source, readonly string[]>> = {};
  #adjusting: Promise<void> = Promise.resolve();
  readonly #tries: Tries;

  constructor(deps: PublishDeps) {
    this.#deps = deps;
    this.#tries = new Tries(deps);
  }

  get #own(): readonly Source[] {
    return this.#deps.own ?? OWN;
  }

  get peer(): RTCPeerConnection | null {
    return this.#peer;
  }

  /** What is sent from now on; null sends nothing. */
  use(source: Source, track: MediaStreamTrack | null): void {
    this.#tracks[source] = track;
    const peer = this.#peer;
    if (!peer) return;
    const renews = !this.#own.includes(source) && this.#direct(peer, source, track !== null);
    // A connection that the browser ended without a word is found out here, and replaced with the same tracks.
    this.#transceivers[source]?.sender.replaceTrack(track).catch(() => this.#failed(peer));
    if (renews) this.#offer(peer);
  }

  /** The server says which layers of a picture anybody needs now. The lowest is always sent. */
  layersWanted(source: Source, rids: readonly string[]): void {
    this.#layers[source] = rids;
    this.#adjust(source);
  }

  start(iceServers: readonly IceServer[]): void {
    this.#config = peerConfig(iceServers);
    this.again();
  }

  /** Begins anew, at once. */
  again(): void {
    this.#tries.reset();
    this.#begin();
  }

  /** The server kept our session. What ended meanwhile, as in a page that slept, and what gave up, begins anew. */
  resumed(): void {
    const state = this.#peer?.connectionState;
    const over = state === "disconnected" || state === "failed" || state === "closed";
    if (this.#tries.stuck || over) this.again();
  }

  close(): void {
    this.#tries.pause();
    this.#peer?.close();
    this.#peer = null;
    this.#transceivers = {};
    this.#layers = {};
    this.#queue = Promise.resolve();
    this.#due = false;
  }

  #begin(): void {
    this.close();
    const peer = this.#deps.makePeer(this.#config);
    this.#peer = peer;
    this.#connect(peer);
  }

  #adjust(source: Source): void {
    const peer = this.#peer;
    this.#adjusting = this.#adjusting
      .then(async () => {
        const rids = this.#layers[source];
        const sender = this.#transceivers[source]?.sender;
        if (peer === this.#peer && rids && sender) await sendOnly(sender, rids);
      })
      // A sender that ended meanwhile, or cannot: more is sent than anybody needs, until the next word.
      .catch(() => undefined);
  }

  /** What is shared begins, or ends; whether that has to be offered. */
  #direct(peer: RTCPeerConnection, source: Source, sends: boolean): boolean {
    const known = this.#transceivers[source];
    const direction = sends ? "sendonly" : "inactive";
    if (known) {
      if (known.direction === direction) return false;
      known.direction = direction;
    } else if (sends) {
      this.#transceivers[source] = this.#add(peer, source);
    }
    return sends || known !== undefined;
  }

  #failed(peer: RTCPeerConnection): void {
    if (peer === this.#peer) this.#tries.again(() => this.#begin());
  }

  #connect(peer: RTCPeerConnection): void {
    let stood = false;
    peer.addEventListener("connectionstatechange", () => {
      if (peer !== this.#peer) return;
      if (peer.connectionState === "connected") {
        stood = true;
        this.#tries.reset();
      } else if (peer.connectionState === "failed") {
        // One that stood was cut off: nobody waits for its replacement. One that never did may not do so either.
        if (stood) this.#begin();
        else this.#failed(peer);
      } else if (peer.connectionState === "disconnected") {
        this.#deps.silent();
        this.#deps.after(SILENCE_MS, () => {
          if (peer === this.#peer && peer.connectionState === "disconnected") this.#begin();
        });
      }
    });
    const shared = (["screen", "screen_audio"] as const).filter((source) => this.#tracks[source]);
    for (const source of [...this.#own, ...shared]) {
      this.#transceivers[source] = this.#add(peer, source);
      this.#transceivers[source]?.sender.replaceTrack(this.#tracks[source]).catch(() => this.#failed(peer));
    }
    this.#offer(peer);
  }

  #offer(peer: RTCPeerConnection): void {
    // One that has not begun yet says all that changed meanwhile.
    if (this.#due) return;
    this.#due = true;
    this.#queue = this.#queue.then(() => this.#negotiate(peer)).catch(() => this.#failed(peer));
  }

  async #negotiate(peer: RTCPeerConnection): Promise<void> {
    if (peer !== this.#peer) return;
    this.#due = false;
    await peer.setLocalDescription();
    if (peer !== this.#peer || !peer.localDescription) return;
    const sources: Record<string, Source> = {};
    for (const [source, { mid }] of Object.entries(this.#transceivers) as [Source, RTCRtpTransceiver][]) {
      // What is over has to be named, too: a section that nobody names is given up.
      if (mid) sources[mid] = source;
    }
    const outcome = await this.#deps.offer(peer.localDescription.sdp, sources);
    if (peer !== this.#peer) return;
    if (outcome.type === "publish_answer") await peer.setRemoteDescription({ type: "answer", sdp: outcome.sdp });
    else if (outcome.type === "rejected") this.#failed(peer);
  }

  #add(peer: RTCPeerConnection, source: Source): RTCRtpTransceiver {
    if (source === "microphone" || source === "screen_audio") return peer.addTransceiver("audio", { direction: "sendonly" });
    const sendEncodings = source === "screen" ? [{ maxBitrate: MAX_SCREEN_BITRATE }] : encodingsFor(this.#deps.capture);
    return peer.addTransceiver("video", { direction: "sendonly", sendEncodings });
  }
}
