import { useEffect, useState } from "preact/hooks";

/** Both the same as in the style sheets. */
const WIDE = "(min-width: 64rem)";
const ROOMY = "(min-width: 80rem)";

export function useWide(): boolean {
  return useMedia(WIDE);
}

/** The top line has room for more. */
export function useRoomy(): boolean {
  return useMedia(ROOMY);
}

function useMedia(what: string): boolean {
  const [wide, setWide] = useState(() => matchMedia(what).matches);
  useEffect(() => {
    const query = matchMedia(what);
    const onChange = () => setWide(query.matches);
    query.addEventListener("change", onChange);
    return () => query.removeEventListener("change", onChange);
  }, []);
  return wide;
}
