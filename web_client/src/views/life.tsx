import { leads, ledByNobody, person, rests } from "../state/room";
import { clockTime, listOf } from "../words";
import { useFlags } from "./flags_here";
import { Panel } from "./panel";
import type { RoomActs, RoomModel } from "./room_model";

/** Where the session is in its life, and what that means for me: not begun, paused, going on. */
export function LifePanels({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room, mine, notice, alone } = model;
  const staff = leads(room);
  const here = useFlags();
  const { session, pausedUntilMs: until } = room;
  const needsCover = person(room, room.you)?.needs_cover ?? false;
  const covered = mine.microphone || mine.camera ? words.coverText : `${words.coverOff} ${words.coverText}`;
  return (
    <>
      {alone.on && (
        <Panel label={words.notAlone} icon="micOff" title={words.nobodyHears}>
          <p class="quiet">{words.nobodyHearsMore}</p>
        </Panel>
      )}
      {rests(room) && (
        <Panel care label={words.connection} icon="again" title={ledByNobody(room) ? words.pausedGoneTitle : words.pausedTitle}>
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
          {needsCover && <p>{covered}</p>}
          <p>{words.pausedStaffText}</p>
          <p>{words.pausedStaffUntil(clockTime(words, until))}</p>
        </Panel>
      )}
      {needsCover && until === 0 && (
        <Panel label={words.needCover} icon="people" title={words.coverTitle}>
          <p class="quiet">{covered}</p>
        </Panel>
      )}
      {staff && session.status === "lobby" && (session.waits_for ?? "nothing") !== "nothing" && (
        <Panel label={words.lobby} icon="door" title={session.begun ? words.goesOnTitle : words.beginsTitle}>
          <p>{session.waits_for === "leader" ? words.waitsForLeader : words.waitsForResponder}</p>
        </Panel>
      )}
      {staff && session.status === "live" && session.waits_for === "responder" && (
        <Panel label={words.notice} icon="people" title={words.unansweredTitle}>
          <p>{words.unansweredText}</p>
        </Panel>
      )}
      {notice?.about === "back" && (
        <Panel label={words.notice} icon="check" title={goesOn(model, notice.leader)}>
          <p>{words.backText}</p>
          <button class="btn" type="button" onClick={acts.onNoticeRead}>
            {words.ok}
          </button>
        </Panel>
      )}
      {model.early.length > 0 && !alone.on && (
        <Panel label={words.whoLeft} icon="leave" title={words.leftEarly(listOf(words, model.early.map(({ name }) => name)))}>
          <div class="row s wrap">
            {here &&
              model.early.map(({ id, name }) => <here.parts.LeftUpset key={id} words={words} here={here} id={id} name={name} />)}
            <button class="btn" type="button" onClick={acts.onEarlyRead}>
              {words.ok}
            </button>
          </div>
        </Panel>
      )}
    </>
  );
}

/** `leader`: who took over. While the group is hidden here, no name is shown. */
function goesOn({ words, alone }: RoomModel, leader: string | null): string {
  if (leader === null) return words.backTitle;
  return alone.on ? words.sayGoesOnStaff : words.leadsNow(leader);
}
