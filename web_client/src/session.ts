import { batch, computed, effect, signal } from "@preact/signals";
import type { Connection, ConnectionEvents, Phase, RequestBody } from "./connection/connection";
import type { Keep } from "./connection/outbox";
import type { LocalMedia, Problem } from "./media/devices";
import type { Publisher } from "./media/publish";
import type { Received, Subscriber } from "./media/subscribe";
import type { Trouble } from "./media/tries";
import type { ErrorCode, IceServer, RoomFrame, Source, SubscribeOffer, Welcome } from "./protocol/generated";
import { type Announcement, announce } from "./state/announce";
import { chosen, heard } from "./state/devices";
import { fromSnapshot, person, reduce, type RoomState } from "./state/room";
import { Telling } from "./telling";

/** A message of mine that the room has not shown yet. */
export interface PendingChat {
  readonly id: string;
  readonly text: string;
  readonly failed: ErrorCode | null;
}

/** Something to tell the person beside the room. */
export type Notice =
  | { about: "microphone_closed" }
  | { about: "device"; source: Source; problem: Problem }
  | { about: "request"; code: ErrorCode }
  /** The connection was lost before the room could say whether it was done. */
  | { about: "unsure" }
  /** It took so long to come in that the microphone stayed off. */
  | { about: "late" };

export interface SessionDeps {
  connect: (events: ConnectionEvents) => Connection;
  publisher: Pick<Publisher, "use" | "start" | "again" | "resumed" | "close">;
  subscriber: Pick<Subscriber, "configure" | "offered" | "refused" | "again" | "resumed" | "close">;
  local: Pick<LocalMedia, "microphone" | "camera" | "open" | "close" | "closeAll">;
  newId: () => string;
  after: (ms: number, act: () => void) => () => void;
}

/** Who waited this long at the door may be doing something else by now, and must not be overheard. */
const LATE_MS = 20_000;
/** For so long a place is kept, unless a server is set to something else. */
const KEPT_MS = 60_000;
/** What is answered sooner needs no words. */
const SLOW_MS = 700;

/** One stay in one room: what the screen shows, and what a person can do. */
export class RoomSession {
  readonly phase = signal<Phase>({ name: "idle" });
  readonly room = signal<RoomState | null>(null);
  readonly mine;
  readonly received = signal<Received>(new Map());
  readonly pending = signal<readonly PendingChat[]>([]);
  readonly notice = signal<Notice | null>(null);
  readonly announcement = signal<Announcement | null>(null);
  /** The connection is away for longer than the place was kept. */
  readonly awayLong = signal(false);
  /** Whose microphones I closed without the room having said so yet. */
  readonly closing = signal<ReadonlySet<string>>(new Set());
  /** Whether my sound and picture, and that of the others, could be set up. */
  readonly troubles = signal<Readonly<Record<"publish" | "subscribe", Trouble | null>>>({ publish: null, subscribe: null });
  /** Which of my devices the others do not have although they are on here. */
  readonly doubt;
  /** What really goes out to the others, as far as can be known here. */
  readonly actual;
  /** Why this stay is over; null while it goes on. */
  readonly over = computed((): ErrorCode | null => {
    if (this.room.value?.session.status === "ended") return "session_ended";
    return this.phase.value.name === "stopped" ? this.phase.value.code : null;
  });

  readonly #deps: SessionDeps;
  readonly #connection: Connection;
  readonly #stopEffects: readonly (() => void)[];
  readonly #telling: Telling;
  #welcomes = 0;
  #late = false;
  #stopLate: () => void = () => {};
  #stopAway: () => void = () => {};

