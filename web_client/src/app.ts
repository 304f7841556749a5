import { computed, effect, signal } from "@preact/signals";
import { ApiError, troubleOf, type Api, type Me, type SessionEntry, type Trouble } from "./connection/api";
import { delayBefore, delayWhenBusy } from "./connection/backoff";
import type { Clock } from "./connection/clock";
import type { LocalMedia } from "./media/devices";
import type { ErrorCode } from "./protocol/generated";
import type { RoomSession } from "./session";

export type Stage =
  | { name: "loading"; trouble: "unreachable" | Trouble | null }
  | { name: "link"; code: ErrorCode }
  | { name: "nothing" }
  | { name: "choose"; me: Me; sessions: readonly SessionEntry[] }
  | { name: "arrive"; me: Me; entry: SessionEntry }
  | { name: "room"; me: Me; entry: SessionEntry; session: RoomSession }
  | { name: "left" | "replaced"; me: Me; entry: SessionEntry }
  | { name: "ended" }
  | { name: "stopped"; code: ErrorCode; me: Me; entry: SessionEntry };

export interface AppDeps {
  api: Api;
  clock: Clock;
  random: () => number;
  local: LocalMedia;
  openRoom: (me: Me, entry: SessionEntry, wanted: { microphone: boolean; camera: boolean }) => RoomSession;
  watchLevel: (track: MediaStreamTrack, heard: (level: number) => void) => () => void;
  /** Removes the sign-in token from the address, so that it cannot be read over a shoulder or copied. */
  forgetToken: () => void;
  /** Leaves this page at once and without a way back. */
  vanish: () => void;
  /** That a sign-in has to end before anything else, remembered over pages. */
  owed: Owed;
  kept: Kept;
}

/** What is being written, kept over a reload for this tab alone. `whose`: of which person, in which session. */
export interface Kept {
  read(whose: string): string;
  write(whose: string, text: string): void;
}

/** A nameless mark: whoever opens this page next begins by signing out. */
export interface Owed {
  readonly there: boolean;
  set(): void;
  clear(): void;
}

const AUDIBLE = 0.3;

/** From the link to the room and out again. */
export class App {
  readonly stage = signal<Stage>({ name: "loading", trouble: null });
  readonly wanted = signal({ microphone: true, camera: true });
  readonly level = signal(0);
  readonly wasHeard = signal(false);
  readonly help = signal(false);
  /** At the end of the last stay a mentor had closed my microphone. */
  readonly wasClosed = signal(false);
  /** What is being written; it outlives a stay that ended in the middle of it. */
  readonly draft = signal("");
  readonly #deps: AppDeps;
  #stopWatching: () => void = () => {};
  #whose = "";

  constructor(deps: AppDeps) {
    this.#deps = deps;
    const listenTo = computed(() =>
      this.stage.value.name === "arrive" && this.wanted.value.microphone ? deps.local.microphone.value.track : null,
    );
    effect(() => {
      const track = listenTo.value;
      this.#stopWatching();
      this.#stopWatching = track ? deps.watchLevel(track, (level) => this.#heard(level)) : () => {};
    });
    effect(() => {
      const text = this.draft.value;
      if (this.#whose) deps.kept.write(this.#whose, text);
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
    if (code || me === null) this.stage.value = { name: "link", code: code ?? "signed_out" };
    else this.#offer(me);
  }

  choose(me: Me, entry: SessionEntry): void {
    this.#arrive(me, entry);
  }

  toggle(source: "microphone" | "camera"): void {
    const { local } = this.#deps;
    const on = this.wanted.value[source] && local[source].value.problem === null;
    this.wanted.value = { ...this.wanted.value, [source]: !on };
    if (on) local.close(source);
    else void local.open(source);
  }

  /** Asks once more for what could not be had; what was turned off stays off. */
  tryAgain(): void {
    const { local } = this.#deps;
    const { microphone, camera } = this.wanted.value;
    this.wanted.value = {
      microphone: microphone || local.microphone.value.problem !== null,
      camera: camera || local.camera.value.problem !== null,
    };
    this.#open();
  }

  join(): void {
    const stage = this.stage.value;
    if (stage.name !== "arrive" && stage.name !== "replaced") return;
    const { me, entry } = stage;
    const { microphone, camera } = this.#deps.local;
    const session = this.#deps.openRoom(me, entry, {
      microphone: this.wanted.value.microphone && microphone.value.problem === null,
      camera: this.wanted.value.camera && camera.value.problem === null,
    });
    this.help.value = false;
    this.stage.value = { name: "room", me, entry, session };
    const stop = effect(() => {
      const code = session.over.value;
      if (code === null) return;
      // Not within the effect: letting go changes what it depends on.
      queueMicrotask(() => {
        stop();
        // However it ended: who had the camera off does not find it on at the next door.
        this.#remember(session);
        session.dispose();
        this.stage.value = after(me, entry, code);
        // Who went, and who is no longer the one signed in here, leaves nothing to read behind.
        if (this.stage.value.name === "left" || this.stage.value.name === "link") this.draft.value = "";
      });
    });
    session.start();
  }

  leave(): void {
    const stage = this.stage.value;
    if (stage.name === "room") {
      stage.session.leave();
    } else if (stage.name === "arrive") {
      this.draft.value = "";
      this.#deps.local.closeAll();
      this.stage.value = { name: "left", me: stage.me, entry: stage.entry };
    }
  }

  /** Back to the device check: nobody comes on screen by surprise. */
  joinAgain(): void {
    const stage = this.stage.value;
    if ("entry" in stage) this.#arrive(stage.me, stage.entry);
  }

  /** This screen takes over from the other one, with microphone and camera off until tapped. */
  useThisScreen(): void {
    this.wanted.value = { microphone: false, camera: false };
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
      this.#deps.local.closeAll();
    } finally {
      this.draft.value = "";
      this.#deps.vanish();
      owed.set();
    }
  }

