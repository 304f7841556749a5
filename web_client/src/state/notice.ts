import type { DeviceSource, Problem } from "../media/devices";
import type { ErrorCode } from "../protocol/generated";

/** Something to tell the person beside the room. */
export type Notice =
  | { about: "microphone_closed" }
  /** I tapped my microphone while the turns let somebody else be heard, or nobody. */
  | { about: "not_heard" }
  | { about: "device"; source: DeviceSource; problem: Problem }
  /** The system took another microphone for its usual one, while mine was open. */
  | { about: "moved"; label: string }
  /** The speaker that was chosen is gone. */
  | { about: "speaker" }
  | { about: "share_ended"; by: "mentor" | "connection" }
  | { about: "request"; code: ErrorCode }
  /** The connection was lost before the room could say whether it was done. */
  | { about: "unsure" }
  /** It took so long to come in that the microphone stayed off. */
  | { about: "late" }
  /** Someone leads again after a pause, `leader` where it is somebody else; each person opens their own microphone. */
  | { about: "back"; leader: string | null };
