import { batch, computed, signal } from "@preact/signals";
import { NotAlone } from "./alone";
import { Asking } from "./asking";
import { ServerClock } from "./connection/clock";
import type { Connection, ConnectionEvents, Phase, RequestBody } from "./connection/connection";
import type { Keep, Outcome } from "./connection/outbox";
import type { DeviceSource, LocalMedia } from "./media/devices";
import type { Publisher } from "./media/publish";
import type { LocalScreen } from "./media/screen";
import type { Received, Subscriber } from "./media/subscribe";
import type { Trouble } from "./media/tries";
import { OwnDevices } from "./own_devices";
import { Posting } from "./posting";
import type { ErrorCode, IceServer, Picture, RoomFrame, SubscribeOffer, Welcome } from "./protocol/generated";
import { Reactions } from "./reactions";
import { Sharing } from "./sharing";
import { type Announcement, announce, leftEarly, tellsOfOthers } from "./state/announce";
import type { Notice } from "./state/notice";
import { Patience } from "./state/patience";
import { Viewing } from "./viewing";
import { Whispers } from "./whispers";
import { fromSnapshot, person, reduce, rests, tookOver, unheard, isNewTurn, type RoomState } from "./state/room";

export interface SessionDeps {
  connect: (events: ConnectionEvents) => Connection;
  publisher: Pick<Publisher, "use" | "layersWanted" | "start" | "again" | "resumed" | "close">;
  subscriber: Pick<Subscriber, "configure" | "offered" | "refused" | "again" | "resumed" | "close">;
  local: Pick<LocalMedia, "microphone" | "camera" | "open" | "close" | "closeAll" | "choose" | "flip">;
  screen: Pick<LocalScreen, "possible" | "ask">;
  newId: () => string;
  /** Tells whether my own connection is weak, whenever that changes; returns how to stop. */
  watchLink?: (on: (weak: boolean) => void) => () => void;
  after: (ms: number, act: () => void) => () => void;
  /** The others' sound and pictures are being asked for: drawing the room waits for that, and so does `then`. */
  urgent?: (then: () => void) => void;
  /** Unix ms on this device. */
  wallNow?: () => number;
}

/** For so long a place is kept, unless a server is set to something else. */
const KEPT_MS = 60_000;

/** One stay in one room: what the screen shows, and what a person can do. */
export class RoomSession {
  readonly phase = signal<Phase>({ name: "idle" });
  readonly room = signal<RoomState | null>(null);
  readonly received = signal<Received>(new Map());
  readonly notice = signal<Notice | null>(null);
  readonly announcement = signal<Announcement | null>(null);
  /** The connection is away for longer than the place was kept. */
  readonly awayLong = signal(false);
  /** Who left while the session goes on, as far as I lead and have not read it yet. */
  readonly early = signal<readonly { id: string; name: string }[]>([]);
  readonly devices: OwnDevices;
  /** What I can ask of the room. */
  readonly ask: Asking;
  readonly posting: Posting;
  readonly reactions: Reactions;
  readonly notAlone: NotAlone;
  readonly sharing: Sharing;
  readonly viewing: Viewing;
  readonly whispers: Whispers;
  readonly clock: ServerClock;
  /** My own connection is weak. */
  readonly weak = signal(false);
  /** What does not come for now, since my connection takes no more. */
  readonly resting = signal<readonly Picture[]>([]);
  /** Whether my sound and picture, and that of the others, could be set up. */
  readonly troubles = signal<Readonly<Record<"publish" | "subscribe", Trouble | null>>>({ publish: null, subscribe: null });
  /** Why this stay is over; null while it goes on. */
  readonly over = computed((): ErrorCode | null => {
    if (this.room.value?.session.status === "ended") return "session_ended";
    return this.phase.value.name === "stopped" ? this.phase.value.code : null;
  });

  readonly #deps: SessionDeps;
  readonly #connection: Connection;
  readonly #patience: Patience;
  #iceServers: IceServer[] = [];
  /** An offer that came before I knew that I am let in. */
  #held: SubscribeOffer | null = null;
  /** Grows with each way in and out. */
  #entries = 0;
  #stopAway: () => void = () => {};
  #stopWatching: () => void = () => {};

