import type { Announcement } from "../state/announce";
import { en, type Words } from "./en";
import { es } from "./es";

export type { Words } from "./en";

export const catalogs: readonly Words[] = [en, es];

/** The catalog for the first of the person's languages that we have; English otherwise. */
export function wordsFor(languages: readonly string[]): Words {
  for (const language of languages) {
    const found = catalogs.find((words) => words.language === language.toLowerCase().split("-")[0]);
    if (found) return found;
  }
  return en;
}

/** Puts what the live region says into words. */
export function say(words: Words, announcement: Announcement): string {
  switch (announcement.key) {
    case "sayMessage":
      return words.sayMessage(announcement.name, announcement.text);
    case "sayReacted":
      return words.sayReacted(announcement.name, words.reaction[announcement.reaction]);
    default:
      return "name" in announcement ? words[announcement.key](announcement.name) : words[announcement.key];
  }
}

/** "6:25 pm", for a time that has to be right. */
export function clockTime(words: Words, atMs: number): string {
  const time = new Intl.DateTimeFormat(words.language, { hour: "numeric", minute: "2-digit" }).format(atMs);
  return time.replaceAll(/\s/g, " ").toLowerCase();
}

/** "Joy, Wren and Samir". */
export function listOf(words: Words, names: readonly string[]): string {
  return new Intl.ListFormat(words.language, { type: "conjunction" }).format(names);
}

/** "6:02", without the "PM" that a chat does not need. */
export function timeOfDay(words: Words, atMs: number): string {
  const parts = new Intl.DateTimeFormat(words.language, { hour: "numeric", minute: "2-digit" }).formatToParts(atMs);
  return parts
    .filter((part) => part.type !== "dayPeriod")
    .map((part) => part.value)
    .join("")
    .trim();
}
