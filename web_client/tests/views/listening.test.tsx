import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { GlassView, ListeningView, SupervisedView } from "../../src/protocol/generated";
import { fromSnapshot } from "../../src/state/room";
import type { ListeningModel, TherapistModel } from "../../src/views/therapist/model";
import { TherapistPage } from "../../src/views/therapist/page";
import { WaitingKey, WhisperKey } from "../../src/views/therapist/waiting";
import { en } from "../../src/words/en";
import { monitoringCatalogs, monitoringWordsFor } from "../../src/words/monitoring";
import { presenceCatalogs } from "../../src/words/presence";
import { therapistWordsFor } from "../../src/words/therapist";
import { snapshotOf } from "../fakes";

const NOW = 10_000_000;
const dana = { participant_id: "dana", name: "Dana" };
const room = { ...fromSnapshot(snapshotOf({ you: "" })), speakers: ["dana"] };
const HEARS: ListeningView = { may_listen: "yes", since_ms: NOW - 188_000, may_step_in: true, mentors: [dana] };

const SILENT: ListeningModel = {
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

const acts = {
  onHelp: vi.fn(),
  onQuickExit: vi.fn(),
  onStepIn: vi.fn(),
  onOwn: vi.fn(),
  onAcknowledge: vi.fn(),
  onTakeOver: vi.fn(),
  onResolve: vi.fn(() => Promise.resolve(true)),
  onReadWhere: vi.fn(() => new Promise<never>(() => {})),
  onReadTimeline: vi.fn(() => new Promise<never>(() => {})),
  onBeOnCall: vi.fn(),
  onHandOver: vi.fn(),
  onAcceptShift: vi.fn(),
  onEndOnCall: vi.fn(),
  onNotices: vi.fn(),
  onReachable: vi.fn(),
  onTone: vi.fn(),
  onStart: vi.fn(),
  onListen: vi.fn(),
  onBreakGlass: vi.fn(() => Promise.resolve(true)),
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
  onReview: vi.fn((): Promise<"not_saved" | undefined> => Promise.resolve(undefined)),
};

let box: HTMLElement;

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Supervision – Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  vi.clearAllMocks();
});

afterEach(() => render(null, box));

function modelOf(views: (ListeningView | undefined)[], listening: Partial<ListeningModel> = {}, language = "en"): TherapistModel {
  const sessions = views.map((view, number): SupervisedView => {
    const session = { id: number === 0 ? "s" : `s${number}`, title: number === 0 ? "Tuesday evening group" : `Group ${number}`, status: "live" as const };
    return { session, people: 8, leaders: ["Dana"], responder: "Ben", ...(view ? { listening: view } : {}) };
  });
  return {
    words: { ...en, language },
    own: therapistWordsFor(language),
    now: NOW,
    sessions,
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
    said: monitoringWordsFor(language),
    wide: true,
    listening: { ...SILENT, ...listening },
  };
}

function show(...of: Parameters<typeof modelOf>): void {
  const model = modelOf(...of);
  void act(() => render(<TherapistPage model={model} acts={acts} />, box));
}

const textOf = (element: Element | null | undefined) => element?.textContent ?? "";
const region = (name: string) => box.querySelector<HTMLElement>(`section[aria-label="${name}"]`);
const within = (element: ParentNode | null, name: string) =>
  [...(element?.querySelectorAll("button") ?? [])].filter((button) => (button.getAttribute("aria-label") ?? button.textContent?.trim()) === name);
const press = (name: string, inside: ParentNode | null = box) => void act(() => within(inside, name)[0]?.click());
const dialog = () => box.querySelector("[role=dialog]");
const presence = () => region("Your presence");
const type = (element: Element | null | undefined, text: string) =>
  void act(() => {
    (element as HTMLInputElement).value = text;
    element?.dispatchEvent(new Event("input", { bubbles: true }));
  });
const settled = () => act(() => Promise.resolve());

