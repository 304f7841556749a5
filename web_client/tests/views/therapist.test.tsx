import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "../../src/connection/api";
import type { ConcernView, FlagView, SupervisedView } from "../../src/protocol/generated";
import type { TherapistActs, TherapistModel } from "../../src/views/therapist/model";
import { TherapistPage } from "../../src/views/therapist/page";
import { WaitingKey } from "../../src/views/therapist/waiting";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";
import { monitoringWordsFor } from "../../src/words/monitoring";
import { agoOf, therapistCatalogs, therapistWordsFor } from "../../src/words/therapist";
import { therapistEn } from "../../src/words/therapist.en";

const NOW = 10_000_000;
const cover: ConcernView = { id: "c1", kind: "cover_needed", severity: "urgent", at_ms: NOW - 180_000, by: "Dana" };
const removed: ConcernView = { ...cover, id: "c2", kind: "removed", severity: "concern", person: "Marcus" };

const view = (change: Partial<SupervisedView> = {}): SupervisedView => ({
  session: { id: "s", title: "Tuesday evening group", status: "live" },
  people: 8,
  leaders: ["Dana"],
  responder: "Ben",
  listening: { may_listen: "no_flag", may_step_in: true },
  ...change,
});

const SILENT: TherapistModel["listening"] = {
  room: null,
  asking: null,
  over: null,
  stopped: null,
  refused: new Map(),
  received: new Map(),
  trouble: null,
  soundBlocked: false,
  audioOnly: false,
  unsent: [],
  speaking: null,
  unspoken: null,
};

const HERE = { sessionId: "s", whispering: false, onWhispering: vi.fn() };

let box: HTMLElement;
const acts = {
  onHelp: vi.fn(),
  onQuickExit: vi.fn(),
  onStepIn: vi.fn(),
  onOwn: vi.fn(),
  onAcknowledge: vi.fn(),
  onTakeOver: vi.fn(),
  onResolve: vi.fn(() => Promise.resolve(true)),
  onReadWhere: vi.fn<TherapistActs["onReadWhere"]>(),
  onReadTimeline: vi.fn<TherapistActs["onReadTimeline"]>(),
  onBeOnCall: vi.fn(),
  onHandOver: vi.fn(),
  onAcceptShift: vi.fn(),
  onEndOnCall: vi.fn(),
  onNotices: vi.fn(),
  onReachable: vi.fn(),
  onTone: vi.fn(),
  onStart: vi.fn(),
  onListen: vi.fn(),
  onBreakGlass: vi.fn<TherapistActs["onBreakGlass"]>(),
  onStopListening: vi.fn(),
  onOverRead: vi.fn(),
  onHear: vi.fn(),
  onRetryMedia: vi.fn(),
  onAudioOnly: vi.fn(),
  onSeen: vi.fn(),
  onWhisper: vi.fn(),
  onRetryWhisper: vi.fn(),
  onSpeakTo: vi.fn(),
  onStopSpeaking: vi.fn(),
  onReview: vi.fn<TherapistActs["onReview"]>(),
};

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Supervision – Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  vi.clearAllMocks();
});

afterEach(() => render(null, box));

function modelOf(change: Partial<TherapistModel> = {}): TherapistModel {
  return {
    words: en,
    own: therapistEn,
    now: NOW,
    sessions: [view()],
    mine: [],
    phase: { name: "live" },
    silentSince: null,
    saving: new Set(),
    failed: new Map(),
    latest: [],
    tone: true,
    toneReady: true,
    help: false,
    onCall: null,
    onCallSaving: false,
    onCallFailed: undefined,
    notices: "unsupported",
    said: monitoringWordsFor("en"),
    wide: true,
    listening: SILENT,
    ...change,
  };
}

function show(change: Partial<TherapistModel> = {}): void {
  void act(() => render(<TherapistPage model={modelOf(change)} acts={acts} />, box));
}

const region = (name: string) => box.querySelector<HTMLElement>(`section[aria-label="${name}"]`);
const buttons = (name: string) =>
  [...box.querySelectorAll("button")].filter((button) => (button.getAttribute("aria-label") ?? button.textContent?.trim()) === name);
const press = (name: string) => void act(() => buttons(name)[0]?.click());
const textOf = (element: Element | null) => element?.textContent ?? "";

