import { useCallback, useEffect, useState } from "preact/hooks";
import type { SupervisedView } from "../../protocol/generated";
import { liveSessions } from "../../state/supervision";
import { HelpSheet, PageBar, Sheet, Top } from "../frame";
import { Icon } from "../icon";
import { Over } from "../over";
import { Ears, Ended } from "./ears";
import { Flags } from "./flags";
import { GlassSheet } from "./glass_sheet";
import { LiveSessions } from "./live_sessions";
import type { Open, TherapistActs, TherapistModel } from "./model";
import { Asked, OnCallKey, OnCallSheet } from "./on_call";
import { Presence } from "./presence";
import { TimelineSheet, WhereSheet } from "./read_sheets";
import { ResolveSheet } from "./resolve_sheet";
import { Reviews, ReviewSheet } from "./reviews";
import { Aloud } from "./aloud";
import { Unconnected } from "./unconnected";
import { WhisperSheet } from "./whisper";

/** All sessions of my groups from outside, and what in them wants an answer. */
export function TherapistPage({ model, acts }: { model: TherapistModel; acts: TherapistActs }) {
  const { words, own, sessions, help, listening } = model;
  const [open, setOpen] = useState<Open | null>(null);
  const close = useCallback(() => setOpen(null), []);
  const behind = help || open !== null;
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
      <Over>
        <Top words={words} title={own.title} subtitle={today.format(model.now)} onQuickExit={acts.onQuickExit}>
          <OnCallKey model={model} onOpen={() => setOpen({ name: "on-call" })} />
        </Top>
        <Presence model={model} acts={acts} onOpen={setOpen} />
      </Over>
      <main id="main" tabIndex={-1} class="desk" inert={behind}>
        <Unconnected model={model} onStart={acts.onStart} />
        <Asked model={model} acts={acts} />
        {sessions && <Flags model={model} acts={acts} onOpen={setOpen} />}
        {sessions && (
          <div class="stack l">
            <Ended model={model} acts={acts} />
            {listening.room && <Ears room={listening.room} model={model} acts={acts} />}
            <LiveSessions model={model} sessions={liveSessions(sessions)} acts={acts} onOpen={setOpen} />
            <Reviews model={model} onOpen={setOpen} />
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
      <PageBar words={words} inert={behind} onHelp={() => acts.onHelp(true)} />
      {help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
      {!help && open && <Opened open={open} model={model} acts={acts} onClose={close} />}
    </>
  );
}

function Opened({ open, onClose, ...props }: { open: Open; model: TherapistModel; acts: TherapistActs; onClose: () => void }) {
  const { model, acts } = props;
  const asNow = (view: SupervisedView) => model.sessions?.find((one) => one.session.id === view.session.id) ?? view;
  switch (open.name) {
    case "resolve":
      return <ResolveSheet flag={open.flag} onClose={onClose} {...props} />;
    case "where":
      return <WhereSheet flag={open.flag} onClose={onClose} {...props} />;
    case "timeline":
      return <TimelineSheet sessionId={open.sessionId} title={open.title} onClose={onClose} {...props} />;
    case "on-call":
      return <OnCallSheet onClose={onClose} {...props} />;
    case "step-in":
      return <StepInSheet view={open.view} model={model} acts={acts} onStay={onClose} />;
    case "glass":
      return <GlassSheet view={open.view} onClose={onClose} {...props} />;
    case "whisper":
      return <WhisperSheet onClose={onClose} {...props} view={asNow(open.view)} />;
    case "review":
      return <ReviewSheet view={open.view} glass={open.glass} onClose={onClose} {...props} />;
  }
}

function StepInSheet({ view, model, acts, onStay }: { view: SupervisedView; model: TherapistModel; acts: TherapistActs; onStay: () => void }) {
  const { words, own, said, listening } = model;
  const { id, title, status } = view.session;
  return (
    <Sheet title={own.stepInTitle(title)} closeLabel={words.close} onClose={onStay}>
      <p class="big">{said.stepInText(view.people ?? 0)}</p>
      {listening.room && <p>{said.stepInStops}</p>}
      <p class="quiet">{own.stepInMore}</p>
      <div class="pair">
        <button class="btn main l" type="button" onClick={() => acts.onStepIn({ id, title, status, role: "therapist" })}>
          {own.stepIn}
        </button>
        <button class="btn l" type="button" onClick={onStay}>
          {own.stayUnseen}
        </button>
      </div>
    </Sheet>
  );
}
