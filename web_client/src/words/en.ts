import { ERRORS, type ErrorCode } from "../protocol/generated";

const error = (code: ErrorCode) => ERRORS[code].text;

/** English. Accessible names of controls are a contract with people's tools and outside tests. */
export const en = {
  language: "en",
  product: "Holdspace",
  skip: "Go to the main part",
  quickExit: "Quick exit",
  help: "Help",
  leave: "Leave",
  close: "Close",

  // Arrive
  loading: "One moment.",
  unreachable: "We cannot reach the server. Trying again by itself.",
  arriveTitle: "Come in",
  hello: (name: string) => `Welcome, ${name}.`,
  place: "There is a place for you here.",
  chooseTitle: "Where would you like to go?",
  chooseEnter: (title: string) => `Go to ${title}`,
  checkTitle: "How you look and sound",
  checkHint: "Only you can see this. Nobody hears you yet.",
  yourCamera: "Your camera",
  howOthersSee: "This is how others see you",
  cameraIsOff: "Your camera is off",
  cameraAsking: "Your browser may ask for your camera and microphone",
  willHear: "Others will hear you when you join.",
  willNotHear: "You join muted. Nobody hears you.",
  willSee: "Others will see you when you join.",
  willNotSee: "You join without picture. Others see your first letter.",
  hearWell: "We can hear you.",
  saySomething: "Say something, and the bar moves.",
  level: "Microphone level",
  tryAgain: "Try again",
  join: "Join",
  joining: "Opening the room.",
  joinStays: "You can change both at any time.",
  microphoneDenied: "Your browser keeps your microphone closed.",
  cameraDenied: "Your browser keeps your camera closed.",
  microphoneMissing: "We found no microphone. You can listen and write.",
  cameraMissing: "We found no camera. Others see your first letter.",
  microphoneBusy: "Another app is using your microphone. Close it and try again.",
  cameraBusy: "Another app is using your camera. Close it and try again.",
  deviceUnsupported: "This browser cannot open it here. You can listen and write.",
  withoutIt: "You can join without it, too.",
  allowTitle: {
    chromeAndroid: "To open them in Chrome on Android",
    chrome: "To open them in Chrome or Edge",
    firefox: "To open them in Firefox",
    safariPhone: "To open them in Safari on iPhone or iPad",
    safari: "To open them in Safari",
    other: "To open them in your browser",
  },
  allowSteps: {
    chromeAndroid: [
      "Tap the sign left of the address.",
      "Tap Permissions, then Microphone and Camera.",
      "Choose Allow, and come back here.",
    ],
    chrome: [
      "Press the sign left of the address.",
      "Turn on Microphone and Camera.",
      "Come back here and press Try again.",
    ],
    firefox: [
      "Press the crossed-out microphone or camera left of the address.",
      "Press the x beside Blocked.",
      "Come back here and press Try again.",
    ],
    safariPhone: [
      "Tap the sign left of the address, then Website Settings.",
      "Choose Allow for Microphone and Camera.",
      "Come back here and tap Try again.",
    ],
    safari: [
      "Open the Safari menu, then Settings for This Website.",
      "Choose Allow for Microphone and Camera.",
      "Come back here and press Try again.",
    ],
    other: [
      "Open your browser's settings for this page.",
      "Allow the microphone and the camera.",
      "Come back here and try again.",
    ],
  },

  // Room
  everyoneMaySpeak: "Everyone may speak",
  participants: "Participants",
  you: "You",
  youSuffix: "(you)",
  roleMentor: "mentor",
  roleTherapist: "therapist",
  cameraOff: "camera off",
  microphoneOff: "microphone off",
  speaking: "speaking",
  closedByMentor: "Mic closed",
  away: "Reconnecting",
  reconnecting: "Reconnecting. Your place is kept.",
  reconnectingMore: "You see the last picture. You do not need to do anything.",
  closedNotice: "Your mentor closed your microphone for now.",
  closedMore: "You can listen and write. Nobody hears you.",
  hearGroup: "Tap to hear the group",
  hearGroupMore: "Your browser waits for a tap before it plays sound.",
  connection: "Connection",
  sound: "Sound",
  notice: "Note",
  ok: "OK",
  errorTitle: "That did not work",
  controls: "Your controls",
  microphone: "Microphone",
  camera: "Camera",
  mute: "Mute microphone",
  unmute: "Unmute microphone",
  unmuteClosed: "Unmute microphone, closed by your mentor",
  cameraTurnOff: "Turn camera off",
  cameraTurnOn: "Turn camera on",

  // Chat
  chat: "Chat",
  closeChat: "Close chat",
  messages: "Messages",
  writeToGroup: "Write to the group",
  send: "Send",
  sending: "Sending",
  notSent: "Not sent.",
  unread: (count: number) => (count === 1 ? "new message" : "new messages"),
  emptyChat: "Nothing written yet. The whole group reads what is written here.",
  hide: "Hide",
  show: "Show",
  hideMessage: "Hide message",
  showMessage: "Show message",
  hiddenFromGroup: "Hidden from the group",
  messageHidden: "This message was hidden.",

  // Mentor
  menuFor: (name: string) => `Menu for ${name}`,
  closeMicrophoneOf: (name: string) => `Close microphone of ${name}`,
  allowMicrophoneOf: (name: string) => `Allow microphone of ${name}`,
  allowHint: (name: string) => `Lets ${name} use it again. It stays off until ${name} taps it.`,
  closeHint: "Nobody hears it until you allow it again.",
  endSession: "End session",
  endTitle: "End the session for everyone?",
  endText: "The room closes for all of you. This cannot be undone.",
  keepGoing: "Keep going",

  // Help
  helpTitle: "What do you need?",
  closeHelp: "Close help",
  call988: "Call or text 988",
  call988More: "Crisis line, day and night",
  text988: "Text 988",
  call911: "Call 911",
  call911More: "Danger right now",
  helpPrivate: "Nobody in the group sees that you opened this.",

  // Afterwards
  leftTitle: "You have left",
  leftText: "Nobody sees or hears you. While the session goes on, you can come back.",
  joinAgain: "Join again",
  endedTitle: "This session has ended",
  endedText: "Thank you for being here. Your camera and microphone are off.",
  replacedTitle: "You are here on another screen",
  replacedText: "The session goes on there. Here, your camera and microphone are off.",
  useThisScreen: "Use this screen instead",
  linkTitle: "Please open your link again",
  nothingTitle: "No session right now",
  nothingText: "When your group meets, open your link again.",
  stoppedTitle: "That did not work",

  // Said aloud
  sayReconnecting: "Reconnecting. Your place is kept.",
  sayBack: "You are back in the room.",
  sayMicrophoneClosed: "Your mentor closed your microphone for now.",
  sayMicrophoneAllowed: "You may use your microphone again. It is still off.",
  sayEnded: "This session has ended.",
  sayJoined: (name: string) => `${name} is here.`,
  sayLeft: (name: string) => `${name} has left.`,
  sayAway: (name: string) => `${name} is reconnecting.`,
  sayHere: (name: string) => `${name} is back.`,
  sayMessage: (name: string, text: string) => `${name} wrote: ${text}`,

  error,
};

type Shape<T> = T extends (...args: infer A) => string
  ? (...args: A) => string
  : T extends string
    ? string
    : { readonly [K in keyof T]: Shape<T[K]> };

/** Every catalog has the same keys, with the same arguments. */
export type Words = Shape<typeof en>;
