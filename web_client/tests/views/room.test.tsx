import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { FloorView } from "../../src/protocol/generated";
import { NO_CHOICES } from "../../src/media/device_list";
import { chosen } from "../../src/state/devices";
import { floorOf } from "../../src/state/floor";
import { fromSnapshot, type RoomState } from "../../src/state/room";
import { Room } from "../../src/views/room";
import type { RoomActs, RoomModel } from "../../src/views/room_model";
import { loadLeading } from "../../src/views/use_leading";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";
import { snapshotOf } from "../fakes";

let box: HTMLElement;
let acts: { [K in keyof RoomActs]: ReturnType<typeof vi.fn<RoomActs[K]>> };

beforeAll(loadLeading);

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Tuesday evening group – Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  acts = {
    onMicrophone: vi.fn(),
    onCamera: vi.fn(),
    onChoose: vi.fn(),
    onUse: vi.fn(),
    onFlip: vi.fn(),
    onShare: vi.fn(),
    onStopSharing: vi.fn(),
    onCloseScreen: vi.fn(),
    onAllowScreen: vi.fn(),
    onAudioOnly: vi.fn(),
    onSeen: vi.fn(),
    onChat: vi.fn(),
    onSheet: vi.fn(),
    onLeave: vi.fn(),
    onQuickExit: vi.fn(),
    onEnd: vi.fn(),
    onHear: vi.fn(),
    onRetryMedia: vi.fn(),
    onNoticeRead: vi.fn(),
    onDraft: vi.fn(),
    onSend: vi.fn(),
    onRetry: vi.fn(),
    onHide: vi.fn(),
    onShow: vi.fn(),
    onMenu: vi.fn(),
    onCloseMicrophone: vi.fn(),
    onAllowMicrophone: vi.fn(),
    onAdmit: vi.fn(),
    onMove: vi.fn(),
    onRemove: vi.fn(),
    onCover: vi.fn(),
    onListening: vi.fn(),
    onReacting: vi.fn(),
    onReact: vi.fn(),
    onHideGroup: vi.fn(),
    onShowGroup: vi.fn(),
    onEarlyRead: vi.fn(),
    onTurn: vi.fn(),
    onSawWhisper: vi.fn(),
  onWhispersRead: vi.fn(),
  onHeadphones: vi.fn(),
  onNotes: vi.fn(),
  };
});

afterEach(() => render(null, box));

const room = fromSnapshot(
  snapshotOf({
    participants: [
      { id: "dana", name: "Dana", role: "mentor", place: 0, microphone: true },
      { id: "ellie", name: "Ellie", role: "participant", place: 7 },
      { id: "joy", name: "Joy", role: "participant", place: 3, connected: false, microphone_closed: true },
    ],
    chat: [
      { id: "a", author_id: "dana", author_name: "Dana", text: "Welcome", at_ms: 0 },
      { id: "b", author_id: "joy", author_name: "Joy", text: "", at_ms: 1, hidden: true },
    ],
  }),
);

const full: RoomState = {
  ...room,
  you: "dana",
  participants: room.participants.map((one) =>
    one.id === "dana" ? { ...one, needs_cover: true } : { ...one, listening: true, not_alone: true },
  ),
  lobby: [
    { id: "noor", name: "Noor", since_ms: 1 },
    { id: "ada", name: "Ada", since_ms: 2 },
  ],
};
const begins: RoomState = {
  ...full,
  session: { id: "s", title: "t", status: "lobby", waits_for: "responder" },
  lobby: [
    { id: "noor", name: "Noor", since_ms: 1 },
    { id: "wren", name: "Wren", since_ms: 2, expected: true },
  ],
};

const [WREN, SAMIR] = [{ id: "wren", name: "Wren" }, { id: "samir", name: "Samir" }];

const crowd: RoomState = {
  ...room,
  participants: [
    ...room.participants,
    ...Array.from({ length: 18 - room.participants.length }, (_, number) => ({
      id: `p${number}`,
      name: `Person ${number}`,
      role: "participant" as const,
      place: 100 + number,
      camera: true,
    })),
  ],
};

const mediaOf = (matches: boolean) =>
  ({ matches, addEventListener: () => undefined, removeEventListener: () => undefined }) as unknown as MediaQueryList;

function show(change: Partial<RoomModel> = {}): void {
  const mine = change.mine ?? chosen(true, false);
  const model: RoomModel = {
    words: en,
    room,
    reconnecting: false,
    awayLong: false,
    asking: false,
    closing: new Set(),
    mine,
    actual: { microphone: mine.microphone, camera: mine.camera },
    doubt: { microphone: false, camera: false },
    trouble: null,
    myPicture: undefined,
    rear: false,
    received: new Map(),
    share: { state: "off", possible: true },
    devices: { choices: NO_CHOICES, present: {}, flips: false, gone: { microphone: "", camera: "" } },
    audioOnly: false,
    weak: false,
    resting: [],
    pending: [],
    notice: null,
    early: [],
    whispers: { list: [], speaker: "", headphones: false },
    reactions: new Map(),
    reacting: false,
    alone: { on: false, told: false },
    announcement: null,
    soundBlocked: false,
    wide: true,
    chatOpen: false,
    unread: 0,
    draft: "",
    notes: "",
    now: () => 0,
    sheet: null,
    menuFor: null,
    ...change,
  };
  act(() => render(<Room model={model} acts={acts} />, box));
}

/** As a screen reader computes it, as far as these views need: what is hidden from it is not part of the name. */
function nameOf(element: Element): string {
  const shown = element.cloneNode(true) as Element;
  for (const hidden of shown.querySelectorAll("[aria-hidden=true]")) hidden.remove();
  return element.getAttribute("aria-label") ?? shown.textContent ?? "";
}

function byName(selector: string, name: string): HTMLElement {
  const found = [...box.querySelectorAll<HTMLElement>(selector)].find(
    (element) => nameOf(element).trim() === name,
  );
  if (!found) throw new Error(`no ${selector} named ${name}`);
  return found;
}

function sharedBy(who: string): RoomState {
  return { ...room, participants: room.participants.map((one) => (one.id === who ? { ...one, screen: true } : one)) };
}

const plugged: RoomModel["devices"] = {
  choices: {
    microphone: [
      { id: "default", label: "Default - Built-in" },
      { id: "b", label: "Built-in" },
    ],
    camera: [{ id: "c", label: "Webcam" }],
    speaker: [],
  },
  present: { microphone: "b", camera: "c" },
  flips: true,
  gone: { microphone: "Headset", camera: "" },
};

const asMentor = { room: { ...room, you: "dana" } };

