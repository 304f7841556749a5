import type { ComponentChildren } from "preact";
import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import { CRISIS, helpLines } from "../crisis";
import type { Words } from "../words";
import { useFlags } from "./flags_here";
import type { HelpView } from "./help";
import { Icon } from "./icon";
import { AtHandToo, Explained, useBehind, Yours, Yourself } from "./yourself";

/** The top line: where I am on the left, what is mine beside Quick exit, which is always last at the right. */
export function Top({
  words,
  title,
  subtitle,
  onQuickExit,
  loose = false,
  children,
}: {
  words: Words;
  title: string | null;
  subtitle?: string;
  /** Only Quick exit stays; the rest would leave no room to read. */
  loose?: boolean;
  onQuickExit: () => void;
  /** What has to be at hand whatever is open: beside Quick exit, or on a line of its own where there is no room. */
  children?: ComponentChildren;
}) {
  const yourself = useContext(Yourself);
  const more = useContext(AtHandToo);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // A fragment in the address is a sign-in link here, and would be taken for one.
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        {words.skip}
      </a>
      <header class={loose ? "top loose" : "top"}>
        <div class="where">
          {title === null ? (
            <p class="name brand">
              <Icon name="mark" />
              {words.product}
            </p>
          ) : (
            <h1>{title}</h1>
          )}
          {subtitle && <p class="quiet">{subtitle}</p>}
        </div>
        {(children || more) && (
          <div class="at-hand">
            {more}
            {children}
          </div>
        )}
        {yourself && (
          <button class="btn plain mine-key" type="button" aria-haspopup="dialog" onClick={yourself.onOpen}>
            {words.yourself.title}
          </button>
        )}
        <button class="btn exit" type="button" onClick={onQuickExit}>
          <Icon name="exit" small />
          {words.quickExit}
        </button>
      </header>
    </>
  );
}

/** A dialog over the page; whoever shows it makes the rest inert, except the top line. */
export function Sheet({
  title,
  closeLabel,
  onClose,
  children,
}: {
  title: string;
  closeLabel: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const sheet = useRef<HTMLDivElement>(null);
  // Before the next frame: a page that became inert then loses its focus by itself.
  useLayoutEffect(() => {
    const before = document.activeElement;
    sheet.current?.querySelector<HTMLElement>("h2")?.focus();
    return () => {
      // Focus returns once the page behind is no longer inert.
      setTimeout(() => before instanceof HTMLElement && before.isConnected && before.focus());
    };
  }, []);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <>
      <div class="scrim" aria-hidden="true" onClick={onClose} />
      <div class="sheet stack" role="dialog" aria-labelledby="sheet-title" ref={sheet}>
        <div class="head">
          <h2 id="sheet-title" tabIndex={-1}>
            {title}
          </h2>
          <button class="btn sq plain" type="button" aria-label={closeLabel} onClick={onClose}>
            <Icon name="cross" />
          </button>
        </div>
        {children}
      </div>
    </>
  );
}

/** What is one's own: opened from the top line of any page. */
export function YouSheet({ words, onClose }: { words: Words; onClose: () => void }) {
  const yourself = useContext(Yourself);
  const [explaining, setExplaining] = useInstead(false);
  useBehind();
  return (
    <Sheet title={explaining ? words.yourself.takeBack : words.yourself.title} closeLabel={words.close} onClose={onClose}>
      {explaining && yourself ? (
        <Explained words={words} onKeep={() => setExplaining(false)} onTakeBack={yourself.onTakeBack} />
      ) : (
        <Yours words={words} onExplain={() => setExplaining(true)} />
      )}
    </Sheet>
  );
}

/** What a sheet shows instead of its beginning. */
function useInstead<T>(nothing: T): [T, (shown: T) => void] {
  const [shown, setShown] = useState(nothing);
  const was = useRef(nothing);
  useLayoutEffect(() => {
    // What was pressed is gone, and the focus with it.
    if (was.current !== shown) document.getElementById("sheet-title")?.focus();
    was.current = shown;
  }, [shown]);
  return [shown, setShown];
}