  /** The device says that it has no network. */
  networkLost(): void {
    if (this.stage.value.name === "room") this.stage.value.session.networkLost();
  }

  /** The browser's answer changed from "no" to "yes", beside this page. */
  allowed(source: "microphone" | "camera"): void {
    const device = this.#deps.local[source].value;
    if (device.problem !== "denied") return;
    if (this.stage.value.name === "arrive") this.tryAgain();
    else if (this.stage.value.name === "room") this.stage.value.session.allowed(source);
  }

  /** The page or the network is back. */
  nudge(): void {
    this.#deps.local.check();
    if (this.stage.value.name === "room") this.stage.value.session.nudge();
  }

  #remember(session: RoomSession): void {
    const { microphone, camera, closed } = session.mine.value;
    this.wasClosed.value = closed;
    this.wanted.value = { microphone, camera };
  }

  #offer(me: Me): void {
    const live = me.sessions.filter((entry) => entry.status === "live");
    const [only] = live;
    if (live.length > 1) this.stage.value = { name: "choose", me, sessions: live };
    else if (only) this.#arrive(me, only);
    else this.stage.value = { name: me.sessions.length > 0 ? "ended" : "nothing" };
  }

  #arrive(me: Me, entry: SessionEntry): void {
    this.wasHeard.value = false;
    this.#whose = `${me.you}/${entry.id}`;
    if (!this.draft.value) this.draft.value = this.#deps.kept.read(this.#whose);
    this.stage.value = { name: "arrive", me, entry };
    this.#open();
  }

  #open(): void {
    const { local } = this.#deps;
    const { microphone, camera } = this.wanted.value;
    if (microphone && camera) void local.openBoth();
    else if (microphone) void local.open("microphone");
    else if (camera) void local.open("camera");
  }

  #heard(level: number): void {
    this.level.value = level;
    if (level > AUDIBLE) this.wasHeard.value = true;
  }

  /** Repeats what only the network or a busy server keeps from working; resolves to the code of a final "no". */
  async #insist(request: () => Promise<void>): Promise<ErrorCode | null> {
    const { clock, random } = this.#deps;
    const begun = clock.now();
    for (let tries = 1; ; tries += 1) {
      let trouble: Trouble | null;
      try {
        await request();
        return null;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code && FINAL.has(error.code)) return error.code;
        trouble = troubleOf(error.code);
        this.stage.value = { name: "loading", trouble: trouble ?? "unreachable" };
      }
      const wait = trouble ? delayWhenBusy(tries, random()) : delayBefore(tries, clock.now() - begun, random());
      await new Promise<void>((go) => clock.after(wait, go));
    }
  }
}

/** Answers that trying again would not change. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "signed_out",
  "link_invalid",
  "other_person",
  "token_invalid",
  "origin_refused",
  "not_allowed",
  "not_found",
  "malformed",
  "invalid_field",
]);

function after(me: Me, entry: SessionEntry, code: ErrorCode): Stage {
  switch (code) {
    case "left":
    case "replaced":
      return { name: code, me, entry };
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