async function expectNoViolations(): Promise<void> {
  // Colors need a real browser; they are checked there.
  const { violations } = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}

describe("axe finds nothing", () => {
  test.each<[string, Partial<RoomModel>]>([
    ["as a participant", {}],
    ["on a phone", { wide: false, unread: 2 }],
    ["with many people and audio only on a phone", { wide: false, room: crowd, audioOnly: true }],
    ["with a weak connection", { weak: true }],
    ["with chat on a phone", { wide: false, chatOpen: true, pending: [{ id: "p", text: "x", failed: "not_saved" }] }],
    ["with help", { sheet: "help" }],
    ["while reconnecting", { reconnecting: true, announcement: { key: "sayReconnecting" } }],
    ["with a closed microphone", { mine: { ...chosen(false, false), closed: true } }],
    ["with blocked sound", { soundBlocked: true }],
    ["with a denied microphone", { notice: { about: "device", source: "microphone", problem: "denied" } }],
    ["while nobody may hear me", { doubt: { microphone: true, camera: false } }],
    ["while media is tried again", { trouble: "trying" }],
    ["without media", { trouble: "stuck" }],
    ["with too long a draft", { draft: "a".repeat(2_100), room: { ...room, earlier: true } }],
    ["as a mentor who does not know", { ...asMentor, notice: { about: "unsure" } }],
    ["as a mentor", asMentor],
    ["as a mentor with a menu", { ...asMentor, menuFor: "joy" }],
    ["as a mentor who ends", { ...asMentor, sheet: "end" }],
    ["as a mentor who leaves on a phone", { ...asMentor, wide: false, sheet: "leave" }],
    ["as a mentor whose act waits", { ...asMentor, reconnecting: true, closing: new Set(["ellie"]) }],
    ["while the browser asks", { asking: true }],
    ["in a pause", { room: { ...room, pausedUntilMs: 1 } }],
    ["after a pause", { notice: { about: "back", leader: null } }],
    ["with reactions", { reacting: true, reactions: new Map([["dana", "i_hear_you"]]) }],
    ["not alone", { alone: { on: true, told: true } }],
    ["as a mentor with a full lobby", { room: { ...full, pausedUntilMs: 0 }, early: [WREN, SAMIR] }],
    ["as a mentor with a full lobby on a phone", { room: full, wide: false, menuFor: "noor" }],
    ["as a mentor who removes", { room: full, sheet: { remove: "noor", name: "Noor" } }],
    ["as a mentor in a pause", { room: { ...full, pausedUntilMs: 1 } }],
    ["as a mentor before the beginning", { room: begins }],
    ["after a long wait at the door", { notice: { about: "late" } }],
    ["while another shares", { room: sharedBy("dana") }],
    ["while I share", { room: sharedBy("ellie"), share: { state: "on", possible: true } }],
    ["as a mentor while a participant shares", { room: { ...sharedBy("joy"), you: "dana" }, menuFor: "joy" }],
    ["choosing devices", { sheet: "devices", devices: plugged }],
    ["after a device was unplugged", { notice: { about: "device", source: "microphone", problem: "lost" }, devices: plugged }],
    ["after the system chose another", { notice: { about: "moved", label: "Headset" } }],
  ])("%s", async (_name, change) => {
    for (const words of catalogs) {
      show({ ...change, words });
      await expectNoViolations();
    }
  });
});

describe("people", () => {
  test("each tile is a group named after its person; mine says You", () => {
    show();
    const tiles = [...byName("section", "Participants").querySelectorAll("[role=group]")];
    expect(tiles.map((tile) => tile.getAttribute("aria-label"))).toEqual(["Dana", "Ellie", "Joy"]);
    expect(tiles.map((tile) => tile.getAttribute("data-participant-id"))).toEqual(["dana", "ellie", "joy"]);
    expect(tiles[1]?.textContent).toContain("You");
  });

  test("who lost the connection is shown as reconnecting", () => {
    show();
    expect(byName("[role=group]", "Joy").textContent).toContain("Reconnecting");
  });

  test("who speaks is framed and said in words, but not while I am away myself", () => {
    const speaking = { ...room, speakers: ["dana"] };
    show({ room: speaking });
    expect(byName("[role=group]", "Dana").className).toContain("speaking");
    expect(byName("[role=group]", "Dana").textContent).toContain("speaking");
    show({ room: speaking, reconnecting: true });
    expect(byName("[role=group]", "Dana").className).not.toContain("speaking");
  });

  test("a peer does not learn that a mentor closed a microphone", () => {
    show();
    expect(box.textContent).not.toContain(en.closedByMentor);
  });
});

describe("the bar", () => {
  test("keeps its order, Help second to last", () => {
    show({ wide: false });
    const names = [...box.querySelectorAll(".bar button")].map((key) => key.textContent);
    expect(names).toEqual(["Microphone", "Camera", "Raise hand", "Not alone", "Reactions", "Chat", "Help", "Leave"]);
  });

  test("says what a press will do", () => {
    show({ mine: chosen(true, true) });
    byName("button", "Mute microphone").click();
    byName("button", "Turn camera off").click();
    expect([acts.onMicrophone.mock.calls.length, acts.onCamera.mock.calls.length]).toEqual([1, 1]);
    show({ mine: chosen(false, false) });
    expect(byName("button", "Unmute microphone")).toBeTruthy();
    expect(byName("button", "Turn camera on")).toBeTruthy();
  });

  test("never shows as on what the others do not have", () => {
    show({ doubt: { microphone: true, camera: false }, actual: { microphone: false, camera: false } });
    expect(byName("button", "Mute microphone").className).toBe("key off");
    expect(byName("[role=group]", "Ellie").textContent).toContain(en.microphoneOff);
    expect(byName("section", en.connection).textContent).toContain("Others may not hear you yet");
  });

  test("a closed microphone can still be pressed, and answers why", () => {
    show({ mine: { ...chosen(false, true), closed: true } });
    const key = byName("button", en.unmuteClosed) as HTMLButtonElement;
    expect([key.disabled, key.getAttribute("aria-disabled")]).toEqual([false, "true"]);
    key.click();
    expect(acts.onMicrophone).toHaveBeenCalled();
    expect(box.textContent).toContain("Your mentor closed your microphone for now.");
  });

  test("leaving never asks first", () => {
    show(asMentor);
    byName("button", "Leave").click();
    expect(acts.onLeave).toHaveBeenCalled();
  });

  test("only who leads can end the session", () => {
    show();
    expect(() => byName("button", "End session")).toThrow();
    show(asMentor);
    byName("button", "End session").click();
    expect(acts.onSheet).toHaveBeenCalledWith("end");
    expect(acts.onEnd).not.toHaveBeenCalled();
  });
});

