import type { Category, ConcernKind, FlagKind, Outcome, Role, Severity, Step } from "../protocol/generated";
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
  flagged: (_, person) => (person ? `Un aviso sobre ${person}.` : "Un aviso sobre la sesión."),
  removed: (by, person) => {
    if (by && person) return `${by} sacó a ${person} de la sesión.`;
    return person ? `Sacaron a ${person} de la sesión.` : "Sacaron a alguien de la sesión.";
  },
};

const category: Record<Category, string> = {
  self_harm: "suicidio o autolesión",
  harm_to_others: "daño a otras personas",
  abuse_or_neglect: "maltrato o abandono",
  return_to_use: "vuelta al consumo",
  symptoms_returning: "síntomas que vuelven",
  medical: "salud física",
  boundary: "límites",
  conduct: "trato",
  technical: "problema técnico",
  other: "otro",
};

const short: Record<ConcernKind, string> = {
  leader_lost: "Nadie guía",
  cover_needed: "Hace falta relevo",
  lobby_unattended: "Hay personas esperando",
  removed: "Fuera de la sesión",
  nobody_answers: "Ningún terapeuta responde",
  flagged: "Aviso",
};

const raised: Record<FlagKind, string> = {
  flag: "avisó",
  report: "comunicó una preocupación",
  help: "pidió ayuda",
  check_on_me: "se fue y pidió que se le llamara",
  left_upset: "vio que se fue con malestar",
};

const roles: Record<Role, string> = { participant: "participante", mentor: "mentor", therapist: "terapeuta" };

const outcome: Record<Outcome, string> = {
  spoke: "Se habló con la persona",
  follow_up: "Seguimiento previsto",
  handed_on: "Pasado a emergencias u otra atención",
  no_action: "No hace falta hacer nada",
};

const reached: Record<Step, string> = {
  responder: "",
  backup: "También se avisa al suplente.",
  lead: "También se avisa a la dirección clínica.",
  on_call: "También se avisa a todos los que están de guardia.",
  contact: "Se ha avisado al contacto del programa.",
};

const then: Record<Step, (names: string) => string> = {
  responder: (names) => `después pasa a ${names}`,
  backup: (names) => `después pasa a ${names}, suplente`,
  lead: (names) => `después pasa a ${names}, dirección clínica`,
  on_call: (names) => `después pasa a todos los que están de guardia: ${names}`,
  contact: () => "después se avisa al contacto del programa",
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
  flagged: "Ya pasó",
};

const notices: Record<Severity, string> = {
  crisis: "Hay un aviso de crisis en espera",
  urgent: "Hay un aviso urgente en espera",
  concern: "Hay un aviso en espera",
  note: "Hay una nota en espera",
};

const entry: Record<string, (who: string, by: string, detail: string) => string> = {
  session_opened: () => "Se abrió la sala de espera",
  session_began: () => "La sesión empezó",
  session_returned: () => "El grupo volvió a la sala de espera",
  session_closed: () => "La sesión terminó",
  leader_missed: () => "Había personas esperando desde hacía tiempo",
  participant_entered: (who, _, detail) => (detail === "lobby" ? `${who} llegó a la sala de espera` : `${who} entró`),
  participant_admitted: (who, by) => (by ? `${by} dejó entrar a ${who}` : `Dejaron entrar a ${who}`),
  participant_moved: (who, by) => `${by} pasó a ${who} a la sala de espera`,
  participant_removed: (who, by) => `${by} sacó a ${who}`,
  participant_departed: (who) => `${who} se fue`,
  cover_asked: (who) => `${who} pidió relevo`,
  cover_withdrawn: (who) => `${who} podía guiar otra vez`,
  turn_given: (who) => `${who} tuvo el turno`,
  turn_ended: (who) => `Terminó el turno de ${who}`,
  turn_mode_set: (_, by) => `${by} cambió cómo van los turnos`,
  concern_raised: (who) => (who ? `Se notó algo sobre ${who}` : "Se notó algo"),
  flag_raised: (who, by) => (who ? `${by} avisó sobre ${who}` : `${by} avisó sobre la sesión`),
  concern_escalated: () => "Nadie lo confirmó a tiempo: siguió adelante",
  concern_passed: () => "Pasó por sí solo",
  concern_acknowledged: (_, by) => (by ? `${by} lo confirmó` : "Se confirmó"),
  concern_taken: (_, by) => `${by} se hizo cargo`,
  concern_resolved: (_, by) => `${by} lo resolvió`,
};

