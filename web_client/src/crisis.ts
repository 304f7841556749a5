import { signal } from "@preact/signals";
import type { Call } from "./connection/api";

export interface Phone {
  readonly name: string;
  readonly phone: string;
}

/** As the program has set them. Without them, and before they are known, the public ones stand. */
export interface HelpLines {
  /** Crisis lines of the region. */
  readonly local: readonly Phone[];
  /** Where a state takes reports that a law may ask for. */
  readonly state_reports: readonly Phone[];
}

export const helpLines = signal<HelpLines>({ local: [], state_reports: [] });

/** What does not arrive changes nothing: it adds to what is there. */
export async function learnHelpLines(call: Call): Promise<void> {
  helpLines.value = (await call("GET", "/help-lines")) as HelpLines;
}

/** Public help in the United States. The 988 Lifeline answers in Spanish: press 2, or text AYUDA. */
export const CRISIS = {
  lifeline: "988",
  emergency: "911",
  spanishKey: "2",
  spanishText: "AYUDA",
} as const;