describe("flags", () => {
  test("say what happened, in which session, and since when", () => {
    show({ sessions: [view({ concerns: [removed, cover] })] });
    const cards = [...(region("Flags")?.querySelectorAll("article") ?? [])].map(textOf);
    expect(cards).toHaveLength(2);
    for (const said of ["Urgent", "Tuesday evening group", "Dana needs cover.", "3 min. ago"])
      expect(cards[0]).toContain(said);
    expect(cards[1]).toContain("Dana removed Marcus from the session.");
    press("Acknowledge");
    expect(acts.onAcknowledge).toHaveBeenCalledWith(expect.objectContaining({ sessionId: "s", concern: cover }));
  });

  test("one that has passed by itself says so calmly, and still wants to be acknowledged", () => {
    show({ sessions: [view({ concerns: [{ ...cover, over: true }] })] });
    expect(textOf(region("Flags"))).toContain("Someone leads again");
    expect(box.querySelector(".flagcard.urgent")).toBeNull();
    expect(buttons("Acknowledge")).toHaveLength(1);
  });

  test("one on its way says so, cannot be pressed twice, and says what waits while away", () => {
    show({
      sessions: [view({ concerns: [cover] })],
      saving: new Set(["s/c1"]),
      phase: { name: "away", failed: 1, busy: false },
      silentSince: NOW,
    });
    press("Saving");
    expect(acts.onAcknowledge).not.toHaveBeenCalled();
    expect(textOf(region("Flags"))).toContain("It is sent as soon as you are connected again.");
  });

  test("one that was not stored says so and can be tried again", () => {
    show({ sessions: [view({ concerns: [cover] })], failed: new Map([["s/c1", "not_saved"]]) });
    expect(textOf(region("Flags"))).toContain("That could not be saved. Please try again.");
    press("Acknowledge");
    expect(acts.onAcknowledge).toHaveBeenCalledTimes(1);
  });

  test("acknowledged ones fold away, and the focus goes on from the top of the list", () => {
    show({ sessions: [view({ concerns: [cover] })] });
    buttons("Acknowledge")[0]?.focus();
    show({ sessions: [view({ concerns: [{ ...cover, acknowledged: true }] })] });
    expect(textOf(document.activeElement)).toBe("Flags");
    expect(textOf(region("Flags"))).toContain("Nothing is waiting for you.");
    expect(textOf(region("Flags"))).not.toContain("Dana");
    press("Show what is done");
    expect(textOf(region("Flags"))).toContain("Dana needs cover.");
    expect(buttons("Acknowledge")).toHaveLength(0);
  });

  test("only what presses interrupts a screen reader, and what was answered is not said", () => {
    const of = (concern: ConcernView) => ({ sessionId: "s", title: "Tuesday evening group", ended: false, concern });
    const passed = { ...cover, id: "passed" };
    const latest = [of(cover), of(removed), of(passed), of({ ...cover, id: "gone" })];
    show({ sessions: [view({ concerns: [cover, removed, { ...passed, over: true }] })], latest });
    expect(textOf(box.querySelector(".vh[role=alert]"))).toBe("Urgent, in Tuesday evening group: Dana needs cover.");
    expect(textOf(box.querySelector(".vh[role=status]"))).toContain("Dana removed Marcus from the session.");
  });

  test("the tone can be turned off, and says when the browser still waits for a tap", () => {
    show({ toneReady: false });
    expect(textOf(region("Flags"))).toContain("once you have pressed anything");
    void act(() => box.querySelector<HTMLElement>("button[aria-pressed=true]")?.click());
    expect(acts.onTone).toHaveBeenCalledWith(false);
    show({ tone: false, toneReady: false });
    expect(textOf(region("Flags"))).not.toContain("once you have pressed anything");
  });
});

const flag: FlagView = {
  id: "f1",
  kind: "flag",
  severity: "crisis",
  category: "self_harm",
  at_ms: NOW - 19_000,
  by: "Dana",
  by_role: "mentor",
  text: "He should not be alone tonight.",
  moment: [{ author: "Tomás", text: "I can’t.", at_ms: NOW - 25_000 }],
};
const crisis: ConcernView = {
  id: "c3",
  kind: "flagged",
  severity: "crisis",
  at_ms: NOW - 19_000,
  person: "Tomás",
  flags: [flag],
  due_ms: NOW + 41_000,
  then: "backup",
  then_names: ["Ben"],
  yours: true,
};
const shown = (change: Partial<ConcernView> = {}) => {
  show({ sessions: [view({ concerns: [{ ...crisis, ...change }] })] });
  return region("Flags");
};

