import { computed, effect, signal } from "@preact/signals";
import { Arrival, type Plans } from "./arrival";
import type { Api, Me, SessionEntry } from "./connection/api";
import type { Clock } from "./connection/clock";
import { delayBefore } from "./connection/backoff";
import { insist, type Waiting } from "./connection/insist";
import { asMyself } from "./connection/myself";
import { DeviceCheck } from "./device_check";
import type { Desk } from "./desk";
import type { LocalMedia } from "./media/devices";
import type { ErrorCode } from "./protocol/generated";
import type { RoomSession } from "./session";
import type { CheckPath } from "./state/path";

export type Stage =
  | { name: "loading"; trouble: Waiting | null }
  | { name: "link"; code: ErrorCode }
  | { name: "nothing" }
  | { name: "choose"; me: Me; sessions: readonly SessionEntry[] }
  | { name: "therapist"; me: Me; missing: boolean }
  | { name: "arrive"; me: Me; entry: SessionEntry }
  | { name: "room"; me: Me; entry: SessionEntry; session: RoomSession }
  | { name: "left" | "replaced" | "removed"; me: Me; entry: SessionEntry }
  | { name: "revoking"; me: Me; entry: SessionEntry | null; trouble: Waiting | null; failed: ErrorCode | null }
  | { name: "revoked"; me: Me; entry: SessionEntry | null }
  | { name: "ended" }
  | { name: "stopped"; code: ErrorCode; me: Me; entry: SessionEntry };

export interface AppDeps {
  api: Api;
  clock: Clock;
  random: () => number;
  local: LocalMedia;
  openRoom: (me: Me, entry: SessionEntry, wanted: { microphone: boolean; camera: boolean }) => RoomSession;
  /** Loads a therapist's page, which nobody else pays for; rejects where it cannot be loaded. Left out where there is none. */
  openDesk?: (me: Me) => Promise<Desk>;
  watchLevel: (track: MediaStreamTrack, heard: (level: number) => void) => () => void;
  /** The session that the link leads to; null when it leads to one's own. */
  asked?: string | null;
  /** Left out where nothing looks at the way for sound and picture; then nothing is said about it. */
  checkPath?: CheckPath;
  /** Resolves when the soft tone is over. */
  playTone: () => Promise<void>;
  /** The language of the texts to agree to. */
  language: string;
  /** Removes the sign-in token from the address, so that it cannot be read over a shoulder or copied. */
  forgetToken: () => void;
  /** Leaves this page at once and without a way back. */
  vanish: () => void;
  /** That a sign-in has to end before anything else, remembered over pages. */
  owed: Owed;
  kept: Kept;
  /** The same for what I write for myself alone. */
  keptNotes: Kept;
  stays: Stays;
  plans: Plans;
}

/** What is being written, kept over a reload for this tab alone. `whose`: of which person, in which session. */
export interface Kept {
  read(whose: string): string;
  write(whose: string, text: string): void;
}

/** How a stay in a session was left: what was off then stays off, and what was hidden stays hidden. */
export interface Stay {
  readonly microphone: boolean;
  readonly camera: boolean;
  /** "Not alone" was on. */
  readonly alone: boolean;
}

/** Stays that were not ended on purpose, kept over a reload or a crash for this tab alone, by session. */
export interface Stays {
  read(sessionId: string): Stay | null;
  write(sessionId: string, stay: Stay): void;
  clear(sessionId: string): void;
}

/** A nameless mark: whoever opens this page next begins by signing out. */
export interface Owed {
  readonly there: boolean;
  set(): void;
  clear(): void;
}

/** From the link to the room and out again. */
export class App {
  readonly stage = signal<Stage>({ name: "loading", trouble: null });
  readonly help = signal(false);
  readonly arrival: Arrival;
  readonly check: DeviceCheck;
  /** At the end of the last stay a mentor had closed my microphone. */
  readonly wasClosed = signal(false);
  /** The group was hidden on this screen, and stays so until it is shown again in the room. */
  readonly stillAlone = signal(false);
  /** What is being written; it outlives a stay that ended in the middle of it. */
  readonly draft = signal("");
  /** What I write down for my turn. It is never sent, and gone with the stay. */
  readonly notes = signal("");
  /** A therapist's page. It stays while they are in a room: the other sessions go on. */
  readonly desk = signal<Desk | null>(null);
  readonly #deps: AppDeps;
  readonly #checking;
  #me: Me | null = null;
  #whose = "";
  /** The session of the last arrival. */
  #last = "";

