import { signal } from "@preact/signals";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { App, type AppDeps, type Stay } from "../src/app";
import { ApiError, type Api, type Me, type SessionEntry } from "../src/connection/api";
import type { Desk } from "../src/desk";
import type { Device, LocalMedia, DeviceSource } from "../src/media/devices";
import type { ErrorCode } from "../src/protocol/generated";
import type { PathHandlers } from "../src/state/path";
import type { RoomSession } from "../src/session";
import { FakeClock, arrivalOf, readyAnswer, settle } from "./fakes";

const entry: SessionEntry = { id: "s", title: "Tuesday evening group", status: "live", role: "participant" };
const me: Me = { you: "ellie", name: "Ellie", sessions: [entry] };
const off: Device = { track: null, problem: null, asking: false };

let clock: FakeClock;
let api: { [K in keyof Api]: ReturnType<typeof vi.fn<Api[K]>> };
let over: ReturnType<typeof signal<ErrorCode | null>>;
let session: Record<"start" | "leave" | "dispose" | "networkLost" | "allowed" | "hideGroup", ReturnType<typeof vi.fn>>;
let opened: { microphone: boolean; camera: boolean }[];
let events: string[];
let app: App;
let local: Record<"openBoth" | "open" | "close" | "closeAll" | "check", ReturnType<typeof vi.fn>> &
  Record<DeviceSource, ReturnType<typeof signal<Device>>>;
let mine: ReturnType<typeof signal<{ microphone: boolean; camera: boolean; closed?: boolean }>>;
let stored: Map<string, string>;
let notes: Map<string, string>;
/** What this tab remembers: it outlives the page. */
let stays: Map<string, Stay>;
let notAlone: { on: ReturnType<typeof signal<boolean>> };
let path: PathHandlers;
let owed: { there: boolean; set: () => void; clear: () => void };

beforeEach(() => {
  clock = new FakeClock();
  events = [];
  opened = [];
  over = signal<ErrorCode | null>(null);
  api = {
    signIn: vi.fn(async () => ({ name: "Ellie" })),
    me: vi.fn(async () => me),
    arrival: vi.fn(async () => readyAnswer()),
    setName: vi.fn(async (name: string) => ({ name })),
    agree: vi.fn(async () => {}),
    takeBack: vi.fn(async () => void events.push("take back")),
    setWhereabouts: vi.fn(async () => {}),
    stepIn: vi.fn(),
  join: vi.fn(),
    check: vi.fn(),
    signOut: vi.fn(async () => void events.push("sign out")),
  };
  owed = {
    there: false,
    set: () => void (owed.there = true),
    clear: () => void (owed.there = false),
  };
  session = { start: vi.fn(), leave: vi.fn(), networkLost: vi.fn(), allowed: vi.fn(), hideGroup: vi.fn(() => void (notAlone.on.value = true)), dispose: vi.fn(() => events.push("dispose")) };
  mine = signal({ microphone: true, camera: false });
  notAlone = { on: signal(false) };
  stays = new Map();
  local = {
    microphone: signal(off),
    camera: signal(off),
    openBoth: vi.fn(async () => {}),
    open: vi.fn(async () => true),
    close: vi.fn(),
    check: vi.fn(),
    closeAll: vi.fn(() => events.push("devices off")),
  };
  stored = new Map();
  notes = new Map();
  app = open();
});

function open(more: Partial<AppDeps> = {}): App {
  return new App({
    ...more,
    api,
    clock,
    random: () => 0.5,
    local: local as unknown as LocalMedia,
    openRoom: (_me, _entry, wanted) => {
      opened.push(wanted);
      return { ...session, over, mine, notAlone } as unknown as RoomSession;
    },
    watchLevel: () => () => {},
    checkPath: (handlers) => {
      path = handlers;
      events.push("path checked");
      return () => events.push("path left");
    },
    playTone: async () => {},
    language: "en",
    forgetToken: () => events.push("forget token"),
    vanish: () => events.push("vanish"),
    owed,
    plans: { read: () => [], write: () => {} },
    stays: {
      read: (id) => stays.get(id) ?? null,
      write: (id, stay) => void stays.set(id, stay),
      clear: (id) => void stays.delete(id),
    },
    keptNotes: { read: (whose) => notes.get(whose) ?? "", write: (whose, text) => void notes.set(whose, text) },
    kept: { read: (whose) => stored.get(whose) ?? "", write: (whose, text) => void stored.set(whose, text) },
  });
}