describe("a mentor", () => {
  test("closes and allows a participant's microphone by name, nobody else's", () => {
    show(asMentor);
    expect(() => byName("button", "Menu for Dana")).toThrow();
    show({ ...asMentor, menuFor: "ellie" });
    byName("button", "Close microphone of Ellie").click();
    expect(acts.onCloseMicrophone).toHaveBeenCalledWith("ellie");
    expect(acts.onMenu).toHaveBeenCalledWith(null);
    show({ ...asMentor, menuFor: "joy" });
    byName("button", "Allow microphone of Joy").click();
    expect(acts.onAllowMicrophone).toHaveBeenCalledWith("joy");
  });

  test("hides and shows messages; others cannot", () => {
    show(asMentor);
    byName("button", "Hide message").click();
    expect(acts.onHide).toHaveBeenCalledWith("a");
    byName("button", "Show message").click();
    expect(acts.onShow).toHaveBeenCalledWith("b");
    show();
    expect(() => byName("button", "Hide message")).toThrow();
    expect(byName("section", "Chat").textContent).toContain(en.messageHidden);
  });
});

describe("sound and video", () => {
  test("that could not be set up are tried again first, and then at a press", () => {
    show({ trouble: "trying" });
    expect(byName("section", en.sound).textContent).toContain("Trying again");
    expect(() => byName("button", "Try again")).toThrow();
    show({ trouble: "stuck" });
    byName("button", "Try again").click();
    expect(acts.onRetryMedia).toHaveBeenCalled();
  });
});

describe("pages of people", () => {
  const tiles = () => [...box.querySelectorAll("[data-participant-id]")].map((tile) => tile.getAttribute("data-participant-id"));
  const turn = (name: string) => act(() => byName("button", name).click());
  const everyone = crowd.participants.map(({ id }) => id);

  test("on a phone show eight at once, in their places, whoever speaks", () => {
    show({ wide: false, room: { ...crowd, speakers: [everyone[17] as string] } });
    expect(tiles()).toEqual(everyone.slice(0, 8));
    turn("Previous people");
    turn("Next people");
    expect(tiles()).toEqual(everyone.slice(8, 16));
    turn("Next people");
    turn("Next people");
    expect(tiles()).toEqual(everyone.slice(16));
    expect(byName("nav", "Pages of people").querySelector("[role=status]")?.textContent).toBe("17 to 18 of 18");
    show({ wide: false, room: { ...crowd, participants: crowd.participants.slice(0, 12) } });
    expect(tiles()).toEqual(everyone.slice(8, 12));
    turn("Previous people");
    expect(tiles()).toEqual(everyone.slice(0, 8));
  });

  test("turn by arrow keys and by a finger", () => {
    show({ wide: false, room: crowd });
    const press = (key: string) =>
      act(() => void byName("button", "Next people").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })));
    press("ArrowRight");
    press("x");
    expect(tiles()).toEqual(everyone.slice(8, 16));
    press("ArrowLeft");
    expect(tiles()).toEqual(everyone.slice(0, 8));
    const swipe = (x: number, y: number) => {
      const at = (clientX: number, clientY: number) => ({ clientX, clientY }) as Touch;
      const list = box.querySelector(".tiles") as HTMLElement;
      const start = Object.assign(new Event("touchstart", { bubbles: true }), { touches: [at(200, 200)] });
      const end = Object.assign(new Event("touchend", { bubbles: true }), { changedTouches: [at(200 + x, 200 + y)] });
      act(() => void list.dispatchEvent(start));
      act(() => void list.dispatchEvent(end));
    };
    swipe(-100, 10);
    expect(tiles()).toEqual(everyone.slice(8, 16));
    swipe(-100, 90);
    swipe(-20, 0);
    expect(tiles()).toEqual(everyone.slice(8, 16));
    swipe(100, 0);
    expect(tiles()).toEqual(everyone.slice(0, 8));
  });

  test("are not needed on a desktop, for eight, nor in the list of who leads", () => {
    for (const change of [
      { wide: true, room: crowd },
      { wide: false, room: { ...crowd, participants: crowd.participants.slice(0, 8) } },
      { wide: false, room: { ...crowd, you: "dana" } },
    ]) {
      show(change);
      expect(tiles()).toHaveLength(change.room.participants.length);
      expect(() => byName("nav", "Pages of people")).toThrow();
    }
  });
});

describe("audio only", () => {
  test("is one tap, says what it does, and shows the letter in place of each picture but my own", () => {
    show({ room: crowd });
    const pictures = () => box.querySelectorAll(".picture").length;
    const [before, mine] = [pictures(), crowd.participants.find(({ id }) => id === crowd.you)?.camera ? 1 : 0];
    expect(before).toBeGreaterThan(10);
    byName("button", "Audio only").click();
    expect(acts.onAudioOnly).toHaveBeenCalledWith(true);
    show({ room: crowd, audioOnly: true });
    expect(pictures()).toBeLessThanOrEqual(mine + 1);
    const key = byName("button", "Audio only");
    expect(key.getAttribute("aria-pressed")).toBe("true");
    expect(box.querySelector("#audio-only")?.textContent).toContain("You hear everyone.");
    key.click();
    expect(acts.onAudioOnly).toHaveBeenLastCalledWith(false);
  });
});

describe("a weak connection", () => {
  test("is told kindly, with what goes on and a way to spare it", () => {
    show({ weak: true });
    const panel = byName("section", "Connection");
    expect(panel.textContent).toContain("Your connection is weak");
    expect(panel.textContent).toContain("Pictures may pause; sound goes on.");
    byName("button", "Go on with audio only").click();
    expect(acts.onAudioOnly).toHaveBeenLastCalledWith(true);
    show({ weak: true, audioOnly: true });
    expect(() => byName("button", "Go on with audio only")).toThrow();
    show({ weak: true, reconnecting: true });
    expect(box.textContent).not.toContain("Your connection is weak");
  });

  test("shows no old picture of someone as if it were now", () => {
    const tile = (id: string) => box.querySelector(`[data-participant-id="${id}"]`);
    const participants = room.participants.map((one) => ({ ...one, camera: true }));
    show({ room: { ...room, participants } });
    expect(tile("dana")?.querySelector(".picture")).toBeTruthy();
    show({ room: { ...room, participants }, resting: [{ participant_id: "dana", source: "camera" }] });
    expect(tile("dana")?.textContent).toContain("Picture paused");
    expect(tile("dana")?.querySelector(".picture")).toBeNull();
    expect(tile("joy")?.querySelector(".picture")).toBeTruthy();
  });
});

