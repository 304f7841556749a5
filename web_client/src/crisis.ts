/** Public help in the United States. The 988 Lifeline answers in Spanish: press 2, or text AYUDA. */
export const CRISIS = {
  lifeline: "988",
  emergency: "911",
  spanishKey: "2",
  spanishText: "AYUDA",
} as const;
