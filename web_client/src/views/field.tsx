import type { ComponentChildren, TargetedInputEvent } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Waiting } from "../connection/insist";
import type { Field as FieldName, Wrong, Wrongs } from "../state/arrival";
import type { Words } from "../words";
import { Icon } from "./icon";

/** One line to write, with its hint, and with what is wrong said right below it. */
export function Field({
  words,
  name,
  label,
  hint,
  wrong,
  value,
  onType,
  autocomplete,
  phone = false,
  required = false,
}: {
  words: Words;
  name: FieldName;
  label: string;
  hint?: string;
  wrong: Wrong | undefined;
  value: string;
  onType: (field: FieldName, value: string) => void;
  autocomplete: string;
  phone?: boolean;
  required?: boolean;
}) {
  const described = [wrong && `${name}-wrong`, hint && `${name}-hint`].filter(Boolean).join(" ");
  const line = {
    class: "input",
    id: name,
    name,
    value,
    autocomplete,
    required,
    "aria-invalid": wrong ? true : undefined,
    "aria-describedby": described || undefined,
    onInput: (event: TargetedInputEvent<HTMLInputElement>) => onType(name, event.currentTarget.value),
  };
  return (
    <div class="field">
      <label for={name}>{label}</label>
      {phone ? <input {...line} type="tel" /> : <input {...line} type="text" />}
      {wrong && <WrongLine words={words} id={`${name}-wrong`} wrong={name === "name" && wrong === "missing" ? "name" : wrong} />}
      {hint && (
        <p class="quiet" id={`${name}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function WrongLine({ words, id, wrong }: { words: Words; id: string; wrong: keyof Words["door"]["wrong"] }) {
  return (
    <p class="wrong" id={id}>
      <Icon name="alert" small />
      <span>{words.door.wrong[wrong]}</span>
    </p>
  );
}

/** A form of one step; who sends it with something wrong comes to the first wrong field. */
export function StepForm({
  wrong,
  onSubmit,
  children,
}: {
  wrong: Wrongs;
  onSubmit: () => void;
  children: ComponentChildren;
}) {
  const form = useRef<HTMLFormElement>(null);
  const before = useRef(wrong);
  useLayoutEffect(() => {
    // Not while a wrong field is being mended: then others may still be wrong.
    const worse = Object.keys(wrong).length >= Object.keys(before.current).length;
    if (worse && before.current !== wrong) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    before.current = wrong;
  }, [wrong]);
  return (
    <form
      class="stack l"
      noValidate
      ref={form}
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** The main act of a step. While it is being saved it stays where it is, and says so. */
export function GoOn({
  words,
  label,
  saving,
  waiting,
}: {
  words: Words;
  label: string;
  saving: boolean;
  waiting: Waiting | null;
}) {
  return (
    <div class="go">
      <div role="status">
        {saving && waiting && (
          <p class="note care">
            <Icon name="alert" />
            <span>{waiting === "busy" ? words.door.keptBusy : words.door.keptUnreachable}</span>
          </p>
        )}
        {saving && !waiting && <span class="vh">{words.door.saving}</span>}
      </div>
      <button class="btn main l wide" type="submit" aria-disabled={saving || undefined}>
        {saving ? words.door.saving : label}
      </button>
    </div>
  );
}
