import type { SessionEntry } from "../../connection/api";
import type { OnCall, SupervisionApi, Whereabout } from "../../connection/supervision_api";
import type { WatchPhase } from "../../connection/watch";
import type { DeskProps } from "../../desk";
import type { Received } from "../../media/subscribe";
import type { Trouble } from "../../media/tries";
import type { Over, Speaking, Unsent } from "../../monitoring";
import type { NoticeState } from "../../notices";
import type { RoomState } from "../../state/room";
import type { Flag, Supervision } from "../../state/supervision";
import type { Finding, GlassView, MentorView, Resolution, SupervisedView, Tile } from "../../protocol/generated";
import type { Failure } from "../../supervision";
import type { Words } from "../../words";
import type { MonitoringWords } from "../../words/monitoring";
import type { TherapistWords } from "../../words/therapist";

/** The sheet that is open. */
export type Open =
  | { name: "resolve"; flag: Flag }
  | { name: "where"; flag: Flag }
  | { name: "timeline"; sessionId: string; title: string }
  | { name: "on-call" }
  | { name: "step-in"; view: SupervisedView }
  | { name: "glass"; view: SupervisedView }
  | { name: "whisper"; view: SupervisedView }
  | { name: "review"; view: SupervisedView; glass: GlassView };

/** What this page listens to, and whom I whisper to. */
export interface ListeningModel {
  room: RoomState | null;
  asking: string | null;
  over: Over | null;
  stopped: string | null;
  refused: ReadonlyMap<string, Failure>;
  received: Received;
  trouble: Trouble | null;
  soundBlocked: boolean;
  audioOnly: boolean;
  unsent: readonly Unsent[];
  speaking: Speaking | null;
  unspoken: { readonly to: string; readonly why: Failure | "microphone" } | null;
}

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
  said: MonitoringWords;
  wide: boolean;
  listening: ListeningModel;
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

/** What a therapist does about one session besides: nobody in it is told, but the mentor who is whispered to. */
export interface ListeningActs {
  readonly onListen: (sessionId: string) => void;
  /** Resolves to whether it was stored. */
  readonly onBreakGlass: (sessionId: string, reason: string) => Promise<boolean>;
  readonly onStopListening: () => void;
  readonly onOverRead: () => void;
  readonly onHear: () => void;
  readonly onRetryMedia: () => void;
  readonly onAudioOnly: (on: boolean) => void;
  readonly onSeen: (tiles: Tile[]) => void;
  readonly onWhisper: (sessionId: string, to: MentorView, text: string) => void;
  readonly onRetryWhisper: (id: string) => void;
  readonly onSpeakTo: (sessionId: string, to: MentorView) => void;
  readonly onStopSpeaking: () => void;
  /** Resolves to why it was not stored; undefined: it was. */
  readonly onReview: (sessionId: string, glassId: string, finding: Finding, note: string) => Promise<Failure | undefined>;
}


export type TherapistActs = Readonly<DeskProps["acts"]> & HandlingActs & ListeningActs;
