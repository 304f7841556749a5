import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { listed } from "../state/floor";
import { person } from "../state/room";
import type { LeadWords } from "../words/turn_lead";
import { turnWordsFor } from "../words/turns";
import { Icon } from "./icon";
import { useOpened } from "./menu";
import type { RoomActs, RoomModel } from "./room_model";

interface Props {
  model: RoomModel;
  acts: RoomActs;
  say: LeadWords;
  waiting: readonly string[];
}

/** The one order, the same on every screen; only here it says who passed. */
export function Order({ model, acts, say, waiting }: Props) {
  const { room, words } = model;
  const { floor } = room;
  const { mode } = floor;
  const [open, setOpen] = useState<string | null>(null);
  const moved = useRef<{ id: string; place: number } | null>(null);
  const [told, tell] = useState("");
  const region = useRef<HTMLDivElement>(null);
  const nameOf = (id: string) => person(room, id)?.name ?? "";
  // Who left and spoke before stands in the round no more: nobody is there to be named.
  const here = listed(floor).filter(({ id }) => person(room, id) !== undefined);
  const order = waiting.join(" ");
  const sorted = useRef(false);
  const give = (id: string) => {
    // The row that was pressed goes: who has the turn is where one reads on.
    region.current?.closest(".lead")?.querySelector<HTMLElement>(".now h2")?.focus();
    acts.onTurn({ type: "give_turn", after: floor.newest, participant_id: id });
  };
  useLayoutEffect(() => {
    if (sorted.current) tell(say.orderIs(waiting.map(nameOf).join(", ")));
    sorted.current = false;
    const mine = moved.current;
    if (!mine) return;
    const place = waiting.indexOf(mine.id);
    if (place === mine.place) return;
    moved.current = null;
    if (place < 0) return;
    tell(say.nowAt(nameOf(mine.id), turnWordsFor(words.language).ordinal(place + 1)));
    // Where the list took the button away for a moment, the focus went with it.
    if (document.activeElement === document.body) {
      region.current?.querySelector<HTMLElement>(`[data-move="${CSS.escape(mine.id)}"]`)?.focus();
    }
  }, [order]);
  const move = (id: string, before: string | null) => {
    setOpen(null);
    region.current?.querySelector<HTMLElement>(`[data-move="${CSS.escape(id)}"]`)?.focus();
    moved.current = { id, place: waiting.indexOf(id) };
    acts.onTurn({ type: "move_in_order", participant_id: id, before });
  };
  const onClose = useCallback(() => setOpen(null), []);
  useEffect(() => {
    if (open !== null && !waiting.includes(open)) setOpen(null);
  }, [open, order]);
  return (
    <div class="order" ref={region}>
      <div class="order-head">
        <h3>{mode === "round" ? say.round : say.handsUp(waiting.length)}</h3>
        {waiting.length > 1 && (
          <button
            class="btn snug"
            type="button"
            onClick={() => {
              sorted.current = true;
              acts.onTurn({ type: "least_heard_first" });
            }}
          >
            {say.leastHeard}
          </button>
        )}
      </div>
      <ol>
        {here.map(({ id, how, place }) => {
          const name = nameOf(id);
          if (how === "done" || how === "speaks") {
            return (
              <li key={`${how} ${id}`} class={how}>
                <Icon name={how === "done" ? "check" : "mic"} small />
                <span class="nm">{name}</span>
                <span class="quiet">{how === "speaks" ? say.speaking : floor.passed.includes(id) ? say.passed : say.done}</span>
              </li>
            );
          }
          return (
            <li key={id}>
              <span class="num quiet">{place}</span>
              <span class="nm">
                {name}
                {how === "later" && <span class="quiet"> · {say.asksLater}</span>}
              </span>
              {mode !== "quiet" && (
                <button
                  class="btn snug"
                  type="button"
                  aria-label={say.giveTo(name)}
                  onClick={() => give(id)}
                >
                  {say.give}
                </button>
              )}
              <Mover
                name={name}
                id={id}
                say={say}
                open={open === id}
                at={{ place, last: waiting.length }}
                label={mode === "round" ? say.leaveOut(name) : say.lowerHand(name)}
                onOpen={() => setOpen(open === id ? null : id)}
                onClose={onClose}
                onUp={() => move(id, waiting[place - 2] ?? null)}
                onDown={() => move(id, waiting[place + 1] ?? null)}
                onTop={() => move(id, waiting[0] ?? null)}
                onDeny={() => {
                  setOpen(null);
                  acts.onTurn({ type: "deny_turn", participant_id: id });
                }}
              />
            </li>
          );
        })}
      </ol>
      {mode === "round" && floor.hands.length > 0 && (
        <>
          <h3>{say.handsUp(floor.hands.length)}</h3>
          <ol>
            {floor.hands.map((id, index) => (
              <li key={id}>
                <span class="num quiet">{index + 1}</span>
                <span class="nm">{nameOf(id)}</span>
                {!waiting.includes(id) && (
                  <button class="btn snug" type="button" aria-label={say.giveTo(nameOf(id))} onClick={() => give(id)}>
                    {say.give}
                  </button>
                )}
              </li>
            ))}
          </ol>
        </>
      )}
      <p class="vh" aria-live="polite">
        {told}
      </p>
    </div>
  );
}

function Mover({
  name,
  id,
  say,
  open,
  at,
  label,
  onOpen,
  onClose,
  onUp,
  onDown,
  onTop,
  onDeny,
}: {
  name: string;
  id: string;
  say: LeadWords;
  open: boolean;
  at: { readonly place: number; readonly last: number };
  label: string;
  onOpen: () => void;
  onClose: () => void;
  onUp: () => void;
  onDown: () => void;
  onTop: () => void;
  onDeny: () => void;
}) {
  const opener = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLDivElement>(null);
  useOpened(open, opener, box, onClose);
  const first = at.place === 1;
  const last = at.place === at.last;
  const item = (text: string, cannot: boolean, act: () => void) => (
    <button class="btn soft" type="button" aria-disabled={cannot ? "true" : undefined} onClick={() => cannot || act()}>
      {text}
    </button>
  );
  return (
    <>
      <button
        class="btn sq plain"
        type="button"
        aria-label={say.move(name)}
        aria-expanded={open}
        data-move={id}
        ref={opener}
        onClick={onOpen}
      >
        <Icon name="move" />
      </button>
      {open && (
        <div class="moves" role="group" aria-label={say.move(name)} ref={box}>
          {item(say.up, first, onUp)}
          {item(say.down, last, onDown)}
          {item(say.top, first, onTop)}
          <button class="btn" type="button" onClick={onDeny}>
            {label}
          </button>
        </div>
      )}
    </>
  );
}
