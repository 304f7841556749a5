import type { ComponentChildren } from "preact";
import type { SessionEntry } from "../connection/api";
import type { Words } from "../words";
import { useFlags } from "./flags_here";
import { HelpSheet, PageBar, Top } from "./frame";
import { Icon, type IconName } from "./icon";

export interface PageActs {
  onHelp: (open: boolean) => void;
  onQuickExit: () => void;
}

/** A calm page with one thing to read and at most one thing to do. */
export function Page({
  words,
  icon,
  title,
  text,
  act,
  help,
  acts,
  onLeave,
  children,
}: {
  words: Words;
  icon: IconName;
  title: string;
  text?: string;
  act?: { label: string; on: () => void } | undefined;
  help: boolean;
  acts: PageActs;
  onLeave?: (() => void) | undefined;
  children?: ComponentChildren;
}) {
  const here = useFlags();
  return (
    <>
      <Top words={words} title={null} onQuickExit={acts.onQuickExit} />
      <main id="main" tabIndex={-1} class="page still" inert={help}>
        <span class="ic">
          <Icon name={icon} />
        </span>
        <div class="stack s" role="status">
          <h1>{title}</h1>
          {text && <p class="big quiet">{text}</p>}
        </div>
        {act && (
          <button class="btn main l" type="button" onClick={act.on}>
            {act.label}
          </button>
        )}
        {children}
        {here && <here.parts.CrisisCard words={words} here={here} />}
      </main>
      <PageBar words={words} inert={help} onHelp={() => acts.onHelp(true)} onLeave={onLeave} />
      {help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
    </>
  );
}

/** Several sessions are open to this person: which one? */
export function Choose({
  words,
  name,
  sessions,
  help,
  acts,
  onChoose,
}: {
  words: Words;
  name: string;
  sessions: readonly SessionEntry[];
  help: boolean;
  acts: PageActs;
  onChoose: (session: SessionEntry) => void;
}) {
  return (
    <>
      <Top words={words} title={null} onQuickExit={acts.onQuickExit} />
      <main id="main" tabIndex={-1} class="page" inert={help}>
        <div class="stack l">
          <div class="stack s">
            <h1>{words.hello(name)}</h1>
            <p class="big quiet">{words.chooseTitle}</p>
          </div>
          <ul class="ways">
            {sessions.map((session) => (
              <li key={session.id}>
                <button class="way" type="button" aria-label={words.chooseEnter(session.title)} onClick={() => onChoose(session)}>
                  <Icon name="door" />
                  <strong>{session.title}</strong>
                </button>
              </li>
            ))}
          </ul>
        </div>
      </main>
      <PageBar words={words} inert={help} onHelp={() => acts.onHelp(true)} />
      {help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
    </>
  );
}
