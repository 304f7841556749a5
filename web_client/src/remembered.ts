import type { Kept, Owed, Stay, Stays } from "./app";
import type { Plans } from "./arrival";
import type { Step } from "./state/arrival";

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

/** In `sessionStorage`: it ends with the tab, and no other tab reads it. */
function keptUnder(key: string): Kept {
  return {
    read(whose) {
      const found = storage("sessionStorage")?.getItem(key) ?? "";
      return found.startsWith(`${whose}\n`) ? found.slice(whose.length + 1) : "";
    },
    write(whose, text) {
      try {
        if (text) storage("sessionStorage")?.setItem(key, `${whose}\n${text}`);
        else storage("sessionStorage")?.removeItem(key);
      } catch {
        // A browser that takes nothing keeps no draft, and typing goes on.
      }
    },
  };
}

export const kept: Kept = keptUnder("draft");
export const keptNotes: Kept = keptUnder("notes");
/** Flags that have not arrived. */
export const keptFlags: Kept = keptUnder("flags");

const STAY = "stay/";

/** Beside the draft, and for this tab alone: a session's id and what was on, nothing of whom. */
export const stays: Stays = {
  read(sessionId) {
    const found = storage("sessionStorage")?.getItem(STAY + sessionId);
    return found ? stayOf(found) : null;
  },
  write(sessionId, { microphone, camera, alone }) {
    try {
      storage("sessionStorage")?.setItem(STAY + sessionId, [microphone, camera, alone].map(Number).join(""));
    } catch {
      // As with the draft: then a reload begins as a first arrival does.
    }
  },
  clear(sessionId) {
    storage("sessionStorage")?.removeItem(STAY + sessionId);
  },
};

function stayOf(written: string): Stay {
  const [microphone, camera, alone] = [...written].map((sign) => sign === "1");
  return { microphone: microphone ?? false, camera: camera ?? false, alone: alone ?? false };
}

const PLAN = "plan/";

export const plans: Plans = {
  read(sessionId) {
    return (storage("sessionStorage")?.getItem(PLAN + sessionId) ?? "").split(" ") as Step[];
  },
  write(sessionId, plan) {
    try {
      if (plan.length > 0) storage("sessionStorage")?.setItem(PLAN + sessionId, plan.join(" "));
      else storage("sessionStorage")?.removeItem(PLAN + sessionId);
    } catch {
      // Then the steps are counted anew after a reload.
    }
  },
};

export function clearStorage(): void {
  storage("localStorage")?.clear();
  storage("sessionStorage")?.clear();
}

/** Which microphone, camera and speaker were chosen on this device: ids that mean nothing elsewhere. */
export const chosenDevices = {
  read(kind: string): string {
    return storage("localStorage")?.getItem(`device-${kind}`) ?? "";
  },
  write(kind: string, id: string): void {
    try {
      if (id) storage("localStorage")?.setItem(`device-${kind}`, id);
      else storage("localStorage")?.removeItem(`device-${kind}`);
    } catch {
      // A browser that takes nothing begins with its usual device each time.
    }
  },
};

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
