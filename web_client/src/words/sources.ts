/** What is said about devices and a shared screen; it comes with the room, and nobody waits for it at the door. */
const en = {
  share: "Share your screen",
  shareAsking: "Waiting for your browser",
  stopSharing: "Stop sharing",
  iShare: "Everyone sees your screen",
  iShareMore: "Also what pops up on it: messages, names, mail. It ends when you stop, or when your connection breaks.",
  sharedScreen: "Shared screen",
  shares: (name: string) => `${name} shares a screen`,
  stopSharingOf: (name: string) => `Stop ${name}'s sharing`,
  allowScreenOf: (name: string) => `Let ${name} share their screen`,
  allowScreenHint: (name: string) => `Nothing is shown until ${name} chooses what.`,
  closeScreenHint: "They need your leave again.",
  endedTitle: "Your screen is no longer shared",
  endedBy: {
    mentor: "A mentor ended it, or the group is paused.",
    connection: "The connection broke. Nobody sees it unless you share it again.",
  },

  devices: "Your microphone, camera and speaker",
  microphone: "Microphone",
  camera: "Camera",
  speaker: "Speaker",
  flip: "Turn the camera around",
  stayOff: "What is off stays off. You choose what opens when you turn it on.",
  noDevices: "Your browser does not tell what there is to choose from.",
  use: (label: string) => `Use ${label}`,
  moved: (label: string) => `You are heard through another microphone now: ${label}`,
  movedMore: "This device chose it. You can choose another one.",
  choose: "Choose a microphone",
  speakerGone: "Your speaker went away. You hear the group through another one.",
};

export type SourceWords = typeof en;

const es: SourceWords = {
  share: "Compartir su pantalla",
  shareAsking: "Esperando a su navegador",
  stopSharing: "Dejar de compartir",
  iShare: "Todos ven su pantalla",
  iShareMore: "También lo que aparezca en ella: mensajes, nombres, correo. Termina cuando usted lo detiene o si se corta la conexión.",
  sharedScreen: "Pantalla compartida",
  shares: (name) => `${name} comparte una pantalla`,
  stopSharingOf: (name) => `Detener la pantalla de ${name}`,
  allowScreenOf: (name) => `Permitir que ${name} comparta su pantalla`,
  allowScreenHint: (name) => `No se muestra nada hasta que ${name} elija qué.`,
  closeScreenHint: "Necesitará su permiso otra vez.",
  endedTitle: "Su pantalla ya no se comparte",
  endedBy: {
    mentor: "Un mentor lo terminó, o el grupo está en pausa.",
    connection: "Se cortó la conexión. Nadie la ve a menos que usted la comparta de nuevo.",
  },

  devices: "Su micrófono, cámara y altavoz",
  microphone: "Micrófono",
  camera: "Cámara",
  speaker: "Altavoz",
  flip: "Girar la cámara",
  stayOff: "Lo que está apagado sigue apagado. Aquí elige qué se abre cuando usted lo encienda.",
  noDevices: "Su navegador no dice qué hay para elegir.",
  use: (label) => `Usar ${label}`,
  moved: (label) => `Ahora le oyen por otro micrófono: ${label}`,
  movedMore: "Lo eligió este dispositivo. Usted puede elegir otro.",
  choose: "Elegir un micrófono",
  speakerGone: "Su altavoz ya no está. Oye al grupo por otro.",
};

export const sourceCatalogs: Readonly<Record<string, SourceWords>> = { en, es };

export function sourceWordsFor(language: string): SourceWords {
  return sourceCatalogs[language] ?? en;
}
