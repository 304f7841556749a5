import type { ConcernView, FlagView, Severity } from "../../protocol/generated";
import { keyOf, type Flag } from "../../state/supervision";
import { listOf } from "../../words";
import { agoOf, tellOf, whenOf } from "../../words/therapist";
import { Icon, type IconName } from "../icon";
import { face } from "./face";
import type { Open, HandlingActs, TherapistModel } from "./model";

const SIGNS: Record<Severity, IconName> = { crisis: "alert", urgent: "triangle", concern: "diamond", note: "pencil" };

/** So long a full ring is; what waits for longer is said in words alone. */
const RING_MS: Partial<Record<Severity, number>> = { crisis: 60_000, urgent: 180_000 };

/** What is not stored within this time is said to be so; before, it is only on its way. */
const STORED_WITHIN_MS = 1_500;

interface Props {
  flag: Flag;
  model: TherapistModel;
  acts: HandlingActs;
  onOpen: (open: Open) => void;
}

export function ConcernCard({ flag, model, acts, onOpen }: Props) {
  const { words, own } = model;
  const { concern, title, ended } = flag;
  const id = `flag-${keyOf(flag).replace("/", "-")}`;
  const taken = concern.acknowledged ?? false;
  const calm = concern.over || concern.resolution || (taken && !concern.flags?.length);
  const waits = concern.unstored && model.now - (concern.flags?.at(-1)?.at_ms ?? concern.at_ms) > STORED_WITHIN_MS;
  return (
    <li>
      <article class={`flagcard ${calm ? "calm" : concern.severity}`} aria-labelledby={`${id}-sev ${id}-what`}>
        <div class="head">
          <span class="sev" id={`${id}-sev`}>
            <Icon name={SIGNS[concern.severity]} />
            {own.severity(concern.severity)}
          </span>
          <time class="quiet num" dateTime={new Date(concern.at_ms).toISOString()}>
            {agoOf(own, words.language, model.now - concern.at_ms)}
          </time>
        </div>
        <h3 id={`${id}-what`}>{own.about(concern)}</h3>
        <p class="quiet" id={`${id}-in`}>
          {ended ? own.inEnded(title) : title}
        </p>
        {concern.flags?.length ? <Raised concern={concern} model={model} /> : <p>{tellOf(own, concern)}</p>}
        {concern.over && <Done>{own.over(concern.kind)}</Done>}
        {waits && (
          <p class="note care">
            <Icon name="pencil" small />
            <span>{own.unstored}</span>
          </p>
        )}
        <Clock concern={concern} model={model} />
        <Held concern={concern} model={model} />
        <Acts flag={flag} id={id} model={model} acts={acts} onOpen={onOpen} />
      </article>
    </li>
  );
}

/** Each flag: who raised it, in their words, and what was written just before. */
function Raised({ concern, model }: { concern: ConcernView; model: TherapistModel }) {
  const { words, own } = model;
  return (
    <ol class="raised">
      {concern.flags?.map((flag) => (
        <li key={flag.id} class="stack xs">
          <p>
            {flag.text && <q>{flag.text}</q>} <span class="quiet">{raisedBy(flag, model)}</span>
          </p>
          {flag.moment?.length ? (
            <details>
              <summary>{own.moment(flag.moment.length)}</summary>
              <ol class="moment">
                {flag.moment.map((line, number) => (
                  <li key={number}>
                    <b>{line.author}</b> <span class="quiet num">{whenOf(words.language, line.at_ms, model.now)}</span>
                    <br />
                    {line.text}
                  </li>
                ))}
              </ol>
            </details>
          ) : null}
        </li>
      ))}
    </ol>
  );
}

function raisedBy(flag: FlagView, { words, own, now }: TherapistModel): string {
  return own.raised(flag.kind, flag.by, flag.by_role, whenOf(words.language, flag.at_ms, now), isDanger(flag));
}

/** A participant pressed "I am in danger". */
function isDanger({ kind, severity, by_role: role }: FlagView): boolean {
  return kind === "help" && severity === "crisis" && role === "participant";
}

