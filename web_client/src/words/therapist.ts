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

/** A time that may be on another day, or in the other half of this one. */
export function whenOf(language: string, atMs: number, nowMs: number): string {
  const time = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" }).format(atMs);
  if (new Date(atMs).toDateString() === new Date(nowMs).toDateString()) return time;
  return `${new Intl.DateTimeFormat(language, { weekday: "long" }).format(atMs)} ${time}`;
}

/** "3 minutes ago"; below a minute a number would only make people nervous. */
export function agoOf(words: TherapistWords, language: string, elapsedMs: number): string {
  for (const [unit, ms] of STEPS) {
    const count = Math.floor(elapsedMs / ms);
    if (count >= 1) return new Intl.RelativeTimeFormat(language, { style: "short" }).format(-count, unit);
  }
  return words.justNow;
}
