import type { Finding, MayListen } from "../protocol/generated";
import type { Over } from "../monitoring";

/** Why a session cannot be listened to by a flag. */
const whyNot: Record<Exclude<MayListen, "yes">, string> = {
  no_flag: "No open flag lets you listen.",
  no_consent: "Someone there has not accepted the notice, so nobody may listen.",
  not_live: "Nobody is in the room.",
};

const over: Record<Over["why"], string> = {
  stopped: "You stopped listening.",
  elsewhere: "You listen on another page of yours now.",
  stepped_in: "You stepped in.",
  right_ended: "The flag that let you listen is resolved, or the session is no longer yours.",
  time_over: "The 15 minutes are over. Another person reviews it.",
  consent: "Someone there has not accepted the notice, or took it back.",
  session_ended: "The session has ended.",
  connection: "Sound and picture could not reach this page.",
  server: "Holdspace had to stop it.",
  lost: "Your connection was lost.",
};

/** A therapist who listens, whispers or reviews. Accessible names are a contract with people's tools and outside tests. */
const en = {
  // The line that is always there
  onlyHears: (name: string) => `Only ${name} hears you`,
  onlyHearsMore: "Nobody sees you, and nobody else hears you.",
  listeningTo: (title: string, time: string) => `Listening to ${title}, ${time}`,
  listeningUntil: (title: string, left: string) => `Listening to ${title} without a flag, ${left} left`,
  startingTo: (title: string) => `Beginning to listen to ${title}`,

  listen: "Listen",
  listening: "Listening",
  stopListening: "Stop listening",
  whisper: "Whisper",
  starting: "One moment",
  whyNot: (why: Exclude<MayListen, "yes">) => whyNot[why],
  elsewhere: "You listen to it on another page of yours.",
  cannotReach: "You are not connected.",

  // The session that I listen to
  people: (count: number) => (count === 1 ? "1 person" : `${count} people`),
  speaks: (name: string) => `${name} speaks`,
  nobodySpeaks: "Nobody speaks",
  hands: "Hands up",
  chat: "Chat",
  noChat: "Nothing written yet.",
  screenOf: (name: string) => `${name} shows a screen`,
  tapToHear: "Tap to hear",
  tapToHearMore: "Your browser plays no sound before you press something.",
  noMedia: "Sound and picture do not come through yet. Trying again.",
  noMediaStuck: "Sound and picture do not come through.",
  over: (title: string) => `You no longer hear ${title}`,
  overWhy: (why: Over["why"]) => over[why],
  listenAgain: "Listen again",
  sayListening: (title: string) => `You hear ${title}. You are not audible or visible.`,

  // Whispers
  whisperTo: (name: string) => `Whisper to ${name}`,
  whisperWhom: "To whom",
  onlyThey: (name: string) => `Only ${name} will see this`,
  send: "Send",
  sending: "on its way",
  unsent: "not sent",
  sent: "sent",
  seen: "seen",
  youTo: (name: string, text: string) => `You to ${name}: “${text}”`,
  whispers: "Your whispers",
  speakTo: (name: string) => `Speak to ${name}`,
  speakMore: (name: string) => `Only ${name} hears you, in headphones.`,
  stopSpeaking: "Stop speaking",
  noHeadphones: (name: string) => `${name} has not said that they wear headphones, so you can only write.`,
  notSpoken: "Nobody hears you. Please try again.",
  noMicrophone: "Your microphone could not be opened.",

  // Without a flag
  glassTitle: (title: string) => `Listen to ${title} without a flag?`,
  glassText: "No open flag lets you listen to this session. You can listen for 15 minutes, if you write down why.",
  glassStops: (title: string) => `You stop listening to ${title}.`,
  reason: "Your reason",
  reasonMore: "What do you know, and what do you need to find out?",
  reasonShort: (least: number) => `Please write at least ${least} characters.`,
  glassKept: "Your reason is stored before you hear anything. Another person, the clinical lead, reviews it within one working day.",
  glassListen: "Listen for 15 minutes",
  cancel: "Cancel",
  notBegun: "That did not begin. Please try again.",
  glassConflict: "Someone already listens without a flag, or just did. Close this and look again.",

  // Stepping in
  stepInText: (people: number) =>
    people > 0
      ? `${people === 1 ? "1 person" : `${people} people`} will see and hear you, as a therapist. They will notice the moment you come in.`
      : "Everyone in it will see and hear you, as a therapist.",
  stepInStops: "You stop listening. To listen again, leave first.",

  // Reviews
  reviews: "Reviews",
  reviewsMore: "Someone listened without a flag. Another person looks at why.",
  glassBy: (name: string) => `${name} listened without a flag`,
  glassMine: "You listened without a flag",
  glassFrom: (from: string, until: string) => (until ? `From ${from} to ${until}` : `Since ${from}, still listening`),
  due: (time: string) => `Review by ${time}`,
  overdue: (time: string) => `Review was due ${time}`,
  waitsForOther: "Another person reviews it.",
  review: "Review",
  reviewTitle: (title: string) => `Review: ${title}`,
  findingTitle: "What you found",
  finding: (of: Finding) => (of === "in_order" ? "In order" : "It has to be talked about"),
  note: "Note",
  noteMore: "It is kept with the record and cannot be changed later.",
  saveReview: "Save review",
  missing: "Please choose what you found.",
  notSaved: "That was not saved. Please try again.",
};

type Shape<T> = T extends (...args: infer A) => string ? (...args: A) => string : T extends string ? string : never;

export type MonitoringWords = { readonly [K in keyof typeof en]: Shape<(typeof en)[K]> };