  constructor(deps: SessionDeps, wanted: { microphone: boolean; camera: boolean }) {
    this.#deps = deps;
    const { after, newId } = deps;
    const request = (body: RequestBody, keep: Keep) => this.#connection.request(body, keep);
    this.clock = new ServerClock(deps.wallNow);
    this.#patience = new Patience(after);
    this.reactions = new Reactions(after);
    this.posting = new Posting({ request, newId });
    this.ask = new Asking({ request, after, ended: (outcome) => this.#asked(outcome) });
    this.notAlone = new NotAlone({ after, send: (on) => request({ type: "set_not_alone", on }, "never") });
    this.#connection = deps.connect({
      phase: (phase) => this.#phaseIs(phase),
      welcome: (welcome, iceServers) => this.#welcome(welcome, iceServers),
      resumed: (serverTimeMs) => {
        this.clock.told(serverTimeMs);
        this.#resumed();
      },
      frame: (frame) => this.#frame(frame),
      subscribeOffer: (offer: SubscribeOffer) => {
        // Another connection may end in other ears.
        if (offer.fresh) this.whispers.confirm(false);
        if (this.#inside) deps.subscriber.offered(offer);
        else this.#held = offer;
      },
      layersWanted: ({ source, rids }) => deps.publisher.layersWanted(source, rids),
      picturesResting: ({ pictures }) => {
        this.resting.value = pictures;
      },
      whisper: (frame) => this.whispers.hear(frame),
      answerRefused: () => deps.subscriber.refused(),
    });
    this.viewing = new Viewing({
      after,
      send: (tiles) => request({ type: "set_view", tiles }, "never"),
      reachable: () => this.#connection.phase.name === "live" && this.#inside,
    });
    this.whispers = new Whispers({ request });
    this.sharing = new Sharing({
      screen: deps.screen,
      publisher: deps.publisher,
      request,
      closings: () => this.devices.mine.peek().closings,
      reachable: () => this.#connection.phase.name === "live" && this.#inside && !this.notAlone.on.peek(),
      explain: (notice) => this.#explain(notice),
    });
    this.devices = new OwnDevices(
      {
        local: deps.local,
        publisher: deps.publisher,
        after,
        send: (state) => request({ type: "set_devices", ...state }, "never"),
        reachable: () => this.#connection.phase.name === "live" && this.#inside,
        arrived: () => this.room.peek() !== null,
        mayBeHeard: () => {
          const room = this.room.peek();
          return room === null || unheard(room) === null;
        },
        wayOut: () => this.troubles.value.publish === null,
        explain: (notice) => this.#explain(notice),
        announce: (announcement) => {
          this.announcement.value = announcement;
        },
      },
      wanted,
    );
  }

  get mine() {
    return this.devices.mine;
  }

  get doubt() {
    return this.devices.doubt;
  }

  get actual() {
    return this.devices.actual;
  }

  start(): void {
    this.#patience.begin();
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
    this.#entries += 1;
    this.sharing.end();
    this.devices.dispose();
    this.#patience.end();
    this.#stopAway();
    this.#stopWatching();
    this.notAlone.forget();
    this.viewing.forget();
    this.reactions.clear();
    this.#deps.publisher.close();
    this.#deps.subscriber.close();
    this.#deps.local.closeAll();
  }

  async tapMicrophone(): Promise<void> {
    const room = this.room.value;
    // Who taps in the lobby is there, and wants it so.
    if (room?.waiting) this.#patience.begin();
    if (this.notAlone.on.value) this.announcement.value = { key: "sayHiddenDevices" };
    else if (room && rests(room)) this.announcement.value = { key: "sayPausedMicrophone" };
    else if (await this.devices.tapMicrophone()) this.#forgive("microphone");
  }

  async tapCamera(): Promise<void> {
    if (this.notAlone.on.value) this.announcement.value = { key: "sayHiddenDevices" };
    else await this.devices.tapCamera();
    if (this.mine.value.camera) this.#forgive("camera");
  }

  /** No picture comes or goes, or they come again; the camera stays off until tapped. */
  setAudioOnly(on: boolean): void {
    if (on && this.mine.peek().camera) void this.devices.tapCamera();
    this.viewing.setAudioOnly(on);
    this.announcement.value = { key: on ? "sayAudioOnly" : "sayPicturesBack" };
  }

  /** Someone came in here: nobody hears or sees me, and nobody near this screen hears or sees the group. */
  hideGroup(): void {
    this.sharing.stop();
    this.devices.closeAll();
    this.reactions.clear();
    this.notAlone.set(true);
    this.announcement.value = { key: "sayHidden" };
  }

  /** The group is back; microphone and camera stay off until tapped. */
  showGroup(): void {
    this.notAlone.set(false);
    this.announcement.value = { key: "sayShownAgain" };
  }

  /** Who asks for cover may step away at once; taking it back opens nothing. */
  needCover(needed: boolean): void {
    if (needed) {
      this.sharing.stop();
      this.devices.closeAll();
    }
    void this.ask.needCover(needed);
  }

  /** What the browser had refused may be had now; it is opened by a tap, not by itself. */
  allowed(source: DeviceSource): void {
    this.#forgive(source);
  }

  /** Another microphone or camera. One that is off stays off; `open`: it went away, and this one takes its place. */
  async choose(source: DeviceSource, id: string, open = false): Promise<void> {
    const problem = await this.#deps.local.choose(source, id);
    if (problem) this.#explain({ about: "device", source, problem });
    else if (this.notice.peek()?.about === "moved") this.notice.value = null;
    if (open && !this.mine.peek()[source]) await (source === "camera" ? this.tapCamera() : this.tapMicrophone());
  }

  async flipCamera(): Promise<void> {
    const problem = await this.#deps.local.flip();
    if (problem) this.#explain({ about: "device", source: "camera", problem });
  }

  /** The system took another microphone for its usual one, and mine follows it. */
  microphoneMoved(label: string): void {
    this.whispers.confirm(false);
    if (!this.actual.peek().microphone) return;
    this.#explain({ about: "moved", label });
    this.announcement.value = { key: "sayMoved", name: label };
  }

  speakerGone(): void {
    this.whispers.confirm(false);
    this.#explain({ about: "speaker" });
  }

  share(): Promise<void> {
    if (this.notice.peek()?.about === "share_ended") this.notice.value = null;
    return this.sharing.start();
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
    // Whoever spoke to me is cut off with the connection; the server says so again.
    if (phase.name !== "live") this.whispers.speaker.value = "";
    if (phase.name !== "live") {
      this.devices.forget();
      this.notAlone.forget();
      this.sharing.end();
    }
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

  get #inside(): boolean {
    return this.room.peek()?.waiting === false;
  }

  #welcome({ snapshot, server_time_ms: serverTimeMs }: Welcome, iceServers: IceServer[]): void {
    this.clock.told(serverTimeMs);
    const before = this.room.peek();
    const wasInside = this.#inside;
    this.#iceServers = iceServers;
    this.posting.renewed();
    this.whispers.forget();
    const muted = !wasInside && !snapshot.waiting && this.#muteIfLate();
    batch(() => {
      const after = fromSnapshot(snapshot);
      const led = before?.led ?? after.led;
      this.room.value = { ...after, asked: after.waiting && (before?.asked ?? false), led };
      this.#settle(before);
      if (before && rests(before) && !rests(after) && !after.waiting) {
        this.#explain({ about: "back", leader: tookOver(before, after) });
      }
    });
    if (snapshot.waiting) {
      if (wasInside) this.#outside();
      if (wasInside || !before) this.announcement.value = { key: "sayInLobby" };
      return;
    }
    if (before?.waiting) this.announcement.value = { key: muted ? "sayLetInMuted" : "sayLetIn" };
    this.#within();
  }

