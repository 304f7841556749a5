import { useState } from "preact/hooks";
import type { Written } from "../state/arrival";
import type { StepActs, StepModel } from "./arrive_model";
import { Field, GoOn, StepForm } from "./field";
import { Icon } from "./icon";

/** Today's place, a number to call back, and whom to call: so that help finds this person. */
export function WhereStep({ model, acts }: { model: StepModel; acts: StepActs }) {
  const { words, answer, draft, wrong } = model;
  const door = words.door;
  const { contact_name: name, contact_relation: relation, contact_phone: phone, no_contact: nobody } = draft.whereabouts;
  const [changing, setChanging] = useState(name === "" || phone === "");
  const open = changing || Boolean(wrong.contact_name ?? wrong.contact_relation ?? wrong.contact_phone);
  const line = (field: Written, label: string, hint?: string) => ({
    words,
    name: field,
    label,
    ...(hint ? { hint } : {}),
    wrong: wrong[field],
    value: draft.whereabouts[field],
    onType: acts.onType,
  });
  return (
    <StepForm wrong={wrong} onSubmit={acts.onSubmit}>
      <div class="stack s">
        <h1>{door.where}</h1>
        <p class="big quiet">{door.whereMore}</p>
      </div>
      <section class="card stack" aria-labelledby="today">
        <h2 id="today">{door.rightNow}</h2>
        <Field {...line("place", door.place, door.placeHint)} autocomplete="street-address" required />
        <div class="two-fields">
          <Field {...line("city", door.city)} autocomplete="address-level2" required />
          <Field {...line("region", door.region)} autocomplete="address-level1" required />
        </div>
        <Field {...line("call_back", door.callBack, door.callBackHint)} autocomplete="tel" phone required />
      </section>
      <section class="card stack" aria-labelledby="contact">
        <div class="head">
          <h2 id="contact">{door.contact}</h2>
          {!open && (
            <button
              class="btn plain snug"
              type="button"
              aria-label={door.changeContact}
              onClick={() => {
                setChanging(true);
                // The button is gone with what it opened.
                setTimeout(() => document.getElementById("contact_name")?.focus());
              }}
            >
              {door.change}
            </button>
          )}
        </div>
        {open ? (
          <>
            {!nobody && (
              <>
                <Field {...line("contact_name", door.contactName)} autocomplete="off" required />
                <Field {...line("contact_relation", door.contactRelation, door.contactRelationHint)} autocomplete="off" />
                <Field {...line("contact_phone", door.contactPhone)} autocomplete="off" phone required />
              </>
            )}
            <label class="choice">
              <input
                type="checkbox"
                name="no_contact"
                checked={nobody}
                onChange={(event) => acts.onType("no_contact", event.currentTarget.checked)}
              />
              <span>{door.contactNobody}</span>
            </label>
          </>
        ) : (
          <p>
            <strong>{name}</strong>
            {relation && `, ${relation}`} · <span class="num">{phone}</span>
          </p>
        )}
        <p class="quiet">{nobody ? door.contactNobodyMore : open || !name ? door.contactUseAny : door.contactUse(name)}</p>
      </section>
      <section class="stack s" aria-labelledby="why">
        <h2 class="h3" id="why">
          {door.why}
        </h2>
        <ul class="why">
          <li>
            <Icon name="pin" small />
            <span>{door.whyHelp}</span>
          </li>
          <li>
            <Icon name="eye" small />
            <span>{door.whyWho(answer.host || door.yourMentor)}</span>
          </li>
          <li>
            <Icon name="pencil" small />
            <span>{door.whyWritten}</span>
          </li>
          <li>
            <Icon name="clock" small />
            <span>{door.whyErased}</span>
          </li>
        </ul>
      </section>
      <GoOn words={words} label={door.goOn} saving={model.saving} waiting={model.waiting} />
    </StepForm>
  );
}
