import type { Announcement } from "../state/announce";
import type { Words } from "./en";

export type { Words } from "./en";

/** A page loads the one catalog that it shows. */
const CATALOGS: Readonly<Record<string, () => Promise<Words>>> = {
  en: async () => (await import("./en")).en,
  es: async () => (await import("./es")).es,
};

/** The first of the person's languages that we have; English otherwise. */
export function languageFor(languages: readonly string[]): string {
  const ours = languages.map((language) => language.toLowerCase().split("-")[0] ?? "");
  return ours.find((language) => Object.hasOwn(CATALOGS, language)) ?? "en";
}

/** Rejects where the catalog cannot be loaded. */
export async function wordsFor(languages: readonly string[]): Promise<Words> {
  const load = CATALOGS[languageFor(languages)];
  if (!load) throw new Error("no catalog");
  return load();
}

/** Puts what the live region says into words. */
export function say(words: Words, announcement: Exclude<Announcement, { key: "sayTurn" }>): string {
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
