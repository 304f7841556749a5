import { session, type Call, type JoinAnswer, type Whereabouts } from "./api";

/** Something that happened in a session, from its log. `detail` says more in a code of its own. */
export interface TimelineEntry {
  at_ms: number;
  what: string;
  who: string;
  about: string;
  detail: string;
}

/** Who is on call, as it concerns me. */
export interface OnCall {
  /** Until when I am on call; 0: I am not. */
  until_ms: number;
  /** Whom I asked to go on with it; empty: nobody. */
  offered_to: string;
  /** Who asked me to go on with theirs. */
  asked: readonly { shift: string; name: string; until_ms: number }[];
  /** Whom I can ask. */
  others: readonly { key: string; name: string }[];
  on_call: readonly { name: string; until_ms: number }[];
}

/** Where somebody is today; reading it is written down. */
export type Whereabout = Whereabouts & { confirmed_ms: number };

/** What therapists ask for. */
export interface SupervisionApi {
  /** A token to see the sessions of my groups from outside. */
  watch(): Promise<JoinAnswer>;
  /** Whether I can be reached while this session lasts. */
  setReachable(sessionId: string, reachable: boolean): Promise<void>;
  whereabouts(sessionId: string, participantId: string): Promise<Whereabout>;
  timeline(sessionId: string): Promise<{ entries: readonly TimelineEntry[]; more: boolean }>;
  onCall(): Promise<OnCall>;
  beOnCall(untilMs: number): Promise<void>;
  handOver(to: string): Promise<void>;
  acceptShift(shift: string): Promise<void>;
  /** I am not on call any more, or ask nobody any more to go on with it. */
  endOnCall(): Promise<void>;
}

export function makeSupervisionApi(call: Call): SupervisionApi {
  const tell = async (path: string, body: object): Promise<void> => {
    await call("POST", path, body);
  };
  return {
    watch: () => call("POST", "/watch", {}) as Promise<JoinAnswer>,
    setReachable: (id, reachable) => tell(`${session(id)}/responder`, { reachable }),
    whereabouts: (id, who) => call("GET", `${session(id)}/whereabouts/${encodeURIComponent(who)}`) as Promise<Whereabout>,
    timeline: (id) => call("GET", `${session(id)}/timeline`) as Promise<{ entries: TimelineEntry[]; more: boolean }>,
    onCall: () => call("GET", "/on-call") as Promise<OnCall>,
    beOnCall: (untilMs) => tell("/on-call", { until_ms: untilMs }),
    handOver: (to) => tell("/on-call/hand-over", { to }),
    acceptShift: (shift) => tell("/on-call/accept", { shift }),
    endOnCall: () => tell("/on-call/end", {}),
  };
}
