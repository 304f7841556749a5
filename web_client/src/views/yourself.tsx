import { createContext } from "preact";
import type { Words } from "../words";

/** What a person can do about their own agreement; null where there is none. Help is on each screen, and this with it. */
export const Yourself = createContext<{ onTakeBack: () => void } | null>(null);

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
