import { createContext, type ComponentChildren } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { Words } from "../words";
import { Icon } from "./icon";

/** What a person can do about their own agreement; null where there is none. It is at the top of each screen. */
export const Yourself = createContext<{ onOpen: () => void; onTakeBack: () => void } | null>(null);

/** What a page that knows nothing of it keeps at hand in its top line. */
export const AtHandToo = createContext<ComponentChildren>(null);

/** The same beside the line that says who hears and sees me. */
export const BesideHeard = createContext<ComponentChildren>(null);

/** What is one's own, as the notice promises it; explained before it is done. */
export function Yours({ words, onExplain }: { words: Words; onExplain: () => void }) {
  return (
    <button class="way" type="button" aria-describedby="take-back-more" onClick={onExplain}>
      <Icon name="person" />
      <span>
        <strong>{words.yourself.takeBack}</strong>
        <span class="quiet" id="take-back-more" aria-hidden="true">
          {words.yourself.takeBackMore}
        </span>
      </span>
    </button>
  );
}

/** While a sheet lies over a page that does not know of it. */
export function useBehind(): void {
  useLayoutEffect(() => {
    const behind = [...document.querySelectorAll<HTMLElement>("main, footer")];
    for (const each of behind) each.inert = true;
    return () => {
      for (const each of behind) each.inert = false;
    };
  }, []);
}

/** Before an agreement is taken back: what happens then. Both ways look the same, so that neither is urged. */
export function Explained({
  words,
  onKeep,
  onTakeBack,
}: {
  words: Words;
  onKeep: () => void;
  onTakeBack: () => void;
}) {
  return (
    <>
      <ul class="points">
        {words.yourself.explain.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <div class="pair">
        <button class="btn l" type="button" onClick={onKeep}>
          {words.yourself.keep}
        </button>
        <button class="btn l" type="button" onClick={onTakeBack}>
          {words.yourself.takeBack}
        </button>
      </div>
    </>
  );
}
