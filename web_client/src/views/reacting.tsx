import { useCallback, useRef } from "preact/hooks";
import type { Reaction } from "../protocol/generated";
import { person } from "../state/room";
import { Icon } from "./icon";
import { useOpened } from "./menu";
import type { RoomActs, RoomModel } from "./room_model";
import { REACTION_ICONS } from "./tags";

const REACTIONS: readonly Reaction[] = ["i_hear_you", "thank_you", "same_here"];

/** The key for reactions, and what it opens: kind, silent, one tap. */
export function Reacting({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room, alone } = model;
  const { onReacting } = acts;
  const open = model.reacting && !alone.on;
  const opener = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const onClose = useCallback(() => onReacting(false), [onReacting]);
  useOpened(open, opener, box, onClose);
  const listening = person(room, room.you)?.listening ?? false;
  const choose = (act: () => void) => () => {
    onClose();
    opener.current?.focus();
    act();
  };
  return (
    <li class="w4 reacting">
      <button
        class={open ? "key on" : "key"}
        type="button"
        aria-disabled={alone.on ? "true" : undefined}
        aria-expanded={alone.on ? undefined : open}
        aria-describedby={alone.on ? "while-hidden" : undefined}
        ref={opener}
        onClick={() => alone.on || onReacting(!open)}
      >
        <Icon name="heart" />
        {words.reactions}
      </button>
      {open && (
        <div class="pop" role="group" aria-label={words.reactionsTitle} ref={box}>
          {REACTIONS.map((reaction) => (
            <button key={reaction} class="btn plain" type="button" onClick={choose(() => acts.onReact(reaction))}>
              <Icon name={REACTION_ICONS[reaction]} />
              {words.reaction[reaction]}
            </button>
          ))}
          <hr />
          <button
            class={listening ? "btn soft" : "btn plain"}
            type="button"
            aria-pressed={listening}
            onClick={choose(() => acts.onListening(!listening))}
          >
            <Icon name={listening ? "check" : "ear"} />
            {words.justListening}
          </button>
        </div>
      )}
    </li>
  );
}
