import { useEffect, useRef } from "preact/hooks";

/**
 * When what had the focus is gone, as a button "Admit" after its press, keyboard and screen reader go on at the next
 * of its kind or at the main part, and not at the page's start.
 */
export function useKeptFocus(): void {
  const last = useRef<Element | null>(null);
  useEffect(() => {
    const onFocus = (event: FocusEvent) => {
      last.current = event.target as Element;
    };
    document.addEventListener("focusin", onFocus);
    return () => document.removeEventListener("focusin", onFocus);
  }, []);
  useEffect(() => {
    const gone = last.current !== null && !last.current.isConnected;
    if (!gone || document.activeElement !== document.body) return;
    last.current = null;
    const next = document.querySelector<HTMLElement>("main:not([inert]) .door button") ?? document.getElementById("main");
    next?.focus({ preventScroll: true });
  });
}
