import { expect, test } from "vitest";
import { ERRORS, type ErrorCode } from "../../src/protocol/generated";
import { clockTime, languageFor, listOf, timeOfDay, wordsFor } from "../../src/words";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";
import { es } from "../../src/words/es";
import { pictureCatalogs, pictureWordsFor } from "../../src/words/pictures";
import { sourceCatalogs, sourceWordsFor } from "../../src/words/sources";

/** Every leaf as path → text; functions are called with their arguments' places. */
function leaves(value: unknown, path = ""): Map<string, string> {
  if (typeof value === "string") return new Map([[path, value]]);
  if (typeof value === "function") return new Map(path === ".error" ? [] : [[path, String(value("Ana", "hola"))]]);
  return new Map(Object.entries(value as object).flatMap(([key, inner]) => [...leaves(inner, `${path}.${key}`)]));
}

test("all catalogs have the same keys, down to each step", () => {
  for (const catalog of catalogs) expect([...leaves(catalog).keys()]).toEqual([...leaves(en).keys()]);
});

test("nothing is left empty, and no sentence shouts", () => {
  for (const catalog of catalogs)
    for (const [key, text] of leaves(catalog)) {
      expect(text.trim(), key).not.toBe("");
      expect(text, key).not.toContain("!");
    }
});

test("each error code has words in each language", () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    expect(en.error(code)).toBe(ERRORS[code].text);
    expect(es.error(code)).not.toBe("");
  }
});

test("the person's first language that we have is chosen", async () => {
  expect(await wordsFor(["fr-FR", "es-MX", "en-US"])).toBe(es);
  expect(await wordsFor(["en-US", "es"])).toBe(en);
  expect(await wordsFor(["fr"])).toBe(en);
  expect(await wordsFor([])).toBe(en);
  expect(["es-MX", "en-GB", "toString"].map((language) => languageFor([language]))).toEqual(["es", "en", "en"]);
});

test("accessible names that people's tools rely on stay as they are", () => {
  expect([
    en.join,
    en.leave,
    en.mute,
    en.unmute,
    en.cameraTurnOff,
    en.cameraTurnOn,
    en.chat,
    en.send,
    en.help,
    en.quickExit,
    en.endSession,
    en.participants,
    en.closeMicrophoneOf("Ana"),
    en.allowMicrophoneOf("Ana"),
    en.hideMessage,
    en.joinAgain,
    en.notAlone,
    en.needCover,
    en.admitPerson("Ana"),
    en.removePerson("Ana"),
    en.lobby,
    en.door.agree,
    en.door.withoutCamera,
    en.door.withoutMicrophone,
    en.door.playTone,
    en.yourself.takeBack,
  ]).toEqual([
    "Join",
    "Leave",
    "Mute microphone",
    "Unmute microphone",
    "Turn camera off",
    "Turn camera on",
    "Chat",
    "Send",
    "Help",
    "Quick exit",
    "End session",
    "Participants",
    "Close microphone of Ana",
    "Allow microphone of Ana",
    "Hide message",
    "Join again",
    "Not alone",
    "I need cover",
    "Admit Ana",
    "Remove Ana",
    "Lobby",
    "I understand and agree",
    "Join without camera",
    "Join without microphone",
    "Play a tone",
    "Take my agreement back",
  ]);
});

test("a chat's time of day is short", () => {
  expect(timeOfDay(en, new Date(2026, 10, 24, 18, 2).getTime())).toBe("6:02");
  expect(timeOfDay(es, new Date(2026, 10, 24, 18, 2).getTime())).toBe("18:02");
});

test("a time that has to be right has its half of the day", () => {
  const at = new Date(2026, 10, 24, 18, 25).getTime();
  expect([clockTime(en, at), clockTime(es, at)]).toEqual(["6:25 pm", "18:25"]);
  expect([listOf(en, ["Joy", "Wren", "Samir"]), listOf(es, ["Joy", "Wren"])]).toEqual(["Joy, Wren, and Samir", "Joy y Wren"]);
});

test("crisis help says what each row does, with the line's own numbers", () => {
  expect([en.callLifeline, en.textLifeline, en.callEmergency]).toEqual(["Call 988", "Text 988", "Call 911"]);
  expect(es.callLifelineMore).toContain("en español, oprima 2");
  expect(es.textLifelineMore).toContain("envíe AYUDA al 988");
});

test("what is said of pictures has the same keys in each language, nothing empty, and stable names", () => {
  const all = Object.values(pictureCatalogs).map((catalog) => leaves(catalog));
  for (const each of all) {
    expect([...each.keys()]).toEqual([...(all[0]?.keys() ?? [])]);
    for (const [key, text] of each) expect(text.trim() && !text.includes("!"), key).toBe(true);
  }
  const words = pictureWordsFor("fr");
  expect([words.audioOnly, words.next, words.previous]).toEqual(["Audio only", "Next people", "Previous people"]);
});

test("what is said of devices and screens has the same keys in each language, nothing empty, and stable names", () => {
  const all = Object.values(sourceCatalogs).map((catalog) => leaves(catalog));
  for (const each of all) {
    expect([...each.keys()]).toEqual([...(all[0]?.keys() ?? [])]);
    for (const [key, text] of each) expect(text.trim() && !text.includes("!"), key).toBe(true);
  }
  const words = sourceWordsFor("fr");
  expect([words.share, words.stopSharing]).toEqual(["Share your screen", "Stop sharing"]);
});