test("a flag that lets me listen is one press; without one the reason stands beside the key", () => {
  show([{ may_listen: "yes" }, { may_listen: "no_flag", may_break_glass: true }, { may_listen: "no_consent" }, { may_listen: "not_live" }]);
  const cards = [...(region("Live sessions")?.querySelectorAll("article") ?? [])];
  press("Listen", cards[0]);
  expect(acts.onListen).toHaveBeenCalledWith("s");
  expect(textOf(cards[1])).toContain("No open flag lets you listen.");
  expect(within(cards[1]!, "Listen")[0]?.getAttribute("aria-haspopup")).toBe("dialog");
  expect(within(cards[2]!, "Listen")[0]?.getAttribute("aria-disabled")).toBe("true");
  press("Listen", cards[2]);
  expect(textOf(cards[2])).toContain("Someone there has not accepted the notice");
  expect(within(cards[3]!, "Listen")).toEqual([]);
  expect(acts.onListen).toHaveBeenCalledTimes(1);
  expect(dialog()).toBeNull();
});

test("listening without a flag takes a reason, and says who reads it", async () => {
  show([{ may_listen: "no_flag", may_break_glass: true }]);
  press("Listen");
  expect(textOf(dialog())).toContain("Your reason is stored before you hear anything.");
  type(dialog()?.querySelector("textarea"), "too short");
  press("Listen for 15 minutes");
  expect(textOf(dialog())).toContain("Please write at least 10 characters.");
  expect(acts.onBreakGlass).not.toHaveBeenCalled();
  type(dialog()?.querySelector("textarea"), " Her mentor does not answer. ");
  press("Listen for 15 minutes");
  expect(acts.onBreakGlass).toHaveBeenCalledWith("s", "Her mentor does not answer.");
  await settled();
  expect(dialog()).toBeNull();
});

test("while I listen, the line above everything says that nobody hears or sees me, since when, and how to stop", () => {
  show([HEARS], { room });
  expect(textOf(presence())).toContain("You are NOT audible or visible");
  expect(textOf(presence())).toContain("Listening to Tuesday evening group, 3:08");
  press("Stop listening");
  expect(acts.onStopListening).toHaveBeenCalledTimes(1);
  expect(within(box, "Listen")).toEqual([]);
  expect(within(box, "Leave")).toEqual([]);
  expect(within(box, "End session")).toEqual([]);
});

test("without a flag, the time that is left runs down", () => {
  show([{ ...HEARS, until_ms: NOW + 760_000 }], { room });
  expect(textOf(presence())).toContain("without a flag, 12:40 left");
});

test("whoever I speak to, the line says that they alone hear me", () => {
  show([{ ...HEARS, mentors: [{ ...dana, headphones: true }] }], { room, speaking: { sessionId: "s", to: "dana", name: "Dana", state: "on" } });
  expect(textOf(presence())).toContain("Only Dana hears you");
  expect(textOf(presence())).not.toContain("NOT audible");
  press("Stop speaking");
  expect(acts.onStopSpeaking).toHaveBeenCalledTimes(1);
});

test("the session that I hear is there to see, who speaks is framed, and nothing can be written into it", () => {
  const chat = [{ id: "m", author_id: "ellie", author_name: "Ellie", text: "Good evening.", at_ms: NOW }];
  show([{ ...HEARS, mentors: [] }], { room: { ...room, chat } });
  const ears = box.querySelector("article.ears");
  expect([...(ears?.querySelectorAll("[role=group]") ?? [])].map((tile) => tile.getAttribute("aria-label"))).toEqual(["Dana", "Ellie"]);
  expect(ears?.querySelector(".speaking")?.getAttribute("aria-label")).toBe("Dana");
  expect(textOf(ears)).toContain("Dana speaks");
  expect(textOf(ears)).toContain("Good evening.");
  expect(ears?.querySelectorAll("input, textarea")).toHaveLength(0);
});