/** Spanish, with "usted" throughout. */
export const therapistEs: TherapistWords = {
  title: "Supervisión",
  presence: "Su presencia",
  unseen: "A usted NO se le oye ni se le ve",
  unseenMore: "Ve todas las sesiones desde fuera. A nadie en ellas se le avisa.",

  flags: "Avisos",
  countFlags: (waiting, mine) => (mine > 0 ? `${waiting} en espera, ${mine} a su cargo` : `${waiting} en espera`),
  flagsWaiting: (count) => (count === 0 ? "Avisos" : `Avisos: ${count} en espera`),
  flagsAway: "Avisos: sin conexión",
  waitingList: "En espera, lo más grave primero",
  takenList: "Confirmados, sin resolver todavía",
  doneList: "Hechos",
  about: ({ kind, person = "", flags = [] }) => {
    const kinds = new Set(flags.map((flag) => flag.category));
    // "Other" says nothing beside something else.
    if (kinds.size > 1) kinds.delete("other");
    const what = [...kinds].map((one) => category[one]).join(", ");
    if (kind !== "flagged") return person ? `${person} · ${short[kind]}` : short[kind];
    const calls = what === category.other && flags.every((flag) => flag.kind === "help");
    return `${person || "Sesión"} · ${calls ? "pide ayuda" : what}`;
  },
  inEnded: (title) => `${title}, terminada`,
  raised: (kind, by, role, time, danger) =>
    `${by}, ${roles[role]}, ${danger ? "dijo: Estoy en peligro," : raised[kind]} a las ${time}`,
  moment: (lines) => (lines === 1 ? "La línea de chat anterior" : `Las ${lines} líneas de chat anteriores`),
  unstored: "Todavía sin guardar. Ya le ha llegado, y se intenta guardar cada segundo.",
  timeLeft: (time) => `Tiempo restante ${time}`,
  then: (step, names) => then[step](names),
  thenAt: (time, next) => `A las ${time}: ${next}`,
  reached: (step) => reached[step],
  yoursSince: (time) => `A su cargo desde las ${time}`,
  withSince: (name, time) => `A cargo de ${name} desde las ${time}`,
  takeOver: "Hacerme cargo",
  resolve: "Resolver",
  resolveTitle: (what) => `Resolver: ${what}`,
  resolveOf: (names, time) => `De ${names}, ${time}`,
  outcomeTitle: "Resultado",
  outcome: (of) => outcome[of],
  stillRight: "Avisar fue lo correcto.",
  reportTitle: "Notificación a las autoridades",
  reportMore: "Ningún aviso de aquí notifica por usted.",
  report: (of) => (of === "made" ? "Hecha" : "No hecha"),
  reportDetails: "Cuándo, a quién, número",
  note: "Nota",
  noteMore: (names) =>
    `Parte de la historia clínica. No se puede cambiar después.${names ? ` ${names} verá “resuelto”, no esta nota.` : ""}`,
  resolveMissing: "Elija y escriba arriba lo que todavía falta.",
  resolveConflict: "Mientras tanto llegó algo más. Cierre esto, lea la tarjeta otra vez y después resuelva.",
  resolved: (what, time) => `Resuelto a las ${time}: ${what}`,
  notYet: "Todavía no",
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
  showDone: "Mostrar lo hecho",
  hideDone: "Ocultar lo hecho",
  noFlags: "Nada espera por usted.",
  noFlagsMore: "Cuando alguien le necesite, aparece aquí enseguida.",
  tone: "Tono para avisos nuevos",
  toneOn: "sí",
  toneOff: "no",
  toneWaits: "Su navegador lo toca después de que usted pulse algo en esta página.",

  where: (name) => `Mostrar dónde está ${name}`,
  whereTitle: (name) => `Dónde está ${name}`,
  nowAt: "Ahora en",
  phone: "Teléfono",
  contact: "Contacto",
  noContact: "No se nombró a nadie.",
  confirmedAt: (time) => `Confirmado a las ${time}.`,
  readIsKept: "Queda anotado que usted leyó esto.",
  notRead: "No se pudo leer en este momento.",
  timeline: "Cronología",
  timelineOf: (title) => `Cronología: ${title}`,
  nothingYet: "Todavía no ha pasado nada.",
  entry: (what, who, by, detail) => entry[what]?.(who, by, detail) ?? what,

  onCallTitle: "De guardia",
  onCallMore: "Los avisos que nadie confirma a tiempo llegan a quien está de guardia, de todos los grupos.",
  onCallUntil: (time) => `De guardia hasta las ${time}`,
  notOnCall: "Sin guardia",
  beOnCall: "Estoy de guardia",
  until: (time) => `hasta las ${time}`,
  allOnCall: (names) => `De guardia ahora: ${names}.`,
  nameUntil: (name, time) => `${name} hasta las ${time}`,
  handOverTo: "Pasar la guardia a",
  askThem: "Preguntar",
  offered: "Se preguntó a alguien. Hasta que acepte, usted sigue de guardia.",
  endOnCall: "Ya no estoy de guardia",
  askedToTakeOver: (name, time) => `${name} le pide que siga con la guardia hasta las ${time}.`,
  accept: "Aceptar",

  noticesAsk: "Avisarme cuando esta página esté en segundo plano",
  noticesOn: "Se le avisa cuando esta página está en segundo plano.",
  noticesDenied: "Su navegador no muestra avisos de esta página. Puede permitirlos en sus ajustes.",
  notice: (of) => notices[of],

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
