/**
 * What people write when they may not want to live. It is no judgement and decides nothing: a mentor is asked whether
 * to flag it. Phrases, not single words: "dead tired" and "killing time" are none.
 */
const PHRASES = {
  en: [
    "kill myself",
    "killing myself",
    "end my life",
    "ending my life",
    "end it all",
    "ending it all",
    "take my own life",
    "take my life",
    "want to die",
    "wanna die",
    "wish i was dead",
    "wish i were dead",
    "better off dead",
    "better off without me",
    "don't want to live",
    "do not want to live",
    "don't want to be alive",
    "don't want to be here anymore",
    "no reason to live",
    "nothing to live for",
    "not worth living",
    "can't go on",
    "suicidal",
    "suicide",
    "hurt myself",
    "cut myself",
    "overdose on purpose",
  ],
  es: [
    "quiero morir",
    "quiero morirme",
    "quisiera morir",
    "quisiera estar muerto",
    "quisiera estar muerta",
    "matarme",
    "me quiero matar",
    "me voy a matar",
    "quitarme la vida",
    "acabar con mi vida",
    "terminar con mi vida",
    "acabar con todo",
    "no quiero vivir",
    "ya no quiero vivir",
    "no quiero seguir viviendo",
    "no quiero estar aquí",
    "no vale la pena vivir",
    "no tengo razón para vivir",
    "no tengo por qué vivir",
    "sin ganas de vivir",
    "mejor sin mí",
    "mejor muerto",
    "mejor muerta",
    "no puedo más",
    "suicidarme",
    "suicidio",
    "hacerme daño",
    "cortarme",
  ],
} as const;

/** Without accents, signs and capitals; a space around each word, so that only whole words are found. */
function normal(text: string): string {
  const plain = text
    .normalize("NFD")
    .replaceAll(/\p{M}|['’`]/gu, "")
    .toLowerCase();
  return ` ${plain.replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim()} `;
}

/** In every language: a group writes in more than that of one page. */
const WATCHED: readonly string[] = [...PHRASES.en, ...PHRASES.es].map(normal);

export function watched(text: string): boolean {
  const said = normal(text);
  return WATCHED.some((phrase) => said.includes(phrase));
}
