import { useCallback, useState } from "preact/hooks";
import { waitingFlags } from "../../state/supervision";
import { Sheet } from "../frame";
import { Icon } from "../icon";
import { useBehind } from "../yourself";
import { Aloud } from "./aloud";
import { Flags } from "./flags";
import type { HandlingActs, Open, TherapistModel } from "./model";
import { TimelineSheet, WhereSheet } from "./read_sheets";
import { ResolveSheet } from "./resolve_sheet";

interface Props {
  model: TherapistModel;
  acts: HandlingActs;
}

/** In a room: how much waits, in this session and in others, and the way to it. Nobody else sees it. */
export function WaitingKey({ model, acts }: Props) {
  const { own } = model;
  const [open, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const count = waitingFlags(model.sessions ?? []).length;
  const away = model.phase.name !== "live";
  return (
    <>
      <button class={count > 0 || away ? "btn care" : "btn plain"} type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="flag" small />
        {away ? own.flagsAway : own.flagsWaiting(count)}
      </button>
      <Aloud model={model} />
      {open && <Inbox model={model} acts={acts} onClose={close} />}
    </>
  );
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
