import { useEffect, useRef, useState } from "preact/hooks";
import { keyOf, presses, waitingFlags } from "../../state/supervision";
import { tellOf } from "../../words/therapist";
import type { TherapistModel } from "./model";

/** What a screen reader says. Only what presses interrupts it. */
export function Aloud({ model: { own, said, latest, phase, sessions, listening } }: { model: TherapistModel }) {
  const [begun, setBegun] = useState(false);
  // What a live region already holds as it appears may not be said.
  useEffect(() => setBegun(true), []);
  // What was answered or has passed meanwhile is no news any more.
  const waiting = new Set(waitingFlags(sessions ?? []).flatMap((flag) => (flag.concern.over ? [] : [keyOf(flag)])));
  const fresh = begun ? latest.filter((flag) => waiting.has(keyOf(flag))) : [];
  const pressing = fresh.filter(presses);
  const calm = fresh.filter((flag) => !presses(flag));
  const wasAway = useRef(false);
  if (phase.name !== "live" && sessions) wasAway.current = true;
  const back = phase.name === "live" && wasAway.current;
  return (
    <>
      <div class="vh" role="alert">
        {pressing.map((flag) => (
          <p key={keyOf(flag)}>{own.sayPressing(flag.title, tellOf(own, flag.concern))}</p>
        ))}
      </div>
      <div class="vh" role="status">
        {begun && listening.speaking && <p key="speaking">{said.onlyHears(listening.speaking.name)}</p>}
        {begun && listening.room && !listening.speaking && (
          <p key={`room-${listening.room.session.id}`}>{said.sayListening(listening.room.session.title)}</p>
        )}
        {back && <p key="back">{own.sayConnected}</p>}
        {calm.map((flag) => (
          <p key={keyOf(flag)}>{own.sayNew(flag.title, tellOf(own, flag.concern))}</p>
        ))}
      </div>
    </>
  );
}
