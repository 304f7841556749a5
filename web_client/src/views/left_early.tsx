import { useState } from "preact/hooks";
import type { Words } from "../words";
import { flagWordsFor } from "../words/flags";
import type { FlagsHere } from "./flags_here";
import { FlagLines } from "./help";

/** Asked of who left while the session goes on. Not to answer is fine. */
export function LeftEarly({ words, here }: { words: Words; here: FlagsHere }) {
  const say = flagWordsFor(words.language);
  const [ok, setOk] = useState(false);
  const [sent, setSent] = useState<string | null>(null);
  const { flagging } = here;
  const flag = flagging.shown.value.find(({ id }) => id === sent);
  if (ok) {
    return (
      <p class="big" role="status">
        {say.okAnswer}
      </p>
    );
  }
  if (flag) {
    return (
      <div class="stack s" role="status">
        <p class="big">{flag.status === "waiting" || flag.status === "refused" ? say.cannotSend : say.checkAnswer}</p>
        <FlagLines say={say} flags={[flag]} />
      </div>
    );
  }
  const onCheck = () =>
    setSent(flagging.raise({ kind: "check_on_me", severity: "concern", category: "other", about: "me", name: "", text: "" }));
  return (
    <section class="card stack s center left-early" aria-labelledby="left-ask">
      <h2 id="left-ask">{say.leftAsk}</h2>
      <p class="quiet">{say.leftAskMore}</p>
      <div class="stack s">
        <button class="btn l wide" type="button" onClick={() => setOk(true)}>
          {say.imOk}
        </button>
        <button class="btn l wide" type="button" onClick={onCheck}>
          {say.checkOnMe}
        </button>
      </div>
    </section>
  );
}
