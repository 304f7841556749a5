import type { Outcome } from "../connection/outbox";
import type { IceServer, Source, SubscribeOffer, TrackInfo } from "../protocol/generated";
import { peerConfig } from "./publish";
import { SILENCE_MS, Tries, type TriesDeps } from "./tries";

export interface SubscribeDeps extends TriesDeps {
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  answer: (version: number, sdp: string) => void;
  /** The connection failed: asks the server for a new one. */
  restart: () => Promise<Outcome>;
  /** Nothing comes in on this way; the network may be gone. */
  silent: () => void;
  /** What is received now, by person; and a therapist's voice, where it could be meant for me alone. */
  tracks: (received: Received, whisper: MediaStreamTrack | null) => void;
  /** Nothing is left to do for this page: what was offered is on its way, or cannot be. */
  underWay?: () => void;
}

/** Long enough for every screen to keep the old connection's last picture. */
const RETIRE_MS = 2_000;

const WHISPER_MID = "w0";

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
  #restarting = false;
  /** Between `configure` and `close`: what was asked for before may be answered afterwards. */
  #open = false;
  readonly #tries: Tries;
  /** Offers are taken one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
    this.#tries = new Tries(deps);
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
    this.#open = true;
    this.#tries.reset();
  }

  offered(offer: SubscribeOffer): void {
    const take = () => this.#take(offer);
    this.#queue = this.#queue.then(take, take);
  }

  /** A server that kept our session may wait for an answer that was lost with the socket. */
  resumed(): void {
    if (this.#peer?.connectionState !== "connected") this.again();
  }

  /** The server did not take our answer, and waits for it without end: it has to make a new offer. */
  refused(): void {
    if (this.#peer) this.#failed(this.#peer);
  }

  /** Begins anew, at once. */
  again(): void {
    this.#tries.reset();
    void this.#restart();
  }

  close(): void {
    this.#open = false;
    this.#tries.pause();
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
    this.#tries.pause();
    this.#outdated = false;
    const peer = this.#deps.makePeer(this.#config);
    this.#peer = peer;
    // Browsers look for the ways out with the help of the page's own thread; from the first one on they do without.
    peer.addEventListener("icecandidate", () => this.#deps.underWay?.(), { once: true });
    peer.addEventListener("connectionstatechange", () => {
      if (peer.connectionState === "connected" && peer === this.#peer) this.#tries.reset();
      if (peer.connectionState === "disconnected" && peer === this.#peer) {
        this.#deps.silent();
        this.#deps.after(SILENCE_MS, () => {
          if (peer.connectionState === "disconnected") this.#failed(peer);
        });
      }
      if (peer.connectionState === "failed") this.#failed(peer);
    });
    return peer;
  }

  async #take(offer: SubscribeOffer): Promise<void> {
    const peer = this.#open ? this.#peerFor(offer) : null;
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
    this.#deps.tracks(receivedOf(peer, offer.tracks), whisperOf(peer));
    // Where there is nobody to receive, nothing will connect either.
    if (offer.tracks.length === 0) {
      this.#deps.trouble(null);
      this.#deps.underWay?.();
    }
  }

  #failed(peer: RTCPeerConnection): void {
    if (peer === this.#peer) this.#tries.again(() => void this.#restart());
  }

  async #restart(): Promise<void> {
    if (this.#restarting) return;
    this.#restarting = true;
    const outcome = await this.#deps.restart();
    this.#restarting = false;
    // A request that was dropped belongs to a session that is over; the next one begins by itself.
    if (outcome.type === "rejected" && this.#open) this.#tries.again(() => void this.#restart());
  }
}

/** Only who leads is offered this section, and always. */
function whisperOf(peer: RTCPeerConnection): MediaStreamTrack | null {
  return peer.getTransceivers().find(({ mid }) => mid === WHISPER_MID)?.receiver.track ?? null;
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
