import { useState } from "preact/hooks";
import { person } from "../state/room";
import { leadWordsFor } from "../words/turn_lead";
import { Icon } from "./icon";
import type { RoomActs, RoomModel } from "./room_model";

/** In the menu of a participant: their turn, their hand, and with whom they are here. */
export function TurnItems({
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
  const { room, words } = model;
  const { mode, turn, newest, hands, round } = room.floor;
  const say = leadWordsFor(words.language);
  const [asks, ask] = useState(false);
  const who = person(room, id);
  if (!who || room.session.status !== "live") return null;
  const { name, companion_of: companionOf } = who;
  const inRound = mode === "round" && round.includes(id);
  const set = (other: string | null) =>
    choose(() => acts.onTurn({ type: "set_companion", participant_id: id, companion_of: other }));
  const others = room.participants.filter((one) => one.role === "participant" && one.id !== id && !one.companion_of);
  const accompanied = room.participants.some((one) => one.companion_of === id);
  const choices = !accompanied && (others.length > 0 || companionOf);
  return (
    <>
      {mode !== "quiet" && turn?.holder !== id && !companionOf && (
        <button
          type="button"
          onClick={choose(() => acts.onTurn({ type: "give_turn", after: newest, participant_id: id }))}
        >
          <Icon name="mic" small />
          {say.giveTo(name)}
        </button>
      )}
      {(inRound || hands.includes(id)) && (
        <button type="button" onClick={choose(() => acts.onTurn({ type: "deny_turn", participant_id: id }))}>
          <Icon name="hand" small />
          {inRound ? say.leaveOut(name) : say.lowerHand(name)}
        </button>
      )}
      {choices && (
        <button type="button" aria-expanded={asks} onClick={() => ask(!asks)}>
          <Icon name="two" small />
          {companionOf ? say.companionOf(person(room, companionOf)?.name ?? "") : say.companion}
        </button>
      )}
      {choices && asks && (
        <div class="with" role="group" aria-label={say.companion}>
          {companionOf && (
            <button type="button" onClick={set(null)}>
              {say.alone}
            </button>
          )}
          {others
            .filter((one) => one.id !== companionOf)
            .map((one) => (
              <button key={one.id} type="button" onClick={set(one.id)}>
                {one.name}
              </button>
            ))}
        </div>
      )}
      <hr />
    </>
  );
}
