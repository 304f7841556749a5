import type { TrackInfo } from "../protocol/generated";

/** As much of the entries of `RTCStatsReport` as is looked at. */
export interface LinkStat {
  type: string;
  kind?: string;
  mid?: string;
  packetsReceived?: number;
  packetsLost?: number;
  fractionLost?: number;
  nominated?: boolean;
  state?: string;
  currentRoundTripTime?: number;
}

/** What came and what was lost of each person's sound since the beginning, and how my own fares. */
export interface LinkSample {
  readonly heard: ReadonlyMap<string, { readonly packets: number; readonly lost: number }>;
  /** Share of my sound that the server misses, 0 to 1. */
  readonly lostOfMine: number | null;
  readonly rttMs: number | null;
}

export const LOOK_EVERY_MS = 2_000;

const WEAK = { loss: 0.08, rttMs: 1_000 };
const GOOD = { loss: 0.03, rttMs: 700 };
/** About six seconds until it is said, and ten until it is taken back: a short dip is nobody's worry. */
const WEAK_LOOKS = 3;
const GOOD_LOOKS = 5;
const FEW_PACKETS = 30;

export function sampleOf(publish: readonly LinkStat[], subscribe: readonly LinkStat[], tracks: readonly TrackInfo[]): LinkSample {
  const whose = new Map(tracks.filter(({ source }) => source === "microphone").map((track) => [track.mid, track.participant_id]));
  const heard = new Map<string, { packets: number; lost: number }>();
  for (const { type, mid, packetsReceived = 0, packetsLost = 0 } of subscribe) {
    const who = type === "inbound-rtp" ? whose.get(mid ?? "") : undefined;
    if (who !== undefined) heard.set(who, { packets: packetsReceived, lost: packetsLost });
  }
  const mine = publish.filter(({ type, kind }) => type === "remote-inbound-rtp" && kind === "audio");
  const times = [...publish, ...subscribe]
    .filter(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded")
    .flatMap(({ currentRoundTripTime }) => (currentRoundTripTime === undefined ? [] : [currentRoundTripTime * 1_000]));
  return {
    heard,
    lostOfMine: mine[0]?.fractionLost ?? null,
    rttMs: times.length > 0 ? Math.max(...times) : null,
  };
}

/** Whether my own connection is weak; that of one other person does not make it so. */
export class OwnLink {
  weak = false;
  #before: LinkSample["heard"] = new Map();
  #weakLooks = 0;
  #goodLooks = 0;

  look(sample: LinkSample): boolean {
    const loss = Math.max(this.#lostOnTheWayHere(sample.heard), sample.lostOfMine ?? 0);
    const rttMs = sample.rttMs ?? 0;
    this.#weakLooks = loss >= WEAK.loss || rttMs >= WEAK.rttMs ? this.#weakLooks + 1 : 0;
    this.#goodLooks = loss < GOOD.loss && rttMs < GOOD.rttMs ? this.#goodLooks + 1 : 0;
    if (this.#weakLooks >= WEAK_LOOKS) this.weak = true;
    else if (this.#goodLooks >= GOOD_LOOKS) this.weak = false;
    return this.weak;
  }

  /** What everyone's sound lost at least: of one person alone it may have been lost on their side. */
  #lostOnTheWayHere(heard: LinkSample["heard"]): number {
    const shares: number[] = [];
    for (const [who, { packets, lost }] of heard) {
      const before = this.#before.get(who);
      if (!before) continue;
      const [came, missed] = [packets - before.packets, Math.max(0, lost - before.lost)];
      if (came >= 0 && came + missed >= FEW_PACKETS) shares.push(missed / (came + missed));
    }
    this.#before = heard;
    return shares.length > 1 ? Math.min(...shares) : 0;
  }
}

export interface LinkDeps {
  after: (ms: number, act: () => void) => () => void;
  publish: () => RTCPeerConnection | null;
  subscribe: () => RTCPeerConnection | null;
  tracks: () => readonly TrackInfo[];
}

/** Looks every two seconds, and tells when it changes. Returns how to stop. */
export function watchLink({ after, publish, subscribe, tracks }: LinkDeps, on: (weak: boolean) => void): () => void {
  const link = new OwnLink();
  let stopped = false;
  let cancel = after(LOOK_EVERY_MS, () => void look());
  async function look(): Promise<void> {
    const [mine, theirs] = await Promise.all([publish(), subscribe()].map(statsOf));
    if (stopped) return;
    const before = link.weak;
    const weak = link.look(sampleOf(mine ?? [], theirs ?? [], tracks()));
    if (weak !== before) on(weak);
    cancel = after(LOOK_EVERY_MS, () => void look());
  }
  return () => {
    stopped = true;
    cancel();
  };
}

async function statsOf(peer: RTCPeerConnection | null): Promise<LinkStat[]> {
  if (!peer) return [];
  // A connection that ended while it was asked has none.
  return peer.getStats().then(
    (report) => [...report.values()] as LinkStat[],
    () => [],
  );
}