describe("the link", () => {
  test("signs in, forgets the token and shows the device check", async () => {
    await app.begin("token");
    expect(api.signIn).toHaveBeenCalledWith("token");
    expect(events).toEqual(["forget token"]);
    expect(app.stage.value).toEqual({ name: "arrive", me, entry });
    await settle();
    expect(app.arrival.step.value).toBe("check");
  });

  test("without a token the sign-in from before is used", async () => {
    await app.begin(null);
    expect(api.signIn).not.toHaveBeenCalled();
    expect(app.stage.value.name).toBe("arrive");
  });

  test("that has ended never falls back to somebody else's sign-in", async () => {
    api.signIn.mockRejectedValue(new ApiError("link_invalid"));
    await app.begin("token");
    expect(api.me).not.toHaveBeenCalled();
    expect(app.stage.value).toEqual({ name: "link", code: "link_invalid" });
    expect(events).toEqual(["forget token"]);
  });

  test("signed out means opening the link again", async () => {
    api.me.mockRejectedValue(new ApiError("signed_out"));
    await app.begin(null);
    expect(app.stage.value).toEqual({ name: "link", code: "signed_out" });
  });

  test("is not used, nor any sign-in, before an owed sign-out is done", async () => {
    owed.set();
    const order: string[] = [];
    api.signOut.mockRejectedValueOnce(new ApiError(null)).mockImplementation(async () => void order.push("sign out"));
    api.signIn.mockImplementation(async () => {
      order.push("sign in");
      return { name: "Ellie" };
    });
    api.me.mockImplementation(async () => {
      order.push("me");
      return me;
    });
    void app.begin("token");
    await settle();
    expect([order, owed.there]).toEqual([[], true]);
    await clock.advance(1_000);
    expect([order.slice(0, 3), owed.there]).toEqual([["sign out", "sign in", "me"], false]);
  });

  test("while the server is away it is tried again by itself", async () => {
    api.me.mockRejectedValueOnce(new ApiError(null)).mockRejectedValueOnce(new ApiError("overloaded"));
    void app.begin(null);
    await settle();
    expect(app.stage.value).toEqual({ name: "loading", trouble: "unreachable" });
    await clock.advance(1_000);
    expect(app.stage.value).toEqual({ name: "loading", trouble: "busy" });
    api.me.mockRejectedValueOnce(new ApiError("not_saved"));
    await clock.advance(3_000);
    expect(app.stage.value).toEqual({ name: "loading", trouble: "cannotSave" });
    await clock.advance(10_000);
    expect(app.stage.value.name).toBe("arrive");
  });

  test.each<[Partial<SessionEntry>[], string]>([
    [[], "nothing"],
    [[{ status: "ended" }], "ended"],
    [[{ status: "ended" }, { id: "b" }], "arrive"],
    [[{ id: "a" }, { id: "b" }], "choose"],
  ])("with sessions %o leads to %s", async (sessions, stage) => {
    api.me.mockResolvedValue({ you: "ellie", name: "Ellie", sessions: sessions.map((change) => ({ ...entry, ...change })) });
    await app.begin(null);
    expect(app.stage.value.name).toBe(stage);
  });
});

