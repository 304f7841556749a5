import type { StepActs, StepModel } from "./arrive_model";
import { GoOn, StepForm } from "./field";
import { Icon, type IconName } from "./icon";

/** The signs that a notice may use, by the names that the server knows them under. */
const SIGNS: Readonly<Record<string, IconName>> = {
  eye: "eye",
  two: "two",
  chat: "chat",
  lock: "lock",
  "cam-off": "camOff",
  clock: "clock",
  moon: "moon",
  help: "help",
  again: "again",
};

/** Who may observe, what is kept, what happens in a crisis: the same for every person. */
export function NoticeStep({ model, acts }: { model: StepModel; acts: StepActs }) {
  const { words, answer } = model;
  const { notice } = answer;
  const door = words.door;
  return (
    <StepForm wrong={model.wrong} onSubmit={acts.onSubmit}>
      <div class="stack s">
        <h1 lang={notice.language}>{notice.title}</h1>
        <p class="big quiet">{door.noticeMore}</p>
      </div>
      <section class="card" aria-label={notice.title} lang={notice.language}>
        <ul class="promise">
          {notice.sections.map(({ icon, heading, paragraphs }) => (
            <li key={heading}>
              <span class="ic">
                <Icon name={SIGNS[icon] ?? "mark"} />
              </span>
              <div>
                <h2>{heading}</h2>
                {paragraphs.map((text) => (
                  <p key={text}>{text}</p>
                ))}
              </div>
            </li>
          ))}
        </ul>
      </section>
      <details class="full">
        <summary>
          <span class="link">{door.fullNotice}</span>{" "}
          <span class="quiet">{door.version(notice.version)}</span>
        </summary>
        <div class="stack" lang={notice.language}>
          {notice.full.map(({ heading, paragraphs }) => (
            <section key={heading} class="stack s">
              <h2>{heading}</h2>
              {paragraphs.map((text) => (
                <p key={text}>{text}</p>
              ))}
            </section>
          ))}
        </div>
      </details>
      <Answer model={model} acts={acts} agreed={notice.agreed} label={door.agree} />
    </StepForm>
  );
}

/** What the people of this group promise each other. */
export function AgreementStep({ model, acts }: { model: StepModel; acts: StepActs }) {
  const { words, answer } = model;
  const { agreement } = answer;
  if (agreement === null) return null;
  return (
    <StepForm wrong={model.wrong} onSubmit={acts.onSubmit}>
      <div class="stack s">
        <h1 lang={agreement.language}>{agreement.title}</h1>
        <p class="big quiet">{words.door.agreementMore}</p>
      </div>
      <section class="card stack l" aria-label={agreement.title} lang={agreement.language}>
        {agreement.sections.map(({ heading, paragraphs }) => (
          <div key={heading} class="stack s">
            <h2 class="h3">{heading}</h2>
            {paragraphs.map((text) => (
              <p key={text}>{text}</p>
            ))}
          </div>
        ))}
      </section>
      <Answer model={model} acts={acts} agreed={agreement.agreed} label={words.door.agreeGroup} />
    </StepForm>
  );
}

function Answer({ model, acts, agreed, label }: { model: StepModel; acts: StepActs; agreed: boolean; label: string }) {
  const { words, saving, waiting } = model;
  return (
    <div class="stack s">
      {agreed && (
        <p class="row s">
          <Icon name="check" small />
          {words.door.agreedAlready}
        </p>
      )}
      <GoOn words={words} label={agreed ? words.door.goOn : label} saving={saving} waiting={waiting} />
      {!agreed && (
        <>
          <button class="btn plain wide" type="button" onClick={acts.onNotNow}>
            {words.door.notNow}
          </button>
          <p class="quiet">{words.door.without}</p>
        </>
      )}
    </div>
  );
}
