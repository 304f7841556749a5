import type { SessionEntry } from "../../connection/api";
import type { OnCall, SupervisionApi, Whereabout } from "../../connection/supervision_api";
import type { WatchPhase } from "../../connection/watch";
import type { DeskProps } from "../../desk";
import type { NoticeState } from "../../notices";
import type { Flag, Supervision } from "../../state/supervision";
import type { Resolution, SupervisedView } from "../../protocol/generated";
import type { Failure } from "../../supervision";
import type { Words } from "../../words";
import type { TherapistWords } from "../../words/therapist";

/** The sheet that is open. */
export type Open =
  | { name: "resolve"; flag: Flag }
  | { name: "where"; flag: Flag }
  | { name: "timeline"; sessionId: string; title: string }
  | { name: "on-call" }
  | { name: "step-in"; view: SupervisedView };

export interface TherapistModel {
  words: Words;
  own: TherapistWords;
  /** The server's time, in Unix ms. */
  now: number;
  /** Null until the server has told for the first time. */
  sessions: Supervision | null;
  /** Where this person takes part, and is no therapist. */
  mine: readonly SessionEntry[];
  phase: WatchPhase;
  silentSince: number | null;
  saving: ReadonlySet<string>;
  failed: ReadonlyMap<string, Failure>;
  latest: readonly Flag[];
  tone: boolean;
  toneReady: boolean;
  help: boolean;
  onCall: OnCall | null;
  onCallSaving: boolean;
  onCallFailed: Failure | undefined;
  notices: NoticeState;
}

/** What a therapist does about concerns, wherever they are. */
export interface HandlingActs {
  readonly onAcknowledge: (flag: Flag) => void;
  readonly onTakeOver: (flag: Flag) => void;
  /** Resolves to whether it is stored. */
  readonly onResolve: (flag: Flag, resolution: Resolution) => Promise<boolean>;
  readonly onReadWhere: (sessionId: string, participantId: string) => Promise<Whereabout>;
  readonly onReadTimeline: SupervisionApi["timeline"];
  readonly onBeOnCall: (untilMs: number) => void;
  readonly onHandOver: (to: string) => void;
  readonly onAcceptShift: () => void;
  readonly onEndOnCall: () => void;
  readonly onNotices: () => void;
  readonly onReachable: (sessionId: string, reachable: boolean) => void;
  readonly onTone: (on: boolean) => void;
  readonly onStart: () => void;
}

export type TherapistActs = Readonly<DeskProps["acts"]> & HandlingActs;
