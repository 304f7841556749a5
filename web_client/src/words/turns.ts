/** What is said about speaking turns; it comes with the room, and nobody waits for it at the door. */
const ENDINGS: Readonly<Record<string, string>> = { one: "st", two: "nd", few: "rd", other: "th" };
const englishPlaces = new Intl.PluralRules("en", { type: "ordinal" });

const en = {
  mode: { open: "Everyone may speak", queue: "One person at a time", round: "Check-in round", quiet: "Quiet time" },
  turn: "Turn",
  yourTurn: "Your turn",
  raise: "Raise hand",
  lower: "Lower hand",
  ordinal: (place: number) => `${place}${ENDINGS[englishPlaces.select(place)] ?? "th"}`,
  place: (ordinal: string) => `You are ${ordinal}`,
  speaks: (name: string) => `${name} is speaking`,
  nobody: "Nobody is speaking right now",
  handUp: (ordinal: string) => `Your hand is up. You are ${ordinal}.`,
  inRound: (ordinal: string) => `You are ${ordinal}. You can pass, too.`,
  mine: "It's your turn",
  takeTime: "Take your time.",
  tap: "Tap to speak",
  pass: "Pass",
  comeBack: "Come back to me",
  heard: "Everyone can hear you",
  end: "End turn",
  over: "Take the time you need",
  held: (name: string) => `${name} stopped the clock for you.`,
  heldByNobody: "The clock stands still for you.",
  grace: "Your time is over. You have a moment more to finish.",
  unheard: {
    turn: "You can speak when it is your turn.",
    quiet: "It is quiet time. Only your mentor speaks.",
    unsaved: "Nobody hears you right now. Your mentor is settling it.",
  },
  unmute: {
    turn: "Unmute microphone, closed until it is your turn",
    quiet: "Unmute microphone, closed during quiet time",
    unsaved: "Unmute microphone, closed for a moment",
  },
};

export type TurnWords = typeof en;

const es: TurnWords = {
  mode: { open: "Todos pueden hablar", queue: "Una persona a la vez", round: "Ronda", quiet: "Tiempo de silencio" },
  turn: "Turno",
  yourTurn: "Su turno",
  raise: "Levantar la mano",
  lower: "Bajar la mano",
  ordinal: (place) => `${place}.º`,
  place: (ordinal) => `Su lugar: ${ordinal}`,
  speaks: (name) => `${name} está hablando`,
  nobody: "Ahora no habla nadie",
  handUp: (ordinal) => `Su mano está levantada. Su lugar: ${ordinal}.`,
  inRound: (ordinal) => `Su lugar: ${ordinal}. También puede pasar.`,
  mine: "Es su turno",
  takeTime: "Tómese su tiempo.",
  tap: "Toque para hablar",
  pass: "Pasar",
  comeBack: "Vuelva a mí después",
  heard: "Todos le oyen",
  end: "Terminar turno",
  over: "Tómese el tiempo que necesite",
  held: (name) => `${name} detuvo el reloj para usted.`,
  heldByNobody: "El reloj está detenido para usted.",
  grace: "Su tiempo terminó. Tiene un momento más para acabar.",
  unheard: {
    turn: "Puede hablar cuando sea su turno.",
    quiet: "Es tiempo de silencio. Solo habla su mentor.",
    unsaved: "Ahora nadie le oye. Su mentor lo está resolviendo.",
  },
  unmute: {
    turn: "Activar micrófono, cerrado hasta que sea su turno",
    quiet: "Activar micrófono, cerrado durante el tiempo de silencio",
    unsaved: "Activar micrófono, cerrado por un momento",
  },
};

export const turnCatalogs: Readonly<Record<string, TurnWords>> = { en, es };

export function turnWordsFor(language: string): TurnWords {
  return turnCatalogs[language] ?? en;
}
