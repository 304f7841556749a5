import { useEffect, useState } from "preact/hooks";
import type { Severity } from "../protocol/generated";
import { isUnread, type Known, type ShownFlag } from "../state/flags";
import { listOf, type Words } from "../words";
import { flagWordsFor, type FlagWords } from "../words/flags";
import type { FlagsHere } from "./flags_here";
import { HelpWays } from "./frame";
import { Icon } from "./icon";

/** What a person can ask a therapist for in Help. */
export type HelpView = "call" | "report";

interface WayProps {
  words: Words;
  here: FlagsHere;
  onView: (view: HelpView) => void;
}

/** The first thing in Help: someone who comes. It is sent by this tap; a call that still waits is not sent again. */
export function HelpFirst({ words, here, onView }: WayProps) {
  const say = flagWordsFor(words.language);
  const { flagging } = here;
  const call = () => {
    if (!flagging.shown.peek().some((flag) => flag.kind === "help" && isUnread(flag))) {
      flagging.raise({ kind: "help", severity: "urgent", category: "other", about: "me", name: "", text: "" });
    }
    onView("call");
  };
  return (
    <button class="way first" type="button" aria-describedby="call-more" onClick={call}>
      <Icon name="heart" />
      <span>
        <strong>{say.callForHelp}</strong>
        <span id="call-more" aria-hidden="true">
          {say.callMore}
        </span>
      </span>
    </button>
  );
}

/** Below the phone numbers: a report, and what became of what I sent. */
export function HelpRest({ words, here, onView }: WayProps) {
  const say = flagWordsFor(words.language);
  const flags = here.flagging.shown.value;
  return (
    <>
      <button class="way" type="button" aria-describedby="report-more" onClick={() => onView("report")}>
        <Icon name="flag" />
        <span>
          <strong>{say.report}</strong>
          <span class="quiet" id="report-more" aria-hidden="true">
            {say.reportMore}
          </span>
        </span>
      </button>
      {flags.length > 0 && (
        <section class="stack s" aria-labelledby="own-flags">
          <h3 id="own-flags">{say.yours}</h3>
          <FlagLines say={say} flags={flags} />
        </section>
      )}
    </>
  );
}

const MOST_LINES = 5;

export function FlagLines({ say, flags, most = MOST_LINES }: { say: FlagWords; flags: readonly ShownFlag[]; most?: number }) {
  return (
    <ul class="flag-lines">
      {flags.slice(0, most).map((flag) => (
        <li key={flag.id}>
          <Icon name={isUnread(flag) ? "flag" : "check"} small />
          <span>{say.line(whatOf(say, flag), say.status[flag.status])}</span>
        </li>
      ))}
    </ul>
  );
}

export function whatOf(say: FlagWords, { kind, about }: Pick<ShownFlag, "kind" | "about">): string {
  switch (kind) {
    case "help":
      return say.ofHelp;
    case "report":
      return say.ofReport(about);
    case "check_on_me":
      return say.ofCheck;
    case "left_upset":
      return say.ofUpset(about);
    case "flag":
      return say.ofFlag(about);
  }
}

export function askingTitle(words: Words, view: HelpView): string {
  const say = flagWordsFor(words.language);
  return view === "call" ? say.callForHelp : say.report;
}

/** A call for help or a report, and then what becomes of it. */
export function Asking({
  words,
  here,
  view,
  onBack,
  onClose,
}: {
  words: Words;
  here: FlagsHere;
  view: HelpView;
  onBack: () => void;
  onClose: () => void;
}) {
  const say = flagWordsFor(words.language);
  const { flagging } = here;
  const [sent, setSent] = useState<string | null>(() =>
    view === "call" ? (flagging.shown.peek().find(({ kind }) => kind === "help")?.id ?? null) : null,
  );
  const flag = flagging.shown.value.find(({ id }) => id === sent);
  useEffect(() => {
    // What was pressed is gone, and the focus with it.
    if (sent !== null) document.getElementById("sheet-title")?.focus();
  }, [sent]);
  return (
    <>
      {flag ? (
        <Sent
          words={words}
          say={say}
          flag={flag}
          onDanger={() =>
            setSent(flagging.raise({ kind: "help", severity: "crisis", category: "other", about: "me", name: "", text: "" }))
          }
          onClose={onClose}
        />
      ) : (
        <Report
          say={say}
          here={here}
          onSend={(about, name, text, severity) =>
            setSent(flagging.raise({ kind: "report", severity, category: "other", about, name, text }))
          }
        />
      )}
      {!flag && (
        <button class="btn plain" type="button" onClick={onBack}>
          <Icon name="back" small />
          {say.back}
        </button>
      )}
    </>
  );
}

