import type { IceServer, Source, SubscribeOffer, TrackInfo } from "../protocol/generated";
import { peerConfig } from "./publish";

export interface SubscribeDeps {
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  answer: (version: number, sdp: string) => void;
  /** The connection failed: ask the server for a new one. */
  restart: () => void;
  /** What is received now, by person. */
  tracks: (received: Received) => void;
  after: (ms: number, act: () => void) => () => void;
}

const RETRY_MS = 1_000;
/** Long enough for every screen to keep the old connection's last picture. */
const RETIRE_MS = 2_000;

/** Sound and picture of the others, by participant id. */
export type Received = ReadonlyMap<string, Partial<Record<Source, MediaStreamTrack>>>;

/** The connection that carries the others. The server offers; m-sections are slots that change hands. */
export class Subscriber {
  readonly #deps: SubscribeDeps;
  #config: RTCConfiguration = {};
  #peer: RTCPeerConnection | null = null;
  #tracks: readonly TrackInfo[] = [];
  #version = 0;
  #outdated = false;
  #cancelRetry: () => void = () => {};
  /** Offers are taken one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
  }

  get peer(): RTCPeerConnection | null {
    return this.#peer;
  }

  get tracks(): readonly TrackInfo[] {
    return this.#tracks;
  }

  /** A new session begins: its first offer makes a new connection; until then the last pictures stay. */
  configure(iceServers: readonly IceServer[]): void {
    this.#config = peerConfig(iceServers);
    this.#outdated = true;
  }

  offered(offer: SubscribeOffer): void {
    const take = () => this.#take(offer);
    this.#queue = this.#queue.then(take, take);
  }

  /** A server that kept our session may wait for an answer that was lost with the socket. */
  resumed(): void {
    if (this.#peer?.connectionState !== "connected") this.#deps.restart();
  }

  close(): void {
    this.#cancelRetry();
    this.#peer?.close();
    this.#peer = null;
    this.#tracks = [];
    this.#version = 0;
  }

  /** The connection that this offer is for; null when a newer offer has been taken already. */
  #peerFor(offer: SubscribeOffer): RTCPeerConnection | null {
    if (this.#peer && !offer.fresh && !this.#outdated) return offer.version > this.#version ? this.#peer : null;
    const old = this.#peer;
    if (old) this.#deps.after(RETIRE_MS, () => old.close());
    this.#cancelRetry();
    this.#outdated = false;
    const peer = this.#deps.makePeer(this.#config);
    this.#peer = peer;
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "failed") this.#failed(peer);
    });
    return peer;
  }

  async #take(offer: SubscribeOffer): Promise<void> {
    const peer = this.#peerFor(offer);
    if (!peer) return;
    try {
      await peer.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      await peer.setLocalDescription();
    } catch {
      // Whatever the browser did not like about it, a new connection begins without it.
      this.#failed(peer);
      return;
    }
    if (peer !== this.#peer || !peer.localDescription) return;
    this.#version = offer.version;
    this.#tracks = offer.tracks;
    this.#deps.answer(offer.version, peer.localDescription.sdp);
    this.#deps.tracks(receivedOf(peer, offer.tracks));
  }

  #failed(peer: RTCPeerConnection): void {
    if (peer === this.#peer) this.#cancelRetry = this.#deps.after(RETRY_MS, () => this.#deps.restart());
  }
}

function receivedOf(peer: RTCPeerConnection, infos: readonly TrackInfo[]): Received {
  const byMid = new Map(peer.getTransceivers().map((transceiver) => [transceiver.mid, transceiver.receiver.track]));
  const received = new Map<string, Partial<Record<Source, MediaStreamTrack>>>();
  for (const { mid, participant_id: id, source } of infos) {
    const track = byMid.get(mid);
    if (track) received.set(id, { ...received.get(id), [source]: track });
  }
  return received;
}