describe("a stay", () => {
  beforeEach(async () => {
    await app.begin(null);
    await settle();
    events.length = 0;
  });

  test("begins with what was chosen on arrival", () => {
    app.check.toggle("camera");
    app.join();
    expect(opened).toEqual([{ microphone: true, camera: false }]);
    expect(session.start).toHaveBeenCalled();
    expect(app.stage.value.name).toBe("room");
  });

  test.each<[ErrorCode, string]>([
    ["left", "left"],
    ["replaced", "replaced"],
    ["removed", "removed"],
    ["consent_revoked", "revoked"],
    ["session_ended", "ended"],
    ["signed_out", "link"],
    ["other_person", "link"],
    ["not_open", "stopped"],
  ])("that is over with %s leads to the page %s and lets go of everything", async (code, stage) => {
    app.join();
    over.value = code;
    await settle();
    expect(app.stage.value.name).toBe(stage);
    expect(session.dispose).toHaveBeenCalledTimes(1);
  });

  test("can begin again after leaving, through the device check and as it was", async () => {
    app.join();
    app.leave();
    expect(session.leave).toHaveBeenCalled();
    over.value = "left";
    await settle();
    app.joinAgain();
    expect(app.stage.value.name).toBe("arrive");
    expect(app.check.wanted.value).toEqual({ microphone: true, camera: false });
  });

  test.each<ErrorCode>(["replaced", "not_allowed", "internal"])(
    "that the server ended with %s is remembered: nobody finds a camera on that was off",
    async (code) => {
      app.join();
      mine.value = { microphone: false, camera: false };
      over.value = code;
      await settle();
      local.open.mockClear();
      local.openBoth.mockClear();
      app.joinAgain();
      expect(app.stage.value.name).toBe("arrive");
      expect([local.open.mock.calls.length, local.openBoth.mock.calls.length]).toEqual([0, 0]);
    },
  );

  test("that ended in the middle of a thought leaves the thought", async () => {
    app.join();
    app.draft.value = "half a thought";
    over.value = "replaced";
    await settle();
    expect(app.draft.value).toBe("half a thought");
    app.quickExit();
    expect(app.draft.value).toBe("");
  });

  test.each(["session_ended", "removed"] as const)("notes for a turn are gone when it is over: %s", async (code) => {
    app.join();
    app.notes.value = "for my turn";
    over.value = code;
    await settle();
    expect([app.notes.value, [...notes.values()]]).toEqual(["", [""]]);
  });

  test("a reload in the middle of a thought leaves the thought, to the same person in the same session", async () => {
    app.draft.value = "half a thought";
    app.notes.value = "for my turn";
    const again = open();
    await again.begin(null);
    expect(again.draft.value).toBe("half a thought");
    expect(again.notes.value).toBe("for my turn");
    api.me.mockResolvedValueOnce({ ...me, you: "marcus" });
    const other = open();
    await other.begin(null);
    expect(other.draft.value).toBe("");
  });

  test.each(["left", "signed_out", "other_person"] as const)("%s leaves nothing to read behind", async (code) => {
    app.join();
    app.draft.value = "half a thought";
    app.notes.value = "for my turn";
    over.value = code;
    await settle();
    expect([app.draft.value, [...stored.values()]]).toEqual(["", [""]]);
    expect([app.notes.value, [...notes.values()]]).toEqual(["", [""]]);
  });

  test.each(["leave", "quickExit"] as const)("%s from the device check leaves nothing to read behind", (way) => {
    app.draft.value = "half a thought";
    app[way]();
    expect([app.draft.value, [...stored.values()]]).toEqual(["", [""]]);
  });

  test("trying again asks for what could not be had, and for nothing that was turned off", () => {
    app.check.toggle("camera");
    local.microphone.value = { ...off, problem: "denied" };
    local.open.mockClear();
    local.openBoth.mockClear();
    app.check.tryAgain();
    expect(local.open.mock.calls).toEqual([["microphone"]]);
    expect(local.openBoth).not.toHaveBeenCalled();
    expect(app.check.wanted.value).toEqual({ microphone: true, camera: false });
  });

  test("looks at its devices when the page is back", () => {
    app.nudge();
    expect(local.check).toHaveBeenCalled();
  });

  test("taken over from another screen begins with microphone and camera off", async () => {
    app.join();
    over.value = "replaced";
    await settle();
    over = signal<ErrorCode | null>(null);
    app.useThisScreen();
    expect(opened.at(-1)).toEqual({ microphone: false, camera: false });
    expect(app.stage.value.name).toBe("room");
  });

  test("quick exit leaves, signs out and vanishes without waiting", () => {
    api.signOut.mockImplementation(() => {
      events.push("sign out");
      return new Promise(() => {});
    });
    app.join();
    app.quickExit();
    expect(events).toEqual(["path left", "sign out", "dispose", "devices off", "vanish"]);
  });

  test("quick exit vanishes whatever else goes wrong", () => {
    session.dispose.mockImplementation(() => {
      throw new Error("a bug");
    });
    app.join();
    expect(() => app.quickExit()).toThrow("a bug");
    expect(events.at(-1)).toBe("vanish");
  });

  test("quick exit owes a sign-out until it is known to be done", async () => {
    api.signOut.mockRejectedValue(new ApiError(null));
    app.quickExit();
    await settle();
    expect(owed.there).toBe(true);
    api.signOut.mockResolvedValue(undefined);
    app.quickExit();
    expect(owed.there).toBe(true);
    await settle();
    expect(owed.there).toBe(false);
  });

  test("a closed microphone is remembered at the door", async () => {
    app.join();
    mine.value = { microphone: false, camera: true, closed: true };
    over.value = "left";
    await settle();
    expect(app.wasClosed.value).toBe(true);
  });

  test("a lost network is told to the room at once", () => {
    app.networkLost();
    expect(session.networkLost).not.toHaveBeenCalled();
    app.join();
    app.networkLost();
    expect(session.networkLost).toHaveBeenCalled();
  });

  test("a browser that changed its mind is asked again on arrival, and not in the room", () => {
    local.camera.value = { ...off, problem: "denied" };
    local.openBoth.mockClear();
    app.allowed("camera");
    expect(local.openBoth).toHaveBeenCalledTimes(1);
    app.join();
    app.allowed("camera");
    expect(local.openBoth).toHaveBeenCalledTimes(1);
    expect(session.allowed).toHaveBeenCalledWith("camera");
  });

  test("quick exit vanishes also when the server is away", async () => {
    api.signOut.mockRejectedValue(new ApiError(null));
    app.quickExit();
    await settle();
    expect(events.at(-1)).toBe("vanish");
  });

  test("taken over, given up or gone on: the check lets go of the way it looked at", () => {
    expect(app.check.path.value).toBe("trying");
    path.state("weak");
    expect(app.check.path.value).toBe("weak");
    app.join();
    expect(events).toEqual(["path left"]);
  });

  test("can begin without a camera in one tap", () => {
    app.joinWithout("camera");
    expect(opened).toEqual([{ microphone: true, camera: false }]);
    expect(local.close).toHaveBeenCalledWith("camera");
  });

  test("that the room refuses for something missing goes back to what is missing, with the reason", async () => {
    app.join();
    api.arrival.mockResolvedValue({ ...readyAnswer(), whereabouts: arrivalOf().whereabouts, ready: false });
    over.value = "arrival_incomplete";
    await settle();
    expect(app.stage.value.name).toBe("arrive");
    expect(app.arrival.step.value).toBe("where");
    expect(app.arrival.lines.value.get("where")).toBe("needed");
  });
});