function Report({
  say,
  here,
  onSend,
}: {
  say: FlagWords;
  here: FlagsHere;
  onSend: (about: string, name: string, text: string, severity: Severity) => void;
}) {
  const [about, setAbout] = useState("");
  const [text, setText] = useState("");
  const [pressing, setPressing] = useState(false);
  const [asked, setAsked] = useState(false);
  const { flagging } = here;
  const others = flagging.whom.value;
  const says = text.trim() !== "" || about !== "";
  const name = about === "me" ? "" : (others.find(({ id }) => id === about)?.name ?? "");
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (says) onSend(about, name, text.trim(), pressing ? "urgent" : "concern");
        else setAsked(true);
      }}
    >
      <div class="field">
        <label for="report-about">{say.about}</label>
        <select class="input" id="report-about" value={about} onChange={(event) => setAbout(event.currentTarget.value)}>
          <option value="">{say.session}</option>
          {others.map((one) => (
            <option key={one.id} value={one.id}>
              {titled(say, one)}
            </option>
          ))}
          <option value="me">{say.myself}</option>
        </select>
      </div>
      <div class="field">
        <label for="report-text">{say.worry}</label>
        <textarea
          class="input"
          id="report-text"
          rows={3}
          maxLength={MOST_TEXT}
          value={text}
          aria-describedby="report-hint"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <p class={asked && !says ? "wrong" : "quiet"} id="report-hint" role="status">
          {asked && !says ? say.writeFirst : say.worryMore}
        </p>
      </div>
      <label class="choice">
        <input type="checkbox" checked={pressing} onChange={(event) => setPressing(event.currentTarget.checked)} />
        <span>{say.cannotWait}</span>
      </label>
      <p class="note">
        <Icon name="lock" />
        <span>{say.whoReads}</span>
      </p>
      <button class="btn main l wide" type="submit">
        {say.send}
      </button>
      <p class="quiet">{say.later}</p>
    </form>
  );
}

/** Longest text of a flag, as the server takes it. */
export const MOST_TEXT = 2_000;

export function titled(say: FlagWords, { role, name }: Known): string {
  return role === "participant" ? name : say.named[role](name);
}

function Sent({
  words,
  say,
  flag,
  onDanger,
  onClose,
}: {
  words: Words;
  say: FlagWords;
  flag: ShownFlag;
  onDanger: () => void;
  onClose: () => void;
}) {
  const failing = flag.status === "waiting" || flag.status === "refused";
  const calls = failing || flag.kind === "help";
  return (
    <>
      <p class={failing ? "note care" : "note acc"}>
        <Icon name={failing ? "alert" : isUnread(flag) ? "flag" : "check"} />
        <span>{say.line(whatOf(say, flag), say.status[flag.status])}</span>
      </p>
      {flag.told.length > 0 && (
        <p>{(flag.told.length > 1 ? say.toldMany : say.told)(listOf(words, flag.told))}</p>
      )}
      {failing ? (
        <p>{flag.status === "refused" ? say.cannotSendAtAll : say.cannotSend}</p>
      ) : (
        <p class="quiet">{flag.kind === "help" && isUnread(flag) ? `${say.ownStay} ${say.meanwhile}` : say.later}</p>
      )}
      {flag.kind === "help" && flag.severity !== "crisis" && (
        <div class="ways">
          <button class="way call" type="button" aria-describedby="danger-more" onClick={onDanger}>
            <Icon name="alert" />
            <span>
              <strong>{say.danger}</strong>
              <span class="quiet" id="danger-more" aria-hidden="true">
                {say.dangerMore}
              </span>
            </span>
          </button>
        </div>
      )}
      {calls && <h3>{say.or}</h3>}
      {calls && <HelpWays words={words} />}
      <button class="btn l wide" type="button" onClick={onClose}>
        {words.close}
      </button>
    </>
  );
}
