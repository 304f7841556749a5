import { batch, computed, effect, signal } from "@preact/signals";
import type { Connection, ConnectionEvents, Phase, RequestBody } from "./connection/connection";
import type { LocalMedia, Problem } from "./media/devices";
import type { Publisher } from "./media/publish";
import type { Received, Subscriber } from "./media/subscribe";
import type { ErrorCode, IceServer, RoomFrame, Source, SubscribeOffer, Welcome } from "./protocol/generated";
import { type Announcement, announce } from "./state/announce";
import { chosen, heard, tapCamera, tapMicrophone } from "./state/devices";
import { fromSnapshot, person, reduce, type RoomState } from "./state/room";

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
  | { about: "request"; code: ErrorCode };

export interface SessionDeps {
  connect: (events: ConnectionEvents) => Connection;
  publisher: Pick<Publisher, "use" | "start" | "close">;
  subscriber: Pick<Subscriber, "configure" | "offered" | "resumed" | "close">;
  local: Pick<LocalMedia, "microphone" | "camera" | "open" | "close" | "closeAll">;
  newId: () => string;
}

/** One stay in one room: what the screen shows, and what a person can do. */
export class RoomSession {
  readonly phase = signal<Phase>({ name: "idle" });
  readonly room = signal<RoomState | null>(null);
  readonly mine;
  readonly received = signal<Received>(new Map());
  readonly pending = signal<readonly PendingChat[]>([]);
  readonly notice = signal<Notice | null>(null);
  readonly announcement = signal<Announcement | null>(null);
  /** Why this stay is over; null while it goes on. */
  readonly over = computed((): ErrorCode | null => {
    if (this.room.value?.session.status === "ended") return "session_ended";
    return this.phase.value.name === "stopped" ? this.phase.value.code : null;
  });

  readonly #deps: SessionDeps;
  readonly #connection: Connection;
  readonly #stopEffects: readonly (() => void)[];
  /** The latest device state the server was told; empty when it has to be told again. */
  #told = "";

  constructor(deps: SessionDeps, wanted: { microphone: boolean; camera: boolean }) {
    this.#deps = deps;
    this.mine = signal(chosen(wanted.microphone, wanted.camera));
    this.#connection = deps.connect({
      phase: (phase) => this.#phaseIs(phase),
      welcome: (welcome, iceServers) => this.#welcome(welcome, iceServers),
      resumed: () => {
        this.#tellDevices();
        deps.subscriber.resumed();
      },
      frame: (frame) => this.#frame(frame),
      subscribeOffer: (offer: SubscribeOffer) => deps.subscriber.offered(offer),
    });
    const sending = computed(() => ({
      microphone: this.mine.value.microphone && deps.local.microphone.value.track !== null,
      camera: this.mine.value.camera && deps.local.camera.value.track !== null,
    }));
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
    ];
  }

  start(): void {
    this.#connection.start();
  }

  nudge(): void {
    this.#connection.nudge();
  }

  leave(): void {
    this.#connection.leave();
  }

  /** Lets go of devices and media; the connection has stopped or is left behind. */
  dispose(): void {
    if (this.#connection.phase.name !== "stopped") this.#connection.leave();
    for (const stop of this.#stopEffects) stop();
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
    if (!before.microphone && !(await this.#ready("microphone"))) return;
    // A closing that came while the browser asked for permission stands.
    if (this.mine.value.closings !== before.closings) return;
    this.mine.value = tapMicrophone(this.mine.value);
  }

  async tapCamera(): Promise<void> {
    if (this.mine.value.camera) {
      this.mine.value = tapCamera(this.mine.value);
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

  closeMicrophone(participantId: string): Promise<void> {
    return this.#ask({ type: "close_microphone", participant_id: participantId });
  }

  allowMicrophone(participantId: string): Promise<void> {
    return this.#ask({ type: "allow_microphone", participant_id: participantId });
  }

  endSession(): Promise<void> {
    return this.#ask({ type: "end_session" });
  }

  #phaseIs(phase: Phase): void {
    const before = this.phase.value.name;
    this.phase.value = phase;
    if (phase.name !== "live") this.#told = "";
    if (phase.name === "reconnecting" && before === "live") this.announcement.value = { key: "sayReconnecting" };
    if (phase.name === "live" && before === "reconnecting") this.announcement.value = { key: "sayBack" };
  }

  #welcome({ snapshot }: Welcome, iceServers: IceServer[]): void {
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
    const state = {
      microphone: microphone && local.microphone.peek().track !== null,
      camera: camera && local.camera.peek().track !== null,
      closings,
    };
    const telling = JSON.stringify(state);
    if (telling === this.#told) return;
    this.#told = telling;
    void this.#connection.request({ type: "set_devices", ...state }, "never").then((outcome) => {
      if (outcome.type !== "rejected" || outcome.code !== "microphone_closed") return;
      // The closing's own frame is on its way; nothing is sent until it says more.
      this.mine.value = { ...this.mine.value, microphone: false };
    });
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
    const outcome = await this.#connection.request({ type: "post_chat", message_id: id, text }, "always");
    if (outcome.type === "rejected") this.#amendPending(id, { failed: outcome.code });
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

  async #ask(body: RequestBody): Promise<void> {
    const outcome = await this.#connection.request(body, "always");
    if (outcome.type === "rejected") this.#explain({ about: "request", code: outcome.code });
    else if (this.notice.value?.about === "request") this.notice.value = null;
  }
}