  #resumed(): void {
    if (!this.#inside) return;
    this.devices.tell();
    this.notAlone.renew(false);
    this.viewing.renew();
    this.#deps.publisher.resumed();
    this.#deps.subscriber.resumed();
  }

  #frame(frame: RoomFrame): void {
    const before = this.room.value;
    if (!before) return;
    const letIn = frame.type === "view_replaced" && before.waiting && !frame.snapshot.waiting;
    const muted = letIn && this.#muteIfLate();
    if (frame.type === "view_replaced") this.posting.renewed();
    batch(() => {
      const after = reduce(before, frame);
      this.room.value = after;
      this.#settle(before);
      this.#note(before, after, frame);
      const told = muted ? ({ key: "sayLetInMuted" } as const) : announce(before, after, frame);
      if (told && !(this.notAlone.on.value && tellsOfOthers(told))) this.announcement.value = told;
    });
    if (letIn) this.#within();
    else if (!before.waiting && this.room.value?.waiting) this.#outside();
  }

  /** What a frame is beside a change of the room: something to notice, or to see for a moment. */
  #note(before: RoomState, after: RoomState, frame: RoomFrame): void {
    switch (frame.type) {
      case "microphone_allowed":
        if (this.notice.value?.about === "microphone_closed") this.notice.value = null;
        break;
      case "pause_changed":
        if (rests(before) && !rests(after)) this.#explain({ about: "back", leader: tookOver(before, after) });
        else if (rests(after) && this.notice.value?.about === "back") this.notice.value = null;
        break;
      case "reacted":
        if (!this.notAlone.on.value) this.reactions.show(frame.participant_id, frame.reaction);
        break;
      case "participant_joined":
        this.early.value = this.early.value.filter((one) => one.id !== frame.participant.id);
        break;
      case "participant_left": {
        const left = person(before, frame.participant_id);
        if (left && leftEarly(before, frame)) this.early.value = [...this.early.value, { id: left.id, name: left.name }];
        break;
      }
    }
  }

  /** In the room: sound and picture begin, and what is on is told. */
  #within(): void {
    this.#patience.end();
    this.#deps.subscriber.configure(this.#iceServers);
    const entry = (this.#entries += 1);
    const begin = () => {
      if (entry === this.#entries) this.#deps.publisher.start(this.#iceServers);
    };
    if (this.#deps.urgent) this.#deps.urgent(begin);
    else begin();
    if (this.#held) this.#deps.subscriber.offered(this.#held);
    this.#held = null;
    this.devices.tell();
    this.notAlone.renew(true);
    this.viewing.renew();
    this.#watchLink();
  }

  #watchLink(): void {
    this.#stopWatching();
    this.weak.value = false;
    this.resting.value = [];
    const stop = this.#deps.watchLink?.((weak) => {
      this.weak.value = weak;
    });
    this.#stopWatching = () => stop?.();
  }

  /** In the lobby: nothing goes out and nothing comes in. The microphone stays off until tapped. */
  #outside(): void {
    this.#entries += 1;
    this.#held = null;
    this.#stopWatching();
    this.sharing.end();
    this.#deps.publisher.close();
    this.#deps.subscriber.close();
    this.devices.forget();
    this.notAlone.forget();
    this.viewing.forget();
    this.reactions.clear();
    batch(() => {
      this.received.value = new Map();
      this.troubles.value = { publish: null, subscribe: null };
      this.devices.mute();
    });
    this.#patience.begin();
  }

  /** Before anything goes out. */
  #muteIfLate(): boolean {
    if (!this.#patience.end() || !this.mine.peek().microphone) return false;
    this.devices.mute();
    this.#explain({ about: "late" });
    return true;
  }

  #settle(before: RoomState | null): void {
    this.posting.settle(this.room.value?.chat ?? []);
    const room = this.room.value;
    const me = room ? person(room, room.you) : undefined;
    this.devices.hear(me);
    this.sharing.hear(me);
    if (!room) return;
    // Also what was on at the door, or before the turns changed: it opens again only by a tap.
    if (unheard(room) || isNewTurn(before, room)) this.devices.mute();
    else if (this.notice.peek()?.about === "not_heard") this.notice.value = null;
  }

  /** It is open, or may be: what was said about it is over. */
  #forgive(source: DeviceSource): void {
    const notice = this.notice.peek();
    if (!notice) return;
    const off = notice.about === "back" || notice.about === "late";
    if ((notice.about === "device" && notice.source === source) || (off && source === "microphone")) {
      this.notice.value = null;
    }
  }

  #explain(notice: Notice): void {
    this.notice.value = notice;
    if (notice.about === "microphone_closed") this.announcement.value = { key: "sayMicrophoneClosed" };
  }

  #asked(outcome: Outcome): void {
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
