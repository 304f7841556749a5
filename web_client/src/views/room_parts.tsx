import { person } from "../state/room";
import type { Words } from "../words";
import { Sheet } from "./frame";
import { Icon } from "./icon";
import type { RoomActs, RoomModel } from "./room_model";

/** Always in reach of who leads: one tap, and no question. */
export function AtHand({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room } = model;
  const needsCover = person(room, room.you)?.needs_cover ?? false;
  return (
    <button class={needsCover ? "btn soft" : "btn"} type="button" onClick={() => acts.onCover(!needsCover)}>
      {needsCover ? words.leadAgain : words.needCover}
    </button>
  );
}

/** The group is hidden on this device, names and texts too. */
export function Hidden({ words, told, onShow }: { words: Words; told: boolean; onShow: () => void }) {
  return (
    <section aria-label={words.participants} class="fill">
      <div class="cover">
        <span class="ic">
          <Icon name="people" />
        </span>
        <h2>{words.hiddenTitle}</h2>
        <p>{words.hiddenText}</p>
        <p class="quiet">{told ? words.hiddenTold : words.hiddenTelling}</p>
        <button class="btn main l" type="button" onClick={onShow}>
          {words.showGroup}
        </button>
      </div>
    </section>
  );
}

/** Asks first: it cannot be undone. */
export function RemoveSheet({
  words,
  name,
  onKeep,
  onRemove,
}: {
  words: Words;
  name: string;
  onKeep: () => void;
  onRemove: () => void;
}) {
  return (
    <Sheet key="remove" title={words.removeTitle(name)} closeLabel={words.close} onClose={onKeep}>
      <p>{words.removeText(name)}</p>
      <div class="pair">
        <button class="btn l" type="button" onClick={onKeep}>
          {words.notNow}
        </button>
        <button class="btn danger-full l" type="button" onClick={onRemove}>
          {words.removePerson(name)}
        </button>
      </div>
    </Sheet>
  );
}
