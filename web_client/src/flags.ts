/** Flags, reports, calls for help. It comes after the page, and before anyone needs it: a lost network finds it there. */
import type { Stage } from "./app";
import { makeCall, session, type Whereabouts } from "./connection/api";
import { systemClock } from "./connection/clock";
import { GOODBYE } from "./goodbye";
import { Flagging } from "./flagging";
import { newId } from "./new_id";
import { keptFlags } from "./remembered";
import type { OwnFlags } from "./state/flags";
import "./styles/flags.css";

export { Asking, askingTitle, HelpFirst, HelpRest } from "./views/help";
export { CallSheet, FlagSheet, LeftUpset } from "./views/flag_sheet";
export { CrisisCard } from "./views/crisis_card";
export { Brief, PrivateCrisis, PrivatePlace, Watching } from "./views/private_place";
export { HeadphonesHere } from "./views/headphones_here";
export { LeftEarly } from "./views/left_early";
export { FlagsSaid } from "./views/flags_said";

interface Open {
  readonly whose: string;
  readonly flagging: Flagging;
  readonly staff: boolean;
}

let open: Open | null = null;

/** The flags of the session that this page is about, also once it has ended; null where nobody is signed in to one. */
export function flagsAt(stage: Stage): Open | null {
  const entry = "entry" in stage ? stage.entry : null;
  if (stage.name === "ended") return open;
  const me = "me" in stage ? stage.me.you : "";
  const whose = entry && me ? `${me}/${entry.id}` : "";
  const staff = entry !== null && entry.role !== "participant";
  if (open?.whose === whose && open.staff === staff) return open;
  open?.flagging.stop();
  open = entry && whose ? { whose, flagging: openFlagging(entry.id, me), staff } : null;
  return open;
}

function openFlagging(sessionId: string, you: string): Flagging {
  const whose = `${you}/${sessionId}`;
  const call = makeCall((input, init) => fetch(input, init));
  const at = session(sessionId);
  return new Flagging({
    api: {
      // Outlives a page that is left.
      // In nobody else's name who has signed in on this device since.
      raise: (body) => call("POST", `${at}/flags`, { ...body, you }, true) as Promise<{ stored: boolean }>,
      own: () => call("GET", `${at}/flags/mine?you=${encodeURIComponent(you)}`) as Promise<OwnFlags>,
      whereabouts: (id) => call("GET", `${at}/whereabouts/${encodeURIComponent(id)}`) as Promise<Whereabouts>,
    },
    clock: systemClock,
    wallNow: Date.now,
    newId,
    kept: {
      read: () => keptFlags.read(whose),
      write: (text) => {
        // After Quick exit nothing is written here any more.
        if (location.pathname !== GOODBYE) keptFlags.write(whose, text);
      },
    },
  });
}

const nudge = () => open?.flagging.nudge();
addEventListener("online", nudge);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") nudge();
});
