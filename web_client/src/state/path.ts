/** What the way for sound and picture is good for; `off`: it is not looked at. */
export type PathState = "trying" | "good" | "weak" | "none" | "off";

export interface PathHandlers {
  state: (state: PathState) => void;
}

/** Sends something over the real way to the server and back, until it is stopped. */
export type CheckPath = (handlers: PathHandlers) => () => void;
