import { computed, effect, signal } from "@preact/signals";
import { ApiError, type Whereabouts } from "./connection/api";
import type { Clock } from "./connection/clock";
import { FINAL } from "./connection/insist";
import type { ChatView, ErrorCode, ParticipantView } from "./protocol/generated";
import type { RoomState } from "./state/room";
import {
  aboutWhom,
  NO_FLAGS,
  newsOf,
  readSince,
  pollAfter,
  shownFlags,
  stillKnown,
  unansweredCrises,
  type Draft,
  type Known,
  type OwnFlags,
  type Pending,
  type ShownFlag,
} from "./state/flags";

/** Body of `POST /api/v1/sessions/{id}/flags`. */
export interface FlagBody extends Omit<Draft, "name"> {
  readonly flag_id: string;
  readonly moment: boolean;
}

export interface FlagApi {
  /** Resolves to whether it is stored; else therapists are told, and it is to be sent again under the same id. */
  raise(body: FlagBody): Promise<{ stored: boolean }>;
  own(): Promise<OwnFlags>;
  /** Where someone is whom an unanswered crisis of mine concerns. Reading it is written down. */
  whereabouts(participantId: string): Promise<Whereabouts>;
}

export interface FlaggingDeps {
  api: FlagApi;
  clock: Clock;
  /** Unix ms by this device. */
  wallNow: () => number;
  newId: () => string;
  /** What was raised and did not arrive, kept over a reload for this tab alone. */
  kept: { read(): string; write(text: string): void };
}

/** After that long a person is told that it has not arrived, while the request itself may go on. */
const LATE_MS = 3_000;
/** So long nothing heard is nothing to speak of: who waits in a crisis asks every few seconds. */
const DEAF_MS = 6_000;
/** Help is never slow to try again, and no server refuses it for being asked often. */
const GAPS_MS = [1_000, 1_000, 2_000, 3_000, 5_000] as const;

/** My flags in one session, over HTTP: it needs no room. None is lost, none is raised twice. */
export class Flagging {
  /** The group is hidden on this device: nobody's name is shown. */
  readonly hidden = signal(false);
  readonly pending = signal<readonly Pending[]>([]);
  readonly own = signal<OwnFlags>(NO_FLAGS);
  /** While the group is hidden on this device, without names. */
  readonly shown = computed(() => {
    const flags = shownFlags(this.pending.value, this.own.value);
    return this.hidden.value ? flags.map((flag) => ({ ...flag, about: "" })) : flags;
  });
  readonly crises = computed(() => unansweredCrises(this.shown.value));
  /** While something of mine presses: nothing has been heard from the server for a while. */
  readonly deaf = signal(false);
  /** Calls and crises of mine that a therapist has read since, until I put that away. */
  readonly answered = signal<readonly ShownFlag[]>([]);
  /** Said aloud: what became of a flag just now. */
  readonly news = signal<ShownFlag | null>(null);
  /** Lines of chat that who leads may want to flag, the oldest first. */
  readonly noticed = signal<readonly ChatView[]>([]);
  /** Who is or was in the room. */
  readonly people = signal<readonly Known[]>([]);
  readonly you = signal("");
  /** Whom a flag can be about. */
  readonly whom = computed(() => (this.hidden.value ? [] : aboutWhom(this.people.value, this.you.value, this.own.value)));
  /** I have been in the room while the session was going on. */
  readonly wasInside = signal(false);
  /** Unix ms by the server's clock as far as it is known. */
  now: () => number;
  readonly #deps: FlaggingDeps;
  readonly #wakes = new Set<() => void>();
  readonly #unwatch: () => void;
  #cancel: () => void = () => {};
  #hearing: () => void = () => {};
  #looking = false;
  #again = false;
  #stopped = false;
  /** There is nothing to learn before I raise something, or sign in again. */
  #denied = false;
  #lines: ReadonlySet<string> | null = null;

