import type { StepActs, StepModel } from "./arrive_model";
import { Field, GoOn, StepForm, WrongLine } from "./field";

/** What to be called, and being an adult. */
export function WelcomeStep({ model, acts }: { model: StepModel; acts: StepActs }) {
  const { words, answer, draft, wrong } = model;
  const door = words.door;
  return (
    <StepForm wrong={wrong} onSubmit={acts.onSubmit}>
      <h1>{door.welcome}</h1>
      <div class="row">
        <span class="avatar" aria-hidden="true">
          {[...(answer.host || answer.title)][0]?.toUpperCase()}
        </span>
        <p>
          <strong>{answer.title}</strong>
          {answer.host && (
            <>
              <br />
              <span class="quiet">{door.withHost(answer.host)}</span>
            </>
          )}
        </p>
      </div>
      <Field
        words={words}
        name="name"
        label={door.name}
        hint={door.nameHint}
        wrong={wrong.name}
        value={draft.name}
        onType={acts.onType}
        autocomplete="nickname"
        required
      />
      {answer.role === "participant" && !answer.adult && (
        <div class="field">
          <label class="choice">
            <input
              type="checkbox"
              name="adult"
              checked={draft.adult}
              required
              aria-invalid={wrong.adult ? true : undefined}
              aria-describedby={wrong.adult ? "adult-wrong" : undefined}
              onChange={(event) => acts.onType("adult", event.currentTarget.checked)}
            />
            <span>{door.adult}</span>
          </label>
          {wrong.adult && <WrongLine words={words} id="adult-wrong" wrong={wrong.adult} />}
        </div>
      )}
      <GoOn words={words} label={door.goOn} saving={model.saving} waiting={model.waiting} />
    </StepForm>
  );
}
