import type { RefObject } from "preact";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

/** This close to the end counts as there: nobody aims at the last pixel. */
const NEAR_PX = 40;

/**
 * Keeps the newest of a list in view, whatever changes its size, unless the person scrolled up themselves;
 * `behind` says that there is something newer below what they see.
 */
export function useFollow(
  list: RefObject<HTMLElement | null>,
  newest: string,
): { behind: boolean; toEnd: () => void } {
  const follows = useRef(true);
  const seen = useRef(newest);
  const [behind, setBehind] = useState(false);
  const toEnd = useCallback(() => {
    follows.current = true;
    setBehind(false);
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [list]);
  useLayoutEffect(() => {
    const box = list.current;
    if (!box) return undefined;
    let height = box.clientHeight;
    const onScroll = () => {
      // A list that became smaller shows less at its end without anyone having scrolled.
      if (box.clientHeight !== height) return;
      follows.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      if (follows.current) setBehind(false);
    };
    const observer = new ResizeObserver(() => {
      height = box.clientHeight;
      if (follows.current) toEnd();
    });
    observer.observe(box);
    box.addEventListener("scroll", onScroll);
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", onScroll);
    };
  }, [list, toEnd]);
  useLayoutEffect(() => {
    if (follows.current) toEnd();
    else if (seen.current !== newest) setBehind(true);
    seen.current = newest;
  }, [newest, toEnd]);
  return { behind, toEnd };
}
