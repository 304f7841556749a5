import type { ArrivalAnswer } from "../connection/api";
import type { Waiting } from "../connection/insist";
import type { Draft, Field, Line, Step, Wrongs } from "../state/arrival";
import type { Words } from "../words";

/** One thing that is asked on the way in. */
export interface StepModel {
  words: Words;
  answer: ArrivalAnswer;
  step: Step;
  /** Null for a step that was opened from the check. */
  place: { number: number; of: number } | null;
  back: boolean;
  line: Line | null;
  declined: boolean;
  draft: Draft;
  wrong: Wrongs;
  saving: boolean;
  waiting: Waiting | null;
  help: boolean;
}

export interface StepActs {
  onType: (field: Field, value: string | boolean) => void;
  onSubmit: () => void;
  onNotNow: () => void;
  onReconsider: () => void;
  onBack: () => void;
  onHelp: (open: boolean) => void;
  onLeave: () => void;
  onQuickExit: () => void;
}
