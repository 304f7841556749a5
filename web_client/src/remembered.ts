import type { Owed } from "./app";

/** Says nothing about anyone. */
const MARK = "owed";
const TONE = "tone";

/** A browser may refuse storage altogether; then nothing is remembered, and nothing else depends on it. */
function storage(which: "localStorage" | "sessionStorage"): Storage | null {
  try {
    return window[which];
  } catch {
    return null;
  }
}

export const owed: Owed = {
  get there() {
    return storage("localStorage")?.getItem(MARK) === "1";
  },
  set() {
    storage("localStorage")?.setItem(MARK, "1");
  },
  clear() {
    storage("localStorage")?.removeItem(MARK);
  },
};

export function clearStorage(): void {
  storage("localStorage")?.clear();
  storage("sessionStorage")?.clear();
}

/** Whether a tone tells of what is new, on this device. */
export const tone = {
  get on(): boolean {
    return storage("localStorage")?.getItem(TONE) !== "off";
  },
  set on(wanted: boolean) {
    if (wanted) storage("localStorage")?.removeItem(TONE);
    else storage("localStorage")?.setItem(TONE, "off");
  },
};