  constructor(deps: AppDeps) {
    this.#deps = deps;
    const { api, clock, random, language, plans } = deps;
    this.arrival = new Arrival({ api, clock, random, language, plans, refused: (code) => this.#refused(code) });
    this.#checking = computed(() => this.stage.value.name === "arrive" && this.arrival.step.value === "check");
    this.check = new DeviceCheck(deps, this.#checking);
    effect(() => {
      const text = this.draft.value;
      if (this.#whose) deps.kept.write(this.#whose, text);
    });
    effect(() => {
      const text = this.notes.value;
      if (this.#whose) deps.keptNotes.write(this.#whose, text);
    });
    effect(() => {
      const stage = this.stage.value;
      if (stage.name === "room") {
        const { mine, notAlone } = stage.session;
        const { microphone, camera } = mine.value;
        deps.stays.write(stage.entry.id, { microphone, camera, alone: notAlone.on.value });
      } else if (stage.name === "arrive" && this.#checking.value) {
        deps.stays.write(stage.entry.id, { ...this.check.wanted.value, alone: this.stillAlone.value });
      }
    });
  }

  /** Signs in with the link's token where there is one, and finds out where this person may go. */
  async begin(token: string | null): Promise<void> {
    if (this.#deps.owed.there) {
      // Whatever a server that answers says to it: nobody is signed in by that cookie any more.
      await this.#insist(() => this.#deps.api.signOut());
      this.#deps.owed.clear();
    }
    if (token !== null) {
      const code = await this.#insist(async () => void (await this.#deps.api.signIn(token)));
      this.#deps.forgetToken();
      if (code) {
        this.stage.value = { name: "link", code };
        return;
      }
    }
    let me: Me | null = null;
    const code = await this.#insist(async () => {
      me = await this.#deps.api.me();
    });
    this.#me = me;
    if (code || me === null) this.stage.value = { name: "link", code: code ?? "signed_out" };
    else this.#offer(me);
  }

  choose(me: Me, entry: SessionEntry): void {
    this.#arrive(me, entry);
  }

  /** From the therapist's page into a session, seen and heard by everyone in it. */
  stepIn(entry: SessionEntry): void {
    if (this.stage.value.name === "therapist") this.#arrive(this.stage.value.me, { ...entry, steppingIn: true });
  }

  /** To all sessions, seen from outside. What stands in the way of loading the page is tried again. */
  async openDesk(me: Me): Promise<void> {
    const here: Stage = { name: "therapist", me, missing: false };
    this.stage.value = here;
    const { openDesk: open, clock, random } = this.#deps;
    if (this.desk.peek() || !open) return;
    let desk: Desk | null = null;
    const begun = clock.now();
    for (let tries = 1; desk === null; tries += 1) {
      try {
        desk = await open(me);
      } catch {
        // An import fails when the network does, or when this page is older than the server's files.
        if (this.stage.peek().name !== "therapist") return;
        this.stage.value = { ...here, missing: true };
        await new Promise<void>((go) => clock.after(delayBefore(tries, clock.now() - begun, random()), go));
      }
    }
    if (this.stage.peek().name !== "therapist") {
      desk.stop();
      return;
    }
    this.desk.value = desk;
    const stop = effect(() => {
      const code = desk.signedOut.value;
      if (code === null) return;
      queueMicrotask(() => {
        stop();
        this.#closeDesk();
        if (this.stage.peek().name === "therapist") this.stage.value = { name: "link", code };
      });
    });
  }

  join(): void {
    const stage = this.stage.value;
    if (stage.name !== "replaced" && !this.#checking.value) return;
    if (!("entry" in stage) || stage.entry === null) return;
    const { me, entry } = stage;
    const session = this.#deps.openRoom(me, entry, this.check.result);
    // Hidden before the first frame comes; the mentors are told once I am inside.
    if (this.stillAlone.value) session.hideGroup();
    this.help.value = false;
    const here: Stage = { name: "room", me, entry, session };
    this.stage.value = here;
    this.arrival.end();
    const stop = effect(() => {
      const code = session.over.value;
      if (code === null) return;
      // Not within the effect: letting go changes what it depends on.
      queueMicrotask(() => {
        stop();
        if (this.stage.peek() !== here) return;
        // However it ended: who had the camera off does not find it on at the next door.
        this.#remember(session);
        session.dispose();
        if (code === "arrival_incomplete") this.#arrive(me, entry, true);
        else if (this.#hasDesk(me) && (code === "left" || code === "session_ended")) void this.openDesk(me);
        else this.stage.value = after(me, entry, code);
        if (ENDS_THE_STAY.has(code)) this.#forgetStay(entry);
        // Who went, and who is no longer the one signed in here, leaves nothing to read behind.
        if (LEAVES_NOTHING.has(this.stage.peek().name)) this.draft.value = "";
        if (ENDS_THE_STAY.has(code) || LEAVES_NOTHING.has(this.stage.peek().name)) this.notes.value = "";
      });
    });
    session.start();
  }

  joinWithout(source: "microphone" | "camera"): void {
    this.check.doWithout(source);
    this.join();
  }

  /** To the step before; whoever leaves the check is neither seen nor heard by this page. */
  back(): void {
    this.#deps.local.closeAll();
    this.arrival.back();
  }

  /** Changes from the check what was given before. */
  visit(step: "welcome" | "where"): void {
    this.#deps.local.closeAll();
    this.arrival.visit(step);
  }

  playTone(): Promise<void> {
    return this.#deps.playTone();
  }

  /** Whether there may be an agreement to take back. */
  get mayTakeBack(): boolean {
    const stage = this.stage.value;
    if (stage.name === "loading" || stage.name === "link" || stage.name === "revoked" || stage.name === "revoking") return false;
    return stage.name !== "arrive" || (this.arrival.answer.value?.notice.agreed ?? false);
  }

  /** Out of the room first, at once; then it is stored, however long the server is away. */
  async takeBack(): Promise<void> {
    const stage = this.stage.peek();
    const me = this.#me;
    if (me === null) return;
    const entry = "entry" in stage ? stage.entry : null;
    this.help.value = false;
    // What was written is not left to read for whoever comes next, also where it takes long to be stored.
    this.draft.value = "";
    this.notes.value = "";
    this.stage.value = { name: "revoking", me, entry, trouble: null, failed: null };
    this.arrival.forget();
    if (stage.name === "room") {
      this.#remember(stage.session);
      stage.session.dispose();
    }
    if (entry) this.#forgetStay(entry);
    this.#deps.local.closeAll();
    const { api, clock, random } = this.#deps;
    const failed = await insist(() => asMyself(api, me.you, () => api.takeBack()), {
      clock,
      random,
      waiting: (trouble) => {
        if (this.stage.peek().name === "revoking") this.stage.value = { name: "revoking", me, entry, trouble, failed: null };
      },
      wanted: () => this.stage.peek().name === "revoking",
    });
    if (this.stage.peek().name !== "revoking") return;
    this.stage.value = failed ? { name: "revoking", me, entry, trouble: null, failed } : { name: "revoked", me, entry };
  }

  leave(): void {
    const stage = this.stage.value;
    if (stage.name === "room") {
      stage.session.leave();
    } else if (stage.name === "arrive") {
      this.draft.value = "";
      this.notes.value = "";
      this.#deps.local.closeAll();
      this.arrival.end();
      this.#forgetStay(stage.entry);
      if (this.#hasDesk(stage.me)) void this.openDesk(stage.me);
      else this.stage.value = { name: "left", me: stage.me, entry: stage.entry };
    }
  }

  /** Back to the device check: nobody comes on screen by surprise. */
  joinAgain(): void {
    const stage = this.stage.value;
    if ("entry" in stage && stage.entry) this.#arrive(stage.me, stage.entry);
  }

  /** This screen takes over from the other one, with microphone and camera off until tapped. */
  useThisScreen(): void {
    this.check.wanted.value = { microphone: false, camera: false };
    this.join();
  }

  /** Never asks, never waits: the screen is empty before the network is. */
  quickExit(): void {
    const stage = this.stage.value;
    const { owed } = this.#deps;
    try {
      // The page is gone before an answer could be shown; the request itself outlives it. Where it does not
      // arrive, or nobody is left to hear the answer, the mark stays for the next page.
      void this.#deps.api.signOut().then(
        () => owed.clear(),
        () => undefined,
      );
      if (stage.name === "room") stage.session.dispose();
      this.#closeDesk();
      this.#deps.local.closeAll();
    } finally {
      this.draft.value = "";
      this.notes.value = "";
      if ("entry" in stage && stage.entry) this.#forgetStay(stage.entry);
      this.arrival.forget();
      this.#deps.vanish();
      owed.set();
    }
  }

  /** The device says that it has no network. */
  networkLost(): void {
    this.desk.value?.networkLost();
    if (this.stage.value.name === "room") this.stage.value.session.networkLost();
  }

  /** The browser's answer changed from "no" to "yes", beside this page. */
  allowed(source: "microphone" | "camera"): void {
    const device = this.#deps.local[source].value;
    if (device.problem !== "denied") return;
    this.check.allowed();
    if (this.stage.value.name === "room") this.stage.value.session.allowed(source);
  }

  /** The page or the network is back. */
  nudge(): void {
    this.#deps.local.check();
    this.desk.value?.nudge();
    if (this.stage.value.name === "room") this.stage.value.session.nudge();
  }

  #remember(session: RoomSession): void {
    const { microphone, camera, closed } = session.mine.value;
    this.wasClosed.value = closed;
    this.check.wanted.value = { microphone, camera };
    this.stillAlone.value = session.notAlone.on.value;
  }

  /** Gone on purpose: the next arrival is a new one. */
  #forgetStay(entry: SessionEntry): void {
    this.stillAlone.value = false;
    this.#deps.stays.clear(entry.id);
  }

  #hasDesk(me: Me): boolean {
    return this.#deps.openDesk !== undefined && ((me.watches ?? false) || me.sessions.some(({ role }) => role === "therapist"));
  }

  #closeDesk(): void {
    this.desk.value?.stop();
    this.desk.value = null;
  }

  #offer(me: Me): void {
    if (this.#hasDesk(me)) {
      void this.openDesk(me);
      return;
    }
    const live = me.sessions.filter((entry) => entry.status === "live");
    const { asked } = this.#deps;
    const [only] = live;
    if (asked && !me.sessions.some(({ id }) => id === asked)) {
      // A link to the session of others: whether one may knock there, the server says.
      this.#arrive(me, { id: asked, title: "", status: "live", role: "participant" });
      return;
    }
    if (live.length > 1) this.stage.value = { name: "choose", me, sessions: live };
    else if (only) this.#arrive(me, only);
    else this.stage.value = { name: me.sessions.length > 0 ? "ended" : "nothing" };
  }