describe("the devices", () => {
  beforeEach(async () => {
    api.arrival.mockResolvedValue({ ...readyAnswer(), whereabouts: arrivalOf().whereabouts, ready: false });
    await app.begin(null);
    await settle();
  });

  test("stay closed until the check is reached", async () => {
    expect(app.arrival.step.value).toBe("where");
    app.allowed("camera");
    expect(local.openBoth).not.toHaveBeenCalled();
    expect(events).not.toContain("path checked");
    app.arrival.type("place", "Library");
    await app.arrival.submit();
    expect(local.openBoth).toHaveBeenCalledTimes(1);
    expect(events).toContain("path checked");
  });

  test("are closed again by whoever goes back from it", async () => {
    app.arrival.type("place", "Library");
    await app.arrival.submit();
    events.length = 0;
    app.back();
    expect(app.arrival.step.value).toBe("where");
    expect(events).toEqual(["devices off", "path left"]);
    await app.arrival.submit();
    app.visit("welcome");
    expect(events).toEqual(["devices off", "path left", "path checked", "devices off", "path left"]);
  });

  test("do not open a room from a step before", () => {
    app.join();
    expect(opened).toEqual([]);
  });

  test("a session that is not this person's ends in plain words", async () => {
    api.arrival.mockRejectedValue(new ApiError("not_found"));
    app.leave();
    app.joinAgain();
    await settle();
    expect(app.stage.value).toEqual({ name: "stopped", code: "not_found", me, entry });
  });
});

