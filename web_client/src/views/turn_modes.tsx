import type { RoundOrder, TurnMode } from "../protocol/generated";
import type { Floor } from "../state/floor";
import { leadWordsFor } from "../words/turn_lead";
import type { RoomActs, RoomModel } from "./room_model";

const MODES: readonly TurnMode[] = ["open", "queue", "round", "quiet"];

export interface Settings {
  readonly order: RoundOrder;
  readonly limit_ms: number;
  readonly firm: boolean;
}

/** What is chosen for the round that is still to begin; null: nothing but what holds. And how that is changed. */
export type Plan = readonly [Settings | null, (plan: Settings | null) => void];

export interface Leads {
  readonly model: RoomModel;
  readonly acts: RoomActs;
  readonly plan: Plan;
}

export function settingsOf({ order, limitMs, firm }: Floor): Settings {
  return { order, limit_ms: limitMs, firm };
}

/** Sets the mode, with what is chosen for it. */
export function goes([kept, keep]: Plan, floor: Floor, acts: RoomActs): (to: TurnMode) => void {
  return (mode) => {
    keep(null);
    acts.onTurn({ type: "set_turn_mode", mode, ...(kept ?? settingsOf(floor)), after: floor.modeNumber });
  };
}

/** Who may speak: in the top line where it has room, else first in the queue. */
export function Modes({ model, acts, plan }: Leads) {
  const { floor } = model.room;
  const say = leadWordsFor(model.words.language);
  const go = goes(plan, floor, acts);
  return (
    <div class="modes" role="group" aria-label={say.modes}>
      {MODES.map((each) => (
        <button key={each} class="btn" type="button" aria-pressed={floor.mode === each} onClick={() => go(each)}>
          {say.mode[each]}
        </button>
      ))}
    </div>
  );
}