describe("chat", () => {
  test("takes the place of the tiles on a phone, and stands beside them on a desktop", () => {
    show({ wide: false, chatOpen: true });
    expect(() => byName("section", "Participants")).toThrow();
    show({ wide: true });
    expect(byName("section", "Participants")).toBeTruthy();
    expect(byName("section", "Chat")).toBeTruthy();
  });

  test("sends what is written, and nothing when nothing is", () => {
    show({ draft: "  hello " });
    box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect(acts.onSend).toHaveBeenCalledWith("hello");
    expect(acts.onDraft).toHaveBeenCalledWith("");
    show({ draft: "   " });
    box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect(acts.onSend).toHaveBeenCalledTimes(1);
  });

  test("a draft that is too long stays whole, and is not sent", () => {
    const draft = "a".repeat(2_003);
    show({ draft });
    expect(box.querySelector("#chat-left")?.textContent).toBe("3 letters too many. Shorten it, or send it in two parts.");
    box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect([acts.onSend.mock.calls.length, acts.onDraft.mock.calls.length]).toEqual([0, 0]);
    expect(box.querySelector("textarea")?.value).toBe(draft);
    expect(box.querySelector("textarea")?.maxLength).toBe(-1);
  });

  test("counts only when it becomes tight", () => {
    show({ draft: "a".repeat(1_000) });
    expect(box.querySelector("#chat-left")).toBeNull();
    show({ draft: "a".repeat(1_999) });
    expect(box.querySelector("#chat-left")?.textContent).toBe("1 letter left.");
  });

  test("says where older messages are not shown", () => {
    show();
    expect(byName("section", "Chat").textContent).not.toContain(en.earlier);
    show({ room: { ...room, earlier: true } });
    expect(box.querySelector(".talk li")?.textContent).toBe("Earlier messages are not shown here.");
  });

  test("the draft stays while the connection is away", () => {
    show({ draft: "half a thought", reconnecting: true });
    expect(box.querySelector("textarea")?.value).toBe("half a thought");
  });

  test("new messages are counted in words, too", () => {
    show({ wide: false, unread: 2 });
    expect(byName("button", "Chat").getAttribute("aria-describedby")).toBe("unread");
    expect(box.querySelector("#unread")?.textContent).toBe("2 new messages");
  });

  test("text of people is never markup", () => {
    const text = "<img src=x onerror=alert(1)>";
    show({ room: { ...room, chat: [{ id: "x", author_id: "dana", author_name: "<b>D</b>", text, at_ms: 0 }] } });
    expect(box.querySelector("img")).toBeNull();
    expect(byName("section", "Chat").textContent).toContain(text);
  });
});

describe("writing", () => {
  const field = () => box.querySelector("textarea") as HTMLTextAreaElement;
  const enter = (change: KeyboardEventInit = {}) =>
    field().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...change }));
  const pointer = (coarse: boolean) =>
    vi.spyOn(globalThis, "matchMedia").mockReturnValue(mediaOf(coarse));
  afterEach(() => vi.restoreAllMocks());

  test("Enter sends, Shift+Enter begins a new line, and a word that is being chosen stays", () => {
    pointer(false);
    show({ draft: "hello" });
    enter({ shiftKey: true });
    enter({ isComposing: true });
    expect(acts.onSend).not.toHaveBeenCalled();
    enter();
    expect(acts.onSend).toHaveBeenCalledWith("hello");
  });

  test("Enter begins a new line on a touch keyboard", () => {
    pointer(true);
    show({ draft: "hello" });
    enter();
    expect(acts.onSend).not.toHaveBeenCalled();
  });

  test("opening the chat on a phone leads to its field, closing it back to its button", () => {
    show({ wide: false });
    show({ wide: false, chatOpen: true });
    expect(document.activeElement).toBe(field());
    show({ wide: false });
    expect(document.activeElement).toBe(byName("button", "Chat"));
  });

  test("a screen that is turned leaves the focus where it is", () => {
    show({ wide: true });
    byName("button", "Help").focus();
    show({ wide: false });
    show({ wide: true });
    expect(document.activeElement).toBe(byName("button", "Help"));
  });
});

describe("leaving", () => {
  test("asks a mentor on a small screen whether to leave or to end it", () => {
    show({ ...asMentor, wide: false });
    expect(() => byName("button", "End session")).toThrow();
    byName("button", "Leave").click();
    expect(acts.onSheet).toHaveBeenCalledWith("leave");
    show({ ...asMentor, wide: false, sheet: "leave" });
    byName("[role=dialog] button", "End session").click();
    expect(acts.onSheet).toHaveBeenCalledWith("end");
    byName("[role=dialog] button", "Leave").click();
    expect(acts.onLeave).toHaveBeenCalled();
  });

  test("asks a participant nothing", () => {
    show({ wide: false });
    byName("button", "Leave").click();
    expect(acts.onLeave).toHaveBeenCalled();
  });
});

test("what a mentor closed while the connection was away is called waiting", () => {
  show({ ...asMentor, reconnecting: true, closing: new Set(["ellie"]) });
  expect(byName("[role=group]", "Ellie").textContent).toContain(en.closingWaits);
});

test("after the place ran out nobody claims that it is kept", () => {
  show({ reconnecting: true, awayLong: true });
  expect(box.textContent).toContain(en.awayLongMore);
  expect(box.textContent).not.toContain(en.reconnecting);
});

test("the link to the main part leaves the address alone", () => {
  show();
  const link = box.querySelector<HTMLElement>(".skip");
  const press = new MouseEvent("click", { bubbles: true, cancelable: true });
  link?.dispatchEvent(press);
  expect(press.defaultPrevented).toBe(true);
  expect(document.activeElement?.id).toBe("main");
});

test("a mentor's menu closes when the focus goes on", () => {
  show({ ...asMentor, menuFor: "joy" });
  byName("button", "Help").focus();
  expect(acts.onMenu).toHaveBeenCalledWith(null);
});

describe("a sheet", () => {
  test("makes the rest inert, except the top line with Quick exit", () => {
    show({ sheet: "help" });
    expect(box.querySelector("main")?.hasAttribute("inert")).toBe(true);
    expect(box.querySelector("footer")?.hasAttribute("inert")).toBe(true);
    byName("button", "Quick exit").click();
    expect(acts.onQuickExit).toHaveBeenCalled();
  });

  test("offers 988 and 911 without asking anything", () => {
    show({ sheet: "help" });
    const links = [...box.querySelectorAll<HTMLAnchorElement>("[role=dialog] a")].map((link) => link.getAttribute("href"));
    expect(links).toEqual(["tel:988", "sms:988", "tel:911"]);
  });

  test("closes by Escape", () => {
    show({ sheet: "help" });
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    expect(acts.onSheet).toHaveBeenCalledWith(null);
  });
});

