import type { Words } from "../words";
import { flagWordsFor } from "../words/flags";
import type { FlagsHere } from "./flags_here";
import { whatOf } from "./help";

/** Speaks what became of a flag, wherever I am. */
export function FlagsSaid({ words, here }: { words: Words; here: FlagsHere }) {
  const say = flagWordsFor(words.language);
  const news = here.flagging.news.value;
  return (
    <p class="vh" role="status">
      {news && (news.status === "received" ? say.said : say.line(whatOf(say, news), say.status[news.status]))}
    </p>
  );
}
