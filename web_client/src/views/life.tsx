import { leads, person, rests } from "../state/room";
import { clockTime, listOf } from "../words";
import { Panel } from "./panel";
import type { RoomActs, RoomModel } from "./room_model";

/** Where the session is in its life, and what that means for me: not begun, paused, going on. */
export function LifePanels({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room, notice, alone } = model;
  const staff = leads(room);
  const { session, pausedUntilMs: until } = room;
  const needsCover = person(room, room.you)?.needs_cover ?? false;
  return (
    <>
      {alone.on && (
        <Panel label={words.notAlone} icon="micOff" title={words.nobodyHears}>
          <p class="quiet">{words.nobodyHearsMore}</p>
        </Panel>
      )}
      {rests(room) && (
        <Panel care label={words.connection} icon="again" title={words.pausedTitle}>
          <p>{words.pausedText}</p>
          <p>{words.pausedUntil(clockTime(words, until))}</p>
        </Panel>
      )}
      {staff && until > 0 && (
        <Panel
          care
          label={words.connection}
          icon={needsCover ? "people" : "again"}
          title={needsCover ? words.coverTitle : words.pausedStaffTitle}
        >
          {needsCover && <p>{words.coverText}</p>}
          <p>{words.pausedStaffText}</p>
          <p>{words.pausedStaffUntil(clockTime(words, until))}</p>
        </Panel>
      )}
      {needsCover && until === 0 && (
        <Panel label={words.needCover} icon="people" title={words.coverTitle}>
          <p class="quiet">{words.coverText}</p>
        </Panel>
      )}
      {staff && session.status === "lobby" && (session.waits_for ?? "nothing") !== "nothing" && (
        <Panel label={words.lobby} icon="door" title={words.beginsTitle}>
          <p>{session.waits_for === "leader" ? words.waitsForLeader : words.waitsForResponder}</p>
        </Panel>
      )}
      {staff && session.status === "live" && session.waits_for === "responder" && (
        <Panel label={words.notice} icon="people" title={words.unansweredTitle}>
          <p>{words.unansweredText}</p>
        </Panel>
      )}
      {notice?.about === "back" && (
        <Panel label={words.notice} icon="check" title={words.backTitle}>
          <p>{words.backText}</p>
          <button class="btn" type="button" onClick={acts.onNoticeRead}>
            {words.ok}
          </button>
        </Panel>
      )}
      {model.early.length > 0 && !alone.on && (
        <Panel label={words.whoLeft} icon="leave" title={words.leftEarly(listOf(words, model.early))}>
          <button class="btn" type="button" onClick={acts.onEarlyRead}>
            {words.ok}
          </button>
        </Panel>
      )}
    </>
  );
}
