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

export interface InRoom {
  readonly words: Words;
  readonly sessionId: string;
}

/** What the app knows of a therapist's page: its code comes only where it is needed. */
export interface Desk {
  /** Why nobody is signed in here any more. */
  readonly signedOut: ReadonlySignal<ErrorCode | null>;
  readonly Page: (props: DeskProps) => JSX.Element;
  /** What waits, at hand while this person is in a room. */
  readonly Waiting: (props: InRoom) => JSX.Element;
  /** On the way in: nobody hears or sees me yet. */
  readonly Unseen: (props: Pick<InRoom, "words">) => JSX.Element;
  /** Something for who leads that room alone. */
  readonly WhisperKey: (props: InRoom) => JSX.Element | null;
  stop(): void;
  networkLost(): void;
  nudge(): void;
}
