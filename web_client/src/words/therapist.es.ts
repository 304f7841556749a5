import type { ConcernKind, Severity } from "../protocol/generated";
import type { TherapistWords } from "./therapist.en";

const severity: Record<Severity, string> = {
  crisis: "Crisis",
  urgent: "Urgente",
  concern: "Preocupación",
  note: "Nota",
};

type Telling = (by: string, person: string) => string;

const happened: Record<ConcernKind, Telling> = {
  leader_lost: () => "Nadie guía al grupo. Está en pausa.",
  cover_needed: (by) => (by ? `${by} necesita relevo.` : "El mentor necesita relevo."),
  lobby_unattended: () => "Hay personas esperando y no ha venido ningún mentor.",
  nobody_answers: () => "Ningún terapeuta responde por esta sesión.",
  removed: (by, person) => {
    if (by && person) return `${by} sacó a ${person} de la sesión.`;
    return person ? `Sacaron a ${person} de la sesión.` : "Sacaron a alguien de la sesión.";
  },
};

const passed: Record<ConcernKind, Telling> = {
  ...happened,
  leader_lost: () => "Nadie guiaba al grupo y quedó en pausa.",
  cover_needed: (by) => (by ? `${by} necesitaba relevo.` : "El mentor necesitaba relevo."),
  lobby_unattended: () => "Había personas esperando y no había venido ningún mentor.",
  nobody_answers: () => "Ningún terapeuta respondía por esta sesión.",
};

const over: Record<ConcernKind, string> = {
  leader_lost: "Alguien guía otra vez",
  cover_needed: "Alguien guía otra vez",
  lobby_unattended: "Ya pasó",
  nobody_answers: "Alguien responde otra vez",
  removed: "Ya pasó",
};

/** Spanish, with "usted" throughout. */
export const therapistEs: TherapistWords = {
  title: "Supervisión",
  presence: "Su presencia",
  unseen: "A usted NO se le oye ni se le ve",
  unseenMore: "Ve todas las sesiones desde fuera. A nadie en ellas se le avisa.",

  flags: "Avisos",
  waitingFlags: (count) => (count === 1 ? "1 en espera" : `${count} en espera`),
  severity: (of) => severity[of],
  happened: (kind, by, person) => happened[kind](by, person),
  passed: (kind, by, person) => passed[kind](by, person),
  over: (kind) => over[kind],
  justNow: "hace un momento",
  acknowledge: "Confirmar",
  saving: "Guardando",
  savingAway: "Se envía en cuanto vuelva la conexión.",
  notSaved: "No se guardó. Inténtelo otra vez.",
  acknowledged: "Confirmado",
  showAcknowledged: "Mostrar confirmados",
  hideAcknowledged: "Ocultar confirmados",
  noFlags: "Nada espera por usted.",
  noFlagsMore: "Cuando alguien le necesite, aparece aquí enseguida.",
  tone: "Tono para avisos nuevos",
  toneOn: "sí",
  toneOff: "no",
  toneWaits: "Su navegador lo toca después de que usted pulse algo en esta página.",

  live: "Sesiones en curso",
  statusLobby: "Sala de espera, aún no empieza",
  statusReturned: "Sala de espera, en espera de seguir",
  statusLive: "En curso",
  statusUnled: "En curso, y nadie guía",
  statusEnded: "Terminada",
  unread:
    "No se puede leer lo que se avisó antes de esta sesión. Pueden faltar avisos aquí: mire la sesión misma.",
  statusPaused: (time) => `En pausa hasta las ${time}`,
  people: (count) => (count === 0 ? "Nadie dentro" : count === 1 ? "1 persona dentro" : `${count} personas dentro`),
  waiting: (count) => (count === 1 ? "1 persona espera" : `${count} personas esperan`),
  leads: (names, count) => (count === 1 ? `Guía ${names}` : `Guían ${names}`),
  nobodyLeads: "Nadie guía",
  late: "Hay personas esperando y no ha venido ningún mentor.",
  openFlags: (count) => (count === 1 ? "1 aviso" : `${count} avisos`),
  youRespond: "A usted se le puede localizar para esta sesión",
  responds: (name) => `Se puede localizar a ${name} para esta sesión`,
  nobodyResponds: "Esta sesión no puede empezar hasta que se pueda localizar a un terapeuta",
  nobodyRespondsLive: "No se puede localizar a ningún terapeuta para esta sesión",
  iAmReachable: "Se me puede localizar",
  iAmNotReachable: "Ya no se me puede localizar",
  stepIn: "Entrar",
  noSessions: "No hay ninguna sesión abierta ahora.",
  noSessionsMore: "Cuando se abra uno de sus grupos, aparece aquí por sí solo.",
  own: "Sus propias sesiones",

  stepInTitle: (title) => `¿Entrar en ${title}?`,
  stepInText: "Todas las personas que están dentro le verán y le oirán.",
  stepInMore: "Antes revisa su cámara y su micrófono. Al salir, vuelve aquí.",
  stayUnseen: "Seguir sin ser visto",

  awayTitle: "Usted no está en conexión",
  awaySince: (time) => `Nada nuevo le puede llegar desde las ${time}.`,
  awayEver: "Todavía no le puede llegar nada.",
  awayMore: "Se intenta otra vez por sí solo. Lo que ve aquí puede haber cambiado. Si alguien puede estar en peligro, no espere a esta página.",
  stoppedTitle: "Aquí no le puede llegar nada nuevo",
  replacedTitle: "Esta página está abierta en otra pantalla",
  replacedText: "Los avisos nuevos le llegan allí. Aquí ya no llega nada.",
  sayConnected: "La conexión ha vuelto.",
  sayNew: (title, text) => `Nuevo en ${title}: ${text}`,
  sayPressing: (title, text) => `Urgente, en ${title}: ${text}`,
};