describe("what was flagged", () => {
  test("says whom it concerns, why, in whose words, and to whom it goes next and when", () => {
    const inbox = textOf(shown());
    for (const said of ["Crisis", "Tomás · suicide or self-harm", "He should not be alone tonight.", "Dana, mentor, flagged", "0:41"])
      expect(inbox).toContain(said);
    expect(inbox).toContain("then it goes to Ben, the backup");
    expect(inbox).toContain("I can’t.");
    expect(box.querySelector("[role=timer]")?.getAttribute("aria-label")).toBe("Time left 0:41");
  });

  test("that waits for a day says when in words, without a ring", () => {
    const inbox = shown({ severity: "note", due_ms: NOW + 40_000_000 });
    expect(inbox?.querySelector("[role=timer]")).toBeNull();
    expect(textOf(inbox)).toMatch(/At .*: then it goes to Ben/);
  });

  test("that has gone on says who is asked, too", () => {
    expect(textOf(shown({ step: "on_call" }))).toContain("Everyone on call is asked, too.");
    expect(textOf(shown({ step: "contact", due_ms: 0 }))).toContain("The program’s contact has been told.");
  });

  test("is said to be not yet stored once that lasts", () => {
    expect(textOf(shown({ unstored: true }))).toContain("Not yet stored.");
    expect(textOf(shown({ unstored: true, flags: [{ ...flag, at_ms: NOW - 500 }] }))).not.toContain("Not yet stored.");
  });

  test("and is mine can be resolved, and what is another's taken over", () => {
    const held = { acknowledged: true, held_ms: NOW, holder: "Ben" };
    expect(textOf(shown({ ...held, holder: "Ruth", mine: true }))).toContain("Yours since");
    expect(buttons("Take over")).toHaveLength(0);
    expect(textOf(shown(held))).toContain("With Ben since");
    expect(buttons("Resolve")).toHaveLength(0);
    press("Take over");
    expect(acts.onTakeOver).toHaveBeenCalledTimes(1);
    expect(textOf(region("Flags"))).toContain("Nothing is waiting for you.");
  });

  test("and waits beside what is mine is counted", () => {
    const mine = { ...crisis, id: "c4", acknowledged: true, mine: true, holder: "Ruth", held_ms: NOW };
    show({ sessions: [view({ concerns: [crisis, mine] })] });
    expect(textOf(region("Flags"))).toContain("1 waiting, 1 yours");
  });

  test("in a session that has ended stays here, and the session is not among the live ones", () => {
    show({ sessions: [view({ session: { id: "s", title: "Tuesday evening group", status: "ended" }, concerns: [crisis] })] });
    expect(textOf(region("Flags"))).toContain("Tuesday evening group, ended");
    expect(textOf(region("Live sessions"))).toContain("No session is open right now.");
  });
});

describe("resolving", () => {
  const mine: Partial<ConcernView> = { acknowledged: true, mine: true, holder: "Ruth", held_ms: NOW };
  const dialog = () => box.querySelector<HTMLElement>("[role=dialog]");
  const choose = (label: string) =>
    void act(() => [...box.querySelectorAll("label")].find((each) => textOf(each).startsWith(label))?.querySelector("input")?.click());
  const write = (id: string, text: string) => {
    const field = document.getElementById(id) as HTMLTextAreaElement;
    field.value = text;
    void act(() => void field.dispatchEvent(new Event("input", { bubbles: true })));
  };
  const send = async () => {
    void act(() => dialog()?.querySelector<HTMLElement>("button[type=submit]")?.click());
    await Promise.resolve();
  };

  test("asks for an outcome, says that it stays, and who will not read the note", async () => {
    shown(mine);
    press("Resolve");
    for (const said of ["Resolve: Tomás · suicide or self-harm", "It cannot be changed later.", "Dana will see “resolved”, not this note."])
      expect(textOf(dialog())).toContain(said);
    await send();
    expect(acts.onResolve).not.toHaveBeenCalled();
    expect(textOf(dialog()?.querySelector("[role=alert]") ?? null)).toContain("choose");
    choose("No action needed");
    await send();
    expect(acts.onResolve).toHaveBeenCalledWith(expect.objectContaining({ sessionId: "s" }), {
      outcome: "no_action",
      note: "",
      report: "none_due",
      report_details: "",
    });
  });

  test("of abuse or neglect asks whether it was reported, which no flag does", async () => {
    shown({ ...mine, flags: [{ ...flag, category: "abuse_or_neglect" }] });
    press("Resolve");
    expect(textOf(dialog())).toContain("No flag here reports for you.");
    choose("Spoke with the person");
    await send();
    expect(acts.onResolve).not.toHaveBeenCalled();
    choose("Not made");
    await send();
    expect(acts.onResolve).not.toHaveBeenCalled();
    write("resolve-note", "We spoke.");
    await send();
    expect(acts.onResolve).toHaveBeenCalledWith(
      expect.anything(),
      expect.objectContaining({ report: "not_made", note: "We spoke." }),
    );
  });

  test("that met a new flag says so and stays open", () => {
    show({ sessions: [view({ concerns: [{ ...crisis, ...mine }] })], failed: new Map([["s/c3", "conflict"]]) });
    press("Resolve");
    expect(textOf(dialog())).toContain("Something came in meanwhile.");
  });

  test("axe finds nothing", async () => {
    shown({ ...mine, flags: [{ ...flag, category: "abuse_or_neglect" }] });
    press("Resolve");
    const { violations } = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
    expect(violations.map(({ id }) => id)).toEqual([]);
  });
});

