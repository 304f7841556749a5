import { useEffect, useState } from "preact/hooks";

type Leading = typeof import("./leading");

let loaded: Leading | null = null;

export async function loadLeading(): Promise<Leading> {
  loaded ??= await import("./leading");
  return loaded;
}

const AGAIN_MS = 3_000;

/** The part for who leads, once it is here; on a line that fails it is asked for again. */
export function useLeading(leads: boolean): Leading | null {
  const [, came] = useState(loaded !== null);
  useEffect(() => {
    if (!leads || loaded) return undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    let wanted = true;
    const load = () => {
      loadLeading().then(
        () => wanted && came(true),
        () => {
          if (wanted) again = setTimeout(load, AGAIN_MS);
        },
      );
    };
    load();
    return () => {
      wanted = false;
      clearTimeout(again);
    };
  }, [leads]);
  return leads ? loaded : null;
}