/** How long until it goes on, and to whom. */
function Clock({ concern, model }: { concern: ConcernView; model: TherapistModel }) {
  const { words, own, now } = model;
  if (concern.acknowledged || concern.resolution) return null;
  const reached = concern.step && concern.step !== "responder" ? own.reached(concern.step) : null;
  if (!concern.due_ms || !concern.then) return reached && <p class="quiet">{reached}</p>;
  const left = Math.max(0, concern.due_ms - now);
  const full = RING_MS[concern.severity];
  const next = own.then(concern.then, listOf(words, concern.then_names ?? []));
  return (
    <div class="clock">
      {full && left <= full ? (
        <div class="ring" role="timer" aria-label={own.timeLeft(face(left))}>
          <svg viewBox="0 0 60 60" aria-hidden="true">
            <circle class="track" cx="30" cy="30" r="27" />
            <circle class="left" cx="30" cy="30" r="27" pathLength="100" stroke-dasharray={`${(100 * left) / full} 100`} />
          </svg>
          <b aria-hidden="true">{face(left)}</b>
        </div>
      ) : (
        <Icon name="clock" />
      )}
      <p class="grow">
        {full && left <= full ? next : own.thenAt(whenOf(words.language, concern.due_ms, model.now), next)}
        {reached && <span class="quiet"> {reached}</span>}
      </p>
    </div>
  );
}

/** Whose it is now, or how it ended. */
function Held({ concern, model }: { concern: ConcernView; model: TherapistModel }) {
  const { words, own } = model;
  const { resolution, holder = "", held_ms = 0, mine = false } = concern;
  if (resolution)
    return (
      <>
        <Done>{own.resolved(own.outcome(resolution.outcome), whenOf(words.language, concern.resolved_ms ?? 0, model.now))}</Done>
        {resolution.note && <p>{resolution.note}</p>}
      </>
    );
  if (!concern.acknowledged) return null;
  if (!holder) return <Done>{own.acknowledged}</Done>;
  const since = whenOf(words.language, held_ms, model.now);
  return <Done>{mine ? own.yoursSince(since) : own.withSince(holder, since)}</Done>;
}

function Acts({ flag, id, model, acts, onOpen }: Props & { id: string }) {
  const { words, own } = model;
  const { concern } = flag;
  const key = keyOf(flag);
  const saving = model.saving.has(key);
  const failure = model.failed.get(key);
  const open = Boolean(concern.flags?.length) && !concern.resolution;
  const describedBy = `${id}-what ${id}-in`;
  return (
    <div class="row s wrap">
      {!concern.acknowledged && (
        <button
          class={concern.severity === "crisis" && !saving ? "btn danger-full" : "btn"}
          type="button"
          aria-disabled={saving}
          aria-describedby={describedBy}
          onClick={() => saving || acts.onAcknowledge(flag)}
        >
          {saving ? own.saving : own.acknowledge}
        </button>
      )}
      {concern.acknowledged && open && concern.mine && (
        <button class="btn" type="button" aria-haspopup="dialog" aria-describedby={describedBy} onClick={() => onOpen({ name: "resolve", flag })}>
          <Icon name="check" small />
          {own.resolve}
        </button>
      )}
      {concern.acknowledged && open && !concern.mine && (
        <button
          class="btn"
          type="button"
          aria-disabled={saving}
          aria-describedby={describedBy}
          onClick={() => saving || acts.onTakeOver(flag)}
        >
          {saving ? own.saving : own.takeOver}
        </button>
      )}
      {concern.participant_id && !concern.resolution && (
        <button class="btn" type="button" aria-haspopup="dialog" onClick={() => onOpen({ name: "where", flag })}>
          <Icon name="pin" small />
          {own.where(concern.person ?? "")}
        </button>
      )}
      <button
        class="btn plain"
        type="button"
        aria-haspopup="dialog"
        aria-describedby={`${id}-in`}
        onClick={() => onOpen({ name: "timeline", sessionId: flag.sessionId, title: flag.title })}
      >
        {own.timeline}
      </button>
      <p class="quiet grow" role="status">
        {saving && model.phase.name !== "live" && own.savingAway}
        {failure !== undefined && (failure ? words.error(failure) : own.notSaved)}
      </p>
    </div>
  );
}

function Done({ children }: { children: string }) {
  return (
    <p class="passed">
      <Icon name="check" small />
      {children}
    </p>
  );
}