describe("taking the agreement back", () => {
  beforeEach(async () => {
    await app.begin(null);
    await settle();
    events.length = 0;
  });

  test("leaves the room before anything is asked of the server", async () => {
    app.join();
    events.length = 0;
    const taken = app.takeBack();
    expect(events).toEqual(["dispose", "devices off"]);
    expect(app.stage.value.name).toBe("revoking");
    await taken;
    expect(events).toEqual(["dispose", "devices off", "take back"]);
    expect(app.stage.value).toEqual({ name: "revoked", me, entry });
    over.value = "left";
    await settle();
    expect(app.stage.value.name).toBe("revoked");
  });

  test("leaves nothing to read behind, at once", async () => {
    app.join();
    app.draft.value = "half a thought";
    app.notes.value = "for my turn";
    const taken = app.takeBack();
    expect([app.draft.value, app.notes.value, ...stored.values(), ...notes.values()]).toEqual(["", "", "", ""]);
    await taken;
  });

  test("goes on until the server has it, and says what it waits for", async () => {
    api.takeBack.mockRejectedValueOnce(new ApiError(null)).mockRejectedValueOnce(new ApiError("overloaded"));
    void app.takeBack();
    await settle();
    expect(app.stage.value).toMatchObject({ name: "revoking", trouble: "unreachable" });
    await clock.advance(1_000);
    expect(app.stage.value).toMatchObject({ name: "revoking", trouble: "busy" });
    await clock.advance(3_000);
    expect(app.stage.value.name).toBe("revoked");
  });

  test("never claims it was stored when it was not", async () => {
    api.takeBack.mockRejectedValue(new ApiError("signed_out"));
    await app.takeBack();
    expect(app.stage.value).toMatchObject({ name: "revoking", failed: "signed_out" });
  });

  test("is not done for whoever signed in beside this page", async () => {
    api.me.mockResolvedValue({ ...me, you: "marcus" });
    await app.takeBack();
    expect(api.takeBack).not.toHaveBeenCalled();
    expect(app.stage.value).toMatchObject({ name: "revoking", failed: "other_person" });
  });

  test("can be followed by reading it again", async () => {
    await app.takeBack();
    api.arrival.mockResolvedValue({ ...readyAnswer(), notice: arrivalOf().notice, ready: false });
    app.joinAgain();
    await settle();
    expect(app.arrival.step.value).toBe("notice");
    expect(app.arrival.lines.value.size).toBe(0);
  });

  test("is offered only where there is something to take back", async () => {
    expect(app.mayTakeBack).toBe(true);
    await app.takeBack();
    expect(app.mayTakeBack).toBe(false);
    api.arrival.mockResolvedValue(arrivalOf());
    app.joinAgain();
    await settle();
    expect(app.mayTakeBack).toBe(false);
  });
});

