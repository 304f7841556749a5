import { useState } from "preact/hooks";
import type { Outcome, Resolution, StateReport } from "../../protocol/generated";
import { keyOf, type Flag } from "../../state/supervision";
import { listOf } from "../../words";
import { whenOf } from "../../words/therapist";
import { Sheet } from "../frame";
import { StateReports } from "../state_reports";
import type { HandlingActs, TherapistModel } from "./model";

const OUTCOMES: readonly Outcome[] = ["spoke", "follow_up", "handed_on", "no_action"];
const REPORTS: readonly StateReport[] = ["made", "not_made"];
const MAX_NOTE = 2_000;
const MAX_DETAILS = 500;

interface Props {
  flag: Flag;
  model: TherapistModel;
  acts: HandlingActs;
  onClose: () => void;
}

/** How it ended: part of the clinical record, and not to be changed later. */
export function ResolveSheet({ flag, model, acts, onClose }: Props) {
  const { words, own } = model;
  const { concern } = flag;
  const flags = concern.flags ?? [];
  const reported = flags.some(({ category }) => category === "abuse_or_neglect");
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [report, setReport] = useState<StateReport | null>(null);
  const [details, setDetails] = useState("");
  const [note, setNote] = useState("");
  const [missing, setMissing] = useState(false);
  const saving = model.saving.has(keyOf(flag));
  const failure = model.failed.get(keyOf(flag));
  const raisers = [...new Set(flags.map(({ by }) => by))];
  // Participants are told that it was read, and not what came of it.
  const staff = [...new Set(flags.filter((one) => one.by_role !== "participant").map(({ by }) => by))];
  // What was done is part of the record; that nothing was needed says it all.
  const incomplete = !outcome || (reported && !report) || (outcome !== "no_action" && note.trim() === "");
  const submit = async (event: Event) => {
    event.preventDefault();
    if (saving) return;
    if (incomplete || !outcome) {
      setMissing(true);
      return;
    }
    const resolution: Resolution = {
      outcome,
      note: note.trim(),
      report: reported ? (report ?? "not_made") : "none_due",
      report_details: reported ? details.trim() : "",
    };
    if (await acts.onResolve(flag, resolution)) onClose();
  };
  return (
    <Sheet title={own.resolveTitle(own.about(concern))} closeLabel={words.close} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p class="quiet">{own.resolveOf(listOf(words, raisers), whenOf(words.language, flags[0]?.at_ms ?? concern.at_ms, model.now))}</p>
        <fieldset class="stack s">
          <legend>{own.outcomeTitle}</legend>
          <div class="choices">
            {OUTCOMES.map((each) => (
              <label key={each} class="choice">
                <input type="radio" name="outcome" checked={outcome === each} onChange={() => setOutcome(each)} />
                <span>
                  {own.outcome(each)}
                  {each === "no_action" && <span class="quiet block">{own.stillRight}</span>}
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        {reported && (
          <fieldset class="stack s">
            <legend>{own.reportTitle}</legend>
            <p>
              {own.reportMore}
              <StateReports />
            </p>
            <div class="pair">
              {REPORTS.map((each) => (
                <label key={each} class="choice">
                  <input type="radio" name="report" checked={report === each} onChange={() => setReport(each)} />
                  <span>{own.report(each)}</span>
                </label>
              ))}
            </div>
            <label class="field">
              <span>{own.reportDetails}</span>
              <input
                class="input"
                maxLength={MAX_DETAILS}
                value={details}
                onInput={(event) => setDetails(event.currentTarget.value)}
              />
            </label>
          </fieldset>
        )}
        <div class="field">
          <label for="resolve-note">{own.note}</label>
          <textarea
            class="input"
            id="resolve-note"
            rows={3}
            maxLength={MAX_NOTE}
            aria-describedby="resolve-note-more"
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
          <p class="quiet" id="resolve-note-more">
            {own.noteMore(listOf(words, staff))}
          </p>
        </div>
        <p class="wrong" role="alert">
          {missing && incomplete && own.resolveMissing}
          {failure !== undefined && (failure === "conflict" ? own.resolveConflict : failure ? words.error(failure) : own.notSaved)}
        </p>
        <div class="pair">
          <button class="btn main l" type="submit" aria-disabled={saving}>
            {saving ? own.saving : own.resolve}
          </button>
          <button class="btn l" type="button" onClick={onClose}>
            {own.notYet}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
