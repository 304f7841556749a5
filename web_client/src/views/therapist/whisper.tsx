import { useState } from "preact/hooks";
import type { MentorView, SupervisedView } from "../../protocol/generated";
import { Sheet } from "../frame";
import { Icon } from "../icon";
import type { ListeningActs, TherapistModel } from "./model";

const MAX = 500;
const SHOWN = 4;

interface Props {
  view: SupervisedView;
  model: TherapistModel;
  acts: ListeningActs;
  /** My microphone is the room's now: only to be read. */
  inRoom?: boolean;
}

export function fieldOf({ session }: SupervisedView): string {
  return `whisper-${session.id}`;
}

/** Something for one mentor alone, to read; or to hear, where they said that nobody else would. */
export function WhisperForm({ view, model, acts, inRoom = false }: Props) {
  const { words, said, listening } = model;
  const { mentors = [] } = view.listening ?? {};
  const [chosen, choose] = useState("");
  const [text, setText] = useState("");
  const [first] = mentors;
  const to = mentors.find((one) => one.participant_id === chosen) ?? first;
  if (!to) return null;
  const send = (event: Event) => {
    event.preventDefault();
    const whole = text.trim();
    if (!whole) {
      document.getElementById(fieldOf(view))?.focus();
      return;
    }
    acts.onWhisper(view.session.id, to, whole);
    setText("");
  };
  const unspoken = listening.unspoken?.to === to.participant_id ? listening.unspoken.why : undefined;
  return (
    <div class="say stack s">
      <form class="row s wrap" onSubmit={send}>
        {mentors.length > 1 && (
          <label class="field whom">
            <span>{said.whisperWhom}</span>
            <select class="input" value={to.participant_id} onChange={(event) => choose(event.currentTarget.value)}>
              {mentors.map((one) => (
                <option key={one.participant_id} value={one.participant_id}>
                  {one.name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="field grow">
          <span>{said.whisperTo(to.name)}</span>
          <input
            class="input"
            id={fieldOf(view)}
            autocomplete="off"
            maxLength={MAX}
            placeholder={said.onlyThey(to.name)}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button class="btn end" type="submit">
          {said.send}
        </button>
      </form>
      {!inRoom && <Voice view={view} to={to} model={model} acts={acts} />}
      <p class="wrong" role="alert">
        {unspoken !== undefined &&
          (unspoken === "microphone" ? said.noMicrophone : unspoken ? words.error(unspoken) : said.notSpoken)}
      </p>
      <Told view={view} model={model} acts={acts} />
    </div>
  );
}

function Voice({ view, to, model, acts }: Props & { to: MentorView }) {
  const { said, listening } = model;
  const { speaking } = listening;
  if (!to.headphones) return <p class="quiet">{said.noHeadphones(to.name)}</p>;
  const on = speaking?.to === to.participant_id;
  return (
    <div class="row s wrap">
      <button
        class={on ? "btn care" : "btn"}
        type="button"
        aria-pressed={on}
        onClick={() => (on ? acts.onStopSpeaking() : acts.onSpeakTo(view.session.id, to))}
      >
        <Icon name={on ? "mic" : "micOff"} small />
        {said.speakTo(to.name)}
      </button>
      <p class="quiet grow">{said.speakMore(to.name)}</p>
    </div>
  );
}

/** What I whispered in this session, and whether it was seen. */
function Told({ view, model, acts }: Props) {
  const { words, said, listening } = model;
  const stored = view.listening?.whispers ?? [];
  const known = new Set(stored.map(({ id }) => id));
  const unsent = listening.unsent.filter((one) => one.sessionId === view.session.id && !known.has(one.id));
  if (stored.length + unsent.length === 0) return null;
  return (
    <ol class="told-so" aria-label={said.whispers}>
      {stored.slice(-SHOWN).map((one) => (
        <li key={one.id}>
          <span>{said.youTo(one.other, one.text)}</span>{" "}
          <span class="quiet" role="status">
            {one.seen ? said.seen : said.sent}
          </span>
        </li>
      ))}
      {unsent.map((one) => (
        <li key={one.id}>
          <span>{said.youTo(one.name, one.text)}</span>{" "}
          <span class="quiet" role="status">
            {one.failed === undefined ? said.sending : `${said.unsent}. ${one.failed ? words.error(one.failed) : ""}`}
          </span>
          {one.failed !== undefined && (
            <button class="btn snug" type="button" onClick={() => acts.onRetryWhisper(one.id)}>
              {words.tryAgain}
            </button>
          )}
        </li>
      ))}
    </ol>
  );
}

export function WhisperSheet({ view, onClose, ...props }: Props & { onClose: () => void }) {
  const { said, words } = props.model;
  return (
    <Sheet title={`${said.whisper}: ${view.session.title}`} closeLabel={words.close} onClose={onClose}>
      <WhisperForm view={view} {...props} />
    </Sheet>
  );
}
