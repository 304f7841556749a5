import { session, type Call, type JoinAnswer, type Whereabouts } from "./api";

/** Something that happened in a session, from its log: `what` is the type of the event, `detail` a code of its own. */
export interface Moment {
  at_ms: number;
  what: string;
  /** Whom it is about, and who did it, by name. */
  who?: string;
  by?: string;
  detail?: string;
}

/** Who is on call now, and whom I could ask to be. */
export interface OnCall {
  on_call: readonly {
    name: string;
    until_ms: number;
    you?: boolean;
    /** Someone was asked to go on with it, or I was. */
    offered?: boolean;
    offered_to_you?: boolean;
  }[];
  therapists: readonly { key: string; name: string }[];
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
  timeline(sessionId: string): Promise<readonly Moment[]>;
  onCall(): Promise<OnCall>;
  beOnCall(untilMs: number): Promise<void>;
  handOver(to: string): Promise<void>;
  acceptShift(): Promise<void>;
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
    timeline: async (id) => ((await call("GET", `${session(id)}/timeline`)) as { timeline: Moment[] }).timeline,
    onCall: () => call("GET", "/on-call") as Promise<OnCall>,
    beOnCall: (untilMs) => tell("/on-call", { until_ms: untilMs }),
    handOver: (to) => tell("/on-call/hand-over", { to }),
    acceptShift: () => tell("/on-call/accept", {}),
    endOnCall: () => tell("/on-call/end", {}),
  };
}
