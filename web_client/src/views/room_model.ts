import type { Received } from "../media/subscribe";
import type { Trouble } from "../media/tries";
import type { PendingChat } from "../posting";
import type { Announcement } from "../state/announce";
import type { MyDevices } from "../state/devices";
import type { Notice } from "../state/notice";
import { type RoomState } from "../state/room";
import type { Doubt } from "../telling";
import { type Words } from "../words";

export type OpenSheet = "help" | "leave" | "end" | null;

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
  received: Received;
  pending: readonly PendingChat[];
  notice: Notice | null;
  announcement: Announcement | null;
  soundBlocked: boolean;
  /** From 64rem on, chat stands beside the tiles; below, it takes their place. */
  wide: boolean;
  chatOpen: boolean;
  unread: number;
  draft: string;
  sheet: OpenSheet;
  menuFor: string | null;
}

export interface RoomActs {
  onMicrophone: () => void;
  onCamera: () => void;
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
}
