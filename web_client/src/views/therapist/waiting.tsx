import { useCallback, useState } from "preact/hooks";
import type { SupervisedView } from "../../protocol/generated";
import { waitingFlags } from "../../state/supervision";
import { Sheet } from "../frame";
import { Icon } from "../icon";
import { useBehind } from "../yourself";
import { Aloud } from "./aloud";
import { Flags } from "./flags";
import type { HandlingActs, ListeningActs, Open, TherapistModel } from "./model";
import { TimelineSheet, WhereSheet } from "./read_sheets";
import { ResolveSheet } from "./resolve_sheet";
import { WhisperSheet } from "./whisper";

interface Props {
  model: TherapistModel;
  acts: HandlingActs & ListeningActs;
}

interface InRoom {
  sessionId: string;
  /** The sheet for whispers is open. */
  whispering: boolean;
  onWhispering: (open: boolean) => void;
}

/** In a room: how much waits, in this session and in others, and the way to it. Nobody else sees it. */
export function WaitingKey({ model, acts, sessionId, whispering, onWhispering }: Props & InRoom) {
  const { own } = model;
  const [open, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const closeWhispers = useCallback(() => onWhispering(false), [onWhispering]);
  const view = model.sessions?.find((one) => one.session.id === sessionId);
  const count = waitingFlags(model.sessions ?? []).length;
  const away = model.phase.name !== "live";
  return (
    <>
      <button class={count > 0 || away ? "btn care" : "btn plain"} type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="flag" small />
        {away ? own.flagsAway : own.flagsWaiting(count)}
      </button>
      <Aloud model={model} />
      {whispering && view && <Whispering view={view} model={model} acts={acts} onClose={closeWhispers} />}
      {open && <Inbox model={model} acts={acts} onClose={close} />}
    </>
  );
}

/** Beside the line that says that I am heard: something for one mentor alone. */
export function WhisperKey({ model, sessionId, onWhispering }: Pick<Props, "model"> & Omit<InRoom, "whispering">) {
  const { said } = model;
  const view = model.sessions?.find((one) => one.session.id === sessionId);
  if (!view?.listening?.mentors?.length) return null;
  return (
    <button class="btn" type="button" aria-haspopup="dialog" onClick={() => onWhispering(true)}>
      <Icon name="whisper" small />
      {said.whisper}
    </button>
  );
}

function Whispering(props: Props & { view: SupervisedView; onClose: () => void }) {
  useBehind();
  return <WhisperSheet inRoom {...props} />;
}

function Inbox({ onClose, ...props }: Props & { onClose: () => void }) {
  const { own, words } = props.model;
  const [open, setOpen] = useState<Open | null>(null);
  const back = useCallback(() => setOpen(null), []);
  useBehind();
  switch (open?.name) {
    case "resolve":
      return <ResolveSheet flag={open.flag} onClose={back} {...props} />;
    case "where":
      return <WhereSheet flag={open.flag} onClose={back} {...props} />;
    case "timeline":
      return <TimelineSheet sessionId={open.sessionId} title={open.title} onClose={back} {...props} />;
    default:
      // What a page from outside offers besides has no place beside a room.
      return (
        <Sheet title={own.flags} closeLabel={words.close} onClose={onClose}>
          <Flags onOpen={setOpen} {...props} />
        </Sheet>
      );
  }
}
