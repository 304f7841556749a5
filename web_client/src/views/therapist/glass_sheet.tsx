import { useState } from "preact/hooks";
import type { SupervisedView } from "../../protocol/generated";
import { Sheet } from "../frame";
import { Icon } from "../icon";
import type { ListeningActs, TherapistModel } from "./model";

/** The server takes no shorter one, and no longer. */
const LEAST = 10;
const MOST = 1_000;

interface Props {
  view: SupervisedView;
  model: TherapistModel;
  acts: ListeningActs;
  onClose: () => void;
}

/** Listening without a flag: the reason comes first, and another person reads it. */
export function GlassSheet({ view, model, acts, onClose }: Props) {
  const { words, said, listening } = model;
  const { id, title } = view.session;
  const [reason, setReason] = useState("");
  const [short, setShort] = useState(false);
  const [tried, setTried] = useState(false);
  const whole = reason.trim();
  const starting = listening.asking === id;
  const before = listening.room && listening.room.session.id !== id ? listening.room.session.title : null;
  const failure = tried ? listening.refused.get(id) : undefined;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (starting) return;
    if ([...whole].length < LEAST) {
      setShort(true);
      document.getElementById("glass-reason")?.focus();
      return;
    }
    setShort(false);
    setTried(true);
    if (await acts.onBreakGlass(id, whole)) onClose();
  };
  return (
    <Sheet title={said.glassTitle(title)} closeLabel={words.close} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p>
          {said.glassText} {before && said.glassStops(before)}
        </p>
        <div class="field">
          <label for="glass-reason">{said.reason}</label>
          <textarea
            class="input"
            id="glass-reason"
            rows={3}
            maxLength={MOST}
            aria-describedby="glass-more"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
          <p class="quiet" id="glass-more">
            {said.reasonMore}
          </p>
        </div>
        <p class="note">
          <Icon name="pencil" />
          <span>{said.glassKept}</span>
        </p>
        <p class="wrong" role="alert">
          {short && [...whole].length < LEAST && said.reasonShort(LEAST)}
          {failure !== undefined && !starting && (failure === "conflict" ? said.glassConflict : failure ? words.error(failure) : said.notBegun)}
        </p>
        <div class="pair">
          <button class="btn main l" type="submit" aria-disabled={starting}>
            {starting ? said.starting : said.glassListen}
          </button>
          <button class="btn l" type="button" onClick={onClose}>
            {said.cancel}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
