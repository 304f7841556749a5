import type { Outcome } from "../connection/outbox";
import type { IceServer, Source } from "../protocol/generated";
import { SILENCE_MS, Tries, type TriesDeps } from "./tries";

const MAX_BITRATE = 600_000;

export interface PublishDeps extends TriesDeps {
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  offer: (sdp: string, sources: Record<string, Source>) => Promise<Outcome>;
  /** Nothing comes back on this way; the network may be gone. */
  silent: () => void;
}

/** What `RTCPeerConnection` wants of the server's list. */
export function peerConfig(iceServers: readonly IceServer[]): RTCConfiguration {
  return { bundlePolicy: "max-bundle", iceServers: iceServers.map((server) => ({ ...server })) };
}

/** The connection that carries my sound and picture. It is offered at once; tracks come when they are ready. */
export class Publisher {
  readonly #deps: PublishDeps;
  readonly #tracks: Record<Source, MediaStreamTrack | null> = { microphone: null, camera: null };
  #config: RTCConfiguration = {};
  #peer: RTCPeerConnection | null = null;
  #senders: Partial<Record<Source, RTCRtpSender>> = {};
  readonly #tries: Tries;

  constructor(deps: PublishDeps) {
    this.#deps = deps;
    this.#tries = new Tries(deps);
  }

  get peer(): RTCPeerConnection | null {
    return this.#peer;
  }

  /** What is sent from now on; null sends nothing. */
  use(source: Source, track: MediaStreamTrack | null): void {
    this.#tracks[source] = track;
    const peer = this.#peer;
    // A connection that the browser ended without a word is found out here, and replaced with the same tracks.
    this.#senders[source]?.replaceTrack(track).catch(() => peer && this.#failed(peer));
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
    this.#senders = {};
  }

  #begin(): void {
    this.close();
    const peer = this.#deps.makePeer(this.#config);
    this.#peer = peer;
    this.#connect(peer).catch(() => this.#failed(peer));
  }

  #failed(peer: RTCPeerConnection): void {
    if (peer === this.#peer) this.#tries.again(() => this.#begin());
  }

  async #connect(peer: RTCPeerConnection): Promise<void> {
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
    const microphone = peer.addTransceiver("audio", { direction: "sendonly" });
    const camera = peer.addTransceiver("video", {
      direction: "sendonly",
      sendEncodings: [{ maxBitrate: MAX_BITRATE }],
    });
    this.#senders = { microphone: microphone.sender, camera: camera.sender };
    for (const source of ["microphone", "camera"] as const) this.use(source, this.#tracks[source]);
    await peer.setLocalDescription();
    if (peer !== this.#peer || !peer.localDescription || !microphone.mid || !camera.mid) return;
    const outcome = await this.#deps.offer(peer.localDescription.sdp, {
      [microphone.mid]: "microphone",
      [camera.mid]: "camera",
    });
    if (peer !== this.#peer) return;
    if (outcome.type === "publish_answer") await peer.setRemoteDescription({ type: "answer", sdp: outcome.sdp });
    else if (outcome.type === "rejected") this.#failed(peer);
  }
}