test("the same words are said again when they are news again", () => {
  show({ announcement: { key: "sayMicrophoneClosed" } });
  const first = box.querySelector("[role=status] span");
  show({ announcement: { key: "sayMicrophoneClosed" } });
  const second = box.querySelector("[role=status] span");
  expect(second).not.toBe(first);
  expect(second?.textContent).toBe("Your mentor closed your microphone for now.");
});

test("no element carries a style of its own, so that the content security policy can forbid it", () => {
  show({ ...asMentor, menuFor: "joy", sheet: "help", soundBlocked: true });
  // A script may place what it measured, which the policy allows; markup may not.
  expect(box.querySelector("[style]:not(.menu, textarea)")).toBeNull();
});

describe("the lobby, as who leads sees it", () => {
  const door = () => byName("[role=group]", "Lobby");
  const admitting = () => [...door().querySelectorAll("button")].map((one) => one.getAttribute("aria-label"));

  test("is the last seat on a desktop and stands above all on a phone; each is let in by name", () => {
    show({ room: full });
    expect(byName("section", "Participants").querySelector(".tiles")?.lastElementChild).toBe(door());
    expect(admitting()).toEqual(["Admit Noor", "Menu for Noor", "Admit Ada", "Menu for Ada"]);
    byName("button", "Admit Ada").click();
    expect(acts.onAdmit).toHaveBeenCalledWith("ada");
    show({ room: full, wide: false });
    expect(byName("section", "Participants").firstElementChild).toBe(door());
  });

  test("is no seat when nobody waits, and none for participants", () => {
    show({ room: { ...full, lobby: [] } });
    expect(door).toThrow();
    show({ room: { ...full, you: "ellie" } });
    expect(door).toThrow();
  });

  test("lets nobody in before the session begins or in a pause, and says who comes by themselves", () => {
    show({ room: begins });
    expect(admitting()).toEqual(["Menu for Noor", "Menu for Wren"]);
    expect(door().textContent).toContain(en.comesIn);
    expect(byName("section", "Lobby").textContent).toContain(en.waitsForResponder);
    show({ room: { ...full, pausedUntilMs: 1 } });
    expect(admitting()).toEqual(["Menu for Noor", "Menu for Ada"]);
  });

  test("removing asks first, from the lobby and from the room", () => {
    show({ room: full, menuFor: "noor" });
    byName("button", "Remove Noor").click();
    expect(acts.onSheet).toHaveBeenCalledWith({ remove: "noor", name: "Noor" });
    expect(acts.onRemove).not.toHaveBeenCalled();
    show({ room: full, menuFor: "ellie" });
    byName("button", "Remove Ellie").click();
    expect(acts.onSheet).toHaveBeenLastCalledWith({ remove: "ellie", name: "Ellie" });
    show({ room: full, sheet: { remove: "ellie", name: "Ellie" } });
    expect(box.querySelector("[role=dialog]")?.textContent).toContain(en.removeText("Ellie"));
    byName("[role=dialog] button", "Not now").click();
    expect(acts.onSheet).toHaveBeenLastCalledWith(null);
    byName("[role=dialog] button", "Remove Ellie").click();
    expect(acts.onRemove).toHaveBeenCalledWith("ellie");
  });

  test("who is here is asked to wait outside without a question", () => {
    show({ room: full, menuFor: "ellie" });
    byName("button", "Move Ellie to the waiting room").click();
    expect(acts.onMove).toHaveBeenCalledWith("ellie");
  });
});

describe("cover", () => {
  test("is one tap away for who leads, and for nobody else", () => {
    show({ ...asMentor, wide: false, chatOpen: true });
    byName("button", "I need cover").click();
    expect(acts.onCover).toHaveBeenCalledWith(true);
    show({ room: full });
    byName("button", "I can lead again").click();
    expect(acts.onCover).toHaveBeenLastCalledWith(false);
    expect(byName("[role=group]", "Dana").textContent).toContain(en.tagCover);
    show();
    expect(() => byName("button", "I need cover")).toThrow();
  });
});

describe("a pause", () => {
  const until = new Date(2026, 10, 24, 18, 25).getTime();
  const paused = { ...room, pausedUntilMs: until, speakers: ["dana"] };

  test("says what is kept and until when, and frames nobody", () => {
    show({ room: paused });
    const panel = byName("section", en.connection).textContent;
    expect(panel).toContain("Your mentor is reconnecting");
    expect(panel).toContain("If nobody can take over by 6:25 pm, you will wait in the lobby together.");
    expect(byName("[role=group]", "Dana").className).not.toContain("speaking");
    expect(byName("button", en.unmutePaused).getAttribute("aria-disabled")).toBe("true");
  });

  test("says that nobody is here to lead where nobody is, and not that they reconnect", () => {
    show({ room: { ...paused, participants: paused.participants.filter(({ role }) => role === "participant") } });
    const panel = byName("section", en.connection).textContent;
    expect(panel).toContain("Your mentor is not here right now");
    expect(panel).not.toContain("reconnecting");
  });

  test("over, says who leads now, but names nobody while the group is hidden", () => {
    show({ notice: { about: "back", leader: "Ruth" } });
    expect(byName("section", en.notice).textContent).toContain("Ruth leads the group now");
    show({ notice: { about: "back", leader: "Ruth" }, alone: { on: true, told: true } });
    expect(byName("section", en.notice).textContent).toContain("The group goes on.");
    expect(box.textContent).not.toContain("Ruth");
  });

  test("says of who asked for cover only what is so", () => {
    const covered = { ...full, pausedUntilMs: until };
    show({ room: covered, mine: chosen(false, false) });
    expect(box.textContent).toContain("Your microphone and camera are off. You can step away now.");
    show({ room: covered, mine: chosen(false, true) });
    expect(box.textContent).not.toContain("Your microphone and camera are off.");
  });

  test("keeps the draft and sends nothing", () => {
    show({ room: paused, draft: "I was about to" });
    const field = box.querySelector("textarea");
    expect([field?.value, field?.readOnly, field?.getAttribute("aria-describedby")]).toEqual(["I was about to", true, "chat-paused"]);
    box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect([acts.onSend.mock.calls.length, acts.onDraft.mock.calls.length]).toEqual([0, 0]);
  });

  test("leaves the chat to who leads, and says that nobody does", () => {
    show({ room: { ...paused, you: "dana" }, draft: "One moment" });
    expect(byName("section", en.connection).textContent).toContain(en.pausedStaffTitle);
    box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    expect(acts.onSend).toHaveBeenCalledWith("One moment");
  });

  test("over, says that the microphone is still off", () => {
    show({ notice: { about: "back", leader: null } });
    expect(byName("section", en.notice).textContent).toContain("Your microphone is still off.");
    byName("button", "OK").click();
    expect(acts.onNoticeRead).toHaveBeenCalled();
  });
});