  constructor(deps: SessionDeps, wanted: { microphone: boolean; camera: boolean }) {
    this.#deps = deps;
    this.mine = signal(chosen(wanted.microphone, wanted.camera));
    this.#connection = deps.connect({
      phase: (phase) => this.#phaseIs(phase),
      welcome: (welcome, iceServers) => this.#welcome(welcome, iceServers),
      resumed: () => {
        this.#tellDevices();
        deps.publisher.resumed();
        deps.subscriber.resumed();
      },
      frame: (frame) => this.#frame(frame),
      subscribeOffer: (offer: SubscribeOffer) => deps.subscriber.offered(offer),
      answerRefused: () => deps.subscriber.refused(),
    });
    const telling = new Telling({
      send: (state) => this.#connection.request({ type: "set_devices", ...state }, "never"),
      after: deps.after,
      refused: (code) => this.#devicesRefused(code),
    });
    this.#telling = telling;
    this.doubt = telling.doubt;
    const sending = computed(() => ({
      microphone: this.mine.value.microphone && deps.local.microphone.value.track !== null,
      camera: this.mine.value.camera && deps.local.camera.value.track !== null,
    }));
    this.actual = computed(() => {
      const way = this.troubles.value.publish === null;
      return {
        microphone: way && sending.value.microphone && !telling.doubt.value.microphone,
        camera: way && sending.value.camera && !telling.doubt.value.camera,
      };
    });
    let doubted = false;
    this.#stopEffects = [
      effect(() => {
        const track = deps.local.microphone.value.track;
        const on = sending.value.microphone;
        if (track) track.enabled = on;
        deps.publisher.use("microphone", on ? track : null);
      }),
      effect(() => {
        deps.publisher.use("camera", sending.value.camera ? deps.local.camera.value.track : null);
      }),
      effect(() => {
        if (deps.local.microphone.value.problem && this.mine.value.microphone) this.#lostDevice("microphone");
        if (deps.local.camera.value.problem && this.mine.value.camera) this.#lostDevice("camera");
      }),
      effect(() => {
        void sending.value;
        this.#tellDevices();
      }),
      effect(() => {
        const { microphone, camera } = telling.doubt.value;
        const doubts = microphone || camera;
        if (doubts !== doubted && this.phase.peek().name === "live") {
          this.announcement.value = { key: doubts ? "sayDoubt" : "sayNoDoubt" };
        }
        doubted = doubts;
      }),
    ];
  }

  start(): void {
    this.#stopLate = this.#deps.after(LATE_MS, () => {
      this.#late = true;
    });
    this.#connection.start();
  }

  nudge(): void {
    this.#connection.nudge();
  }

  networkLost(): void {
    this.#connection.networkLost();
  }

  leave(): void {
    this.#connection.leave();
  }

  /** Lets go of devices and media; the connection has stopped or is left behind. */
  dispose(): void {
    if (this.#connection.phase.name !== "stopped") this.#connection.leave();
    for (const stop of this.#stopEffects) stop();
    this.#stopLate();
    this.#stopAway();
    this.#telling.forget();
    this.#deps.publisher.close();
    this.#deps.subscriber.close();
    this.#deps.local.closeAll();
  }

  async tapMicrophone(): Promise<void> {
    const before = this.mine.value;
    if (before.closed) {
      this.#explain({ about: "microphone_closed" });
      return;
    }
    if (before.microphone) {
      this.mine.value = { ...before, microphone: false };
      return;
    }
    if (!(await this.#ready("microphone"))) return;
    // A closing that came while the browser asked for permission stands.
    if (this.mine.value.closings !== before.closings || this.mine.value.closed) return;
    this.mine.value = { ...this.mine.value, microphone: true };
  }

  async tapCamera(): Promise<void> {
    if (this.mine.value.camera) {
      this.mine.value = { ...this.mine.value, camera: false };
      this.#deps.local.close("camera");
    } else if (await this.#ready("camera")) {
      this.mine.value = { ...this.mine.value, camera: true };
    }
  }

  postChat(text: string): void {
    const message: PendingChat = { id: this.#deps.newId(), text, failed: null };
    this.pending.value = [...this.pending.value, message];
    void this.#post(message);
  }

  /** Sends a message that was refused once more, under its own id. */
  async retryChat(id: string): Promise<void> {
    const message = this.pending.value.find((one) => one.id === id);
    if (!message?.failed) return;
    this.#amendPending(id, { failed: null });
    await this.#post(message);
  }

  hideChat(messageId: string): Promise<void> {
    return this.#ask({ type: "hide_chat", message_id: messageId });
  }

  showChat(messageId: string): Promise<void> {
    return this.#ask({ type: "show_chat", message_id: messageId });
  }

  /** Of what a mentor can do, only this is repeated in a new session: at worst it is quieter than it could be. */
  async closeMicrophone(participantId: string): Promise<void> {
    const stop = this.#deps.after(SLOW_MS, () => {
      this.closing.value = new Set([...this.closing.peek(), participantId]);
    });
    await this.#ask({ type: "close_microphone", participant_id: participantId }, "always");
    stop();
    this.closing.value = new Set([...this.closing.peek()].filter((id) => id !== participantId));
  }

  allowMicrophone(participantId: string): Promise<void> {
    return this.#ask({ type: "allow_microphone", participant_id: participantId });
  }

  endSession(): Promise<void> {
    return this.#ask({ type: "end_session" }, "always");
  }

  /** What the browser had refused may be had now; it is opened by a tap, not by itself. */
  allowed(source: Source): void {
    const notice = this.notice.peek();
    if (notice?.about === "device" && notice.source === source) this.notice.value = null;
  }

  /** Sound or video could not be set up, and the person wants it tried once more. */
  retryMedia(): void {
    const { publish, subscribe } = this.troubles.value;
    if (publish) this.#deps.publisher.again();
    if (subscribe) this.#deps.subscriber.again();
  }

  mediaTrouble(which: "publish" | "subscribe", trouble: Trouble | null): void {
    const before = worst(this.troubles.peek());
    this.troubles.value = { ...this.troubles.peek(), [which]: trouble };
    const now = worst(this.troubles.peek());
    if (now !== before && now) this.announcement.value = { key: now === "stuck" ? "sayMediaStuck" : "sayMediaTrying" };
  }

  #phaseIs(phase: Phase): void {
    const before = this.phase.value.name;
    this.phase.value = phase;
    if (phase.name !== "live") this.#telling.forget();
    if (before === "live" && phase.name !== "live") {
      this.#stopAway = this.#deps.after(KEPT_MS, () => {
        this.awayLong.value = true;
      });
    } else if (phase.name === "live") {
      this.#stopAway();
      this.awayLong.value = false;
    }
    if (phase.name === "reconnecting" && before === "live") this.announcement.value = { key: "sayReconnecting" };
    if (phase.name === "live" && before === "reconnecting") this.announcement.value = { key: "sayBack" };
  }

  #welcome({ snapshot }: Welcome, iceServers: IceServer[]): void {
    this.#welcomes += 1;
    this.#stopLate();
    if (this.#late && this.#welcomes === 1 && this.mine.peek().microphone) {
      this.mine.value = { ...this.mine.peek(), microphone: false };
      this.#explain({ about: "late" });
    }
    batch(() => {
      this.room.value = fromSnapshot(snapshot);
      this.#settlePending();
      this.#hearAboutMe();
    });
    this.#deps.subscriber.configure(iceServers);
    this.#deps.publisher.start(iceServers);
    this.#tellDevices();
  }

  #frame(frame: RoomFrame): void {
    const before = this.room.value;
    if (!before) return;
    batch(() => {
      const after = reduce(before, frame);
      this.room.value = after;
      if (frame.type === "chat_posted") this.#settlePending();
      this.#hearAboutMe();
      if (frame.type === "microphone_allowed" && this.notice.value?.about === "microphone_closed") {
        this.notice.value = null;
      }
      this.announcement.value = announce(before, after, frame) ?? this.announcement.value;
    });
  }

  #hearAboutMe(): void {
    const room = this.room.value;
    const me = room && person(room, room.you);
    if (!me) return;
    this.mine.value = heard(this.mine.value, {
      closed: me.microphone_closed ?? false,
      closings: me.closings ?? 0,
    });
  }

  #tellDevices(): void {
    if (this.#connection.phase.name !== "live") return;
    const { local } = this.#deps;
    const { microphone, camera, closings } = this.mine.peek();
    this.#telling.tell({
      microphone: microphone && local.microphone.peek().track !== null,
      camera: camera && local.camera.peek().track !== null,
      closings,
    });
  }

  #devicesRefused(code: ErrorCode): void {
    // After a closing the room's own frame says more.
    this.mine.value = { ...this.mine.value, microphone: false, ...(code === "microphone_closed" ? {} : { camera: false }) };
    if (code !== "microphone_closed") this.#explain({ about: "request", code });
  }

  async #ready(source: Source): Promise<boolean> {
    if (await this.#deps.local.open(source)) {
      if (this.notice.value?.about === "device") this.notice.value = null;
      return true;
    }
    const { problem } = this.#deps.local[source].value;
    if (problem) this.#explain({ about: "device", source, problem });
    return false;
  }

  #lostDevice(source: Source): void {
    this.mine.value = { ...this.mine.value, [source]: false };
    const { problem } = this.#deps.local[source].value;
    // On arrival the person has already read why; only a device lost on the way is news.
    if (problem && this.room.peek()) this.#explain({ about: "device", source, problem });
  }

  #explain(notice: Notice): void {
    this.notice.value = notice;
    if (notice.about === "microphone_closed") this.announcement.value = { key: "sayMicrophoneClosed" };
  }

  async #post({ id, text }: PendingChat): Promise<void> {
    const welcomes = this.#welcomes;
    const outcome = await this.#connection.request({ type: "post_chat", message_id: id, text }, "always");
    if (outcome.type === "rejected") this.#amendPending(id, { failed: outcome.code });
    // It was posted before a fresh view of the room came, which may no longer reach back to it.
    else if (welcomes !== this.#welcomes) this.pending.value = this.pending.value.filter((one) => one.id !== id);
  }

  #amendPending(id: string, change: Partial<PendingChat>): void {
    this.pending.value = this.pending.value.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  #settlePending(): void {
    const shown = new Set(this.room.value?.chat.map((message) => message.id));
    if (this.pending.value.some((one) => shown.has(one.id))) {
      this.pending.value = this.pending.value.filter((one) => !shown.has(one.id));
    }
  }

  /** `keep`: what a mentor did is usually not repeated in a new session, where it could undo what another did. */
  async #ask(body: RequestBody, keep: Keep = "resume"): Promise<void> {
    const outcome = await this.#connection.request(body, keep);
    if (outcome.type === "rejected") this.#explain({ about: "request", code: outcome.code });
    else if (outcome.type === "dropped") this.#unsure();
    else if (this.notice.value?.about === "request" || this.notice.value?.about === "unsure") this.notice.value = null;
  }

  #unsure(): void {
    if (this.over.peek() === null) this.#explain({ about: "unsure" });
  }
}

export function worst(troubles: Readonly<Record<"publish" | "subscribe", Trouble | null>>): Trouble | null {
  const all = [troubles.publish, troubles.subscribe];
  return all.includes("stuck") ? "stuck" : all.includes("trying") ? "trying" : null;
}
