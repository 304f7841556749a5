/** In a room: that a therapist is heard and seen there, and what of them goes out now. */
const en = {
  presence: "Your presence",
  heard: "You are AUDIBLE AND VISIBLE",
  heardMore: (microphone: boolean, camera: boolean) =>
    `Your microphone is ${microphone ? "on" : "off"}, your camera is ${camera ? "on" : "off"}.`,
};

export type PresenceWords = typeof en;

const es: PresenceWords = {
  presence: "Su presencia",
  heard: "A usted SE LE OYE Y SE LE VE",
  heardMore: (microphone, camera) =>
    `Su micrófono está ${microphone ? "encendido" : "apagado"}, su cámara está ${camera ? "encendida" : "apagada"}.`,
};

export const presenceCatalogs: Readonly<Record<string, PresenceWords>> = { en, es };

export function presenceWordsFor(language: string): PresenceWords {
  return presenceCatalogs[language] ?? en;
}