describe("a live session that no therapist answers for", () => {
  const live: RoomState = { ...room, session: { ...room.session, status: "live", waits_for: "responder" } };

  test("says so to who leads", () => {
    show({ room: { ...live, you: "dana" } });
    expect(byName("section", en.notice).textContent).toContain(en.unansweredTitle);
  });

  test("says nothing of it to anyone else", () => {
    show({ room: live });
    expect(box.textContent).not.toContain(en.unansweredTitle);
  });
});

describe("reactions", () => {
  test("are three, silent, one tap each, and give the focus back", () => {
    show({ wide: false });
    byName("button", "Reactions").click();
    expect(acts.onReacting).toHaveBeenCalledWith(true);
    show({ wide: false, reacting: true });
    expect(document.activeElement).toBe(byName("button", "I hear you"));
    byName("button", "Same here").click();
    expect(acts.onReact).toHaveBeenCalledWith("same_here");
    expect(acts.onReacting).toHaveBeenLastCalledWith(false);
    expect(document.activeElement).toBe(byName("button", "Reactions"));
  });

  test("close at Escape", () => {
    show({ reacting: true });
    document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    expect(acts.onReacting).toHaveBeenCalledWith(false);
  });

  test("are shown on the tile, mine too", () => {
    show({ reactions: new Map([["dana", "i_hear_you"], ["ellie", "thank_you"]]) });
    expect(byName("[role=group]", "Dana").textContent).toContain("I hear you");
    expect(byName("[role=group]", "Ellie").textContent).toContain("Thank you");
  });

  test("just listening is beside them", () => {
    show({ reacting: true });
    byName("button", "Just listening today").click();
    expect(acts.onListening).toHaveBeenCalledWith(true);
  });
});

describe("not alone", () => {
  const alone = { on: true, told: true };

  test("is one tap away, and says beforehand what it does", () => {
    for (const wide of [false, true]) {
      show({ wide });
      const key = byName(".bar button", "Not alone");
      expect(document.getElementById(key.getAttribute("aria-describedby") ?? "")?.textContent?.trim()).toBe(en.notAloneMore);
      key.click();
    }
    expect(acts.onHideGroup).toHaveBeenCalledTimes(2);
    show({ alone });
    const key = byName(".bar button", "Not alone");
    expect(key.getAttribute("aria-disabled")).toBe("true");
    key.click();
    expect(acts.onHideGroup, "a second tap takes nothing back").toHaveBeenCalledTimes(2);
    expect(acts.onShowGroup).not.toHaveBeenCalled();
  });

  test("shows no name and no text of anybody, and one way back", () => {
    show({ alone, early: [WREN], room: { ...full, chat: room.chat }, unread: 3 });
    for (const secret of ["Dana", "Joy", "Noor", "Wren", "Welcome"]) expect(box.textContent).not.toContain(secret);
    byName("button", "Show the group again").click();
    expect(acts.onShowGroup).toHaveBeenCalled();
  });

  test("keeps microphone, camera, chat and reactions shut, but in reach of the focus", () => {
    show({ alone, wide: false });
    for (const name of [en.unmuteHidden, en.cameraHidden, "Reactions", "Chat"]) {
      expect(byName(".bar button", name).getAttribute("aria-disabled"), name).toBe("true");
      byName(".bar button", name).click();
    }
    expect([acts.onChat.mock.calls.length, acts.onReacting.mock.calls.length]).toEqual([0, 0]);
  });

  test("claims that the mentors know only once they do", () => {
    show({ alone: { on: true, told: false } });
    expect(box.textContent).not.toContain(en.hiddenTold);
    show({ alone });
    expect(box.textContent).toContain(en.hiddenTold);
  });

  test("who leads reads it on the tile; a peer does not", () => {
    show({ room: full });
    expect(byName("[role=group]", "Ellie").textContent).toContain("has hidden the group on their screen");
    show({ room: { ...full, you: "ellie" } });
    expect(byName("[role=group]", "Joy").textContent).not.toContain("has hidden the group");
  });
});

describe("who leads can flag", () => {
  test("with what is at hand also while the chat fills a phone", () => {
    for (const wide of [true, false]) {
      show({ ...asMentor, wide, chatOpen: true });
      byName("button", en.flag).click();
      byName("button", en.callTherapist).click();
    }
    expect(acts.onSheet.mock.calls).toEqual([[{ flag: "" }], ["call"], [{ flag: "" }], ["call"]]);
  });

  test("each person, also who leads beside them, and not themselves", () => {
    const ruth = { id: "ruth", name: "Ruth", role: "therapist", place: 9 } as const;
    const beside = { ...room, you: "dana", participants: [...room.participants, ruth] };
    for (const [id, name] of [
      ["joy", "Joy"],
      ["ruth", "Ruth"],
    ] as const) {
      show({ room: beside, menuFor: id });
      byName("button", en.flagPerson(name)).click();
      expect(acts.onSheet).toHaveBeenLastCalledWith({ flag: id });
    }
    expect(() => byName("button", "Menu for Dana")).toThrow();
  });

  test("and nobody else", () => {
    show({});
    for (const name of [en.flag, en.callTherapist]) expect(() => byName("button", name)).toThrow();
  });
});

test("who left early is read once", () => {
  show({ ...asMentor, early: [WREN, SAMIR] });
  expect(byName("section", en.whoLeft).textContent).toContain("Wren and Samir left early");
  byName("button", "OK").click();
  expect(acts.onEarlyRead).toHaveBeenCalled();
});

