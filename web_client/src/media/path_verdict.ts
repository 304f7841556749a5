import type { Source } from "../protocol/generated";

/** What the way for sound and picture is good for; `off`: it is not looked at. */
export type PathState = "trying" | "good" | "weak" | "none" | "off";

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

/** Judges what came back between two moments. `own` are the sources that carry a real device's sound or picture. */
export function judge(before: Sample, after: Sample, own: ReadonlySet<Source>): PathVerdict {
  const microphone = judgeSource("microphone", before, after);
  const camera = judgeSource("camera", before, after);
  const judged = { microphone, camera };
  const sent = Object.keys(after.returned) as Source[];
  const seen = [...new Set([...own, ...sent])].map((source) => judged[source]);
  const packets = microphone.packets + camera.packets;
  const lost = microphone.lost + camera.lost;
  const loss = packets > 0 ? lost / (packets + lost) : null;
  const jitterMs = microphone.packets > 0 ? microphone.jitterMs : null;
  const fast = (after.rttMs ?? 0) < WEAK_RTT_MS && !after.detour;
  const path = packets === 0 ? "none" : fast && seen.every((one) => one.state === "good") ? "good" : "weak";
  return {
    path,
    microphone: own.has("microphone") ? microphone.state : "off",
    camera: own.has("camera") ? camera.state : "off",
    reach: true,
    rttMs: after.rttMs,
    loss,
    jitterMs,
  };
}

interface Judged {
  state: "good" | "weak" | "none";
  packets: number;
  lost: number;
  jitterMs: number;
}

function judgeSource(source: Source, before: Sample, after: Sample): Judged {
  const now = after.returned[source];
  if (!now) return { state: "none", packets: 0, lost: 0, jitterMs: 0 };
  const then = before.returned[source];
  const grown = (what: "packets" | "lost" | "frames") => {
    const was = then?.[what] ?? 0;
    // A connection that was replaced counts from zero again.
    return (now[what] ?? 0) >= was ? (now[what] ?? 0) - was : (now[what] ?? 0);
  };
  const packets = grown("packets");
  const lost = grown("lost");
  const jitterMs = now.jitterS * 1000;
  const whole = now.frames === null || grown("frames") > 0;
  const clean = lost < WEAK_LOSS * (packets + lost) || lost === 0;
  const steady = source === "camera" || jitterMs < WEAK_JITTER_MS;
  const state = packets === 0 ? "none" : whole && clean && steady ? "good" : "weak";
  return { state, packets, lost, jitterMs };
}
