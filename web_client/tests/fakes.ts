import { decode as unpack, encode as pack } from "@msgpack/msgpack";
import type { ArrivalAnswer, JoinAnswer, Whereabouts } from "../src/connection/api";
import type { Clock } from "../src/connection/clock";
import { Connection, type ConnectionEvents, type Phase } from "../src/connection/connection";
import type { OpenSocket, SocketEvents } from "../src/connection/socket";
import type { LayersWanted, ClientMessage, PicturesResting, RoomFrame, ServerMessage, Snapshot, SubscribeOffer, Whispered, WhisperSpeaking } from "../src/protocol/generated";

/** Time that moves only when a test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  #timers: { at: number; act: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after = (ms: number, act: () => void): (() => void) => {
    const timer = { at: this.#now + ms, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  };

  /** Time goes by, and nothing runs that should have. */
  stall(ms: number): void {
    this.#now += ms;
  }

  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).toSorted((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
      await settle();
    }
    this.#now = until;
  }
}

/** Lets promises that are ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** The server's end of one socket. */
export class FakeSocket {
  readonly sent: ClientMessage[] = [];
  closedByClient: number | null = null;
  readonly url: string;
  readonly #events: SocketEvents;

  constructor(url: string, events: SocketEvents) {
    this.url = url;
    this.#events = events;
  }

  open(): void {
    this.#events.opened();
  }

  say(body: ServerMessage, seq: number | null = null): void {
    this.#events.message(pack([seq, body]));
  }

  sayBytes(bytes: Uint8Array): void {
    this.#events.message(bytes);
  }

  drop(code = 1006): void {
    this.#events.closed(code);
  }

  ofType<T extends ClientMessage["type"]>(type: T): Extract<ClientMessage, { type: T }>[] {
    return this.sent.filter((message): message is Extract<ClientMessage, { type: T }> => message.type === type);
  }
}

export function snapshotOf(change: Partial<Snapshot> = {}): Snapshot {
  return {
    session: { id: "s", title: "Tuesday evening group", status: "live" },
    you: "ellie",
    participants: [
      { id: "dana", name: "Dana", role: "mentor", place: 0, microphone: true, camera: true },
      { id: "ellie", name: "Ellie", role: "participant", place: 7 },
    ],
    chat: [],
    ...change,
  };
}

export const REMEMBERED: Whereabouts = {
  place: "",
  city: "Dayton",
  region: "Ohio",
  call_back: "555-0172",
  contact_name: "Rosa",
  contact_relation: "my sister",
  contact_phone: "555-0148",
  no_contact: false,
};

/** What a session asks of somebody who comes for the first time. */
export function arrivalOf(change: Partial<ArrivalAnswer> = {}): ArrivalAnswer {
  return {
    name: "Ellie",
    role: "participant",
    title: "Tuesday evening group",
    host: "Dana",
    adult: false,
    notice: {
      version: "5",
      agreed: false,
      language: "en",
      title: "Before you join",
      sections: [{ icon: "eye", heading: "Who may observe", paragraphs: ["A therapist may."] }],
      full: [{ heading: "All of it", paragraphs: ["At length."] }],
    },
    agreement: {
      version: "2",
      agreed: false,
      language: "en",
      title: "What this group agrees on",
      sections: [{ heading: "It stays here", paragraphs: ["We repeat nothing."] }],
    },
    whereabouts: { confirmed: false, last: REMEMBERED },
    ready: false,
    ...change,
  };
}

/** Somebody from whom nothing more is needed. */
export function readyAnswer(): ArrivalAnswer {
  const all = arrivalOf();
  return {
    ...all,
    adult: true,
    notice: { ...all.notice, agreed: true },
    agreement: all.agreement && { ...all.agreement, agreed: true },
    whereabouts: { confirmed: true, last: REMEMBERED },
    ready: true,
  };
}

/** A server for one client: sockets are accepted by hand, tokens are counted. */
export class FakeServer {
  readonly clock = new FakeClock();
  readonly sockets: FakeSocket[] = [];
  joins = 0;
  joinFails: Error | null = null;
  random = 0.5;
  /** A silent one has lost its network. */
  silent = false;
  #ids = 0;

  readonly newId = (): string => `id-${(this.#ids += 1)}`;

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  readonly openSocket: OpenSocket = (url, events) => {
    const socket = new FakeSocket(url, events);
    this.sockets.push(socket);
    return {
      send: (bytes) => {
        const message = unpack(bytes) as ClientMessage;
        socket.sent.push(message);
        if (message.type === "ping") queueMicrotask(() => this.silent || socket.say({ type: "ack", id: message.id }));
      },
      close: (code) => {
        socket.closedByClient ??= code;
      },
    };
  };

  readonly join = async (): Promise<JoinAnswer> => {
    this.joins += 1;
    if (this.joinFails) throw this.joinFails;
    return { ws_url: "/ws", token: `join-token-${this.joins}`, ice_servers: [] };
  };

  connect = (events: ConnectionEvents): Connection =>
    new Connection(
      {
        clock: this.clock,
        openSocket: this.openSocket,
        join: this.join,
        random: () => this.random,
        newId: this.newId,
      },
      events,
    );

  welcome(snapshot: Snapshot = snapshotOf(), resumeToken = "resume-1"): void {
    this.socket.open();
    this.socket.say({ type: "welcome", snapshot, resume_token: resumeToken, server_time_ms: 0, ping_every_s: 10 });
  }

  resumed(resumeToken = "resume-2"): void {
    this.socket.open();
    this.socket.say({ type: "resumed", resume_token: resumeToken, server_time_ms: 0 });
  }
}

/** Remembers what a connection told. */
export class Told implements ConnectionEvents {
  readonly phases: Phase[] = [];
  readonly frames: RoomFrame[] = [];
  readonly offers: SubscribeOffer[] = [];
  welcomes = 0;
  resumes = 0;
  phase = (phase: Phase) => void this.phases.push(phase);
  welcome = () => void (this.welcomes += 1);
  resumed = () => void (this.resumes += 1);
  frame = (frame: RoomFrame) => void this.frames.push(frame);
  subscribeOffer = (offer: SubscribeOffer) => void this.offers.push(offer);
  answersRefused = 0;
  readonly layers: LayersWanted[] = [];
  layersWanted = (wanted: LayersWanted) => void this.layers.push(wanted);
  readonly resting: PicturesResting[] = [];
  picturesResting = (resting: PicturesResting) => void this.resting.push(resting);
  readonly whispers: (Whispered | WhisperSpeaking)[] = [];
  whisper = (frame: Whispered | WhisperSpeaking) => void this.whispers.push(frame);
  answerRefused = () => void (this.answersRefused += 1);

  get last(): Phase | undefined {
    return this.phases.at(-1);
  }
}