  #arrive(me: Me, entry: SessionEntry, needed = false): void {
    this.#whose = `${me.you}/${entry.id}`;
    if (!this.draft.value) this.draft.value = this.#deps.kept.read(this.#whose);
    this.notes.value = this.#deps.keptNotes.read(this.#whose);
    const stay = this.#deps.stays.read(entry.id);
    if (stay) this.check.wanted.value = { microphone: stay.microphone, camera: stay.camera };
    this.stillAlone.value = stay ? stay.alone : this.stillAlone.peek() && this.#last === entry.id;
    this.#last = entry.id;
    this.stage.value = { name: "arrive", me, entry };
    this.arrival.begin(me.you, entry.id, needed);
  }

  #refused(code: ErrorCode): void {
    const stage = this.stage.peek();
    if (stage.name !== "arrive") return;
    this.arrival.stop();
    this.stage.value = after(stage.me, stage.entry, code);
  }

  #insist(request: () => Promise<void>): Promise<ErrorCode | null> {
    const { clock, random } = this.#deps;
    return insist(request, {
      clock,
      random,
      waiting: (trouble) => {
        this.stage.value = { name: "loading", trouble };
      },
    });
  }
}

function after(me: Me, entry: SessionEntry, code: ErrorCode): Stage {
  switch (code) {
    case "left":
    case "replaced":
    case "removed":
      return { name: code, me, entry };
    case "consent_revoked":
      return { name: "revoked", me, entry };
    case "session_ended":
      return { name: "ended" };
    case "signed_out":
    case "link_invalid":
    case "other_person":
      return { name: "link", code };
    default:
      return { name: "stopped", code, me, entry };
  }
}

/** After any other end the person has not gone: their way in is as they left it. */
const ENDS_THE_STAY: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["left", "session_ended", "removed", "consent_revoked"]);

const LEAVES_NOTHING: ReadonlySet<Stage["name"]> = new Set<Stage["name"]>(["left", "link", "removed", "revoked", "therapist"]);
