import type { ConcernView } from "../protocol/generated";
import { therapistEn, type TherapistWords } from "./therapist.en";
import { therapistEs } from "./therapist.es";

export type { TherapistWords } from "./therapist.en";

export const therapistCatalogs: Readonly<Record<string, TherapistWords>> = { en: therapistEn, es: therapistEs };

/** Both come with the page: whoever reads them has waited for more. */
export function therapistWordsFor(language: string): TherapistWords {
  return therapistCatalogs[language] ?? therapistEn;
}

/** What has happened, in one sentence. */
export function tellOf(words: TherapistWords, { kind, by = "", person = "", over = false }: ConcernView): string {
  return over ? words.passed(kind, by, person) : words.happened(kind, by, person);
}

const STEPS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const;

/** "3 minutes ago"; below a minute a number would only make people nervous. */
export function agoOf(words: TherapistWords, language: string, elapsedMs: number): string {
  for (const [unit, ms] of STEPS) {
    const count = Math.floor(elapsedMs / ms);
    if (count >= 1) return new Intl.RelativeTimeFormat(language, { style: "short" }).format(-count, unit);
  }
  return words.justNow;
}
