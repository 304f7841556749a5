import type { ParticipantView } from "../protocol/generated";
import { leads, person, type RoomState } from "../state/room";
import type { FaceTurn } from "./tiles";

/** Who holds the turn of one at a time is framed, also before they speak. */
export function faceTurn(room: RoomState, { id, role, companion_of: companion }: ParticipantView, reconnecting: boolean): FaceTurn {
  const { mode, turn, hands, done, later } = room.floor;
  const one = mode === "queue" || mode === "round";
  const holds = one && turn?.holder === id && !reconnecting && room.pausedUntilMs === 0;
  const round = mode !== "round" || turn?.holder === id ? null : later.includes(id) ? "later" : done.includes(id) ? "done" : null;
  const companionOf = companion ? (person(room, companion)?.name ?? null) : null;
  const silent = role === "participant" && mode !== "open" && turn?.holder !== id;
  return { holds, rests: silent, hand: mode === "round" && !leads(room) ? 0 : hands.indexOf(id) + 1, round, form: turn?.form ?? "spoken", companionOf };
}
