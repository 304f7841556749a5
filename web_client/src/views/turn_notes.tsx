import type { TurnWords } from "../words/turns";
import { Icon } from "./icon";

/** A draft for my turn, mine alone: it is never sent. */
export function Notes({ say, notes, onNotes }: { say: TurnWords; notes: string; onNotes: (notes: string) => void }) {
  return (
    <details class="notes">
      <summary>
        <Icon name="pencil" small />
        {say.notes}
      </summary>
      <label class="vh" for="turn-notes">
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
