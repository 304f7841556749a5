import { CRISIS } from "../../crisis";
import { timeOfDay } from "../../words";
import { Icon } from "../icon";
import type { TherapistModel } from "./model";

/** That nothing new can reach this page, since when, and whom to call meanwhile. */
export function Unconnected({ model, onStart }: { model: TherapistModel; onStart: () => void }) {
  const { words, own, phase, silentSince, sessions } = model;
  // The first try is not yet a trouble.
  if (phase.name === "live" || (phase.name === "away" && sessions === null && phase.failed < 2)) return null;
  const since = silentSince === null ? own.awayEver : own.awaySince(timeOfDay(words, silentSince));
  const replaced = phase.name === "stopped" && phase.code === "replaced";
  const title = phase.name === "away" ? own.awayTitle : replaced ? own.replacedTitle : own.stoppedTitle;
  const again = replaced ? words.useThisScreen : words.tryAgain;
  return (
    <section class="note care unconnected" aria-labelledby="unconnected-title">
      <Icon name="alert" />
      <div class="stack s grow">
        <div role="alert" class="stack s">
          <h2 id="unconnected-title">{title}</h2>
          <p>
            {replaced ? own.replacedText : since}
            {phase.name === "away" && ` ${own.awayMore}`}
            {phase.name === "stopped" && !replaced && ` ${words.error(phase.code)}`}
          </p>
        </div>
        {phase.name === "stopped" && (
          <button class="btn" type="button" onClick={onStart}>
            {again}
          </button>
        )}
        {!replaced && (
          <p class="row s wrap">
            <a class="btn" href={`tel:${CRISIS.lifeline}`}>
              <Icon name="phone" small />
              {words.callLifeline}
            </a>
            <a class="btn" href={`sms:${CRISIS.lifeline}`}>
              <Icon name="chat" small />
              {words.textLifeline}
            </a>
            <a class="btn" href={`tel:${CRISIS.emergency}`}>
              <Icon name="phone" small />
              {words.callEmergency}
            </a>
          </p>
        )}
      </div>
    </section>
  );
}
