import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import "../styles/presence.css";

/** What stands above every sheet, as one; a sheet begins below it, however tall it is. */
export function Over({ children }: { children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const { style } = document.documentElement;
    const measure = () => style.setProperty("--over", `${element.offsetHeight}px`);
    const size = new ResizeObserver(measure);
    size.observe(element);
    return () => {
      size.disconnect();
      style.removeProperty("--over");
    };
  }, []);
  return (
    <div class="over" ref={box}>
      {children}
    </div>
  );
}
