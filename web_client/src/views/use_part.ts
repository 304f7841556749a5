import { useEffect, useState } from "preact/hooks";

const AGAIN_MS = 2_000;

/** A part of the client that comes after the page: loaded when it is wanted, and tried again until it is there. */
export function usePart<T>(wanted: boolean, load: () => Promise<T>): T | null {
  const [part, setPart] = useState<{ readonly it: T } | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!wanted || part) return undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    void load().then(
      (it) => setPart({ it }),
      () => {
        again = setTimeout(() => setTries(tries + 1), AGAIN_MS);
      },
    );
    return () => clearTimeout(again);
  }, [wanted, part, tries]);
  return part && part.it;
}
