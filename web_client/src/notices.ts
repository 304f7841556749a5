import { signal } from "@preact/signals";
import type { Severity } from "./protocol/generated";

/** What of a browser's notifications is used here. */
export interface NoticeCenter {
  readonly permission: () => NotificationPermission;
  readonly ask: () => Promise<NotificationPermission>;
  readonly show: (title: string, tag: string, onClick: () => void) => { close(): void };
}

export type NoticeState = "unsupported" | "off" | "on" | "denied";

/** Browsers without notifications, and pages that are not secure, have none. */
export function browserNotices(): NoticeCenter | null {
  if (!("Notification" in globalThis) || !globalThis.isSecureContext) return null;
  return {
    permission: () => Notification.permission,
    ask: () => Notification.requestPermission(),
    show: (title, tag, onClick) => {
      const notice = new Notification(title, { tag });
      notice.addEventListener("click", onClick);
      return notice;
    },
  };
}

/**
 * One notification, without names or texts: it can be read on a locked screen. Only while the page is hidden, and gone
 * once nothing waits.
 */
export class Notices {
  readonly state = signal<NoticeState>("unsupported");
  readonly #center: NoticeCenter | null;
  readonly #hidden: () => boolean;
  #shown: { close(): void } | null = null;

  constructor(center: NoticeCenter | null, hidden: () => boolean) {
    this.#center = center;
    this.#hidden = hidden;
    if (center) this.state.value = stateOf(center.permission());
  }

  /** By a press only: a browser would refuse what comes unasked. */
  async ask(): Promise<void> {
    if (!this.#center) return;
    this.state.value = stateOf(await this.#center.ask());
  }

  tell(text: (severity: Severity) => string, severity: Severity): void {
    if (this.state.value !== "on" || !this.#center || !this.#hidden()) return;
    this.clear();
    try {
      this.#shown = this.#center.show(text(severity), "flags", () => {
        globalThis.focus();
        this.clear();
      });
    } catch {
      // Phones know them from a service worker only: there the tone and the tab's name have to do.
      this.state.value = "unsupported";
    }
  }

  clear(): void {
    this.#shown?.close();
    this.#shown = null;
  }
}

function stateOf(permission: NotificationPermission): NoticeState {
  return permission === "granted" ? "on" : permission === "denied" ? "denied" : "off";
}
