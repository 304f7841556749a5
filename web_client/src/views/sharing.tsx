import type { RoomState } from "../state/room";
import { leads, mayShare, person, sharer } from "../state/room";
import { sourceWordsFor } from "../words/sources";
import { Icon } from "./icon";
import { Panel } from "./panel";
import { Picture } from "./picture";
import { pictureOf } from "./seen";
import type { RoomActs, RoomModel } from "./room_model";

/** Whose screen stands large here: never my own, which I have before me. */
export function staged(room: RoomState) {
  const who = sharer(room);
  return who?.id === room.you ? undefined : who;
}

/** What one person shows to all: large; the people stay beside it. */
export function Stage({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = sourceWordsFor(model.words.language);
  const who = staged(model.room);
  if (!who) return null;
  return (
    <section class="stage" aria-label={words.sharedScreen} {...pictureOf("screen", who.id)}>
      {model.audioOnly ? (
        <div class="picture" />
      ) : (
        <Picture key={who.id} track={model.received.get(who.id)?.screen} />
      )}
      <div class="row s wrap">
        <p class="grow">
          <Icon name="screens" small />
          <span>{words.shares(who.name)}</span>
        </p>
        {leads(model.room) && (
          <button class="btn" type="button" onClick={() => acts.onCloseScreen(who.id)}>
            {words.stopSharingOf(who.name)}
          </button>
        )}
      </div>
    </section>
  );
}

/** Where it can be done: phones cannot, a participant needs a mentor's leave, and one screen is shown at a time. */
export function sharesNow({ room, share, alone }: RoomModel): boolean {
  return share.possible && share.state !== "on" && !alone.on && mayShare(room) && !sharer(room);
}

export function ShareKey({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = sourceWordsFor(model.words.language);
  const asking = model.share.state === "asking";
  return (
    <button class="btn" type="button" aria-disabled={asking || undefined} onClick={acts.onShare}>
      <Icon name="screens" small />
      {asking ? words.shareAsking : words.share}
    </button>
  );
}

/** Stays as long as anybody sees it. */
export function SharingPanel({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = sourceWordsFor(model.words.language);
  const { notice } = model;
  if (model.share.state === "on") {
    return (
      <Panel care label={words.sharedScreen} icon="screens" title={words.iShare}>
        <p>{words.iShareMore}</p>
        <button class="btn" type="button" onClick={acts.onStopSharing}>
          {words.stopSharing}
        </button>
      </Panel>
    );
  }
  if (notice?.about !== "share_ended") return null;
  return (
    <Panel label={words.sharedScreen} icon="screens" title={words.endedTitle}>
      <p>{words.endedBy[notice.by]}</p>
      <button class="btn" type="button" onClick={acts.onNoticeRead}>
        {model.words.ok}
      </button>
    </Panel>
  );
}

/** In the menu of a participant, for who leads. */
export function ShareItem({
  model,
  acts,
  id,
  choose,
}: {
  model: RoomModel;
  acts: RoomActs;
  id: string;
  choose: (act: () => void) => () => void;
}) {
  const words = sourceWordsFor(model.words.language);
  const who = person(model.room, id);
  if (!who) return null;
  const { name } = who;
  const ends = (who.may_share ?? false) || (who.screen ?? false);
  return (
    <>
      <button type="button" onClick={choose(() => (ends ? acts.onCloseScreen(id) : acts.onAllowScreen(id)))}>
        <Icon name="screens" small />
        {ends ? words.stopSharingOf(name) : words.allowScreenOf(name)}
      </button>
      <p class="quiet">{ends ? words.closeScreenHint : words.allowScreenHint(name)}</p>
    </>
  );
}