test("what I hear on another page of mine is said, and not what I have just stopped here", () => {
  const elsewhere = "You listen to it on another page of yours.";
  show([HEARS]);
  expect(textOf(region("Live sessions"))).toContain(elsewhere);
  for (const known of [{ stopped: "s" }, { asking: "s" }, { room }, { over: { sessionId: "s", title: "", why: "lost" as const } }]) {
    show([HEARS], known);
    expect(textOf(region("Live sessions"))).not.toContain(elsewhere);
  }
});

test("sound that the browser holds back is one press away, and what does not come is said", () => {
  show([HEARS], { room, soundBlocked: true, trouble: "stuck" });
  press("Tap to hear");
  press("Try again");
  expect(acts.onHear).toHaveBeenCalledTimes(1);
  expect(acts.onRetryMedia).toHaveBeenCalledTimes(1);
});

test("that it ended says why, and the way back is there while the right is", () => {
  const over = { sessionId: "s", title: "Tuesday evening group", why: "lost" as const };
  show([{ may_listen: "yes" }], { over });
  expect(textOf(box.querySelector("[role=alert]"))).not.toBe("");
  expect(textOf(box)).toContain("You no longer hear Tuesday evening group");
  expect(textOf(box)).toContain("Your connection was lost.");
  press("Listen again");
  expect(acts.onListen).toHaveBeenCalledWith("s");
  show([{ may_listen: "no_flag" }], { over: { ...over, why: "right_ended" } });
  expect(within(box, "Listen again")).toEqual([]);
});

test("a whisper goes to one mentor, and says whether it was seen", () => {
  const whispers = [
    { id: "a", other: "Dana", text: "First.", at_ms: 0, seen: true },
    { id: "b", other: "Dana", text: "Second.", at_ms: 1 },
  ];
  show([{ ...HEARS, whispers }], { room, unsent: [{ id: "c", sessionId: "s", to: "dana", name: "Dana", text: "Third.", failed: "not_saved" }] });
  const said = [...box.querySelectorAll("ol.told-so li")].map(textOf);
  expect(said[0]).toBe("You to Dana: “First.” seen");
  expect(said[1]).toBe("You to Dana: “Second.” sent");
  expect(said[2]).toContain("not sent");
  press("Try again");
  expect(acts.onRetryWhisper).toHaveBeenCalledWith("c");
  type(box.querySelector("#whisper-s"), "  You are doing well. ");
  press("Send");
  expect(acts.onWhisper).toHaveBeenCalledWith("s", dana, "You are doing well.");
  expect(box.querySelector<HTMLInputElement>("#whisper-s")?.value).toBe("");
  press("Send");
  expect(acts.onWhisper).toHaveBeenCalledTimes(1);
});

test("a whisper needs no listening, and speaking needs headphones", () => {
  show([{ may_listen: "no_flag", mentors: [dana, { participant_id: "theo", name: "Theo", headphones: true }] }]);
  press("Whisper");
  expect(textOf(dialog())).toContain("Dana has not said that they wear headphones");
  expect(within(dialog(), "Speak to Dana")).toEqual([]);
  void act(() => {
    const choice = dialog()?.querySelector("select") as HTMLSelectElement;
    choice.value = "theo";
    choice.dispatchEvent(new Event("change", { bubbles: true }));
  });
  press("Speak to Theo");
  expect(acts.onSpeakTo).toHaveBeenCalledWith("s", expect.objectContaining({ participant_id: "theo" }));
});

test("stepping in says what happens before it does, also to what I listen to", () => {
  show([HEARS], { room });
  press("Step in", presence());
  expect(textOf(dialog())).toContain("8 people will see and hear you, as a therapist.");
  expect(textOf(dialog())).toContain("You stop listening.");
  press("Stay unseen");
  expect(acts.onStepIn).not.toHaveBeenCalled();
  press("Step in", presence());
  press("Step in", dialog());
  expect(acts.onStepIn).toHaveBeenCalledTimes(1);
});

