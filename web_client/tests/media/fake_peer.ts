/** As much of an RTCPeerConnection as publishing and subscribing use. */
export class FakePeer extends EventTarget {
  static all: FakePeer[] = [];
  connectionState: RTCPeerConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  remote: RTCSessionDescriptionInit[] = [];
  closed = false;
  failNext = false;
  /** What `getStats` tells; null fails. */
  stats: readonly { id: string; type: string }[] | null = [];
  readonly config: RTCConfiguration;
  readonly transceivers: {
    mid: string | null;
    kind: string;
    init: RTCRtpTransceiverInit | undefined;
    direction: RTCRtpTransceiverDirection;
    sender: FakeSender;
    receiver: { track: MediaStreamTrack };
  }[] = [];

  constructor(config: RTCConfiguration) {
    super();
    this.config = config;
    FakePeer.all.push(this);
  }

  addTransceiver(kind: string, init?: RTCRtpTransceiverInit) {
    const sender = new FakeSender(init?.sendEncodings ?? []);
    const receiver = { track: { kind, id: `${FakePeer.all.length}-${this.transceivers.length}` } as MediaStreamTrack };
    const direction = init?.direction ?? "sendrecv";
    const transceiver = { mid: null as string | null, kind, init, direction, sender, receiver };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  getTransceivers() {
    return this.transceivers;
  }

  async setLocalDescription(): Promise<void> {
    this.transceivers.forEach((transceiver, index) => {
      transceiver.mid = String(index);
    });
    this.localDescription = { sdp: `sdp of peer ${FakePeer.all.indexOf(this)}` };
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (this.failNext) throw new Error("bad description");
    this.remote.push(description);
    const slots = Number(/slots=(\d+)/.exec(description.sdp ?? "")?.[1] ?? 0);
    while (this.transceivers.length < slots) this.addTransceiver(this.transceivers.length % 2 ? "video" : "audio");
  }

  async getStats(): Promise<Map<string, { id: string; type: string }>> {
    if (this.stats === null) throw new DOMException("", "InvalidStateError");
    return new Map(this.stats.map((stat) => [stat.id, stat]));
  }

  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  close(): void {
    this.closed = true;
  }
}

export const makePeer = (config: RTCConfiguration) => new FakePeer(config) as unknown as RTCPeerConnection;

class FakeSender {
  track: MediaStreamTrack | null = null;
  encodings: RTCRtpEncodingParameters[];
  setting = false;

  constructor(encodings: RTCRtpEncodingParameters[]) {
    this.encodings = encodings.map((encoding) => ({ active: true, ...encoding }));
  }

  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    this.track = track;
  }

  getParameters() {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }

  async setParameters({ encodings }: { encodings: RTCRtpEncodingParameters[] }): Promise<void> {
    if (this.setting) throw new DOMException("", "InvalidStateError");
    this.setting = true;
    await Promise.resolve();
    this.encodings = encodings;
    this.setting = false;
  }
}
