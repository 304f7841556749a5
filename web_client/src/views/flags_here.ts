import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Stage } from "../app";
import type { Flagging } from "../flagging";
import { usePart } from "./use_part";

/** Everything of flags, loaded beside the page; null until it is there, and where there is no session. */
export interface FlagsHere {
  readonly flagging: Flagging;
  /** Who leads here; their flags are shown in another place. */
  readonly staff: boolean;
  readonly parts: typeof import("../flags");
}

export const FlagsHere = createContext<FlagsHere | null>(null);

export function useFlags(): FlagsHere | null {
  return useContext(FlagsHere);
}

const load = () => import("../flags");

export function useFlagsAt(stage: Stage): FlagsHere | null {
  const parts = usePart("entry" in stage, load);
  const [here, setHere] = useState<FlagsHere | null>(null);
  useEffect(() => {
    const open = parts?.flagsAt(stage);
    setHere((before) => (parts && open ? (before?.flagging === open.flagging ? before : { ...open, parts }) : null));
  }, [parts, stage]);
  return here;
}
