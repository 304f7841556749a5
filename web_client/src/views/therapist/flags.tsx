import { useEffect, useRef, useState } from "preact/hooks";
import type { Severity } from "../../protocol/generated";
import { acknowledgedFlags, waitingFlags, type Flag } from "../../state/supervision";
import { agoOf, tellOf } from "../../words/therapist";
import { Icon, type IconName } from "../icon";
import type { TherapistActs, TherapistModel } from "./model";

const SIGNS: Record<Severity, IconName> = { crisis: "alert", urgent: "triangle", concern: "diamond", note: "pencil" };

/** The most pressing first. What was acknowledged folds away. */
export function Flags({ model, acts }: { model: TherapistModel; acts: TherapistActs }) {
  const { own } = model;
  const [unfolded, setUnfolded] = useState(false);
  const waiting = waitingFlags(model.sessions ?? []);
  const taken = acknowledgedFlags(model.sessions ?? []);
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
        {waiting.length > 0 && <p class="quiet">{own.waitingFlags(waiting.length)}</p>}
      </div>
      {waiting.length === 0 ? (
        <div class="none">
          <p class="big">{own.noFlags}</p>
          <p class="quiet">{own.noFlagsMore}</p>
        </div>
      ) : (
        <ol class="flags">
          {waiting.map((flag) => (
            <FlagCard key={flag.concern.id} flag={flag} model={model} acts={acts} />
          ))}
        </ol>
      )}
      {taken.length > 0 && (
        <button class="btn plain" type="button" aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
          {unfolded ? own.hideAcknowledged : own.showAcknowledged}
        </button>
      )}
      {unfolded && taken.length > 0 && (
        <ol class="flags">
          {taken.map((flag) => (
            <FlagCard key={flag.concern.id} flag={flag} model={model} acts={acts} />
          ))}
        </ol>
      )}
      <div class="stack s">
        <button class="btn plain" type="button" aria-pressed={model.tone} onClick={() => acts.onTone(!model.tone)}>
          <Icon name={model.tone ? "sound" : "silent"} small />
          <span>
            {own.tone}
            <span aria-hidden="true">: {model.tone ? own.toneOn : own.toneOff}</span>
          </span>
        </button>
        {model.tone && !model.toneReady && <p class="quiet">{own.toneWaits}</p>}
      </div>
    </section>
  );
}

function FlagCard({ flag, model, acts }: { flag: Flag; model: TherapistModel; acts: TherapistActs }) {
  const { words, own } = model;
  const { concern, title } = flag;
  const id = `flag-${concern.id}`;
  const saving = model.saving.has(concern.id);
  const failure = model.failed.get(concern.id);
  const taken = concern.acknowledged ?? false;
  return (
    <li>
      <article class={`flagcard ${taken || concern.over ? "calm" : concern.severity}`} aria-labelledby={`${id}-sev ${id}-in`}>
        <div class="head">
          <span class="sev" id={`${id}-sev`}>
            <Icon name={SIGNS[concern.severity]} />
            {own.severity(concern.severity)}
          </span>
          <time class="quiet num" dateTime={new Date(concern.at_ms).toISOString()}>
            {agoOf(own, words.language, model.now - concern.at_ms)}
          </time>
        </div>
        <h3 id={`${id}-in`}>{title}</h3>
        <p id={`${id}-what`}>{tellOf(own, concern)}</p>
        {concern.over && (
          <p class="passed">
            <Icon name="check" small />
            {own.over(concern.kind)}
          </p>
        )}
        {taken ? (
          <p class="passed">
            <Icon name="check" small />
            {own.acknowledged}
          </p>
        ) : (
          <div class="row s wrap">
            <button
              class={concern.severity === "crisis" && !saving ? "btn danger-full" : "btn"}
              type="button"
              aria-disabled={saving}
              aria-describedby={`${id}-in ${id}-what`}
              onClick={() => saving || acts.onAcknowledge(flag)}
            >
              {saving ? own.saving : own.acknowledge}
            </button>
            <p class="quiet grow" role="status">
              {saving && model.phase.name !== "live" && own.savingAway}
              {failure !== undefined && (failure ? words.error(failure) : own.notSaved)}
            </p>
          </div>
        )}
      </article>
    </li>
  );
}
