import type { ReadonlySignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Me, SessionEntry } from "./connection/api";
import type { ErrorCode } from "./protocol/generated";
import type { Words } from "./words";

export interface DeskProps {
  me: Me;
  words: Words;
  help: boolean;
  acts: {
    onHelp: (open: boolean) => void;
    onQuickExit: () => void;
    onStepIn: (entry: SessionEntry) => void;
    onOwn: (entry: SessionEntry) => void;
  };
}

/** What the app knows of a therapist's page: its code comes only where it is needed. */
export interface Desk {
  /** Why nobody is signed in here any more. */
  readonly signedOut: ReadonlySignal<ErrorCode | null>;
  readonly Page: (props: DeskProps) => JSX.Element;
  /** What waits, at hand while this person is in a room. */
  readonly Waiting: (props: Pick<DeskProps, "words">) => JSX.Element;
  stop(): void;
  networkLost(): void;
  nudge(): void;
}
