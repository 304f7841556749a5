import type { Problem } from "../media/devices";
import type { ErrorCode, Source } from "../protocol/generated";

/** Something to tell the person beside the room. */
export type Notice =
  | { about: "microphone_closed" }
  | { about: "device"; source: Source; problem: Problem }
  | { about: "request"; code: ErrorCode }
  /** The connection was lost before the room could say whether it was done. */
  | { about: "unsure" }
  /** It took so long to come in that the microphone stayed off. */
  | { about: "late" }
  /** Someone leads again after a pause, `leader` where it is somebody else; each person opens their own microphone. */
  | { about: "back"; leader: string | null };