describe("a therapist", () => {
  const therapist: Me = { ...me, you: "ruth", name: "Ruth", sessions: [{ ...entry, role: "therapist" }] };
  const desk = { stop: vi.fn(), networkLost: vi.fn(), nudge: vi.fn() };
  const openDesk = vi.fn<(me: Me) => Promise<Desk>>();
  let signedOut: ReturnType<typeof signal<ErrorCode | null>>;

  beforeEach(() => {
    vi.clearAllMocks();
    signedOut = signal<ErrorCode | null>(null);
    openDesk.mockReset().mockImplementation(async () => ({ ...desk, signedOut }) as unknown as Desk);
    api.me.mockResolvedValue(therapist);
    app = open({ openDesk });
  });

  test("sees all sessions from outside, and opens no device", async () => {
    await app.begin("token");
    await settle();
    expect(app.stage.value).toEqual({ name: "therapist", me: therapist, missing: false });
    expect(app.desk.value).not.toBeNull();
    expect(local.openBoth).not.toHaveBeenCalled();
  });

  test("is the only one who pays for that page", async () => {
    api.me.mockResolvedValue({ ...me, sessions: [{ ...entry, role: "mentor" }] });
    await app.begin("token");
    expect(app.stage.value.name).toBe("arrive");
    expect(openDesk).not.toHaveBeenCalled();
  });

  test("who may watch has that page also while no session is theirs", async () => {
    api.me.mockResolvedValue({ ...therapist, sessions: [], watches: true });
    await app.begin("token");
    await settle();
    expect(app.stage.value.name).toBe("therapist");
    expect(openDesk).toHaveBeenCalledTimes(1);
  });

  test("steps in by the device check, and comes back when leaving, to the same connection", async () => {
    await app.begin("token");
    await settle();
    app.stepIn({ ...entry, role: "therapist" });
    await settle();
    expect(app.stage.value).toMatchObject({ name: "arrive", entry: { steppingIn: true } });
    app.join();
    expect(app.stage.value.name).toBe("room");
    expect(desk.stop).not.toHaveBeenCalled();
    over.value = "left";
    await settle();
    expect(app.stage.value.name).toBe("therapist");
    expect(openDesk).toHaveBeenCalledTimes(1);
  });

  test("who turns back at the device check is back, with the devices off", async () => {
    await app.begin("token");
    await settle();
    app.stepIn({ ...entry, role: "therapist" });
    app.leave();
    expect(app.stage.value.name).toBe("therapist");
    expect(events).toContain("devices off");
  });

  test("a page that could not be loaded is tried again by itself", async () => {
    openDesk.mockRejectedValueOnce(new TypeError("no network"));
    await app.begin("token");
    await settle();
    expect(app.stage.value).toEqual({ name: "therapist", me: therapist, missing: true });
    await clock.advance(1_000);
    expect(app.desk.value).not.toBeNull();
  });

  test("whose sign-in has ended sees nothing more", async () => {
    await app.begin("token");
    await settle();
    signedOut.value = "signed_out";
    await settle();
    expect(app.stage.value).toEqual({ name: "link", code: "signed_out" });
    expect([desk.stop.mock.calls.length, app.desk.value]).toEqual([1, null]);
  });

  test("takes the connection along by Quick exit", async () => {
    await app.begin("token");
    await settle();
    app.quickExit();
    expect(desk.stop).toHaveBeenCalledTimes(1);
  });
});

