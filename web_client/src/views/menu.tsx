import type { ComponentChildren, RefObject } from "preact";
import { useCallback, useLayoutEffect, useRef } from "preact/hooks";
import type { Words } from "../words";
import { Icon } from "./icon";

/** What opens beside its button takes the focus, and goes away at Escape, at a press elsewhere, or with the focus. */
export function useOpened(
  open: boolean,
  opener: RefObject<HTMLElement | null>,
  box: RefObject<HTMLElement | null>,
  onClose: () => void,
  place?: (box: HTMLElement, opener: HTMLElement) => void,
): void {
  useLayoutEffect(() => {
    if (!open) return undefined;
    const put = () => {
      if (box.current && opener.current) place?.(box.current, opener.current);
    };
    put();
    // What opens within it makes it taller.
    const grown = new ResizeObserver(put);
    if (box.current) grown.observe(box.current);
    box.current?.querySelector("button")?.focus({ preventScroll: true });
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      onClose();
      opener.current?.focus();
    };
    const onPress = (event: Event) => {
      const target = event.target as Node;
      if (!box.current?.contains(target) && !opener.current?.contains(target)) onClose();
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerdown", onPress);
    document.addEventListener("focusin", onPress);
    // Also of the tiles, which scroll within the page.
    document.addEventListener("scroll", put, true);
    addEventListener("resize", put);
    return () => {
      grown.disconnect();
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("pointerdown", onPress);
      document.removeEventListener("focusin", onPress);
      document.removeEventListener("scroll", put, true);
      removeEventListener("resize", put);
    };
  }, [open, onClose, place]);
}

/** What can be done with one person. `choose` makes an item's press: the menu closes, and the focus goes back. */
export function Menu({
  words,
  id,
  name,
  open,
  framed = false,
  onMenu,
  children,
}: {
  words: Words;
  id: string;
  name: string;
  open: boolean;
  framed?: boolean;
  onMenu: (id: string | null) => void;
  children: (choose: (act: () => void) => () => void) => ComponentChildren;
}) {
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const onClose = useCallback(() => onMenu(null), [onMenu]);
  useOpened(open, opener, menu, onClose, beside);
  const choose = (act: () => void) => () => {
    onMenu(null);
    opener.current?.focus();
    act();
  };
  return (
    <>
      <button
        class={framed ? "btn sq" : "btn sq plain"}
        type="button"
        aria-expanded={open}
        aria-label={words.menuFor(name)}
        ref={opener}
        onClick={() => onMenu(open ? null : id)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div class="menu" ref={menu}>
          {children(choose)}
        </div>
      )}
    </>
  );
}

const GAP_PX = 8;

/** Above its button where there is room, else below; never beyond the screen, nor under the line of Quick exit. */
function beside(menu: HTMLElement, opener: HTMLElement): void {
  const { top, bottom, right } = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const { clientWidth, clientHeight } = document.documentElement;
  const highest = (document.querySelector("header")?.getBoundingClientRect().bottom ?? 0) + GAP_PX;
  const above = top - GAP_PX - height;
  const y = above >= highest ? above : bottom + GAP_PX;
  menu.style.left = `${Math.max(GAP_PX, Math.min(right - width, clientWidth - width - GAP_PX))}px`;
  menu.style.top = `${Math.max(highest, Math.min(y, clientHeight - height - GAP_PX))}px`;
}