describe("what is read on purpose", () => {
  const dialog = () => box.querySelector<HTMLElement>("[role=dialog]");
  const settled = () => act(() => Promise.resolve().then(() => Promise.resolve()));
  const there = {
    place: "Parked behind the library",
    city: "Dayton",
    region: "Ohio",
    call_back: "555-0190",
    contact_name: "Inés",
    contact_relation: "mother",
    contact_phone: "555-0121",
    no_contact: false,
    confirmed_ms: NOW,
  };

  test("where somebody is is read once the sheet is open, and says that this is written down", async () => {
    acts.onReadWhere.mockResolvedValue(there);
    shown({ participant_id: "p3" });
    expect(acts.onReadWhere).not.toHaveBeenCalled();
    press("Show where Tomás is");
    await settled();
    expect(acts.onReadWhere).toHaveBeenCalledExactlyOnceWith("s", "p3");
    for (const said of ["Parked behind the library, Dayton, Ohio", "Inés, mother", "That you read this is written down."])
      expect(textOf(dialog())).toContain(said);
    expect(dialog()?.querySelector("a")?.getAttribute("href")).toBe("tel:555-0190");
    show({ now: NOW + 1_000, sessions: [view({ concerns: [crisis] })] });
    await settled();
    expect(acts.onReadWhere).toHaveBeenCalledTimes(1);
  });

  test("that somebody named nobody is said, and what concerns the session has no place", async () => {
    acts.onReadWhere.mockResolvedValue({ ...there, no_contact: true });
    shown({ participant_id: "p3" });
    press("Show where Tomás is");
    await settled();
    expect(textOf(dialog())).toContain("Nobody was named.");
    press("Close");
    shown({ person: "", participant_id: "" });
    expect(textOf(region("Flags"))).not.toContain("Show where");
  });

  test("a timeline tells in words what happened, and can be asked for again when it could not be read", async () => {
    acts.onReadTimeline.mockRejectedValueOnce(new ApiError(null));
    show();
    press("Timeline");
    await settled();
    expect(textOf(dialog())).toContain("That could not be read just now.");
    acts.onReadTimeline.mockResolvedValueOnce([
      { at_ms: NOW - 9_000, what: "participant_entered", who: "Tomás", detail: "room" },
      { at_ms: NOW, what: "flag_raised", who: "Tomás", by: "Dana" },
    ]);
    press("Try again");
    await settled();
    for (const said of ["Tomás came in", "Dana flagged Tomás"]) expect(textOf(dialog())).toContain(said);
  });
});

describe("in a room", () => {
  const inRoom = (change: Partial<TherapistModel> = {}) =>
    void act(() => render(<WaitingKey {...HERE} model={modelOf(change)} acts={acts} />, box));

  test("how much waits is at hand, and all of it can be done from there", () => {
    inRoom({ sessions: [view({ concerns: [crisis, { ...cover, id: "c9" }] })] });
    press("Flags: 2 waiting");
    expect(textOf(box.querySelector("[role=dialog]"))).toContain("Tomás · suicide or self-harm");
    press("Acknowledge");
    expect(acts.onAcknowledge).toHaveBeenCalledTimes(1);
    press("Close");
    expect(box.querySelector("[role=dialog]")).toBeNull();
  });

  test("that nothing can reach me is said there, too", () => {
    inRoom({ phase: { name: "away", failed: 2, busy: false } });
    expect(buttons("Flags: not connected")).toHaveLength(1);
  });

  test("what presses is said aloud there", () => {
    inRoom({ sessions: [view({ concerns: [cover] })], latest: [{ sessionId: "s", title: "Tuesday evening group", ended: false, concern: cover }] });
    expect(textOf(box.querySelector(".vh[role=alert]"))).toContain("Dana needs cover.");
  });
});

