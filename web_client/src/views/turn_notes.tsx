import type { ComponentChildren } from "preact";
import type { TurnWords } from "../words/turns";
import { Icon } from "./icon";

/** A draft for my turn, mine alone: it is never sent. What else there is to choose stands above it. */
export function Notes({
  say,
  title = say.notes,
  notes,
  onNotes,
  children,
}: {
  say: TurnWords;
  title?: string;
  notes: string;
  onNotes: (notes: string) => void;
  children?: ComponentChildren;
}) {
  return (
    <details class="notes">
      <summary>
        <Icon name="pencil" small />
        {title}
      </summary>
      {children && <div class="ways-to">{children}</div>}
      <label class={children ? "" : "vh"} for="turn-notes">
        {say.notes}
      </label>
      <textarea
        class="input"
        id="turn-notes"
        rows={2}
        autocomplete="off"
        aria-describedby="turn-notes-more"
        value={notes}
        onInput={(event) => onNotes(event.currentTarget.value)}
      />
      <p id="turn-notes-more">{say.notesMore}</p>
    </details>
  );
}
