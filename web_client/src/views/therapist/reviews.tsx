import { useState } from "preact/hooks";
import type { Finding, GlassView, SupervisedView } from "../../protocol/generated";
import { glassOf } from "../../state/supervision";
import type { Failure } from "../../supervision";
import { whenOf } from "../../words/therapist";
import { Sheet } from "../frame";
import type { ListeningActs, Open, TherapistModel } from "./model";

const FINDINGS: readonly Finding[] = ["in_order", "questions"];
const MOST = 1_000;

/** Who listened without a flag, until another person has looked at why. */
export function Reviews({ model, onOpen }: { model: TherapistModel; onOpen: (open: Open) => void }) {
  const { own, said } = model;
  const all = glassOf(model.sessions ?? []);
  if (all.length === 0) return null;
  return (
    <section class="stack s" aria-label={said.reviews}>
      <div class="head">
        <h2>{said.reviews}</h2>
      </div>
      <ul class="cards">
        {all.map(({ view, glass }) => (
          <li key={glass.id}>
            <article class="sess" aria-labelledby={`glass-${glass.id}`}>
              <h3 id={`glass-${glass.id}`}>{glass.mine ? said.glassMine : said.glassBy(glass.by)}</h3>
              <p class="quiet">{view.session.status === "ended" ? own.inEnded(view.session.title) : view.session.title}</p>
              <Span glass={glass} model={model} />
              {glass.mine ? (
                <p class="quiet">{said.waitsForOther}</p>
              ) : (
                <button
                  class="btn"
                  type="button"
                  aria-haspopup="dialog"
                  aria-describedby={`glass-${glass.id}`}
                  onClick={() => onOpen({ name: "review", view, glass })}
                >
                  {said.review}
                </button>
              )}
            </article>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Span({ glass, model }: { glass: GlassView; model: TherapistModel }) {
  const { words, said, now } = model;
  const when = (ms: number) => whenOf(words.language, ms, now);
  const due = glass.due_ms ?? 0;
  return (
    <>
      <p>{said.glassFrom(when(glass.since_ms), glass.until_ms ? when(glass.until_ms) : "")}</p>
      {due > 0 && (
        <p>
          <span class={due < now ? "tag care" : "tag flat"}>{due < now ? said.overdue(when(due)) : said.due(when(due))}</span>
        </p>
      )}
    </>
  );
}

interface Props {
  view: SupervisedView;
  glass: GlassView;
  model: TherapistModel;
  acts: ListeningActs;
  onClose: () => void;
}

export function ReviewSheet({ view, glass, model, acts, onClose }: Props) {
  const { words, own, said } = model;
  const [finding, setFinding] = useState<Finding | null>(null);
  const [note, setNote] = useState("");
  const [missing, setMissing] = useState(false);
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState<Failure | undefined>(undefined);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (saving) return;
    if (!finding) {
      setMissing(true);
      return;
    }
    setSaving(true);
    setFailure(undefined);
    const why = await acts.onReview(view.session.id, glass.id, finding, note.trim());
    setSaving(false);
    if (why === undefined) onClose();
    else setFailure(why);
  };
  return (
    <Sheet title={said.reviewTitle(view.session.title)} closeLabel={words.close} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <p class="quiet">{said.reviewsMore}</p>
        <p>
          <strong>{said.glassBy(glass.by)}</strong>
        </p>
        <Span glass={glass} model={model} />
        <p class="note">
          <q>{glass.reason}</q>
        </p>
        <fieldset class="stack s">
          <legend>{said.findingTitle}</legend>
          <div class="choices">
            {FINDINGS.map((each) => (
              <label key={each} class="choice">
                <input type="radio" name="finding" checked={finding === each} onChange={() => setFinding(each)} />
                <span>{said.finding(each)}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <div class="field">
          <label for="review-note">{said.note}</label>
          <textarea
            class="input"
            id="review-note"
            rows={3}
            maxLength={MOST}
            aria-describedby="review-more"
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
          <p class="quiet" id="review-more">
            {said.noteMore}
          </p>
        </div>
        <p class="wrong" role="alert">
          {missing && !finding && said.missing}
          {failure !== undefined && (failure ? words.error(failure) : said.notSaved)}
        </p>
        <div class="pair">
          <button class="btn main l" type="submit" aria-disabled={saving}>
            {saving ? own.saving : said.saveReview}
          </button>
          <button class="btn l" type="button" onClick={onClose}>
            {own.notYet}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
