import { batch, computed, signal } from "@preact/signals";
import type { Monitoring as Asked, MonitoringEvents } from "./connection/watch";
import type { Outcome } from "./connection/outbox";
import type { Received, Subscriber } from "./media/subscribe";
import type { Trouble } from "./media/tries";
import type { Voice } from "./media/voice";
import type { Finding, MonitoringEnd } from "./protocol/generated";
import { fromSnapshot, type RoomState } from "./state/room";
import type { Failure } from "./supervision";
import { Viewing } from "./viewing";

export interface MonitoringDeps {
  ask: (asked: Asked, keep: "always" | "never") => Promise<Outcome>;
  subscriber: Pick<Subscriber, "configure" | "offered" | "refused" | "again" | "close">;
  voice: Pick<Voice, "configure" | "open" | "close" | "end">;
  after: (ms: number, act: () => void) => () => void;
  newId: () => string;
}

/** Why listening ended on this page; `lost`: the page's own connection did. */
export interface Over {
  readonly sessionId: string;
  readonly title: string;
  readonly why: MonitoringEnd | "lost";
}

/** A whisper that is not stored yet. */
export interface Unsent {
  readonly id: string;
  readonly sessionId: string;
  readonly to: string;
  readonly name: string;
  readonly text: string;
  readonly failed: Failure | undefined;
}

/** Whom my microphone is turned to; `asking`: nobody hears it yet. */
export interface Speaking {
  readonly sessionId: string;
  readonly to: string;
  readonly name: string;
  readonly state: "asking" | "on";
}

const SILENCE: Received = new Map();

/**
 * What this page does about one session besides its concerns: it listens, whispers, reviews. It holds no more than the
 * server has said: a session is shown and heard from its first frame to its end, and stopping holds here at once.
 */
export class Monitoring implements MonitoringEvents {
  /** The session that I listen to, as a participant would see it. */
  readonly room = signal<RoomState | null>(null);
  /** To which session I asked to listen. */
  readonly asking = signal<string | null>(null);
  readonly over = signal<Over | null>(null);
  /** What I have stopped, and the server may not have told yet that it did. */
  readonly stopped = signal<string | null>(null);
  /** Why I cannot listen, by session. */
  readonly refused = signal<ReadonlyMap<string, Failure>>(new Map());
  readonly unsent = signal<readonly Unsent[]>([]);
  readonly speaking = signal<Speaking | null>(null);
  /** Why nobody hears me whom I wanted to speak to. */
  readonly unspoken = signal<{ readonly to: string; readonly why: Failure | "microphone" } | null>(null);
  readonly trouble = signal<Trouble | null>(null);
  readonly viewing: Viewing;
  /** What comes in, whatever it is of; it is heard and seen while a session is listened to. */
  readonly incoming = signal<Received>(SILENCE);
  readonly received = computed(() => (this.room.value ? this.incoming.value : SILENCE));
  readonly #deps: MonitoringDeps;
  #live = false;
  /** Grows with each wish to listen, or to stop; and to speak. */
  #listens = 0;
  #wishes = 0;

  constructor(deps: MonitoringDeps) {
    this.#deps = deps;
    this.viewing = new Viewing({
      after: deps.after,
      send: (tiles) => deps.ask({ type: "set_view", tiles }, "never"),
      reachable: () => this.#live && this.room.peek() !== null,
    });
  }