/** Crisis help: plain numbers, one tap from every screen, without any network; and below, what is one's own. */
export function HelpSheet({
  words,
  onClose,
  children,
}: {
  words: Words;
  onClose: () => void;
  /** What else helps where I am. */
  children?: ComponentChildren;
}) {
  const yourself = useContext(Yourself);
  const here = useFlags();
  const [explaining, setExplaining] = useInstead(false);
  const [view, onView] = useInstead<HelpView | null>(null);
  if (here && view) {
    return (
      <Sheet title={here.parts.askingTitle(words, view)} closeLabel={words.closeHelp} onClose={onClose}>
        <here.parts.Asking words={words} here={here} view={view} onBack={() => onView(null)} onClose={onClose} />
      </Sheet>
    );
  }
  if (yourself && explaining) {
    return (
      <Sheet title={words.yourself.takeBack} closeLabel={words.close} onClose={onClose}>
        <Explained words={words} onKeep={() => setExplaining(false)} onTakeBack={yourself.onTakeBack} />
      </Sheet>
    );
  }
  return (
    <Sheet title={words.helpTitle} closeLabel={words.closeHelp} onClose={onClose}>
      {here && <here.parts.HelpFirst words={words} here={here} onView={onView} />}
      <HelpWays words={words} />
      {children && <div class="ways">{children}</div>}
      {here && <here.parts.HelpRest words={words} here={here} onView={onView} />}
      <p class="note">
        <Icon name="lock" />
        <span>{words.helpPrivate}</span>
      </p>
      {yourself && (
        <section class="stack s" aria-labelledby="yourself">
          <h3 id="yourself">{words.yourself.title}</h3>
          <Yours words={words} onExplain={() => setExplaining(true)} />
        </section>
      )}
    </Sheet>
  );
}

export function HelpWays({ words }: { words: Words }) {
  return (
    <div class="ways">
      <a class="way" href={`tel:${CRISIS.lifeline}`}>
        <Icon name="phone" />
        <span>
          <strong>{words.callLifeline}</strong>
          <span class="quiet">{words.callLifelineMore}</span>
        </span>
      </a>
      <a class="way" href={`sms:${CRISIS.lifeline}`}>
        <Icon name="chat" />
        <span>
          <strong>{words.textLifeline}</strong>
          <span class="quiet">{words.textLifelineMore}</span>
        </span>
      </a>
      {helpLines.value.local.map(({ name, phone }) => (
        <a key={phone} class="way" href={`tel:${phone}`}>
          <Icon name="phone" />
          <span>
            <strong>{words.callOther(phone)}</strong>
            <span class="quiet">{name}</span>
          </span>
        </a>
      ))}
      <a class="way call" href={`tel:${CRISIS.emergency}`}>
        <Icon name="alert" />
        <span>
          <strong>{words.callEmergency}</strong>
          <span class="quiet">{words.callEmergencyMore}</span>
        </span>
      </a>
    </div>
  );
}

/** The bottom bar of pages outside a room. */
export function PageBar({
  words,
  inert,
  onHelp,
  onLeave,
}: {
  words: Words;
  inert: boolean;
  onHelp: () => void;
  onLeave?: (() => void) | undefined;
}) {
  return (
    <footer class="bar page-bar" inert={inert}>
      <ul aria-label={words.controls}>
        <li>
          <button class="key" type="button" aria-haspopup="dialog" onClick={onHelp}>
            <Icon name="help" />
            {words.help}
          </button>
        </li>
        {onLeave && (
          <li>
            <button class="key" type="button" onClick={onLeave}>
              <Icon name="leave" />
              {words.leave}
            </button>
          </li>
        )}
      </ul>
    </footer>
  );
}
