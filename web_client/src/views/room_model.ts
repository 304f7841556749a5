import type { TurnRequest } from "../asking";
import type { ChoiceKind, Choices } from "../media/device_list";
import type { Received } from "../media/subscribe";
import type { Trouble } from "../media/tries";
import type { Category, Picture as PictureOf, Reaction, Tile, WhisperView } from "../protocol/generated";
import type { PendingChat } from "../posting";
import type { Announcement } from "../state/announce";
import type { MyDevices } from "../state/devices";
import type { Notice } from "../state/notice";
import { type RoomState } from "../state/room";
import type { ShareState } from "../sharing";
import type { Doubt } from "../telling";
import { type Words } from "../words";

/** `remove`: whom. `flag`: whom it is about, to begin with; of what kind it likely is. */
export type OpenSheet =
  | "help"
  | "leave"
  | "end"
  | "devices"
  | "call"
  | { readonly remove: string; readonly name: string }
  | { readonly flag: string; readonly category?: Category }
  | null;

export interface WhispersModel {
  readonly list: readonly WhisperView[];
  /** Who speaks to me now; empty: nobody. */
  readonly speaker: string;
  readonly headphones: boolean;
}

export interface RoomModel {
  words: Words;
  room: RoomState;
  reconnecting: boolean;
  /** For longer than the place was kept. */
  awayLong: boolean;
  /** The browser's question for a device is open. */
  asking: boolean;
  /** Whose microphones a mentor closed without an answer so far. */
  closing: ReadonlySet<string>;
  mine: MyDevices;
  /** What of it really goes out. */
  actual: Doubt;
  doubt: Doubt;
  trouble: Trouble | null;
  myPicture: MediaStreamTrack | undefined;
  /** It shows what is in front of a phone: as it is, and not as in a mirror. */
  rear: boolean;
  received: Received;
  /** My own screen; `possible`: this browser can. */
  share: { readonly state: ShareState; readonly possible: boolean };
  /** What there is to choose from, and which one each is; `flips`: there is a camera at the back. */
  devices: {
    readonly choices: Choices;
    readonly present: Readonly<Partial<Record<ChoiceKind, string>>>;
    readonly flips: boolean;
    /** The name of the one that went away. */
    readonly gone: Readonly<Record<"microphone" | "camera", string>>;
  };
  /** No picture comes or goes. */
  audioOnly: boolean;
  /** My own connection is weak. */
  weak: boolean;
  /** Pictures that do not come for now, since it takes no more. */
  resting: readonly PictureOf[];
  pending: readonly PendingChat[];
  notice: Notice | null;
  /** Those who left while the session goes on; only who leads is told. */
  early: readonly { readonly id: string; readonly name: string }[];
  /** Who reacted just now. */
  reactions: ReadonlyMap<string, Reaction>;
  /** The choice of reactions is open. */
  reacting: boolean;
  /** The group is hidden on this device; those who lead know of it. */
  /** What a therapist says to me alone while I lead. */
  whispers: WhispersModel;
  alone: { readonly on: boolean; readonly told: boolean };
  announcement: Announcement | null;
  soundBlocked: boolean;
  /** From 64rem on, chat stands beside the tiles; below, it takes their place. */
  wide: boolean;
  chatOpen: boolean;
  unread: number;
  draft: string;
  /** What I write for myself alone. */
  notes: string;
  /** Unix ms by the server's clock. */
  now: () => number;
  sheet: OpenSheet;
  menuFor: string | null;
}

export interface RoomActs {
  onMicrophone: () => void;
  onCamera: () => void;
  onChoose: (kind: ChoiceKind, id: string) => void;
  /** Instead of one that went away: it opens. */
  onUse: (source: "microphone" | "camera", id: string) => void;
  onFlip: () => void;
  onShare: () => void;
  onStopSharing: () => void;
  onCloseScreen: (id: string) => void;
  onAllowScreen: (id: string) => void;
  onAudioOnly: (on: boolean) => void;
  onSeen: (tiles: Tile[]) => void;
  onChat: (open: boolean) => void;
  onSheet: (sheet: OpenSheet) => void;
  onLeave: () => void;
  onQuickExit: () => void;
  onEnd: () => void;
  onHear: () => void;
  onRetryMedia: () => void;
  onNoticeRead: () => void;
  onDraft: (draft: string) => void;
  onSend: (text: string) => void;
  onRetry: (id: string) => void;
  onHide: (id: string) => void;
  onShow: (id: string) => void;
  onMenu: (id: string | null) => void;
  onCloseMicrophone: (id: string) => void;
  onAllowMicrophone: (id: string) => void;
  onAdmit: (id: string) => void;
  onMove: (id: string) => void;
  onRemove: (id: string) => void;
  onCover: (needed: boolean) => void;
  onListening: (on: boolean) => void;
  onReacting: (open: boolean) => void;
  onReact: (reaction: Reaction) => void;
  onHideGroup: () => void;
  onShowGroup: () => void;
  onSawWhisper: (id: string) => void;
  onWhispersRead: () => void;
  onHeadphones: (on: boolean) => void;
  onEarlyRead: () => void;
  onTurn: (request: TurnRequest) => void;
  onNotes: (notes: string) => void;
}