describe("a shared screen", () => {
  const may = { ...room, participants: room.participants.map((one) => (one.id === "ellie" ? { ...one, may_share: true } : one)) };
  const buttons = () => [...box.querySelectorAll("button")].map(nameOf);

  test("who leads may share; a participant only with leave, and nobody where the browser cannot", () => {
    show(asMentor);
    byName("button", "Share your screen").click();
    expect(acts.onShare).toHaveBeenCalledOnce();
    show();
    expect(buttons()).not.toContain("Share your screen");
    show({ room: may });
    expect(buttons()).toContain("Share your screen");
    show({ room: may, share: { state: "off", possible: false } });
    expect(buttons()).not.toContain("Share your screen");
    show({ room: { ...may, pausedUntilMs: 5 } });
    expect(buttons()).not.toContain("Share your screen");
  });

  test("one is shown at a time", () => {
    show({ room: { ...sharedBy("joy"), you: "dana" } });
    expect(buttons()).not.toContain("Share your screen");
  });

  test("stands large for the others, and who leads can end it", () => {
    show({ room: sharedBy("dana") });
    expect(byName("section", "Shared screen").textContent).toContain("Dana shares a screen");
    expect(buttons()).not.toContain("Stop Dana's sharing");
    show({ room: { ...sharedBy("joy"), you: "dana" } });
    byName("button", "Stop Joy's sharing").click();
    expect(acts.onCloseScreen).toHaveBeenCalledWith("joy");
  });

  test("of my own I am told as long as it lasts, with the chat open too", () => {
    show({ room: sharedBy("ellie"), share: { state: "on", possible: true }, wide: false, chatOpen: true });
    expect(byName("section", "Shared screen").textContent).toContain("Everyone sees your screen");
    byName("button", "Stop sharing").click();
    expect(acts.onStopSharing).toHaveBeenCalledOnce();
  });

  test("is allowed to a participant, and closed again, in their menu", () => {
    show({ ...asMentor, menuFor: "joy" });
    act(() => byName("button", "Let Joy share their screen").click());
    expect(acts.onAllowScreen).toHaveBeenCalledWith("joy");
    const allowed = room.participants.map((one) => (one.id === "joy" ? { ...one, may_share: true } : one));
    show({ room: { ...room, you: "dana", participants: allowed }, menuFor: "joy" });
    act(() => byName("button", "Stop Joy's sharing").click());
    expect(acts.onCloseScreen).toHaveBeenCalledWith("joy");
  });
});

describe("devices", () => {
  test("the present one is marked, and another is chosen by name", () => {
    show({ sheet: "devices", devices: plugged });
    const [usual, builtIn] = [...box.querySelectorAll<HTMLInputElement>("input[name=choice-microphone]")];
    expect([usual?.checked, builtIn?.checked]).toEqual([false, true]);
    act(() => usual?.click());
    expect(acts.onChoose).toHaveBeenCalledWith("microphone", "default");
    byName("button", "Turn the camera around").click();
    expect(acts.onFlip).toHaveBeenCalledOnce();
  });

  test("my own tile leads to them", () => {
    show();
    byName("button", "Your microphone, camera and speaker").click();
    expect(acts.onSheet).toHaveBeenCalledWith("devices");
  });

  test("after one was unplugged the one that is left is one tap away", () => {
    show({ notice: { about: "device", source: "microphone", problem: "lost" }, devices: plugged });
    byName("button", "Use Built-in").click();
    expect(acts.onUse).toHaveBeenCalledWith("microphone", "b");
  });

  test("one that is there after all is tried again", () => {
    const devices = { ...plugged, gone: { microphone: "Built-in", camera: "" } };
    show({ notice: { about: "device", source: "microphone", problem: "lost" }, devices });
    byName("button", "Try again").click();
    expect(acts.onMicrophone).toHaveBeenCalledOnce();
  });

  test("after a phone call the microphone comes back by a tap", () => {
    show({ notice: { about: "device", source: "microphone", problem: "interrupted" } });
    byName("button", "Tap to bring your microphone back").click();
    expect(acts.onMicrophone).toHaveBeenCalledOnce();
  });
});

