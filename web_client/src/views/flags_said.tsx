import { listOf, type Words } from "../words";
import { flagWordsFor } from "../words/flags";
import type { FlagsHere } from "./flags_here";
import { whatOf } from "./help";

/** Speaks what became of a flag, wherever I am. */
export function FlagsSaid({ words, here }: { words: Words; here: FlagsHere }) {
  const say = flagWordsFor(words.language);
  const { news: signal, crises, own } = here.flagging;
  const news = signal.value;
  const told = own.value.crisis?.told ?? [];
  return (
    <>
      <p class="vh" role="status">
        {news && (news.status === "received" ? say.said : say.line(whatOf(say, news), say.status[news.status]))}
      </p>
      <p class="vh" role="status">
        {crises.value.length > 0 && told.length > 0 && `${say.nobodyYet}. ${say.asking(listOf(words, told))}`}
      </p>
    </>
  );
}
