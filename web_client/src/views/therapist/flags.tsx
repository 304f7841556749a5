import { useEffect, useRef, useState } from "preact/hooks";
import { doneFlags, keyOf, takenFlags, waitingFlags, type Flag } from "../../state/supervision";
import { Icon } from "../icon";
import { ConcernCard } from "./concern_card";
import type { Open, HandlingActs, TherapistModel } from "./model";

interface Props {
  model: TherapistModel;
  acts: HandlingActs;
  onOpen: (open: Open) => void;
}

/** The most pressing first; then what is in someone's hands. What is done folds away. */
export function Flags({ model, acts, onOpen }: Props) {
  const { own } = model;
  const [unfolded, setUnfolded] = useState(false);
  const waiting = waitingFlags(model.sessions ?? []);
  const taken = takenFlags(model.sessions ?? []);
  const done = doneFlags(model.sessions ?? []);
  const mine = taken.filter(({ concern }) => concern.mine).length;
  const list = (flags: readonly Flag[], label: string) => (
    <ol class="flags" aria-label={label}>
      {flags.map((flag) => (
        <ConcernCard key={keyOf(flag)} flag={flag} model={model} acts={acts} onOpen={onOpen} />
      ))}
    </ol>
  );
  const title = useRef<HTMLHeadingElement>(null);
  const shown = useRef(waiting.length);
  useEffect(() => {
    // The button that was pressed has gone with its flag; keyboard and screen reader go on from the top of the list.
    if (waiting.length < shown.current && document.activeElement === document.body) title.current?.focus();
    shown.current = waiting.length;
  }, [waiting.length]);
  return (
    <section class="inbox stack s" aria-label={own.flags}>
      <div class="head">
        <h2 tabIndex={-1} ref={title}>
          {own.flags}
        </h2>
        {waiting.length + mine > 0 && <p class="quiet">{own.countFlags(waiting.length, mine)}</p>}
      </div>
      {waiting.length === 0 ? (
        <div class="none">
          <p class="big">{own.noFlags}</p>
          <p class="quiet">{own.noFlagsMore}</p>
        </div>
      ) : (
        list(waiting, own.waitingList)
      )}
      {taken.length > 0 && list(taken, own.takenList)}
      {done.length > 0 && (
        <button class="btn plain" type="button" aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
          {unfolded ? own.hideDone : own.showDone}
        </button>
      )}
      {unfolded && done.length > 0 && list(done, own.doneList)}
      <div class="stack s">
        <button class="btn plain" type="button" aria-pressed={model.tone} onClick={() => acts.onTone(!model.tone)}>
          <Icon name={model.tone ? "sound" : "silent"} small />
          <span>
            {own.tone}
            <span aria-hidden="true">: {model.tone ? own.toneOn : own.toneOff}</span>
          </span>
        </button>
        {model.tone && !model.toneReady && <p class="quiet">{own.toneWaits}</p>}
        {model.notices === "off" && (
          <button class="btn plain" type="button" onClick={acts.onNotices}>
            <Icon name="flag" small />
            {own.noticesAsk}
          </button>
        )}
        {model.notices === "on" && <p class="quiet">{own.noticesOn}</p>}
        {model.notices === "denied" && <p class="quiet">{own.noticesDenied}</p>}
      </div>
    </section>
  );
}
