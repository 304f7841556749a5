import type { PathVerdict } from "./media/check";
import type { Publisher } from "./media/publish";
import type { Subscriber } from "./media/subscribe";
import type { Source } from "./protocol/generated";

declare global {
  interface Window {
    holdspaceDebug?: {
      readonly publish: RTCPeerConnection | null;
      readonly subscribe: RTCPeerConnection | null;
      tracks(): Record<string, { participant_id: string; source: Source }>;
    };
    /** Tries out the way to the server once more. */
    holdspaceCheck?: () => Promise<PathVerdict>;
  }
}

export function exposeCheckForDebugging(check: (on: (verdict: PathVerdict) => void) => () => void): void {
  window.holdspaceCheck = () =>
    new Promise((resolve) => {
      check((verdict) => verdict.path !== "trying" && resolve(verdict));
    });
}

/** For end-to-end tests and support, only on pages opened with `?debug`. */
export function exposeForDebugging(publisher: Publisher, subscriber: Subscriber): void {
  window.holdspaceDebug = {
    get publish() {
      return publisher.peer;
    },
    get subscribe() {
      return subscriber.peer;
    },
    tracks: () =>
      Object.fromEntries(
        subscriber.tracks.map(({ mid, participant_id, source }) => [mid, { participant_id, source }]),
      ),
  };
}
