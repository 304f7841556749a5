import type { TurnNews } from "../state/turn_news";

/** What is said about speaking turns; it comes with the room, and nobody waits for it at the door. */
const ENDINGS: Readonly<Record<string, string>> = { one: "st", two: "nd", few: "rd", other: "th" };
const englishPlaces = new Intl.PluralRules("en", { type: "ordinal" });

/** "2 minutes", "1 minute 30 seconds": whole seconds, in the words of a language. */
function lengthIn(language: string, ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  const parts: readonly (readonly [number, "minute" | "second"])[] = [[Math.floor(seconds / 60), "minute"], [seconds % 60, "second"]];
  const say = ([value, unit]: readonly [number, string]) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
  return parts.filter(([value]) => value > 0).map(say).join(" ");
}

const en = {
  mode: { open: "Everyone may speak", queue: "One person at a time", round: "Check-in round", quiet: "Quiet time" },
  turn: "Turn",
  yourTurn: "Your turn",
  raise: "Raise hand",
  lower: "Lower hand",
  ordinal: (place: number) => `${place}${ENDINGS[englishPlaces.select(place)] ?? "th"}`,
  place: (ordinal: string) => `You are ${ordinal}`,
  speaks: (name: string) => `${name} is speaking`,
  has: (name: string) => `${name} has the turn`,
  types: (name: string) => `${name} is writing`,
  signs: (name: string) => `${name} is signing`,
  isAway: (name: string) => `${name} is reconnecting`,
  withHolder: "You can speak in this turn, too.",
  nobody: "Nobody is speaking right now",
  handUp: (ordinal: string) => `Your hand is up. You are ${ordinal}.`,
  inRound: (ordinal: string) => `You are ${ordinal}. You can pass, too.`,
  done: "done",
  speakingNow: "speaking",
  later: "later",
  tag: { done: "Done", later: "Later" },
  you: "You",
  queue: "Speaking queue",
  hands: "Hands up",
  round: "The round",
  inQueue: "in the queue",
  hasTurn: "has the turn",
  mine: "It's your turn",
  takeTime: "Take your time.",
  length: (ms: number) => lengthIn("en", ms),
  upTo: (length: string) => `Up to ${length}. Take your time.`,
  timeLeft: (clock: string) => `Time left ${clock}`,
  left: (length: string) => `${length} left.`,
  more: (name: string) => `${name} can give you more.`,
  nobodyCuts: "Nobody cuts you off.",
  thenGrace: "Then you have 30 seconds to finish.",
  opensByTap: "Your microphone opens only when you tap. Passing costs nothing.",
  backLater: "Passing costs nothing. Come back to me: you are asked again at the end.",
  tap: "Tap to speak",
  pass: "Pass",
  comeBack: "Come back to me",
  heard: "Everyone can hear you",
  end: "End turn",
  over: "Take the time you need",
  held: (name: string) => `${name} stopped the clock for you.`,
  heldByNobody: "The clock stands still for you.",
  grace: "The time is over. You have a moment more to finish.",
  form: {
    label: "Type, sign, notes",
    typed: "Type instead",
    signed: "Sign instead",
    spoken: "Speak instead",
    typing: "Write in the chat. Everyone sees that it is your turn.",
    write: "Write your turn",
    signing: "Your picture stays in view for everyone.",
    camera: "Turn camera on",
    tagTyped: "types",
    tagSigned: "signs",
    message: "typed turn",
  },
  passOn: "Who is next?",
  passOnTo: (name: string) => `Give the turn to ${name}`,
  notes: "Notes for my turn",
  notesMore: "Only you see this. It is gone when you leave.",
  companion: (name: string) => `with ${name}`,
  say: {
    mine: (length: string) => (length ? `It's your turn. You have up to ${length}.` : "It's your turn. Take your time."),
    has: (name: string) => `${name} has the turn.`,
    types: (name: string) => `${name} is writing.`,
    signs: (name: string) => `${name} is signing.`,
    ended: (name: string) => `The turn of ${name} is over.`,
    handUp: (name: string) => `${name} raised a hand.`,
    companion: (name: string) => `You are here with ${name}, and can speak in their turn.`,
    aloneAgain: "You take part for yourself again.",
    outOfRound: "You are not in the round any more.",
    place: (ordinal: string) => `You are ${ordinal}.`,
    placeInRound: (ordinal: string) => `You are ${ordinal} in the round.`,
    over: "Your turn is over.",
    lowered: "Your hand is down.",
    more: "You have more time.",
    held: "The clock is stopped.",
    resumed: "The clock runs again.",
    mode: (mode: string) => `From now on: ${mode}.`,
  },
  unheard: {
    turn: "You can speak when it is your turn.",
    quiet: "It is quiet time. Only those who lead the group speak.",
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
  has: (name) => `${name} tiene el turno`,
  types: (name) => `${name} está escribiendo`,
  signs: (name) => `${name} habla en señas`,
  isAway: (name) => `${name} se está reconectando`,
  withHolder: "Usted también puede hablar en este turno.",
  nobody: "Ahora no habla nadie",
  handUp: (ordinal) => `Su mano está levantada. Su lugar: ${ordinal}.`,
  inRound: (ordinal) => `Su lugar: ${ordinal}. También puede pasar.`,
  done: "listo",
  speakingNow: "habla",
  later: "después",
  tag: { done: "Listo", later: "Después" },
  you: "Usted",
  queue: "Orden de palabra",
  hands: "Manos levantadas",
  round: "La ronda",
  inQueue: "en el orden",
  hasTurn: "tiene el turno",
  mine: "Es su turno",
  takeTime: "Tómese su tiempo.",
  length: (ms) => lengthIn("es", ms),
  upTo: (length) => `Hasta ${length}. Tómese su tiempo.`,
  timeLeft: (clock) => `Tiempo restante ${clock}`,
  left: (length) => `Le quedan ${length}.`,
  more: (name) => `${name} puede darle más.`,
  nobodyCuts: "Nadie le interrumpe.",
  thenGrace: "Después tiene 30 segundos para acabar.",
  opensByTap: "Su micrófono se abre solo cuando usted toca. Pasar no cuesta nada.",
  backLater: "Pasar no cuesta nada. Vuelva a mí después: se le pregunta otra vez al final.",
  tap: "Toque para hablar",
  pass: "Pasar",
  comeBack: "Vuelva a mí después",
  heard: "Todos le oyen",
  end: "Terminar turno",
  over: "Tómese el tiempo que necesite",
  held: (name) => `${name} detuvo el reloj para usted.`,
  heldByNobody: "El reloj está detenido para usted.",
  grace: "El tiempo terminó. Tiene un momento más para acabar.",
  form: {
    label: "Escribir, señas, notas",
    typed: "Escribir",
    signed: "Usar señas",
    spoken: "Hablar",
    typing: "Escriba en el chat. Todos ven que es su turno.",
    write: "Escribir mi turno",
    signing: "Su imagen queda a la vista de todos.",
    camera: "Encender cámara",
    tagTyped: "escribe",
    tagSigned: "en señas",
    message: "turno escrito",
  },
  passOn: "¿Quién sigue?",
  passOnTo: (name) => `Dar el turno a ${name}`,
  notes: "Notas para mi turno",
  notesMore: "Solo usted ve esto. Se borra cuando sale.",
  companion: (name) => `con ${name}`,
  say: {
    mine: (length) => (length ? `Es su turno. Tiene hasta ${length}.` : "Es su turno. Tómese su tiempo."),
    has: (name) => `${name} tiene el turno.`,
    types: (name) => `${name} está escribiendo.`,
    signs: (name) => `${name} habla en señas.`,
    ended: (name) => `El turno de ${name} terminó.`,
    handUp: (name) => `${name} levantó la mano.`,
    companion: (name) => `Usted está aquí con ${name} y puede hablar en su turno.`,
    aloneAgain: "Usted participa de nuevo por su cuenta.",
    outOfRound: "Ya no está en la ronda.",
    place: (ordinal) => `Su lugar: ${ordinal}.`,
    placeInRound: (ordinal) => `Su lugar en la ronda: ${ordinal}.`,
    over: "Su turno terminó.",
    lowered: "Su mano está abajo.",
    more: "Tiene más tiempo.",
    held: "El reloj está detenido.",
    resumed: "El reloj corre de nuevo.",
    mode: (mode) => `Desde ahora: ${mode}.`,
  },
  unheard: {
    turn: "Puede hablar cuando sea su turno.",
    quiet: "Es tiempo de silencio. Solo hablan quienes guían el grupo.",
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

/** What the live region says of a change of the turns. */
export function sayTurn(language: string, news: readonly TurnNews[]): string {
  const words = turnWordsFor(language);
  const one = (each: TurnNews): string => {
    switch (each.key) {
      case "mine":
        return words.say.mine(each.limitMs > 0 ? words.length(each.limitMs) : "");
      case "has":
      case "types":
      case "signs":
      case "ended":
      case "handUp":
      case "companion":
        return words.say[each.key](each.name);
      case "place":
      case "placeInRound":
        return words.say[each.key](words.ordinal(each.place));
      case "mode":
        return words.say.mode(words.mode[each.mode]);
      case "grace":
        return words.grace;
      case "unsaved":
        return words.unheard.unsaved;
      default:
        return words.say[each.key];
    }
  };
  return news.map(one).join(" ");
}