const whyNotEs: typeof whyNot = {
  no_flag: "Ningún aviso abierto le permite escuchar.",
  no_consent: "Alguien de ahí no ha aceptado el aviso, así que nadie puede escuchar.",
  not_live: "No hay nadie en la sala.",
};

const overEs: typeof over = {
  stopped: "Dejó de escuchar.",
  elsewhere: "Ahora escucha en otra página suya.",
  stepped_in: "Entró en la sesión.",
  right_ended: "El aviso que le permitía escuchar está resuelto, o la sesión ya no es suya.",
  time_over: "Pasaron los 15 minutos. Otra persona lo revisa.",
  consent: "Alguien de ahí no ha aceptado el aviso, o lo retiró.",
  session_ended: "La sesión ha terminado.",
  connection: "El sonido y la imagen no pudieron llegar a esta página.",
  server: "Holdspace tuvo que detenerlo.",
  lost: "Se perdió su conexión.",
};

const es: MonitoringWords = {
  onlyHears: (name) => `Solo ${name} le oye`,
  onlyHearsMore: "Nadie le ve, y nadie más le oye.",
  listeningTo: (title, time) => `Escucha ${title}, ${time}`,
  listeningUntil: (title, left) => `Escucha ${title} sin aviso, quedan ${left}`,
  startingTo: (title) => `Empieza a escuchar ${title}`,

  listen: "Escuchar",
  listening: "Escuchando",
  stopListening: "Dejar de escuchar",
  whisper: "Susurrar",
  starting: "Un momento",
  whyNot: (why) => whyNotEs[why],
  elsewhere: "La escucha en otra página suya.",
  cannotReach: "No tiene conexión.",

  people: (count) => (count === 1 ? "1 persona" : `${count} personas`),
  speaks: (name) => `Habla ${name}`,
  nobodySpeaks: "No habla nadie",
  hands: "Manos levantadas",
  chat: "Chat",
  noChat: "Todavía no se ha escrito nada.",
  screenOf: (name) => `${name} muestra una pantalla`,
  tapToHear: "Toque para oír",
  tapToHearMore: "Su navegador no reproduce sonido antes de que pulse algo.",
  noMedia: "El sonido y la imagen todavía no llegan. Se vuelve a intentar.",
  noMediaStuck: "El sonido y la imagen no llegan.",
  over: (title) => `Ya no oye ${title}`,
  overWhy: (why) => overEs[why],
  listenAgain: "Volver a escuchar",
  sayListening: (title) => `Oye ${title}. No se le oye ni se le ve.`,

  whisperTo: (name) => `Susurrar a ${name}`,
  whisperWhom: "A quién",
  onlyThey: (name) => `Solo ${name} verá esto`,
  send: "Enviar",
  sending: "en camino",
  unsent: "sin enviar",
  sent: "enviado",
  seen: "visto",
  youTo: (name, text) => `Usted a ${name}: «${text}»`,
  whispers: "Sus susurros",
  speakTo: (name) => `Hablar a ${name}`,
  speakMore: (name) => `Solo ${name} le oye, con auriculares.`,
  stopSpeaking: "Dejar de hablar",
  noHeadphones: (name) => `${name} no ha dicho que lleva auriculares, así que solo puede escribirle.`,
  notSpoken: "Nadie le oye. Inténtelo de nuevo.",
  noMicrophone: "No se pudo abrir su micrófono.",

  glassTitle: (title) => `¿Escuchar ${title} sin aviso?`,
  glassText: "Ningún aviso abierto le permite escuchar esta sesión. Puede escuchar 15 minutos si escribe por qué.",
  glassStops: (title) => `Deja de escuchar ${title}.`,
  reason: "Su motivo",
  reasonMore: "¿Qué sabe, y qué necesita averiguar?",
  reasonShort: (least) => `Escriba al menos ${least} caracteres.`,
  glassKept: "Su motivo se guarda antes de que oiga nada. Otra persona, la dirección clínica, lo revisa en un día laborable.",
  glassListen: "Escuchar 15 minutos",
  cancel: "Cancelar",
  notBegun: "No empezó. Inténtelo de nuevo.",
  glassConflict: "Alguien ya escucha sin aviso, o acaba de hacerlo. Cierre esto y mire de nuevo.",

  stepInText: (people) =>
    people > 0
      ? `${people === 1 ? "1 persona le verá y le oirá" : `${people} personas le verán y le oirán`}, como terapeuta. Notarán el momento en que entre.`
      : "Todos los que estén le verán y le oirán, como terapeuta.",
  stepInStops: "Deja de escuchar. Para volver a escuchar, salga primero.",

  reviews: "Revisiones",
  reviewsMore: "Alguien escuchó sin aviso. Otra persona mira por qué.",
  glassBy: (name) => `${name} escuchó sin aviso`,
  glassMine: "Usted escuchó sin aviso",
  glassFrom: (from, until) => (until ? `De ${from} a ${until}` : `Desde ${from}, sigue escuchando`),
  due: (time) => `Revisar hasta ${time}`,
  overdue: (time) => `La revisión vencía ${time}`,
  waitsForOther: "Lo revisa otra persona.",
  review: "Revisar",
  reviewTitle: (title) => `Revisar: ${title}`,
  findingTitle: "Qué encontró",
  finding: (of) => (of === "in_order" ? "En orden" : "Hay que hablarlo"),
  note: "Nota",
  noteMore: "Se guarda con el registro y no se puede cambiar después.",
  saveReview: "Guardar la revisión",
  missing: "Elija qué encontró.",
  notSaved: "No se guardó. Inténtelo de nuevo.",
};

export const monitoringCatalogs: Readonly<Record<string, MonitoringWords>> = { en, es };

export function monitoringWordsFor(language: string): MonitoringWords {
  return monitoringCatalogs[language] ?? en;
}