describe("on call", () => {
  const onCall = { on_call: [], therapists: [{ key: "k", name: "Ben" }] };
  const nine = new Date(2026, 10, 24, 21).getTime();

  test("is one press away in the top line, with how long it is to last", () => {
    show({ onCall });
    press("Not on call");
    void act(() => box.querySelector<HTMLElement>("[role=dialog] [role=group] button")?.click());
    expect(acts.onBeOnCall).toHaveBeenCalledWith(NOW + 7_200_000 + (60_000 - (NOW % 60_000)));
    expect(textOf(box.querySelector("[role=dialog]"))).not.toContain("Hand over to");
  });

  test("that lasts can be handed over or ended, and goes on until it is accepted", () => {
    show({ onCall: { ...onCall, on_call: [{ name: "Ruth", until_ms: nine, you: true, offered: true }] } });
    void act(() => box.querySelector<HTMLElement>(".top .btn.soft")?.click());
    expect(textOf(box.querySelector("[role=dialog]"))).toContain("Until they accept, you stay on call.");
    press("Ask them");
    expect(acts.onHandOver).toHaveBeenCalledWith("k");
    press("I am not on call any more");
    expect(acts.onEndOnCall).toHaveBeenCalledTimes(1);
  });

  test("that somebody asks me to go on with stands above the flags", () => {
    show({ onCall: { ...onCall, on_call: [{ name: "Ruth", until_ms: nine, offered_to_you: true }] } });
    expect(textOf(box.querySelector("main"))).toMatch(/Ruth asks you to take over on call until .*9:00/);
    press("Accept");
    expect(acts.onAcceptShift).toHaveBeenCalledTimes(1);
  });
});

describe("live sessions", () => {
  test("tell in words where each is, who is in it and who leads", () => {
    show({ sessions: [view({ leaders: ["Dana", "Theo"], waiting: 1 })] });
    for (const said of ["Live", "8 people in it", "1 person waits", "Dana and Theo lead", "Ben is reachable"])
      expect(textOf(region("Live sessions"))).toContain(said);
  });

  test("a pause says until when, a live one without leader says so, and a lobby that it has not begun", () => {
    show({ sessions: [view({ leaders: [], paused_until_ms: new Date(2026, 10, 24, 18, 25).getTime() })] });
    expect(textOf(region("Live sessions"))).toContain("Paused until 6:25");
    show({ sessions: [view({ leaders: [] })] });
    expect(textOf(region("Live sessions"))).toContain("Live, and nobody leads");
    show({ sessions: [view({ session: { id: "s", title: "T", status: "lobby" } })] });
    expect(textOf(region("Live sessions"))).toContain("Lobby, not begun yet");
  });

  test("a session that nobody answers for says that it cannot begin", () => {
    show({ sessions: [view({ session: { id: "s", title: "T", status: "lobby" }, responder: "" })] });
    expect(textOf(region("Live sessions"))).toContain("This session cannot begin until a therapist can be reached");
    press("I am reachable");
    expect(acts.onReachable).toHaveBeenCalledWith("s", true);
    show({ sessions: [view({ you_respond: true, responder: "Ruth" })] });
    expect(textOf(region("Live sessions"))).toContain("You are reachable for this session");
    press("I cannot be reached any more");
    expect(acts.onReachable).toHaveBeenLastCalledWith("s", false);
  });

  test("stepping in is confirmed first, and staying unseen changes nothing", () => {
    show();
    press("Step in");
    expect(textOf(box.querySelector("[role=dialog]"))).toContain("8 people will see and hear you, as a therapist.");
    expect(box.querySelector("main")?.inert).toBe(true);
    press("Stay unseen");
    expect(box.querySelector("[role=dialog]")).toBeNull();
    expect(acts.onStepIn).not.toHaveBeenCalled();
    press("Step in");
    void act(() => box.querySelector<HTMLElement>("[role=dialog] .btn.main")?.click());
    expect(acts.onStepIn).toHaveBeenCalledWith({
      id: "s",
      title: "Tuesday evening group",
      status: "live",
      role: "therapist",
    });
  });

  test("none is said kindly, and where I take part myself is one press away", () => {
    show({ sessions: [], mine: [{ id: "m", title: "Mentors’ circle", status: "live", role: "participant" }] });
    expect(textOf(region("Live sessions"))).toContain("No session is open right now.");
    press("Go to Mentors’ circle");
    expect(acts.onOwn).toHaveBeenCalledWith(expect.objectContaining({ id: "m" }));
  });
});

