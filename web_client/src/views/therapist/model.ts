import type { SessionEntry } from "../../connection/api";
import type { WatchPhase } from "../../connection/watch";
import type { DeskProps } from "../../desk";
import type { Flag, Supervision } from "../../state/supervision";
import type { Resolution } from "../../protocol/generated";
import type { Failure } from "../../supervision";
import type { Words } from "../../words";
import type { TherapistWords } from "../../words/therapist";

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
}

export interface TherapistActs extends Readonly<DeskProps["acts"]> {
  readonly onAcknowledge: (flag: Flag) => void;
  readonly onTakeOver: (flag: Flag) => void;
  /** Resolves to whether it is stored. */
  readonly onResolve: (flag: Flag, resolution: Resolution) => Promise<boolean>;
  readonly onReachable: (sessionId: string, reachable: boolean) => void;
  readonly onTone: (on: boolean) => void;
  readonly onStart: () => void;
}
