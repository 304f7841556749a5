import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Whether the element has more than fits: only then does it need a stop for the keyboard. */
export function useScrolls(element: RefObject<HTMLElement | null>): boolean {
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    const box = element.current;
    if (!box) return undefined;
    const observer = new ResizeObserver(measure);
    function measure() {
      if (box) setScrolls(box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth);
    }
    observer.observe(box);
    for (const child of box.children) observer.observe(child);
    return () => observer.disconnect();
  });
  return scrolls;
}
