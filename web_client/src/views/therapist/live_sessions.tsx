import type { SupervisedView } from "../../protocol/generated";
import type { Supervision } from "../../state/supervision";
import { listOf, timeOfDay } from "../../words";
import { Icon } from "../icon";
import { ListenKey } from "./listen_key";
import type { Open, TherapistActs, TherapistModel } from "./model";

interface Props {
  model: TherapistModel;
  acts: TherapistActs;
  onOpen: (open: Open) => void;
}

export function LiveSessions({ sessions, ...props }: Props & { sessions: Supervision }) {
  const { own } = props.model;
  return (
    <section class="stack s" aria-label={own.live}>
      <div class="head">
        <h2>{own.live}</h2>
      </div>
      {sessions.length === 0 ? (
        <div class="none">
          <p class="big">{own.noSessions}</p>
          <p class="quiet">{own.noSessionsMore}</p>
        </div>
      ) : (
        <ul class="cards">
          {sessions.map((view) => (
            <li key={view.session.id}>
              <SessionCard view={view} {...props} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function SessionCard({ view, model, acts, onOpen }: Props & { view: SupervisedView }) {
  const { words, own, said } = model;
  const { session, leaders = [], people = 0, waiting = 0 } = view;
  const id = `session-${session.id}`;
  const saving = model.saving.has(session.id);
  const failure = model.failed.get(session.id);
  const flags = (view.concerns ?? []).filter((concern) => !concern.acknowledged).length;
  const reachable = view.you_respond ?? false;
  const listening = model.listening.room?.session.id === session.id;
  const refused = model.listening.asking === session.id ? undefined : model.listening.refused.get(session.id);
  return (
    <article class={listening ? "sess heard-here" : "sess"} aria-labelledby={id}>
      <div class="head">
        <h3 id={id}>{session.title}</h3>
        {flags > 0 && (
          <span class="tag care">
            <Icon name="flag" />
            {own.openFlags(flags)}
          </span>
        )}
      </div>
      <p>
        <span class={needsCare(view) ? "tag care" : "tag flat"}>{statusOf(view, model)}</span>
      </p>
      <ul class="facts">
        <li>{leaders.length > 0 ? own.leads(listOf(words, leaders), leaders.length) : own.nobodyLeads}</li>
        <li>{own.people(people)}</li>
        {waiting > 0 && <li>{own.waiting(waiting)}</li>}
        {session.late && <li>{own.late}</li>}
      </ul>
      {view.unread && (
        <p class="note care">
          <Icon name="flag" />
          <span>{own.unread}</span>
        </p>
      )}
      {(view.assigned ?? true) && <Responder view={view} model={model} />}
      <div class="row s wrap">
        <ListenKey view={view} describedBy={id} model={model} acts={acts} onOpen={onOpen} />
        {!listening && Boolean(view.listening?.mentors?.length) && (
          <button
            class="btn grow"
            type="button"
            aria-haspopup="dialog"
            aria-describedby={id}
            onClick={() => onOpen({ name: "whisper", view })}
          >
            <Icon name="whisper" small />
            {said.whisper}
          </button>
        )}
        {!listening && (view.listening?.may_step_in ?? false) && (
          <button
            class="btn grow"
            type="button"
            aria-haspopup="dialog"
            aria-describedby={id}
            onClick={() => onOpen({ name: "step-in", view })}
          >
            <Icon name="stepIn" small />
            {own.stepIn}
          </button>
        )}
        {(view.assigned ?? true) && (
          <button
          class="btn grow"
          type="button"
          aria-disabled={saving}
          aria-describedby={id}
          onClick={() => saving || acts.onReachable(session.id, !reachable)}
        >
          {saving ? own.saving : reachable ? own.iAmNotReachable : own.iAmReachable}
          </button>
        )}
        <button
          class="btn plain"
          type="button"
          aria-haspopup="dialog"
          aria-describedby={id}
          onClick={() => onOpen({ name: "timeline", sessionId: session.id, title: session.title })}
        >
          {own.timeline}
        </button>
      </div>
      <p class="quiet" role="status">
        {failure !== undefined && (failure ? words.error(failure) : own.notSaved)}
        {refused !== undefined && (refused ? words.error(refused) : said.notBegun)}
        {refused === undefined && isElsewhere(view, model) && said.elsewhere}
      </p>
    </article>
  );
}

/** I listen to it, and not on this page. */
function isElsewhere({ session, listening }: SupervisedView, model: TherapistModel): boolean {
  const { room, asking, over, stopped } = model.listening;
  const known = [room?.session.id, asking, over?.sessionId, stopped];
  return Boolean(listening?.since_ms) && !known.includes(session.id);
}

/** Who can be reached while it lasts; without anybody it does not begin. */
function Responder({ view, model: { own } }: { view: SupervisedView; model: TherapistModel }) {
  if (view.you_respond || view.responder)
    return (
      <p class="passed">
        <Icon name="check" small />
        {view.you_respond ? own.youRespond : own.responds(view.responder ?? "")}
      </p>
    );
  return (
    <p class="note care">
      <Icon name="phone" />
      <span>{view.session.status === "lobby" ? own.nobodyResponds : own.nobodyRespondsLive}</span>
    </p>
  );
}

function statusOf(view: SupervisedView, { words, own }: TherapistModel): string {
  if (view.paused_until_ms) return own.statusPaused(timeOfDay(words, view.paused_until_ms));
  switch (view.session.status) {
    case "lobby":
      return view.session.begun ? own.statusReturned : own.statusLobby;
    case "live":
      return view.leaders?.length ? own.statusLive : own.statusUnled;
    case "ended":
      return own.statusEnded;
  }
}

function needsCare(view: SupervisedView): boolean {
  return Boolean(view.paused_until_ms) || (view.session.status === "live" && !view.leaders?.length);
}