describe("a reload", () => {
  /** The same tab, after its page was loaded anew or had crashed. */
  async function again(): Promise<void> {
    session.hideGroup.mockClear();
    notAlone = { on: signal(false) };
    app = open();
    await app.begin(null);
    await settle();
  }
  async function inside(state = { microphone: true, camera: true }): Promise<void> {
    await app.begin("token");
    await settle();
    app.join();
    mine.value = state;
  }

  test("begins a first arrival with both on", async () => {
    await app.begin("token");
    await settle();
    expect(app.check.wanted.value).toEqual({ microphone: true, camera: true });
    expect(app.stillAlone.value).toBe(false);
    expect(session.hideGroup).not.toHaveBeenCalled();
  });

  test("from the room opens nothing that was off", async () => {
    await inside({ microphone: false, camera: false });
    local.openBoth.mockClear();
    await again();
    app.join();
    expect(opened.at(-1)).toEqual({ microphone: false, camera: false });
    expect(local.openBoth).not.toHaveBeenCalled();
    expect(local.open).not.toHaveBeenCalled();
  });

  test("offers again what was on", async () => {
    await inside({ microphone: false, camera: true });
    await again();
    expect(app.check.wanted.value).toEqual({ microphone: false, camera: true });
  });

  test("of a device check keeps what was turned off in it", async () => {
    await app.begin("token");
    await settle();
    app.check.toggle("microphone");
    await again();
    expect(app.check.wanted.value).toEqual({ microphone: false, camera: true });
  });

  test("keeps the group hidden until it is shown again in the room", async () => {
    await inside();
    notAlone.on.value = true;
    mine.value = { microphone: false, camera: false };
    await again();
    expect(app.stillAlone.value).toBe(true);
    app.join();
    expect(session.hideGroup).toHaveBeenCalledOnce();
    await again();
    app.join();
    expect(session.hideGroup, "however often it is loaded").toHaveBeenCalledOnce();
    notAlone.on.value = false;
    await again();
    expect(app.stillAlone.value).toBe(false);
    app.join();
    expect(session.hideGroup).not.toHaveBeenCalled();
  });

  test("hides the group before the room is opened to it", async () => {
    await inside();
    notAlone.on.value = true;
    await again();
    session.start.mockImplementation(() => expect(session.hideGroup).toHaveBeenCalled());
    app.join();
    expect(session.start).toHaveBeenCalled();
  });

  test.each(["left", "session_ended", "removed"] as const)("after %s begins anew", async (code) => {
    await inside({ microphone: false, camera: false });
    notAlone.on.value = true;
    over.value = code;
    await settle();
    expect(stays.size).toBe(0);
    over.value = null;
    await again();
    expect(app.check.wanted.value).toEqual({ microphone: true, camera: true });
    expect(app.stillAlone.value).toBe(false);
  });

  test("after a room that could not go on does not open it again", async () => {
    await inside({ microphone: false, camera: false });
    notAlone.on.value = true;
    over.value = "room_failed";
    await settle();
    expect(app.stage.value.name).toBe("stopped");
    over.value = null;
    app.joinAgain();
    await settle();
    expect(app.stillAlone.value).toBe(true);
    await again();
    expect(app.stillAlone.value).toBe(true);
    expect(app.check.wanted.value).toEqual({ microphone: false, camera: false });
  });

  test("keeps nothing after quick exit, nor after the agreement was taken back", async () => {
    await inside({ microphone: false, camera: false });
    await app.takeBack();
    expect(stays.size).toBe(0);
    await again();
    app.join();
    app.quickExit();
    await settle();
    expect(stays.size).toBe(0);
  });

  test("into another session begins as a first arrival does", async () => {
    await inside({ microphone: false, camera: false });
    notAlone.on.value = true;
    api.me.mockResolvedValue({ ...me, sessions: [{ ...entry, id: "other" }] });
    await again();
    expect(app.check.wanted.value).toEqual({ microphone: true, camera: true });
    expect(app.stillAlone.value).toBe(false);
  });

  test("is not needed for that: what was hidden in one session hides nothing in another", async () => {
    await inside();
    notAlone.on.value = true;
    over.value = "room_failed";
    await settle();
    app.choose(me, { ...entry, id: "other" });
    expect(app.stillAlone.value).toBe(false);
  });

  test("of a device check that was left on purpose begins anew", async () => {
    await app.begin("token");
    await settle();
    app.check.toggle("camera");
    expect(stays.size).toBe(1);
    app.leave();
    expect(stays.size).toBe(0);
  });

  test("of a second tab begins as a first arrival does, and the first is off when it takes over again", async () => {
    await inside();
    notAlone.on.value = true;
    over.value = "replaced";
    await settle();
    expect(app.stage.value.name).toBe("replaced");
    over.value = null;
    notAlone = { on: signal(false) };
    session.hideGroup.mockClear();
    app.useThisScreen();
    expect(opened.at(-1)).toEqual({ microphone: false, camera: false });
    expect(session.hideGroup).toHaveBeenCalledOnce();
  });
});
