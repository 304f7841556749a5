import type { ComponentChildren } from "preact";
import type { StepActs, StepModel } from "./arrive_model";
import { AgreementStep, NoticeStep } from "./consent";
import { HelpSheet, PageBar, Top } from "./frame";
import { Icon } from "./icon";
import { Page } from "./pages";
import { WelcomeStep } from "./welcome";
import { WhereStep } from "./where";

/** The way in, one thing at a time; `check` is the last of them. */
export function Arrive({ model, acts, check }: { model: StepModel; acts: StepActs; check: ComponentChildren }) {
  const { words, step, place, line } = model;
  if (model.declined) {
    return (
      <Page
        words={words}
        icon="mark"
        title={words.door.notNowTitle}
        text={words.door.notNowText}
        act={{ label: words.door.readAgain, on: acts.onReconsider }}
        help={model.help}
        acts={acts}
        onLeave={acts.onLeave}
      />
    );
  }
  return (
    <>
      <Top
        words={words}
        title={null}
        subtitle={place ? words.door.step(place.number, place.of) : model.answer.title}
        onQuickExit={acts.onQuickExit}
      />
      <main id="main" tabIndex={-1} class="page arrive" inert={model.help}>
        {(model.back || line) && (
          <div class="before stack s">
            {model.back && (
              <button class="btn plain snug back" type="button" onClick={acts.onBack}>
                <Icon name="back" small />
                {words.door.back}
              </button>
            )}
            {line && (
              <p class="note acc">
                <Icon name="again" />
                <span>{words.door[line]}</span>
              </p>
            )}
          </div>
        )}
        {step === "welcome" && <WelcomeStep model={model} acts={acts} />}
        {step === "notice" && <NoticeStep model={model} acts={acts} />}
        {step === "agreement" && <AgreementStep model={model} acts={acts} />}
        {step === "where" && <WhereStep model={model} acts={acts} />}
        {step === "check" && check}
      </main>
      <PageBar words={words} inert={model.help} onHelp={() => acts.onHelp(true)} onLeave={acts.onLeave} />
      {model.help && <HelpSheet words={words} onClose={() => acts.onHelp(false)} />}
    </>
  );
}
