import type { Outcome } from "../connection/outbox";
import type { IceServer, Source } from "../protocol/generated";

const MAX_BITRATE = 600_000;
const RETRY_MS = 2_000;

export interface PublishDeps {
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  offer: (sdp: string, sources: Record<string, Source>) => Promise<Outcome>;
  after: (ms: number, act: () => void) => () => void;
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
  #cancelRetry: () => void = () => {};

  constructor(deps: PublishDeps) {
    this.#deps = deps;
  }

  get peer(): RTCPeerConnection | null {
    return this.#peer;
  }

  /** What is sent from now on; null sends nothing. */
  use(source: Source, track: MediaStreamTrack | null): void {
    this.#tracks[source] = track;
    void this.#senders[source]?.replaceTrack(track);
  }

  start(iceServers: readonly IceServer[]): void {
    this.#config = peerConfig(iceServers);
    this.#begin();
  }

  close(): void {
    this.#cancelRetry();
    this.#peer?.close();
    this.#peer = null;
    this.#senders = {};
  }

  #begin(): void {
    this.close();
    const peer = this.#deps.makePeer(this.#config);
    this.#peer = peer;
    this.#connect(peer).catch(() => this.#retry(peer));
  }

  #retry(peer: RTCPeerConnection): void {
    if (peer === this.#peer) this.#cancelRetry = this.#deps.after(RETRY_MS, () => this.#begin());
  }

  async #connect(peer: RTCPeerConnection): Promise<void> {
    peer.addEventListener("connectionstatechange", () => {
      if (peer === this.#peer && peer.connectionState === "failed") this.#begin();
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
    else if (outcome.type === "rejected") this.#retry(peer);
  }
}
