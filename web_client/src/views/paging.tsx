import { useRef, useState } from "preact/hooks";
import type { PictureWords } from "../words/pictures";
import { Icon } from "./icon";

/** So many people stand on a small screen at once; with more of them, tiles would be too small to see a face. */
export const PAGE = 8;

const SWIPE_PX = 48;

export interface Pages<T> {
  readonly shown: readonly T[];
  readonly from: number;
  readonly all: number;
  turn: (by: number) => void;
}

/** The people of one page; everyone keeps their place, whoever speaks. */
export function usePages<T>(people: readonly T[], paged: boolean): Pages<T> | null {
  const [page, setPage] = useState(0);
  if (!paged || people.length <= PAGE) return null;
  const last = Math.ceil(people.length / PAGE) - 1;
  // People may have left since.
  const at = Math.min(page, last);
  const from = at * PAGE;
  const turn = (by: number) => setPage(Math.max(0, Math.min(last, at + by)));
  return { shown: people.slice(from, from + PAGE), from, all: people.length, turn };
}

/** A finger to the left turns to the next page. */
export function useSwipe(turn: ((by: number) => void) | undefined) {
  const began = useRef<Touch | null>(null);
  if (!turn) return {};
  return {
    onTouchStart: (event: TouchEvent) => {
      began.current = event.touches.length === 1 ? (event.touches[0] ?? null) : null;
    },
    onTouchEnd: (event: TouchEvent) => {
      const [from, to] = [began.current, event.changedTouches[0]];
      began.current = null;
      if (!from || !to) return;
      const [x, y] = [to.clientX - from.clientX, to.clientY - from.clientY];
      if (Math.abs(x) >= SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) turn(x < 0 ? 1 : -1);
    },
  };
}

/** Turns the pages, and pictures off, by tap and by keyboard. */
export function Foot<T>({
  words,
  pages,
  audioOnly,
  onAudioOnly,
}: {
  words: PictureWords;
  pages: Pages<T> | null;
  audioOnly: boolean;
  onAudioOnly: (on: boolean) => void;
}) {
  return (
    <div class="tiles-foot">
      {pages && <Pager words={words} pages={pages} />}
      <button class="btn" type="button" aria-pressed={audioOnly} aria-describedby={audioOnly ? "audio-only" : undefined} onClick={() => onAudioOnly(!audioOnly)}>
        <Icon name="sound" small />
        {words.audioOnly}
      </button>
      {audioOnly && (
        <p class="quiet" id="audio-only">
          {words.audioOnlyOn}
        </p>
      )}
    </div>
  );
}

function Pager<T>({ words, pages }: { words: PictureWords; pages: Pages<T> }) {
  const { from, shown, all, turn } = pages;
  const to = from + shown.length;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    turn(event.key === "ArrowRight" ? 1 : -1);
  };
  return (
    <nav class="pager" aria-label={words.pages}>
      <Turn name={words.previous} off={from === 0} onPress={() => turn(-1)} onKeyDown={onKeyDown} back />
      <span role="status">{words.range(from + 1, to, all)}</span>
      <Turn name={words.next} off={to === all} onPress={() => turn(1)} onKeyDown={onKeyDown} />
    </nav>
  );
}

/** At the end it stays in reach of the focus. */
function Turn({
  name,
  off,
  onPress,
  onKeyDown,
  back = false,
}: {
  name: string;
  off: boolean;
  onPress: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
  back?: boolean;
}) {
  return (
    <button
      class={back ? "btn sq back" : "btn sq"}
      type="button"
      aria-label={name}
      aria-disabled={off || undefined}
      onClick={() => !off && onPress()}
      onKeyDown={onKeyDown}
    >
      <Icon name="next" />
    </button>
  );
}