  constructor(deps: FlaggingDeps) {
    this.#deps = deps;
    this.now = deps.wallNow;
    this.pending.value = restored(deps.kept.read());
    let before = this.shown.peek();
    const stopNews = effect(() => {
      const news = newsOf(before, this.shown.value);
      const read = readSince(before, this.shown.value);
      before = this.shown.value;
      if (news) this.news.value = news;
      if (read.length > 0) this.answered.value = [...read, ...this.answered.peek()];
    });
    const stopKeeping = effect(() => {
      const open = this.pending.value.filter(({ way }) => way !== "stored");
      deps.kept.write(open.length > 0 ? JSON.stringify(open) : "");
    });
    this.#unwatch = () => {
      stopNews();
      stopKeeping();
    };
    for (const { id } of this.pending.peek()) void this.#deliver(id);
    void this.look();
  }

  /** Raises it at once; resolves never, its status says how far it has come. Returns its id. */
  raise(draft: Draft): string {
    const flag: Pending = { ...draft, id: this.#deps.newId(), atMs: this.now(), way: "sending", refused: null };
    this.pending.value = [...this.pending.peek(), flag];
    void this.#deliver(flag.id);
    return flag.id;
  }

  /** Asks what became of my flags. */
  async look(): Promise<void> {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      const own = await this.#deps.api.own();
      if (this.#stopped) return;
      this.#denied = false;
      this.#heard();
      this.own.value = own;
      const listed = new Set(own.flags.map(({ id }) => id));
      // What the server lists and still tries to store is asked for until it is.
      this.pending.value = this.pending.peek().filter(({ id, way }) => way !== "stored" || !listed.has(id));
    } catch (error) {
      // It is asked again, as long as there is something to learn.
      if (!(error instanceof ApiError)) throw error;
      this.#denied = error.code !== null && FINAL.has(error.code);
    } finally {
      this.#looking = false;
      if (this.#again) {
        this.#again = false;
        void this.look();
      } else this.#schedule();
    }
  }

  async whereabouts(participantId: string): Promise<Whereabouts | ErrorCode | null> {
    try {
      return await this.#deps.api.whereabouts(participantId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.code;
    }
  }

  /** Who is in the room now. */
  see(here: readonly ParticipantView[], you: string, live: boolean): void {
    this.people.value = stillKnown(this.people.peek(), here);
    this.you.value = you;
    if (live) this.wasInside.value = true;
  }

  /**
   * Looks at the lines of participants that came since the last time. What stood there before is no news, and who leads
   * says such things to ask.
   */
  notice({ chat, participants, you }: Pick<RoomState, "chat" | "participants" | "you">, watched: (text: string) => boolean): void {
    const before = this.#lines;
    this.#lines = new Set([...(before ?? []), ...chat.map(({ id }) => id)]);
    if (before === null) return;
    const staff = new Set(participants.filter(({ role }) => role !== "participant").map(({ id }) => id));
    const telling = chat.filter(
      ({ id, author_id: author, text }) => !before.has(id) && author !== you && !staff.has(author) && watched(text),
    );
    if (telling.length > 0) this.noticed.value = [...this.noticed.peek(), ...telling];
  }

  /** The page or the network is back: nothing waits any longer. */
  nudge(): void {
    for (const wake of this.#wakes) wake();
    void this.look();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#hearing();
    this.#unwatch();
    for (const wake of this.#wakes) wake();
  }

  async #deliver(id: string): Promise<void> {
    const { api, clock } = this.#deps;
    for (let tries = 0; !this.#stopped; tries += 1) {
      const flag = this.#find(id);
      if (!flag) return;
      const inTime = clock.after(LATE_MS, () => this.#waits(id));
      try {
        const { stored } = await api.raise(bodyOf(flag));
        if (this.#stopped) return;
        this.#amend(id, { way: stored ? "stored" : "told" });
        void this.look();
        if (stored) return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code && FINAL.has(error.code)) {
          this.#amend(id, { refused: error.code });
          return;
        }
        this.#waits(id);
      } finally {
        inTime();
      }
      await this.#wait(GAPS_MS[Math.min(tries, GAPS_MS.length - 1)] ?? LATE_MS);
    }
  }

  /** What therapists have once been told is not said to be unsent. */
  #waits(id: string): void {
    if (this.#find(id)?.way === "sending") this.#amend(id, { way: "waiting" });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((go) => {
      const wake = () => {
        stop();
        this.#wakes.delete(wake);
        go();
      };
      const stop = this.#deps.clock.after(ms, wake);
      this.#wakes.add(wake);
    });
  }

  #heard(): void {
    this.deaf.value = false;
    this.#hearing();
    this.#hearing = this.#deps.clock.after(DEAF_MS, () => {
      this.deaf.value = true;
    });
  }

  #schedule(): void {
    this.#cancel();
    const after = this.#denied ? null : pollAfter(this.shown.peek());
    this.#cancel = after === null || this.#stopped ? () => {} : this.#deps.clock.after(after, () => void this.look());
  }

  #find(id: string): Pending | undefined {
    return this.pending.peek().find((one) => one.id === id);
  }

  #amend(id: string, change: Partial<Pending>): void {
    this.pending.value = this.pending.peek().map((one) => (one.id === id ? { ...one, ...change } : one));
  }
}

function bodyOf({ id, kind, severity, category, about, text }: Pending): FlagBody {
  return { flag_id: id, kind, severity, category, about, text, moment: true };
}

/** What was refused may be taken now: who had to sign in again has done so. */
function restored(written: string): readonly Pending[] {
  if (!written) return [];
  return (JSON.parse(written) as Pending[]).map((one) => ({ ...one, way: "sending", refused: null }));
}
