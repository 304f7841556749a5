import { useLayoutEffect, useRef } from "preact/hooks";
import { listed, type Listed } from "../state/floor";
import { leads, person } from "../state/room";
import { turnWordsFor, type TurnWords } from "../words/turns";
import { Icon } from "./icon";
import type { RoomModel } from "./room_model";

/** The one order of the room, as everybody sees it: the hands, or the round. */
export function QueueList({ model }: { model: RoomModel }) {
  const { room, words, alone } = model;
  const { floor, you } = room;
  const order = useRef<HTMLOListElement>(null);
  const newest = floor.newest;
  useLayoutEffect(() => {
    // Where a round is longer than its list, whoever speaks is in sight.
    const now = order.current?.querySelector<HTMLElement>(".now");
    if (order.current && now) order.current.scrollTop = now.offsetTop - order.current.clientHeight / 3;
  }, [newest]);
  if (leads(room) || alone.on || room.pausedUntilMs > 0) return null;
  const list = listed(floor).filter(({ id }) => person(room, id) !== undefined);
  if (list.length === 0) return null;
  const say = turnWordsFor(words.language);
  const round = floor.mode === "round";
  return (
    <section class={round ? "panel queue round" : "panel queue"} aria-label={say.queue}>
      <h2>{round ? say.round : say.hands}</h2>
      {/* Each of it can be reached where there is more than fits. */}
      <ol tabIndex={0} ref={order}>
        {list.map((one) => {
          const mine = one.id === you;
          return (
            <li key={one.id} class={`${mine ? "me" : ""}${one.how === "speaks" ? " now" : ""}`}>
              <Mark one={one} />
              <span class="grow">{mine ? say.you : person(room, one.id)?.name}</span>
              <End say={say} one={one} />
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Mark({ one }: { one: Listed }) {
  if (one.how === "done") return <Icon name="check" small />;
  if (one.how === "speaks") return <Icon name="mic" small />;
  return <span class="num">{one.place}</span>;
}

function End({ say, one }: { say: TurnWords; one: Listed }) {
  if (one.how === "waits") return null;
  return <span class="end">{one.how === "done" ? say.done : one.how === "speaks" ? say.speakingNow : say.later}</span>;
}