describe("speaking turns", () => {
  const queue = (holder: string, hands: string[] = []): RoomState => ({
    ...room,
    floor: floorOf({ mode: "queue", newest: 4, hands, turn: { number: 4, holder_id: holder } }),
  });

  test("who waits reads who speaks and the own place, and the microphone's key stays in reach", async () => {
    show({ room: queue("joy", ["dana", "ellie"]), mine: chosen(false, false) });
    expect(byName("section", "Turn").textContent).toContain("Joy is reconnecting");
    expect(byName("section", "Turn").textContent).toContain("Your hand is up. You are 2nd.");
    byName("button", "Unmute microphone, closed until it is your turn").click();
    expect(acts.onMicrophone).toHaveBeenCalled();
    byName("button", "Lower hand").click();
    expect(acts.onTurn).toHaveBeenCalledWith({ type: "lower_hand" });
    await expectNoViolations();
  });

  test("my turn opens nothing by itself, and ends by its own number", async () => {
    show({ room: queue("ellie"), mine: chosen(false, false) });
    expect(acts.onMicrophone).not.toHaveBeenCalled();
    byName("button", "Tap to speak").click();
    expect(acts.onMicrophone).toHaveBeenCalledTimes(1);
    await expectNoViolations();
    show({ room: queue("ellie"), mine: chosen(true, false) });
    byName("button", "End turn").click();
    expect(acts.onTurn).toHaveBeenCalledWith({ type: "end_turn", turn: 4 });
  });

  test("only the holder sees the time, and who it was stopped by", async () => {
    const turn = (view: object, you = "ellie"): RoomState => ({
      ...room,
      you,
      floor: floorOf({ mode: "queue", newest: 4, turn: { number: 4, holder_id: "ellie", ...view } }),
    });
    show({ room: turn({ limit_ms: 120_000, ends_ms: 120_000 }), mine: chosen(false, false), now: () => 79_000 });
    expect(box.querySelector("[role=timer]")?.getAttribute("aria-label")).toBe("Time left 0:41");
    expect(box.querySelector(".ring .left")?.getAttribute("stroke-dasharray")).toBe("34.2 100");
    await expectNoViolations();
    show({ room: turn({ limit_ms: 120_000, left_ms: 9_000, held: true }), mine: chosen(true, false) });
    expect(byName("section", "Your turn").textContent).toContain("Dana stopped the clock for you.");
    show({ room: turn({ limit_ms: 120_000, ends_ms: 1 }), mine: chosen(true, false), now: () => 5_000 });
    expect(byName("section", "Your turn").textContent).toContain("Take the time you need");
    show({ room: turn({}, "joy") });
    expect(box.querySelector("[role=timer]")).toBeNull();
    expect(box.querySelector('[data-participant-id="ellie"]')?.className).toContain("speaking");
  });

  test("a turn can be typed or signed, passed on where speakers choose, and has notes that go nowhere", async () => {
    const pass = { mode: "round" as const, order: "passed_on" as const, round: ["joy"], newest: 4 };
    show({ room: { ...room, floor: floorOf({ ...pass, turn: { number: 4, holder_id: "ellie" } }) }, mine: chosen(false, false) });
    byName("button", "Type instead").click();
    byName("button", "Give the turn to Joy").click();
    expect(acts.onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "set_turn_form", turn: 4, form: "typed" },
      { type: "pass_turn_on", turn: 4, participant_id: "joy" },
    ]);
    const notes = box.querySelector<HTMLTextAreaElement>("#turn-notes");
    if (!notes) throw new Error("no notes");
    notes.value = "What I want to say";
    notes.dispatchEvent(new Event("input", { bubbles: true }));
    expect(acts.onNotes).toHaveBeenCalledWith("What I want to say");
    expect(acts.onSend).not.toHaveBeenCalled();
    await expectNoViolations();
    show({ room: { ...room, floor: floorOf({ ...pass, turn: { number: 4, holder_id: "ellie", form: "typed" } }) }, mine: chosen(false, false), wide: false });
    byName("button", "Write your turn").click();
    expect(acts.onChat).toHaveBeenCalledWith(true);
  });

  test("on a phone who signs is on every page", () => {
    const signing: FloorView = { mode: "queue", newest: 4, turn: { number: 4, holder_id: "p14", form: "signed" } };
    show({ room: { ...crowd, floor: floorOf(signing) }, wide: false });
    expect(box.querySelector('.tile[data-participant-id="p14"]')).not.toBeNull();
    expect(box.querySelectorAll(".tile").length).toBe(9);
  });

  test("to be given the turn is not yet to speak, and who speaks without one is named", () => {
    const joy = (change: object, floor: FloorView = queue("joy").floor as unknown as FloorView): string => {
      const participants = room.participants.map((one) => (one.id === "joy" ? { ...one, connected: true, ...change } : one));
      show({ room: { ...queue("joy"), participants, ...(floor.turn === null && { floor: floorOf({ mode: "queue" }), speakers: ["dana"] }) } });
      return byName("section", "Turn").querySelector("h2")?.textContent ?? "";
    };
    expect(joy({})).toBe("Joy has the turn");
    expect(joy({ microphone: true })).toBe("Joy is speaking");
    expect(joy({}, { turn: null } as unknown as FloorView)).toBe("Dana is speaking");
  });

  test("who is refused while everyone may speak is told why", () => {
    show({ notice: { about: "not_heard" } });
    expect(byName("section", "Turn").querySelector("[role=status]")?.textContent).toBe(
      "Nobody hears you right now. Your mentor is settling it.",
    );
  });

  test("who is here with the turn's holder reads that they can speak, too", () => {
    const participants = room.participants.map((one) => (one.id === "ellie" ? { ...one, companion_of: "joy" } : one));
    show({ room: { ...queue("joy"), participants } });
    expect(byName("section", "Turn").textContent).toContain("You can speak in this turn, too.");
  });

  test("in a round the hand's key tells no second place", () => {
    const floor = floorOf({ mode: "round", newest: 1, round: ["joy", "ellie"], hands: ["ellie"], turn: { number: 1, holder_id: "dana" } });
    show({ room: { ...room, floor } });
    expect(byName("section", "Turn").textContent).toContain("You are 2nd.");
    expect(byName("button", "Lower hand").textContent).toBe("Lower hand");
  });

  test("come back to me is offered where it can be kept", () => {
    const own = (round: string[]) => floorOf({ mode: "round", newest: 4, round, turn: { number: 4, holder_id: "ellie" } });
    const names = () => [...byName("section", "Your turn").querySelectorAll("button")].map(nameOf);
    show({ room: { ...room, floor: own(["joy"]) }, mine: chosen(false, false) });
    expect(names()).toContain("Come back to me");
    show({ room: { ...room, floor: own([]) }, mine: chosen(false, false) });
    expect(names()).not.toContain("Come back to me");
  });

  test("who leads sees on each card who has the turn, whose hand is up, and whose part of the round is over", () => {
    const card = (name: string) => byName("div", name).textContent;
    show({ room: { ...queue("ellie", ["joy"]), you: "dana" } });
    expect(card("Ellie")).toContain("Ellie, has the turn");
    expect(card("Joy")).toContain("1st in the queue");
    const round = { mode: "round" as const, newest: 4, done: ["joy"], round: ["ellie"], later: ["ellie"] };
    show({ room: { ...room, you: "dana", floor: floorOf(round) } });
    expect(card("Joy")).toContain("Done");
    expect(card("Ellie")).toContain("Later");
  });

  test.each([true, false])("who may speak is set in the top line where it has room: %s", (roomy) => {
    vi.spyOn(globalThis, "matchMedia").mockImplementation(() => mediaOf(roomy));
    show({ room: { ...queue("ellie"), you: "dana" } });
    const modes = box.querySelectorAll("[aria-label='Who may speak']");
    expect([...modes].map((each) => each.closest("header") !== null)).toEqual([roomy]);
    byName("button", "Quiet").click();
    expect(acts.onTurn).toHaveBeenCalledWith({ type: "set_turn_mode", mode: "quiet", order: "list", limit_ms: 0, firm: false, after: 0 });
    vi.restoreAllMocks();
  });

  test("who leads goes on, gives out of order and moves, each about the turn that is seen", async () => {
    show({ room: { ...queue("ellie", ["joy"]), you: "dana" } });
    byName("button", "Next speaker").click();
    byName("button", "Give turn to Joy").click();
    byName("button", "Quiet").click();
    expect(acts.onTurn.mock.calls.map(([request]) => request)).toEqual([
      { type: "next_speaker", after: 4 },
      { type: "give_turn", after: 4, participant_id: "joy" },
      { type: "set_turn_mode", mode: "quiet", order: "list", limit_ms: 0, firm: false, after: 0 },
    ]);
    await expectNoViolations();
  });
});

test("a therapist in a room reads that they are heard and seen, above every sheet; nobody else does", () => {
  show(asMentor);
  expect(box.querySelector(".you")).toBeNull();
  const ruth = { id: "ruth", name: "Ruth", role: "therapist", place: 9 } as const;
  const seen = { ...full, you: "ruth", participants: [...full.participants, ruth] };
  show({ room: seen, sheet: "leave", actual: { microphone: false, camera: true } });
  const line = box.querySelector(".over .you");
  expect(line?.textContent).toContain("You are AUDIBLE AND VISIBLE");
  expect(line?.textContent).toContain("Your microphone is off, your camera is on.");
  expect(line?.closest("[inert]")).toBeNull();
});
