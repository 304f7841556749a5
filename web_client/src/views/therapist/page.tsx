import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { SupervisedView } from "../../protocol/generated";
import { keyOf, liveSessions, presses, waitingFlags, type Flag } from "../../state/supervision";
import { tellOf } from "../../words/therapist";
import { HelpSheet, PageBar, Sheet, Top } from "../frame";
import { Icon } from "../icon";
import { Flags } from "./flags";
import { LiveSessions } from "./live_sessions";
import type { TherapistActs, TherapistModel } from "./model";
import { ResolveSheet } from "./resolve_sheet";
import { Unconnected } from "./unconnected";

/** All sessions of my groups from outside, and what in them wants an answer. */
export function TherapistPage({ model, acts }: { model: TherapistModel; acts: TherapistActs }) {
  const { words, own, sessions, help } = model;
  const [entering, setEntering] = useState<SupervisedView | null>(null);
  const [resolving, setResolving] = useState<Flag | null>(null);
  const notYet = useCallback(() => setResolving(null), []);
  const stay = useCallback(() => setEntering(null), []);
  useEffect(() => {
    // What stood here while the page was loaded is gone, and the focus with it.
    if (document.activeElement === document.body) document.getElementById("main")?.focus();
  }, []);
  const today = new Intl.DateTimeFormat(words.language, {
    weekday: "short",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
  });
  return (
    <>
      <div class="over">
        <Top words={words} title={own.title} subtitle={today.format(model.now)} onQuickExit={acts.onQuickExit} />
        <section class="you" aria-label={own.presence}>
          <Icon name="unseen" />
          <p>
            <strong>{own.unseen}</strong> <span class="sub">{own.unseenMore}</span>
          </p>
        </section>
      </div>
      <main id="main" tabIndex={-1} class="desk" inert={help || entering !== null || resolving !== null}>
        <Unconnected model={model} onStart={acts.onStart} />
        {sessions && <Flags model={model} acts={acts} onResolve={setResolving} />}
        {sessions && (
          <div class="stack l">
            <LiveSessions model={model} sessions={liveSessions(sessions)} acts={acts} onStepIn={setEntering} />
            {model.mine.length > 0 && (
              <section class="stack s" aria-labelledby="own-title">
                <h2 id="own-title">{own.own}</h2>
                <ul class="ways">
                  {model.mine.map((entry) => (
                    <li key={entry.id}>
                      <button
                        class="way"
                        type="button"
                        aria-label={words.chooseEnter(entry.title)}
                        onClick={() => acts.onOwn(entry)}
                      >
                        <Icon name="door" />
                        <strong>{entry.title}</strong>
                      </button>
                    </li>
                  ))}
                </ul>
              </section>
            )}
          </div>
        )}
        {!sessions && model.phase.name === "away" && model.phase.failed < 2 && (
          <p class="big quiet center" role="status">
            {words.loading}
          </p>
        )}
      </main>
      <Aloud model={model} />
      <PageBar words={words} inert={help || entering !== null || resolving !== null} onHelp={() => acts.onHelp(true)} />
      {help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
      {!help && resolving && (
        <ResolveSheet key={keyOf(resolving)} flag={resolving} model={model} acts={acts} onClose={notYet} />
      )}
      {!help && entering && (
        <Sheet title={own.stepInTitle(entering.session.title)} closeLabel={words.close} onClose={stay}>
          <p class="big">{own.stepInText}</p>
          <p class="quiet">{own.stepInMore}</p>
          <div class="pair">
            <button
              class="btn main l"
              type="button"
              onClick={() => {
                const { id, title, status } = entering.session;
                acts.onStepIn({ id, title, status, role: "therapist" });
              }}
            >
              {own.stepIn}
            </button>
            <button class="btn l" type="button" onClick={stay}>
              {own.stayUnseen}
            </button>
          </div>
        </Sheet>
      )}
    </>
  );
}

/** What a screen reader says. Only what presses interrupts it. */
function Aloud({ model: { own, latest, phase, sessions } }: { model: TherapistModel }) {
  const [begun, setBegun] = useState(false);
  // What a live region already holds as it appears may not be said.
  useEffect(() => setBegun(true), []);
  // What was answered or has passed meanwhile is no news any more.
  const waiting = new Set(waitingFlags(sessions ?? []).flatMap((flag) => (flag.concern.over ? [] : [keyOf(flag)])));
  const fresh = begun ? latest.filter((flag) => waiting.has(keyOf(flag))) : [];
  const pressing = fresh.filter(presses);
  const calm = fresh.filter((flag) => !presses(flag));
  const wasAway = useRef(false);
  if (phase.name !== "live" && sessions) wasAway.current = true;
  const back = phase.name === "live" && wasAway.current;
  return (
    <>
      <div class="vh" role="alert">
        {pressing.map((flag) => (
          <p key={keyOf(flag)}>{own.sayPressing(flag.title, tellOf(own, flag.concern))}</p>
        ))}
      </div>
      <div class="vh" role="status">
        {back && <p key="back">{own.sayConnected}</p>}
        {calm.map((flag) => (
          <p key={keyOf(flag)}>{own.sayNew(flag.title, tellOf(own, flag.concern))}</p>
        ))}
      </div>
    </>
  );
}
