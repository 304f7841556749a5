import type { TurnMode } from "../protocol/generated";
import { placeInOrder } from "./floor";
import { leads, person, type RoomState } from "./room";

/** What a change of the turns says aloud, piece by piece. */
export type TurnNews =
  | { key: "over" | "lowered" | "more" | "held" | "resumed" | "grace" | "unsaved" | "outOfRound" | "aloneAgain" }
  | { key: "mode"; mode: TurnMode }
  /** `limitMs` 0: no limit. */
  | { key: "mine"; limitMs: number }
  | { key: "has" | "types" | "signs" | "ended" | "handUp" | "companion"; name: string }
  | { key: "place" | "placeInRound"; place: number };

/** Only what changed for me: who speaks, my own turn and its time, my place. */
export function turnNews(before: RoomState, after: RoomState): readonly TurnNews[] {
  const [then, now] = [before.floor, after.floor];
  const { you } = after;
  const mine = now.turn?.holder === you;
  const wasMine = then.turn?.holder === you;
  const given = now.turn !== null && now.turn.number !== then.turn?.number;
  const news: TurnNews[] = [];
  if (now.mode !== then.mode) news.push({ key: "mode", mode: now.mode });
  if (wasMine && !mine) news.push({ key: "over" });
  if (now.turn && given) {
    const name = person(after, now.turn.holder)?.name;
    if (mine) news.push({ key: "mine", limitMs: now.turn.limitMs });
    else if (name) news.push({ key: "has", name });
  }
  const changed = now.mode !== then.mode;
  if (!now.turn && then.turn && !wasMine && !changed) {
    const name = person(before, then.turn.holder)?.name;
    if (name) news.push({ key: "ended", name });
  }
  if (now.turn && !given && !mine && now.turn.form !== then.turn?.form && now.turn.form !== "spoken") {
    const name = person(after, now.turn.holder)?.name;
    if (name) news.push({ key: now.turn.form === "typed" ? "types" : "signs", name });
  }
  if (leads(after)) {
    for (const id of now.hands) {
      const name = then.hands.includes(id) ? undefined : person(after, id)?.name;
      if (name) news.push({ key: "handUp", name });
    }
  }
  if (now.unsaved && !then.unsaved && !leads(after)) news.push({ key: "unsaved" });
  if (mine && then.turn && now.turn && !given) {
    if (now.turn.held !== then.turn.held) news.push({ key: now.turn.held ? "held" : "resumed" });
    if (now.turn.grace && !then.turn.grace) news.push({ key: "grace" });
    else if (now.turn.limitMs > then.turn.limitMs) news.push({ key: "more" });
  }
  const [was, is] = [placeInOrder(then, you), placeInOrder(now, you)];
  if (is > 0 && (is !== was || given || changed)) news.push({ key: now.mode === "round" ? "placeInRound" : "place", place: is });
  if (was > 0 && is === 0 && !mine && !changed && !leads(after)) news.push({ key: now.mode === "round" ? "outOfRound" : "lowered" });
  return news;
}

/** With whom I am here now, as a mentor set it. */
export function companionNews(before: RoomState, after: RoomState): readonly TurnNews[] {
  const [was, is] = [before, after].map((state) => person(state, state.you)?.companion_of ?? "");
  if (was === is || !person(before, before.you)) return [];
  if (!is) return [{ key: "aloneAgain" }];
  const name = person(after, is)?.name;
  return name ? [{ key: "companion", name }] : [];
}
