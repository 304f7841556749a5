import { person } from "../state/room";
import type { Words } from "../words";
import type { FlagsHere } from "./flags_here";
import { HelpWays, Sheet } from "./frame";
import { Icon } from "./icon";
import type { OpenSheet, RoomActs, RoomModel } from "./room_model";

/** Always in reach of who leads: one tap, and no question. */
export function AtHand({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room } = model;
  const needsCover = person(room, room.you)?.needs_cover ?? false;
  return (
    <>
      <button class="btn" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet({ flag: "" })}>
        <Icon name="flag" small />
        {words.flag}
      </button>
      <button class="btn soft" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet("call")}>
        <Icon name="phone" small />
        {words.callTherapist}
      </button>
      <button class={needsCover ? "btn soft" : "btn"} type="button" onClick={() => acts.onCover(!needsCover)}>
        {needsCover ? words.leadAgain : words.needCover}
      </button>
    </>
  );
}

/** The sheets of who flags. Where their part has not come yet, there are the phone numbers, and then they open. */
export function FlagSheets({ words, here, sheet, onClose }: { words: Words; here: FlagsHere | null; sheet: OpenSheet; onClose: () => void }) {
  const flag = sheet !== null && typeof sheet === "object" && "flag" in sheet ? sheet : null;
  if (!flag && sheet !== "call") return null;
  if (!here) {
    return (
      <Sheet key="loading" title={words.loading} closeLabel={words.close} onClose={onClose}>
        <HelpWays words={words} />
      </Sheet>
    );
  }
  if (flag) return <here.parts.FlagSheet words={words} here={here} about={flag.flag} category={flag.category} onClose={onClose} />;
  return <here.parts.CallSheet words={words} here={here} onClose={onClose} />;
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
