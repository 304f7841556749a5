import type { Reaction, RoomFrame } from "../protocol/generated";
import { leads, ledByNobody, person, rests, tookOver, type RoomState } from "./room";
import { companionNews, turnNews, type TurnNews } from "./turn_news";

/** What the polite live region says; views put it into words. */
export type Announcement =
  | { key: "sayReconnecting" | "sayBack" | "sayMicrophoneClosed" | "sayMicrophoneAllowed" | "sayEnded" }
  | { key: "sayDoubt" | "sayNoDoubt" | "sayMediaTrying" | "sayMediaStuck" }
  | { key: "sayLetIn" | "sayLetInMuted" | "sayAsked" | "sayInLobby" | "sayAllReturned" | "sayBegan" | "sayMentorLate" }
  | { key: "sayPaused" | "sayPausedGone" | "sayPausedStaff" | "sayGoesOn" | "sayGoesOnStaff" | "sayPausedMicrophone" }
  | { key: "sayHidden" | "sayHiddenDevices" | "sayShownAgain" | "sayAudioOnly" | "sayPicturesBack" }
  | { key: "sayIShare" | "sayIShareNoMore" | "sayMayShare" | "sayMayNotShare" }
  | { key: AboutPerson; name: string }
  | { key: "sayReacted"; name: string; reaction: Reaction }
  | { key: "sayTurn"; news: readonly TurnNews[] }
  | { key: "sayMessage"; name: string; text: string };

export type AboutPerson =
  | "sayJoined"
  | "sayLeft"
  | "sayLeftEarly"
  | "sayRemoved"
  | "sayAway"
  | "sayHere"
  | "sayWaits"
  | "sayWaitsNoMore"
  | "sayNeedsCover"
  | "sayTookOver"
  | "sayLeadsAgain"
  | "sayNotAlone"
  | "sayShares"
  | "sayShareEnded"
  /** Of a device. */
  | "sayMoved"
  | "sayAloneAgain";

/** What a change is worth saying aloud, if anything. My own doings are not news to me. */
export function announce(before: RoomState, after: RoomState, frame: RoomFrame): Announcement | null {
  switch (frame.type) {
    case "participant_joined": {
      const { id, name } = frame.participant;
      const news = id === after.you ? companionNews(before, after) : [];
      if (news.length > 0) return { key: "sayTurn", news };
      return person(before, id) ? null : { key: "sayJoined", name };
    }
    case "participant_left": {
      const left = person(before, frame.participant_id);
      if (!left || left.id === before.you) return null;
      if (frame.reason === "removed") return { key: "sayRemoved", name: left.name };
      return { key: leftEarly(before, frame) ? "sayLeftEarly" : "sayLeft", name: left.name };
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
    case "view_replaced":
      if (before.waiting && !after.waiting) return { key: "sayLetIn" };
      if (!before.waiting && after.waiting) return { key: after.asked ? "sayAsked" : "sayInLobby" };
      return after.waiting ? null : { key: "sayAllReturned" };
    case "lobby_joined":
      return before.lobby.some((one) => one.id === frame.person.id) ? null : { key: "sayWaits", name: frame.person.name };
    case "lobby_left": {
      const name = before.lobby.find((one) => one.id === frame.participant_id)?.name;
      return name ? { key: "sayWaitsNoMore", name } : null;
    }
    case "session_changed": {
      const [then, now] = [before.session, after.session];
      if (then.status === "lobby" && now.status === "live") return { key: then.begun ? "sayGoesOnStaff" : "sayBegan" };
      return after.waiting && now.late && !then.late ? { key: "sayMentorLate" } : null;
    }
    case "pause_changed": {
      const [was, is] = [before.pausedUntilMs > 0, after.pausedUntilMs > 0];
      if (was === is) return null;
      if (is) return { key: rests(after) ? (ledByNobody(after) ? "sayPausedGone" : "sayPaused") : "sayPausedStaff" };
      if (!rests(before)) return { key: "sayGoesOnStaff" };
      const name = tookOver(before, after);
      return name === null ? { key: "sayGoesOn" } : { key: "sayTookOver", name };
    }
    case "cover_changed":
      return aboutPerson(before, frame.participant_id, frame.needed ? "sayNeedsCover" : "sayLeadsAgain");
    case "not_alone_changed": {
      const was = person(before, frame.participant_id)?.not_alone ?? false;
      if (was === frame.on) return null;
      return aboutPerson(before, frame.participant_id, frame.on ? "sayNotAlone" : "sayAloneAgain");
    }
    case "screen_changed": {
      const was = person(before, frame.participant_id);
      if (!was || (was.screen ?? false) === frame.screen) return null;
      if (was.id === before.you) return { key: frame.screen ? "sayIShare" : "sayIShareNoMore" };
      return { key: frame.screen ? "sayShares" : "sayShareEnded", name: was.name };
    }
    case "screen_allowed": {
      const me = person(before, before.you);
      if (frame.participant_id !== before.you || (me?.may_share ?? false) === frame.allowed) return null;
      return { key: frame.allowed ? "sayMayShare" : "sayMayNotShare" };
    }
    case "floor_changed": {
      const news = turnNews(before, after);
      return news.length > 0 ? { key: "sayTurn", news } : null;
    }
    case "reacted": {
      const name = person(after, frame.participant_id)?.name;
      return name ? { key: "sayReacted", name, reaction: frame.reaction } : null;
    }
    case "session_ended":
      return { key: "sayEnded" };
    case "chat_hidden":
    case "chat_shown":
    case "devices_changed":
    case "listening_changed":
    case "speakers_changed":
      return null;
    default:
      return null;
  }
}

/** Whether this frame tells staff that a participant went while the session goes on. */
export function leftEarly(before: RoomState, frame: RoomFrame): boolean {
  if (frame.type !== "participant_left" || frame.reason !== "left" || before.session.status !== "live") return false;
  return leads(before) && person(before, frame.participant_id)?.role === "participant";
}

/** Whether it would tell of others to whoever is near a screen on which the group is hidden. */
export function tellsOfOthers(announcement: Announcement): boolean {
  return "name" in announcement || announcement.key === "sayTurn";
}

function aboutPerson(state: RoomState, id: string, key: AboutPerson): Announcement | null {
  const name = person(state, id)?.name;
  return name && id !== state.you ? { key, name } : null;
}
