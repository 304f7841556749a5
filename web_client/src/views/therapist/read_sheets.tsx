import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { ApiError } from "../../connection/api";
import type { Flag } from "../../state/supervision";
import { whenOf } from "../../words/therapist";
import { Sheet } from "../frame";
import type { HandlingActs, TherapistModel } from "./model";

type Read<T> = { name: "reading" } | { name: "read"; value: T } | { name: "failed"; text: string };

interface Props {
  model: TherapistModel;
  acts: HandlingActs;
  onClose: () => void;
}

/** Where somebody is today. It is read once the sheet is open, and that is written down. */
export function WhereSheet({ flag, model, acts, onClose }: Props & { flag: Flag }) {
  const { words, own } = model;
  const { sessionId, concern } = flag;
  const [read, again] = useRead(model, () => acts.onReadWhere(sessionId, concern.participant_id ?? ""));
  return (
    <Sheet title={own.whereTitle(concern.person ?? "")} closeLabel={words.close} onClose={onClose}>
      <Reading read={read} model={model} onAgain={again}>
        {read.name === "read" && (
          <>
            <dl class="told">
              <dt>{own.nowAt}</dt>
              <dd>{[read.value.place, read.value.city, read.value.region].filter(Boolean).join(", ")}</dd>
              <dt>{own.phone}</dt>
              <dd>
                <a href={`tel:${read.value.call_back}`}>{read.value.call_back}</a>
              </dd>
              <dt>{own.contact}</dt>
              <dd>
                {read.value.no_contact ? (
                  own.noContact
                ) : (
                  <>
                    {[read.value.contact_name, read.value.contact_relation].filter(Boolean).join(", ")},{" "}
                    <a href={`tel:${read.value.contact_phone}`}>{read.value.contact_phone}</a>
                  </>
                )}
              </dd>
            </dl>
            <p class="quiet">{own.confirmedAt(whenOf(words.language, read.value.confirmed_ms, model.now))}</p>
          </>
        )}
      </Reading>
      <p class="quiet">{own.readIsKept}</p>
    </Sheet>
  );
}

/** What happened in a session, from its log. */
export function TimelineSheet({ sessionId, title, model, acts, onClose }: Props & { sessionId: string; title: string }) {
  const { words, own } = model;
  const [read, again] = useRead(model, () => acts.onReadTimeline(sessionId));
  return (
    <Sheet title={own.timelineOf(title)} closeLabel={words.close} onClose={onClose}>
      <Reading read={read} model={model} onAgain={again}>
        {read.name === "read" &&
          (read.value.length === 0 ? (
            <p>{own.nothingYet}</p>
          ) : (
            <ol class="log">
              {read.value.map((entry, number) => (
                <li key={number}>
                  <span class="quiet num">{whenOf(words.language, entry.at_ms, model.now)}</span>
                  <span>{own.entry(entry.what, entry.who ?? "", entry.by ?? "", entry.detail ?? "")}</span>
                </li>
              ))}
            </ol>
          ))}
      </Reading>
      <p class="quiet">{own.readIsKept}</p>
    </Sheet>
  );
}

function Reading<T>({
  read,
  model,
  onAgain,
  children,
}: {
  read: Read<T>;
  model: TherapistModel;
  onAgain: () => void;
  children: ComponentChildren;
}) {
  const { words } = model;
  if (read.name === "reading")
    return (
      <p class="quiet" role="status">
        {words.loading}
      </p>
    );
  if (read.name === "read") return <>{children}</>;
  return (
    <div class="stack s" role="alert">
      <p>{read.text}</p>
      <button class="btn" type="button" onClick={onAgain}>
        {words.tryAgain}
      </button>
    </div>
  );
}

function useRead<T>({ words, own }: TherapistModel, read: () => Promise<T>): [Read<T>, () => void] {
  const [state, setState] = useState<Read<T>>({ name: "reading" });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let gone = false;
    setState({ name: "reading" });
    read().then(
      (value) => {
        if (!gone) setState({ name: "read", value });
      },
      (error: unknown) => {
        const code = error instanceof ApiError ? error.code : null;
        if (!gone) setState({ name: "failed", text: code ? words.error(code) : own.notRead });
      },
    );
    return () => {
      gone = true;
    };
    // Read once as the sheet opens, and again only when asked: each reading is written down.
  }, [tries]);
  return [state, useCallback(() => setTries((before) => before + 1), [])];
}
