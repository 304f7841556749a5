import type { ComponentChildren } from "preact";
import { Icon } from "../icon";
import { face } from "./face";
import type { Open, TherapistActs, TherapistModel } from "./model";
import { fieldOf } from "./whisper";

interface Props {
  model: TherapistModel;
  acts: TherapistActs;
  onOpen: (open: Open) => void;
}

/** Whether anyone hears or sees me, above everything. It says what this page has asked for, so never too little. */
export function Presence({ model, acts, onOpen }: Props) {
  const { own, said, sessions, listening } = model;
  const { room, speaking } = listening;
  const view = sessions?.find((one) => one.session.id === room?.session.id);
  return (
    <section class={speaking ? "you heard" : "you"} aria-label={own.presence}>
      <Icon name={speaking ? "mic" : "unseen"} />
      <p>
        <strong>{speaking ? said.onlyHears(speaking.name) : own.unseen}</strong>{" "}
        <span class="sub">{speaking ? said.onlyHearsMore : what(model)}</span>
      </p>
      {speaking && (
        <button class="btn" type="button" onClick={acts.onStopSpeaking}>
          <Icon name="micOff" small />
          {said.stopSpeaking}
        </button>
      )}
      {view?.listening?.mentors?.length ? (
        <button class="btn beside" type="button" onClick={() => document.getElementById(fieldOf(view))?.focus()}>
          <Icon name="whisper" small />
          {said.whisper}
        </button>
      ) : null}
      {view?.listening?.may_step_in && (
        <button class="btn beside" type="button" aria-haspopup="dialog" onClick={() => onOpen({ name: "step-in", view })}>
          <Icon name="stepIn" small />
          {own.stepIn}
        </button>
      )}
      {room && (
        <button class="btn" type="button" onClick={acts.onStopListening}>
          <Icon name="stop" small />
          {said.stopListening}
        </button>
      )}
    </section>
  );
}

function what({ own, said, sessions, listening, now }: TherapistModel): ComponentChildren {
  const { room, asking } = listening;
  if (!room) {
    const title = sessions?.find((one) => one.session.id === asking)?.session.title;
    return title ? said.startingTo(title) : own.unseenMore;
  }
  const { since_ms: since = 0, until_ms: until = 0 } =
    sessions?.find((one) => one.session.id === room.session.id)?.listening ?? {};
  if (until > 0) return said.listeningUntil(room.session.title, face(until - now));
  return said.listeningTo(room.session.title, face(since > 0 ? now - since : 0));
}
