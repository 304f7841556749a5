import { useState } from "preact/hooks";
import type { OnCall } from "../../connection/supervision_api";
import { listOf } from "../../words";
import { Sheet } from "../frame";
import { whenOf } from "../../words/therapist";
import { Icon } from "../icon";
import type { TherapistActs, TherapistModel } from "./model";

const HOURS = [2, 4, 8, 12] as const;
const HOUR_MS = 3_600_000;

/** In the top line: whether I am on call, and the way to change it. */
export function OnCallKey({ model, onOpen }: { model: TherapistModel; onOpen: () => void }) {
  const { words, own, onCall } = model;
  if (!onCall) return null;
  const mine = onCall.on_call.find(({ you }) => you);
  return (
    <button class={mine ? "btn soft" : "btn plain"} type="button" aria-haspopup="dialog" onClick={onOpen}>
      {mine && <Icon name="check" small />}
      {mine ? own.onCallUntil(whenOf(words.language, mine.until_ms, model.now)) : own.notOnCall}
    </button>
  );
}

/** Somebody asks me to go on with their shift: until I accept, they stay on call. */
export function Asked({ model, acts }: { model: TherapistModel; acts: TherapistActs }) {
  const { words, own, onCall } = model;
  return onCall?.on_call
    .filter((shift) => shift.offered_to_you)
    .map(({ name, until_ms }) => (
    <section key={name} class="note care" aria-label={own.onCallTitle}>
      <Icon name="phone" />
      <div class="row s wrap grow">
        <p class="grow">{own.askedToTakeOver(name, whenOf(words.language, until_ms, model.now))}</p>
        <button
          class="btn"
          type="button"
          aria-disabled={model.onCallSaving}
          onClick={() => model.onCallSaving || acts.onAcceptShift()}
        >
          {own.accept}
        </button>
      </div>
    </section>
  ));
}

export function OnCallSheet({ model, acts, onClose }: { model: TherapistModel; acts: TherapistActs; onClose: () => void }) {
  const { words, own, onCall } = model;
  return (
    <Sheet title={own.onCallTitle} closeLabel={words.close} onClose={onClose}>
      <p class="quiet">{own.onCallMore}</p>
      {onCall && <Shift onCall={onCall} model={model} acts={acts} />}
      {onCall && onCall.on_call.length > 0 && (
        <p>{own.allOnCall(listOf(words, onCall.on_call.map(({ name, until_ms }) => own.nameUntil(name, whenOf(words.language, until_ms, model.now)))))}</p>
      )}
      <p class="wrong" role="alert">
        {model.onCallFailed !== undefined && (model.onCallFailed ? words.error(model.onCallFailed) : own.notSaved)}
      </p>
    </Sheet>
  );
}

function Shift({ onCall, model, acts }: { onCall: OnCall; model: TherapistModel; acts: TherapistActs }) {
  const { words, own, now } = model;
  const saving = model.onCallSaving;
  const [to, setTo] = useState(onCall.therapists[0]?.key ?? "");
  const on = onCall.on_call.find(({ you }) => you);
  return (
    <>
      <div class="stack s" role="group" aria-labelledby="on-call-until">
        <h3 id="on-call-until">{on ? own.onCallUntil(whenOf(words.language, on.until_ms, model.now)) : own.beOnCall}</h3>
        <div class="row s wrap">
          {HOURS.map((hours) => {
            const until = Math.ceil((now + hours * HOUR_MS) / 60_000) * 60_000;
            return (
              <button key={hours} class="btn" type="button" aria-disabled={saving} onClick={() => saving || acts.onBeOnCall(until)}>
                {own.until(whenOf(words.language, until, model.now))}
              </button>
            );
          })}
        </div>
      </div>
      {on?.offered && (
        <p class="note">
          <Icon name="clock" small />
          <span>{own.offered}</span>
        </p>
      )}
      {on && onCall.therapists.length > 0 && (
        <div class="field">
          <label for="hand-over">{own.handOverTo}</label>
          <div class="row s wrap">
            <select class="input grow" id="hand-over" value={to} onChange={(event) => setTo(event.currentTarget.value)}>
              {onCall.therapists.map(({ key, name }) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </select>
            <button class="btn" type="button" aria-disabled={saving} onClick={() => saving || acts.onHandOver(to)}>
              {own.askThem}
            </button>
          </div>
        </div>
      )}
      {on && (
        <button class="btn" type="button" aria-disabled={saving} onClick={() => saving || acts.onEndOnCall()}>
          {own.endOnCall}
        </button>
      )}
    </>
  );
}
