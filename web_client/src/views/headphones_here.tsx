import type { Words } from "../words";
import { flagWordsFor } from "../words/flags";
import { Headphones } from "./whispered";

/** Among the devices of who leads. */
export function HeadphonesHere({ words, on, onChange }: { words: Words; on: boolean; onChange: (on: boolean) => void }) {
  return <Headphones say={flagWordsFor(words.language)} on={on} onChange={onChange} />;
}
