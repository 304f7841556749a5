import { useState } from "preact/hooks";
import type { Category, FlagKind, Severity } from "../protocol/generated";
import type { Words } from "../words";
import { flagWordsFor, type FlagWords } from "../words/flags";
import type { FlagsHere } from "./flags_here";
import { Sheet } from "./frame";
import { MOST_TEXT, titled } from "./help";
import { Icon, type IconName } from "./icon";
import { StateReports } from "./state_reports";

const KINDS: readonly Category[] = [
  "other",
  "self_harm",
  "harm_to_others",
  "abuse_or_neglect",
  "return_to_use",
  "symptoms_returning",
  "medical",
  "boundary",
  "conduct",
  "technical",
];

const SIGNS: Record<Severity, IconName> = { crisis: "alert", urgent: "triangle", concern: "diamond", note: "pencil" };

interface SheetProps {
  words: Words;
  here: FlagsHere;
  onClose: () => void;
}

/** Two taps are enough: the one that opened this, and one of four. What a person chooses or writes goes with it. */
export function FlagSheet({
  words,
  here,
  about: first,
  category: likely = "other",
  onClose,
}: SheetProps & {
  /** Whom it is about, to begin with; empty for the session. */
  about: string;
  category?: Category | undefined;
}) {
  const say = flagWordsFor(words.language);
  const [about, setAbout] = useState(first);
  const [category, setCategory] = useState<Category>(likely);
  const [text, setText] = useState("");
  const raise = useRaise(here, onClose);
  return (
    <Sheet title={say.flagTitle} closeLabel={words.close} onClose={onClose}>
      <p class="quiet">{say.unseen}</p>
      <div class="two-fields">
        <Whom say={say} here={here} about={about} onAbout={setAbout} />
        <div class="field">
          <label for="flag-kind">{say.category}</label>
          <select
            class="input"
            id="flag-kind"
            value={category}
            onChange={(event) => {
              const chosen = KINDS.find((one) => one === event.currentTarget.value);
              if (chosen) setCategory(chosen);
            }}
          >
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {say.kinds[one]}
              </option>
            ))}
          </select>
        </div>
      </div>
      {category === "abuse_or_neglect" && (
        <p class="note" role="status">
          <Icon name="alert" />
          <span>
            {say.mandated}
            <StateReports />
          </span>
        </p>
      )}
      <div class="field">
        <label for="flag-text">
          {say.what} <span class="quiet">{say.optional}</span>
        </label>
        <textarea
          class="input"
          id="flag-text"
          rows={2}
          maxLength={MOST_TEXT}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <Severities
        say={say}
        of={["crisis", "urgent", "concern", "note"]}
        onSend={(severity) => raise("flag", severity, category, about, text.trim())}
      />
    </Sheet>
  );
}

/** A therapist is wanted, now. */
export function CallSheet({ words, here, onClose }: SheetProps) {
  const say = flagWordsFor(words.language);
  const [about, setAbout] = useState("");
  const raise = useRaise(here, onClose);
  return (
    <Sheet title={say.callTitle} closeLabel={words.close} onClose={onClose}>
      <p class="quiet">{say.unseen}</p>
      <Severities say={say} of={["crisis", "urgent"]} onSend={(severity) => raise("help", severity, "other", about, "")} />
      <Whom say={say} here={here} about={about} onAbout={setAbout} />
    </Sheet>
  );
}

function useRaise({ flagging }: FlagsHere, onClose: () => void) {
  return (kind: FlagKind, severity: Severity, category: Category, about: string, text: string) => {
    const name = flagging.whom.peek().find(({ id }) => id === about)?.name ?? "";
    flagging.raise({ kind, severity, category, about, name, text });
    onClose();
  };
}

function Whom({
  say,
  here,
  about,
  onAbout,
}: {
  say: FlagWords;
  here: FlagsHere;
  about: string;
  onAbout: (about: string) => void;
}) {
  const others = here.flagging.whom.value;
  return (
    <div class="field">
      <label for="flag-about">{say.person}</label>
      <select class="input" id="flag-about" value={about} onChange={(event) => onAbout(event.currentTarget.value)}>
        <option value="">{say.session}</option>
        {others.map((one) => (
          <option key={one.id} value={one.id}>
            {titled(say, one)}
          </option>
        ))}
      </select>
    </div>
  );
}

function Severities({ say, of, onSend }: { say: FlagWords; of: readonly Severity[]; onSend: (severity: Severity) => void }) {
  return (
    <div class="stack s" role="group" aria-labelledby="one-tap">
      <p class="strong" id="one-tap">
        {say.oneTap}
      </p>
      <div class="ways severities">
        {of.map((severity) => (
          <button
            key={severity}
            class={`way ${severity}`}
            type="button"
            aria-describedby={`more-${severity}`}
            onClick={() => onSend(severity)}
          >
            <Icon name={SIGNS[severity]} />
            <span>
              <strong>{say.severity[severity]}</strong>
              <span class="quiet" id={`more-${severity}`} aria-hidden="true">
                {say.severityMore[severity]}
              </span>
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

/** Beside the note that somebody left early: a therapist then looks after them. */
export function LeftUpset({ words, here, id, name }: { words: Words; here: FlagsHere; id: string; name: string }) {
  const say = flagWordsFor(words.language);
  const [sent, setSent] = useState(false);
  if (sent) return <p class="quiet">{say.said}</p>;
  const onPress = () => {
    setSent(true);
    here.flagging.raise({ kind: "left_upset", severity: "concern", category: "other", about: id, name, text: "" });
  };
  return (
    <button class="btn" type="button" onClick={onPress}>
      <Icon name="flag" small />
      {say.leftUpset(name)}
    </button>
  );
}
