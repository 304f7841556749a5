import { leadWordsFor } from "../words/turn_lead";

/** How long a person spoke, and at a glance against who spoke most. */
export function Talk({ language, ms, most }: { language: string; ms: number; most: number }) {
  const time = minutes(ms);
  return (
    <span class="talked">
      <span class="vh">, {leadWordsFor(language).talked(time)}</span>
      <span class="num" aria-hidden="true">
        {time}
      </span>
      <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect width={most > 0 ? Math.round((100 * ms) / most) : 0} height="1" />
      </svg>
    </span>
  );
}

/** As on a clock: 1:05. */
export function minutes(ms: number, round: (seconds: number) => number = Math.floor): string {
  const seconds = Math.max(0, round(ms / 1_000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
