import type { RoomFrame } from "../protocol/generated";
import { person, type RoomState } from "./room";

/** What the polite live region says; views put it into words. */
export type Announcement =
  | { key: "sayReconnecting" | "sayBack" | "sayMicrophoneClosed" | "sayMicrophoneAllowed" | "sayEnded" }
  | { key: "sayDoubt" | "sayNoDoubt" | "sayMediaTrying" | "sayMediaStuck" }
  | { key: "sayJoined" | "sayLeft" | "sayAway" | "sayHere"; name: string }
  | { key: "sayMessage"; name: string; text: string };

/** What a change is worth saying aloud, if anything. My own doings are not news to me. */
export function announce(before: RoomState, after: RoomState, frame: RoomFrame): Announcement | null {
  switch (frame.type) {
    case "participant_joined": {
      const { id, name } = frame.participant;
      return person(before, id) ? null : { key: "sayJoined", name };
    }
    case "participant_left": {
      const name = person(before, frame.participant_id)?.name;
      return name && frame.participant_id !== before.you ? { key: "sayLeft", name } : null;
    }
    case "presence_changed": {
      const then = person(before, frame.participant_id);
      const changed = (then?.connected ?? true) !== frame.connected;
      if (!then || !changed || then.id === after.you) return null;
      const { name } = then;
      return { key: frame.connected ? "sayHere" : "sayAway", name };
    }
    case "chat_posted": {
      const { author_id: author, author_name: name, text } = frame.message;
      return author === after.you ? null : { key: "sayMessage", name, text };
    }
    case "microphone_closed":
      return frame.participant_id === after.you ? { key: "sayMicrophoneClosed" } : null;
    case "microphone_allowed":
      return frame.participant_id === after.you ? { key: "sayMicrophoneAllowed" } : null;
    case "microphone_held":
      return frame.held && frame.participant_id === after.you ? { key: "sayMicrophoneClosed" } : null;
    case "session_ended":
      return { key: "sayEnded" };
    case "chat_hidden":
    case "chat_shown":
    case "devices_changed":
    case "speakers_changed":
      return null;
    default:
      return null;
  }
}
