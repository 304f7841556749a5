import type { SupervisedView } from "../../protocol/generated";
import { Icon } from "../icon";
import type { ListeningActs, Open, TherapistModel } from "./model";

interface Props {
  view: SupervisedView;
  /** What names the session. */
  describedBy: string;
  model: TherapistModel;
  acts: ListeningActs;
  onOpen: (open: Open) => void;
}

/** Whether I may listen to it, the way there, and why not. */
export function ListenKey({ view, describedBy, model, acts, onOpen }: Props) {
  const { said, listening } = model;
  const { id } = view.session;
  const { may_listen: may = "not_live", may_break_glass: glass = false } = view.listening ?? {};
  if (!view.listening || (may === "not_live" && !glass)) return null;
  if (listening.room?.session.id === id) return <strong class="state">{said.listening}</strong>;
  const why = may === "yes" ? null : said.whyNot(may);
  const starting = listening.asking === id;
  const shut = starting || (may !== "yes" && !glass);
  const press = () => {
    if (shut) return;
    if (may === "yes") acts.onListen(id);
    else onOpen({ name: "glass", view });
  };
  return (
    <>
      <button
        class="btn grow"
        type="button"
        aria-disabled={shut}
        aria-haspopup={may === "yes" ? undefined : "dialog"}
        aria-describedby={why ? `${describedBy} ${describedBy}-why` : describedBy}
        onClick={press}
      >
        <Icon name={may === "yes" ? "ear" : "lock"} small />
        {starting ? said.starting : said.listen}
      </button>
      {why && (
        <p class="quiet why" id={`${describedBy}-why`}>
          {why}
        </p>
      )}
    </>
  );
}