describe("my own connection", () => {
  test("lost, says since when, and whom to call", () => {
    show({ phase: { name: "away", failed: 0, busy: false }, silentSince: new Date(2026, 10, 24, 18, 18).getTime() });
    const said = textOf(box.querySelector(".unconnected"));
    expect(said).toContain("You are not connected");
    expect(said).toContain("Nothing new can reach you since 6:18.");
    expect([...box.querySelectorAll<HTMLAnchorElement>(".unconnected a")].map((link) => link.getAttribute("href"))).toEqual(
      ["tel:988", "sms:988", "tel:911"],
    );
    show();
    expect(box.querySelector(".unconnected")).toBeNull();
    expect(textOf(box.querySelector(".vh[role=status]"))).toContain("You are connected again.");
  });

  test("is not called lost before it was tried twice", () => {
    show({ sessions: null, phase: { name: "away", failed: 1, busy: false } });
    expect(box.querySelector(".unconnected")).toBeNull();
    show({ sessions: null, phase: { name: "away", failed: 2, busy: false } });
    expect(textOf(box.querySelector(".unconnected"))).toContain("Nothing can reach you yet.");
  });

  test("taken over by another screen, it can be taken back", () => {
    show({ phase: { name: "stopped", code: "replaced" }, silentSince: NOW });
    expect(textOf(box.querySelector(".unconnected"))).toContain("This page is open on another screen");
    press("Use this screen instead");
    expect(acts.onStart).toHaveBeenCalledTimes(1);
  });
});

test("the bar says that nobody hears or sees me, also above a sheet", () => {
  show();
  press("Step in");
  const bar = region("Your presence");
  expect(textOf(bar)).toContain("You are NOT audible or visible");
  expect(bar?.closest("[inert]")).toBeNull();
});

test("axe finds nothing, in each language", async () => {
  for (const words of catalogs) {
    show({
      words,
      own: therapistWordsFor(words.language),
      sessions: [view({ concerns: [cover, removed], responder: "" })],
      phase: { name: "away", failed: 1, busy: false },
      silentSince: NOW,
    });
    const { violations } = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
    expect(violations.map(({ id }) => id)).toEqual([]);
  }
});

test("both catalogs say everything, and no sentence shouts", () => {
  expect(Object.keys(therapistCatalogs)).toEqual(catalogs.map((words) => words.language));
  const kinds = ["leader_lost", "cover_needed", "lobby_unattended", "removed"] as const;
  for (const words of Object.values(therapistCatalogs)) {
    const plain = Object.values(words).filter((one) => typeof one === "string");
    const told = kinds.flatMap((kind) => [
      ...["", "Dana"].flatMap((by) => ["", "Marcus"].map((person) => words.happened(kind, by, person))),
      words.passed(kind, "Dana", "Marcus"),
      words.over(kind),
    ]);
    const counts = [0, 1, 2].flatMap((n) => [words.people(n), words.waiting(n), words.openFlags(n)]);
    for (const text of [...plain, ...told, ...counts]) {
      expect(text.trim()).not.toBe("");
      expect(text).not.toMatch(/[!¡]|undefined/);
    }
  }
});

test("how long ago is told in whole steps, in the person's language", () => {
  const es = therapistWordsFor("es");
  expect(agoOf(therapistEn, "en", 59_999)).toBe("just now");
  expect(agoOf(therapistEn, "en", -5_000)).toBe("just now");
  expect(agoOf(es, "es", 7_200_000)).toBe("hace 2 h");
  expect(agoOf(therapistEn, "en", 90_000_000)).toBe("1 day ago");
});

test("accessible names that people's tools rely on stay as they are", () => {
  const { flags, live, acknowledge, stepIn, iAmReachable, iAmNotReachable } = therapistEn;
  expect([flags, live, acknowledge, stepIn, iAmReachable, iAmNotReachable]).toEqual([
    "Flags",
    "Live sessions",
    "Acknowledge",
    "Step in",
    "I am reachable",
    "I cannot be reached any more",
  ]);
});
