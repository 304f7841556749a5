import { useEffect, useState } from "preact/hooks";

/** The time of a clock, looked at again at each of its full seconds while something counts. */
export function useNow(now: () => number, counts: boolean): number {
  const [, look] = useState(0);
  const ms = now();
  useEffect(() => {
    if (!counts) return;
    const timer = setTimeout(() => look((times) => times + 1), 1_000 - (ms % 1_000) + 5);
    return () => clearTimeout(timer);
  });
  return ms;
}
