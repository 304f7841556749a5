import { useEffect, useState } from "preact/hooks";

/** As in the style sheets: a screen this low for its text has no room for lines that stay. */
const LOW_REM = 26;

/** The screen is low for the size of its text: large text on a phone, or much zoom on a desk. */
export function useLow(): boolean {
  const [low, setLow] = useState(isLow);
  useEffect(() => {
    const look = () => setLow(isLow());
    // Larger text makes the top line taller, and says nothing else.
    const observer = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(look);
    observer?.observe(document.querySelector(".top") ?? document.body);
    addEventListener("resize", look);
    return () => {
      observer?.disconnect();
      removeEventListener("resize", look);
    };
  }, []);
  return low;
}

function isLow(): boolean {
  return innerHeight < LOW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize || "16");
}
