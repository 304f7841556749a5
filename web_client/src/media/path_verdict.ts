import type { Source } from "../protocol/generated";

import type { PathState } from "../state/path";

export type { PathState };

export interface PathVerdict {
  /** The way as a whole. */
  path: PathState;
  microphone: PathState;
  camera: PathState;
  /** Whether the server itself was reached; with `none`, only sound and picture do not come through. */
  reach: boolean;
  /** There and back, of the slower of both connections. */
  rttMs: number | null;
  /** Share of the own packets that did not come back, 0 to 1. */
  loss: number | null;
  /** Of the own sound. */
  jitterMs: number | null;
}

/** What came back of one source since its connection began. */
export interface Returned {
  packets: number;
  lost: number;
  /** Null for sound. */
  frames: number | null;
  jitterS: number;
}

/** The counters of both connections at one moment. */
export interface Sample {
  returned: Partial<Record<Source, Returned>>;
  rttMs: number | null;
  /** Over TCP or a relay: it works, and is slower than it could be. */
  detour: boolean;
}

const WEAK_LOSS = 0.03;
const WEAK_RTT_MS = 300;
/** Of sound: a buffer that long is heard as people talking over each other. */
const WEAK_JITTER_MS = 100;

/** As much of the entries of `RTCStatsReport` as is looked at. */
export interface Stat {
  id: string;
  type: string;
  mid?: string;
  packetsReceived?: number;
  packetsLost?: number;
  framesDecoded?: number;
  jitter?: number;
  selectedCandidatePairId?: string;
  selected?: boolean;
  localCandidateId?: string;
  currentRoundTripTime?: number;
  candidateType?: string;
  protocol?: string;
}

/** `sources` says what each m-section of the subscribe connection carries. */
export function sampleOf(
  publish: readonly Stat[],
  subscribe: readonly Stat[],
  sources: ReadonlyMap<string, Source>,
): Sample {
  const returned: Sample["returned"] = {};
  for (const stat of subscribe) {
    const source = stat.type === "inbound-rtp" ? sources.get(stat.mid ?? "") : undefined;
    if (!source) continue;
    returned[source] = {
      packets: stat.packetsReceived ?? 0,
      // Packets that came twice make it negative (RFC 3550 section 6.4.1).
      lost: Math.max(0, stat.packetsLost ?? 0),
      frames: source === "camera" ? (stat.framesDecoded ?? 0) : null,
      jitterS: stat.jitter ?? 0,
    };
  }
  const ways = [wayOf(publish), wayOf(subscribe)].filter((way) => way !== null);
  const times = ways.map((way) => way.rttMs).filter((ms) => ms !== null);
  return { returned, rttMs: times.length > 0 ? Math.max(...times) : null, detour: ways.some((way) => way.detour) };
}

function wayOf(stats: readonly Stat[]): { rttMs: number | null; detour: boolean } | null {
  const named = stats.find((stat) => stat.type === "transport")?.selectedCandidatePairId;
  // Firefox marks the pair itself.
  const pair = stats.find((stat) => stat.type === "candidate-pair" && (named ? stat.id === named : stat.selected));
  if (!pair) return null;
  const ours = stats.find((stat) => stat.id === pair.localCandidateId);
  return {
    rttMs: pair.currentRoundTripTime === undefined ? null : pair.currentRoundTripTime * 1000,
    detour: ours?.protocol === "tcp" || ours?.candidateType === "relay",
  };
}

/** Whether something of one's own has come back at all. */
export function isBack(sample: Sample): boolean {
  return Object.values(sample.returned).some((one) => one.packets > 0);
}

/**
 * Judges what came back while it was watched; `watched` are looks at it at even distances, two at least.
 * `own` are the sources that carry a real device's sound or picture.
 */
export function judge(watched: readonly Sample[], own: ReadonlySet<Source>): PathVerdict {
  const microphone = judgeSource("microphone", watched);
  const camera = judgeSource("camera", watched);
  // What is sent in place of a device counts, too; a slot that nothing is sent in does not.
  const seen = [microphone, camera].filter((one) => own.has(one.source) || one.packets > 0);
  const packets = microphone.packets + camera.packets;
  const lost = microphone.lost + camera.lost;
  const { rttMs, detour } = watched.at(-1) ?? NOTHING;
  const fast = (rttMs ?? 0) < WEAK_RTT_MS && !detour;
  const through = seen.some((one) => one.state !== "none");
  return {
    path: !through ? "none" : fast && seen.every((one) => one.state === "good") ? "good" : "weak",
    microphone: own.has("microphone") ? microphone.state : "off",
    camera: own.has("camera") ? camera.state : "off",
    reach: true,
    rttMs,
    loss: packets > 0 ? lost / (packets + lost) : null,
    jitterMs: microphone.packets > 0 ? microphone.jitterMs : null,
  };
}

const NOTHING: Sample = { returned: {}, rttMs: null, detour: false };

interface Judged {
  source: Source;
  state: "good" | "weak" | "none";
  packets: number;
  lost: number;
  jitterMs: number;
}

function judgeSource(source: Source, watched: readonly Sample[]): Judged {
  const looks = watched.map((sample) => sample.returned[source]);
  const jitterMs = (looks.at(-1)?.jitterS ?? 0) * 1000;
  const packets = growth(looks, "packets");
  const lost = growth(looks, "lost");
  // What came at first and then no more is a way that broke.
  const broken = growth(looks.slice((looks.length - 1) >> 1), "packets") === 0;
  const whole = source === "microphone" || growth(looks, "frames") > 0;
  const steady = source === "camera" || jitterMs < WEAK_JITTER_MS;
  const clean = lost === 0 || lost < WEAK_LOSS * (packets + lost);
  const state = broken ? "none" : whole && clean && steady ? "good" : "weak";
  return { source, state, packets, lost, jitterMs };
}

/** By how much a counter grew from the first look to the last; one of a replaced connection begins at zero again. */
function growth(looks: readonly (Returned | undefined)[], what: "packets" | "lost" | "frames"): number {
  const counts = looks.map((look) => look?.[what] ?? 0);
  return counts.slice(1).reduce((sum, count, index) => sum + Math.max(0, count - (counts[index] ?? 0)), 0);
}