  /** Resolves to whether it was stored, so that it begins. What was listened to before goes on until then. */
  async listen(sessionId: string, reason = ""): Promise<boolean> {
    if (this.asking.peek() !== null) return false;
    const wish = (this.#listens += 1);
    batch(() => {
      this.asking.value = sessionId;
      this.over.value = null;
      this.stopped.value = null;
      this.refused.value = new Map([...this.refused.peek()].filter(([id]) => id !== sessionId));
    });
    const outcome = await this.#deps.ask({ type: "listen", session_id: sessionId, reason }, "never");
    if (wish !== this.#listens) return false;
    if (outcome.type !== "ack") {
      this.asking.value = null;
      this.refused.value = new Map([...this.refused.peek(), [sessionId, outcome.type === "rejected" ? outcome.code : null]]);
      return false;
    }
    // Its first frame is there already, or comes next.
    return true;
  }

  stop(): void {
    if (this.room.peek() === null && this.asking.peek() === null) return;
    this.#listens += 1;
    this.stopped.value = this.room.peek()?.session.id ?? null;
    this.#leave(null);
    void this.#deps.ask({ type: "stop_listening" }, "always");
  }

  /** Nobody looks at it any more: nothing is heard or said from here. */
  hide(): void {
    this.stop();
    this.stopSpeaking();
  }

  async whisper(sessionId: string, to: string, name: string, text: string): Promise<void> {
    const id = this.#deps.newId();
    this.unsent.value = [...this.unsent.peek(), { id, sessionId, to, name, text, failed: undefined }];
    await this.#send(id);
  }

  async retry(id: string): Promise<void> {
    this.unsent.value = this.unsent.peek().map((one) => (one.id === id ? { ...one, failed: undefined } : one));
    await this.#send(id);
  }

  /** The browser asks for the microphone, then the server lets this mentor alone hear it. */
  async speakTo(sessionId: string, to: string, name: string): Promise<void> {
    const wish = (this.#wishes += 1);
    const said = { sessionId, to, name } as const;
    this.unspoken.value = null;
    this.speaking.value = { ...said, state: "asking" };
    const opened = await this.#deps.voice.open();
    if (wish !== this.#wishes) return;
    if (!opened) {
      this.#notSpeaking(to, "microphone");
      return;
    }
    const outcome = await this.#deps.ask({ type: "speak_to", session_id: sessionId, participant_id: to }, "never");
    if (wish !== this.#wishes) return;
    if (outcome.type === "ack") this.speaking.value = { ...said, state: "on" };
    else this.#notSpeaking(to, outcome.type === "rejected" ? outcome.code : null);
  }

  stopSpeaking(): void {
    const speaking = this.speaking.peek();
    if (!speaking) return;
    this.#silence();
    void this.#deps.ask({ type: "speak_to", session_id: speaking.sessionId, participant_id: null }, "never");
  }

  /** My voice's way is gone. */
  voiceLost(): void {
    const speaking = this.speaking.peek();
    if (!speaking) return;
    this.stopSpeaking();
    this.#deps.voice.end();
    this.unspoken.value = { to: speaking.to, why: null };
  }

  /** The mentor took their headphones off, or is not there any more: the server hears me no more, and neither does my microphone. */
  mentorsAre(sessionId: string, mayHear: (participantId: string) => boolean): void {
    const speaking = this.speaking.peek();
    if (speaking?.state === "on" && speaking.sessionId === sessionId && !mayHear(speaking.to)) this.#notSpeaking(speaking.to, null);
  }

  /** Resolves to why it was not stored; undefined: it was. */
  async review(sessionId: string, glassId: string, finding: Finding, note: string): Promise<Failure | undefined> {
    const asked = { type: "review_glass", session_id: sessionId, glass_id: glassId, finding, note } as const;
    const outcome = await this.#deps.ask(asked, "always");
    if (outcome.type === "rejected") return outcome.code;
    return outcome.type === "dropped" ? null : undefined;
  }

  overRead(): void {
    this.over.value = null;
  }

  retryMedia(): void {
    this.#deps.subscriber.again();
  }

  // ── what the server says ────────────────────────────────────────────────────────────────────

  begun: MonitoringEvents["begun"] = (iceServers) => {
    this.#live = true;
    this.#deps.subscriber.configure(iceServers);
    this.#deps.voice.configure(iceServers);
  };

  lost: MonitoringEvents["lost"] = () => {
    this.#live = false;
    this.#listens += 1;
    this.#leave("lost");
    this.#silence();
    this.#deps.voice.end();
    this.#deps.subscriber.close();
    batch(() => {
      this.incoming.value = SILENCE;
      this.trouble.value = null;
    });
  };

  monitoring: MonitoringEvents["monitoring"] = (frame) => {
    const room = this.room.peek();
    switch (frame.type) {
      case "monitored": {
        const { id } = frame.room.session;
        const known = room?.session.id === id;
        if (!known && this.asking.peek() !== id) {
          // What was stopped here meanwhile is not shown again, and ends.
          if (this.asking.peek() === null) void this.#deps.ask({ type: "stop_listening" }, "always");
          return;
        }
        const next = fromSnapshot(frame.room);
        const here = new Set(next.participants.flatMap((one) => (one.microphone ? [one.id] : [])));
        const speakers = known ? room.speakers.filter((one) => here.has(one)) : [];
        batch(() => {
          if (!known) this.viewing.forget();
          this.asking.value = null;
          this.over.value = null;
          this.room.value = { ...next, speakers };
        });
        return;
      }
      case "speakers_changed":
        if (room) this.room.value = { ...room, speakers: frame.participant_ids };
        return;
      case "monitoring_over":
        // Another one that is asked for takes its place; what I stopped is known to me.
        if (room?.session.id === frame.session_id) this.#leave(this.asking.peek() === null ? frame.why : null, this.asking.peek());
        else if (this.asking.peek() === frame.session_id) this.asking.value = null;
    }
  };

  subscribeOffer: MonitoringEvents["subscribeOffer"] = (offer) => this.#deps.subscriber.offered(offer);

  answerRefused: MonitoringEvents["answerRefused"] = () => this.#deps.subscriber.refused();

  #leave(why: Over["why"] | null, asking: string | null = null): void {
    const room = this.room.peek();
    batch(() => {
      this.room.value = null;
      this.asking.value = asking;
      if (room && why && why !== "stopped") this.over.value = { sessionId: room.session.id, title: room.session.title, why };
    });
    this.viewing.forget();
  }

  #silence(): void {
    this.#wishes += 1;
    this.speaking.value = null;
    this.#deps.voice.close();
  }

  #notSpeaking(to: string, why: Failure | "microphone"): void {
    this.#silence();
    this.unspoken.value = { to, why };
  }

  async #send(id: string): Promise<void> {
    const one = this.unsent.peek().find((each) => each.id === id);
    if (!one) return;
    const { sessionId, to, text } = one;
    const asked = { type: "send_whisper", session_id: sessionId, participant_id: to, whisper_id: id, text } as const;
    const outcome = await this.#deps.ask(asked, "always");
    // Once stored it is in the session's own list.
    if (outcome.type === "ack") this.unsent.value = this.unsent.peek().filter((each) => each.id !== id);
    else {
      const failed = outcome.type === "rejected" ? outcome.code : null;
      this.unsent.value = this.unsent.peek().map((each) => (each.id === id ? { ...each, failed } : each));
    }
  }
}