const glass: GlassView = { id: "g", by: "Ben", reason: "She sounded confused.", since_ms: NOW - 900_000, until_ms: NOW - 1, due_ms: NOW + 60_000 };

test("a review asks what was found, and my own waits for another person", async () => {
  show([{ glass: [glass, { ...glass, id: "h", by: "Ruth", reason: "", mine: true }] }]);
  const cards = [...(region("Reviews")?.querySelectorAll("article") ?? [])];
  expect(cards.map((card) => within(card, "Review").length)).toEqual([1, 0]);
  expect(textOf(cards[1])).toContain("Another person reviews it.");
  press("Review");
  expect(textOf(dialog())).toContain("She sounded confused.");
  press("Save review");
  expect(textOf(dialog())).toContain("Please choose what you found.");
  void act(() => dialog()?.querySelectorAll<HTMLInputElement>("input[type=radio]")[1]?.click());
  acts.onReview.mockResolvedValueOnce("not_saved");
  press("Save review");
  await settled();
  expect(textOf(dialog())).toContain("could not be saved");
  press("Save review");
  await settled();
  expect(acts.onReview).toHaveBeenLastCalledWith("s", "g", "questions", "");
  expect(dialog()).toBeNull();
});

test("in a room a whisper is one press beside the line that says that I am heard, and only to be read", () => {
  const onWhispering = vi.fn();
  const model = modelOf([{ ...HEARS, mentors: [{ ...dana, headphones: true }] }]);
  void act(() => render(<WhisperKey model={model} sessionId="s" onWhispering={onWhispering} />, box));
  press("Whisper");
  expect(onWhispering).toHaveBeenCalledWith(true);
  void act(() => render(<WhisperKey model={model} sessionId="other" onWhispering={onWhispering} />, box));
  expect(within(box, "Whisper")).toEqual([]);
  void act(() => render(<WaitingKey model={model} acts={acts} sessionId="s" whispering onWhispering={onWhispering} />, box));
  expect(within(dialog(), "Speak to Dana")).toEqual([]);
  type(dialog()?.querySelector("input"), "You are doing well.");
  press("Send", dialog());
  expect(acts.onWhisper).toHaveBeenCalledWith("s", expect.objectContaining({ participant_id: "dana" }), "You are doing well.");
  press("Close", dialog());
  expect(onWhispering).toHaveBeenLastCalledWith(false);
});

test("axe finds nothing, in each language", async () => {
  const rules = { rules: { "page-has-heading-one": { enabled: false } } };
  for (const language of Object.keys(monitoringCatalogs)) {
    show([{ ...HEARS, mentors: [{ ...dana, headphones: true }] }, { may_listen: "no_consent" }, { glass: [glass] }], { room, soundBlocked: true, trouble: "stuck" }, language);
    expect((await axe.run(box, rules)).violations.map(({ id, nodes }) => [id, nodes.map((one) => one.html)])).toEqual([]);
  }
  show([{ may_listen: "no_flag", may_break_glass: true }]);
  press("Listen");
  expect((await axe.run(box, rules)).violations.map(({ id }) => id)).toEqual([]);
}, 20_000);

test("both catalogs say everything, and no sentence shouts", () => {
  for (const catalogs of [monitoringCatalogs, presenceCatalogs]) {
    for (const catalog of Object.values(catalogs)) {
      expect(Object.keys(catalog)).toEqual(Object.keys(catalogs["en"] ?? {}));
      for (const word of Object.values(catalog)) {
        const said = typeof word === "function" ? String((word as (...of: unknown[]) => unknown)("lost", "two")) : word;
        expect(said).not.toContain("!");
      }
    }
  }
});

test("accessible names that people's tools rely on stay as they are", () => {
  const { listen, stopListening, whisper } = monitoringWordsFor("en");
  expect([listen, stopListening, whisper]).toEqual(["Listen", "Stop listening", "Whisper"]);
});
