import axe from "axe-core";
import { render, type ComponentChildren } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { helpLines } from "../../src/crisis";
import { ApiError, type Whereabouts } from "../../src/connection/api";
import { Flagging, type FlagApi, type FlagBody } from "../../src/flagging";
import * as parts from "../../src/flags";
import type { ChatView, ParticipantView, WhisperView } from "../../src/protocol/generated";
import type { OwnFlag, OwnFlags } from "../../src/state/flags";
import { fromSnapshot, type RoomState } from "../../src/state/room";
import { FlagsHere } from "../../src/views/flags_here";
import { HelpSheet, Sheet } from "../../src/views/frame";
import { FlagSheets } from "../../src/views/room_parts";
import { StateReports } from "../../src/views/state_reports";
import type { OpenSheet, WhispersModel } from "../../src/views/room_model";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";
import { flagCatalogs, flagWordsFor } from "../../src/words/flags";
import { watched } from "../../src/words/watch_words";
import { FakeClock, settle, snapshotOf } from "../fakes";

const say = flagWordsFor("en");
const people: ParticipantView[] = [
  { id: "dana", name: "Dana", role: "mentor", place: 0 },
  { id: "ruth", name: "Ruth", role: "therapist", place: 1 },
  { id: "tomas", name: "Tomás", role: "participant", place: 2 },
  { id: "ellie", name: "Ellie", role: "participant", place: 3 },
];
const nowhere: Whereabouts = {
  place: "Behind the library",
  city: "Dayton",
  region: "Ohio",
  call_back: "555-0190",
  contact_name: "Inés",
  contact_relation: "his mother",
  contact_phone: "555-0121",
  no_contact: false,
};

let box: HTMLElement;
let clock: FakeClock;
let bodies: FlagBody[];
let own: OwnFlags;
let api: FlagApi;
let here: FlagsHere;

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  clock = new FakeClock();
  bodies = [];
  own = { flags: [] };
  api = {
    raise: async (body) => {
      bodies.push(body);
      return { stored: true };
    },
    own: async () => own,
    whereabouts: vi.fn(async () => nowhere),
  };
});

afterEach(() => {
  render(null, box);
  here.flagging.stop();
});

async function open(you: string): Promise<void> {
  const flagging = new Flagging({
    api,
    clock,
    wallNow: () => clock.now(),
    newId: () => `f${bodies.length}`,
    kept: { read: () => "", write: () => {} },
  });
  flagging.see(people, you, true);
  here = { flagging, parts, staff: you === "dana" };
  await settle();
}

function show(children: ComponentChildren): void {
  act(() => render(<FlagsHere.Provider value={here}>{children}</FlagsHere.Provider>, box));
}

const onClose = vi.fn();
const help = () => show(<HelpSheet words={en} onClose={onClose} />);
const sheet = (of: OpenSheet) => show(<FlagSheets words={en} here={here} sheet={of} onClose={onClose} />);

async function press(name: string): Promise<void> {
  const found = [...box.querySelectorAll<HTMLElement>("button, a")].find((one) => nameOf(one) === name);
  if (!found) throw new Error(`no ${name}`);
  await act(async () => {
    found.click();
    await settle();
  });
}

/** A line that a screen reader gets as a description is no part of the name. */
function nameOf(one: HTMLElement): string {
  const copy = one.cloneNode(true) as HTMLElement;
  for (const hidden of copy.querySelectorAll("[aria-hidden]")) hidden.remove();
  return one.getAttribute("aria-label") ?? copy.textContent.trim();
}

async function later(ms: number): Promise<void> {
  await act(() => clock.advance(ms));
}

async function choose(id: string, value: string): Promise<void> {
  await act(async () => {
    const field = document.getElementById(id) as HTMLSelectElement;
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

const options = (id: string) => [...document.querySelectorAll(`#${id} option`)].map((one) => one.textContent);
const mine = (change: Partial<OwnFlag> = {}): OwnFlag => ({
  id: "x",
  kind: "flag",
  severity: "crisis",
  at_ms: 0,
  about: "Tomás",
  status: "received",
  unstored: false,
  told: [],
  ...change,
});
const crisis = { since_ms: 0, told: ["Ruth", "Ben"], phones: [{ name: "Ruth", phone: "555 0117" }] };

describe("in Help", () => {
  test("a call for help goes out with one tap of two, and says what becomes of it", async () => {
    await open("ellie");
    help();
    await press(say.callForHelp);
    expect(bodies).toMatchObject([{ kind: "help", severity: "urgent", about: "me", moment: true }]);
    expect(box.textContent).toContain("Your call: received");
    own = { flags: [mine({ id: "f0", kind: "help", severity: "urgent", about: "Ellie", status: "read" })] };
    await later(3_000);
    expect(box.textContent).toContain("Your call: a therapist has read this");
  });

  test("who is in danger calls for a crisis", async () => {
    await open("ellie");
    help();
    await press(say.callForHelp);
    await press(say.danger);
    expect(bodies).toMatchObject([{ kind: "help", severity: "urgent" }, { kind: "help", severity: "crisis" }]);
  });

  test("when nothing gets through it says so at once, shows the phone numbers, and goes on trying", async () => {
    await open("ellie");
    const raise = api.raise;
    api.raise = async () => {
      throw new ApiError(null);
    };
    help();
    await press(say.callForHelp);
    expect(box.textContent).toContain("not sent yet");
    expect(box.textContent).toContain(say.cannotSend);
    expect(box.querySelector('a[href="tel:988"]')).not.toBeNull();
    api.raise = raise;
    await later(1_000);
    expect(box.textContent).toContain("Your call: received");
    expect(bodies).toHaveLength(1);
  });

  test("who presses again while a call waits is not called for twice", async () => {
    await open("ellie");
    help();
    await press(say.callForHelp);
    act(() => render(null, box));
    help();
    await press(say.callForHelp);
    expect(bodies).toHaveLength(1);
  });

  test("a call that a therapist has read stays on the screen, with whom to call, until it is put away", async () => {
    await open("ellie");
    help();
    await press(say.callForHelp);
    render(<parts.PrivateCrisis words={en} here={here} sharing={false} />, box);
    expect(box.textContent).toContain("Your call: received");
    own = { flags: [mine({ id: "f0", kind: "help", severity: "urgent", about: "Ellie", status: "read" })] };
    await later(3_000);
    expect(box.textContent).toContain(say.ownAnswered);
    expect(box.querySelector('a[href="tel:988"]')).not.toBeNull();
    await press(en.close);
    expect(box.textContent).toBe("");
  });

  test("a card that hears nothing from the server any more says so first, and to call", async () => {
    await open("ellie");
    help();
    await press(say.callForHelp);
    await press(say.danger);
    render(<parts.PrivateCrisis words={en} here={here} sharing={false} />, box);
    api.own = async () => {
      throw new ApiError(null);
    };
    await later(10_000);
    expect(box.textContent).toContain(say.unheard);
    expect(box.textContent).not.toContain(say.ownTitle);
    api.own = async () => own;
    await later(3_000);
    expect(box.textContent).not.toContain(say.unheard);
  });

  test("a report may be about anyone by name, the mentor too, and says that the mentor does not see it", async () => {
    await open("ellie");
    help();
    await press(say.report);
    expect(options("report-about")).toEqual(["The session", "Dana, mentor", "Ruth, therapist", "Tomás", "Myself"]);
    expect(box.textContent).toContain("Your mentor does not see this. A therapist reads it.");
    await press(say.send);
    expect([bodies, document.getElementById("report-hint")?.textContent]).toEqual([[], say.writeFirst]);
    await choose("report-about", "dana");
    await press(say.send);
    expect(bodies).toMatchObject([{ kind: "report", severity: "concern", about: "dana" }]);
    expect(box.textContent).toContain("Your report about Dana: received");
  });

  test("while the group is hidden on this device nobody's name stands in it", async () => {
    await open("ellie");
    here.flagging.hidden.value = true;
    help();
    await press(say.report);
    expect(options("report-about")).toEqual(["The session", "Myself"]);
  });

  test("keyboard and screen reader go on at the top of what came, and back at Help", async () => {
    await open("ellie");
    const key = document.createElement("button");
    document.body.append(key);
    key.focus();
    help();
    const title = () => document.getElementById("sheet-title");
    expect(document.activeElement).toBe(title());
    await press(say.callForHelp);
    expect([document.activeElement, title()?.textContent]).toEqual([title(), say.callForHelp]);
    expect(document.activeElement).toBe(title());
    vi.useFakeTimers();
    act(() => render(null, box));
    vi.runAllTimers();
    vi.useRealTimers();
    expect(document.activeElement).toBe(key);
  });

  test("one can go back, and everything sent is listed", async () => {
    own = { flags: [mine({ kind: "report", about: "Dana", status: "read", severity: "note" })] };
    await open("ellie");
    help();
    await press(say.report);
    await press(say.back);
    expect(box.textContent).toContain("Your report about Dana: a therapist has read this");
  });

  test("without its part there are the phone numbers", () => {
    act(() => render(<HelpSheet words={en} onClose={onClose} />, box));
    expect([...box.querySelectorAll("a")].map((one) => one.getAttribute("href"))).toEqual(["tel:988", "sms:988", "tel:911"]);
  });
});

describe("who leads", () => {
  test("flags with one tap, about whom and of what kind they chose", async () => {
    await open("dana");
    sheet({ flag: "tomas", category: "self_harm" });
    expect(options("flag-about")).toEqual(["The session", "Ruth, therapist", "Tomás", "Ellie"]);
    await press(say.severity.urgent);
    expect(bodies).toMatchObject([{ kind: "flag", severity: "urgent", category: "self_harm", about: "tomas" }]);
    expect(onClose).toHaveBeenCalled();
  });

  test("reads that a flag about abuse reports nothing to the state", async () => {
    await open("dana");
    sheet({ flag: "" });
    expect(box.textContent).not.toContain(say.mandated);
    await choose("flag-kind", "abuse_or_neglect");
    expect(box.textContent).toContain(say.mandated);
  });

  test("calls a therapist with one tap", async () => {
    await open("dana");
    sheet("call");
    await press(say.severity.crisis);
    expect(bodies).toMatchObject([{ kind: "help", severity: "crisis", about: "" }]);
  });

  test("finds the phone numbers where the part of flags has not come yet", async () => {
    await open("dana");
    act(() => render(<FlagSheets words={en} here={null} sheet="call" onClose={onClose} />, box));
    expect(box.querySelector('a[href="tel:911"]')).not.toBeNull();
  });
});

const QUIET: WhispersModel = { list: [], speaker: "", headphones: false };
const whisper: WhisperView = { id: "w", other: "Ruth", text: "You are doing well.", at_ms: 0 };
const whisperActs = { onSawWhisper: vi.fn(), onWhispersRead: vi.fn(), onHeadphones: vi.fn() };
const room: RoomState = { ...fromSnapshot(snapshotOf({ participants: people })), you: "dana" };
const place = (change: { sharing?: boolean; chat?: ChatView[]; whispers?: WhispersModel } = {}, onFlag: (about: string) => void = () => {}) =>
  show(
    <>
      <parts.Watching here={here} room={{ ...room, chat: change.chat ?? [] }} watched={watched} />
      <parts.PrivatePlace words={en} here={here} sharing={change.sharing ?? false} whispers={change.whispers ?? QUIET} acts={whisperActs} onFlag={onFlag} />
    </>,
  );
const line = (id: string, author: string, text: string): ChatView => ({ id, author_id: author, author_name: author, text, at_ms: 0 });

describe("what only who leads sees", () => {
  test("is received, acknowledged or resolved, never by whom or when", async () => {
    own = { flags: [mine({ severity: "note", status: "resolved" })] };
    await open("dana");
    place();
    expect(box.textContent).toContain("Your flag about Tomás: resolved");
    await press(say.hide);
    expect(box.textContent).toBe("");
    own = { flags: [mine({ id: "y", severity: "note" }), ...own.flags] };
    await act(() => here.flagging.look());
    expect(box.textContent).toContain("Your flag about Tomás: received");
    expect(box.textContent).toContain(say.said);
  });

  test("is said in brief where the chat fills a phone, and of nobody", async () => {
    await open("dana");
    show(<parts.Brief words={en} here={here} whispers={QUIET} />);
    expect(box.textContent).toBe("");
    here.flagging.raise({ kind: "flag", severity: "urgent", category: "other", about: "tomas", name: "Tomás", text: "" });
    await later(0);
    expect(box.textContent).toBe(say.said);
    own = { flags: [mine({ id: "f0", severity: "urgent", status: "acknowledged" })] };
    await later(3_000);
    expect(box.textContent).toBe("");
  });

  test("a whisper is read there, counts as seen once it is in sight, and is not read aloud", async () => {
    await open("dana");
    let sight: (entries: { isIntersecting: boolean }[]) => void = () => {};
    vi.stubGlobal(
      "IntersectionObserver",
      class {
        constructor(told: typeof sight) {
          sight = told;
        }
        observe() {}
        disconnect() {}
      },
    );
    place({ whispers: { ...QUIET, list: [whisper] } });
    expect(box.textContent).toContain("Ruth: You are doing well.");
    expect(box.querySelector("[role=status]")?.textContent).toBe("Ruth whispers to you.");
    expect(whisperActs.onSawWhisper).not.toHaveBeenCalled();
    void act(() => sight([{ isIntersecting: true }]));
    expect(whisperActs.onSawWhisper).toHaveBeenCalledWith("w");
    await press(say.hide);
    expect(whisperActs.onWhispersRead).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });

  test("a whisper is closed while this device shares its screen, and then counts as not seen", async () => {
    await open("dana");
    whisperActs.onSawWhisper.mockClear();
    place({ sharing: true, whispers: { ...QUIET, list: [whisper], speaker: "Ruth" } });
    expect(box.textContent).not.toContain("You are doing well.");
    expect(box.textContent).not.toContain("Ruth");
    expect(whisperActs.onSawWhisper).not.toHaveBeenCalled();
  });

  test("who speaks to me is named, and headphones can be taken off", async () => {
    await open("dana");
    place({ whispers: { list: [], speaker: "Ruth", headphones: true } });
    expect(box.textContent).toContain("Ruth speaks to you. Only you hear it.");
    void act(() => box.querySelector<HTMLInputElement>("[role=switch]")?.click());
    expect(whisperActs.onHeadphones).toHaveBeenCalledWith(false);
  });

  test("that a whisper waits is said where the chat fills a phone, and none of its words", async () => {
    await open("dana");
    show(<parts.Brief words={en} here={here} whispers={{ ...QUIET, list: [whisper] }} />);
    expect(box.textContent).toBe(say.whisperWaits);
  });

  test("is closed while this device shares its screen, and closed again for the next time", async () => {
    own = { flags: [mine({ severity: "note" })] };
    await open("dana");
    place({ sharing: true });
    expect(box.textContent).toBe(`${say.sharing}${say.show}`);
    await press(say.show);
    expect(box.textContent).toContain("Tomás");
    place({ sharing: false });
    place({ sharing: true });
    expect(box.textContent).not.toContain("Tomás");
  });

  test("asks whether to flag what a participant just wrote, and sends nothing by itself", async () => {
    const onFlag = vi.fn();
    await open("dana");
    const old = line("a", "tomas", "I want to die");
    place({ chat: [old] });
    expect(box.textContent).toBe("");
    place({ chat: [old, line("b", "ruth", "Do you want to die?"), line("c", "dana", "suicide"), line("d", "ellie", "Hello")] }, onFlag);
    expect(box.textContent).toBe("");
    place({ chat: [old, line("e", "tomas", "honestly, I don’t want to live")] }, onFlag);
    expect(box.textContent).toContain(say.watched);
    await press(say.flag);
    expect([onFlag.mock.calls, bodies]).toEqual([[["tomas"]], []]);
    expect(box.textContent).not.toContain(say.watched);
    place({ chat: [old, line("e", "tomas", "honestly, I don’t want to live"), line("f", "ellie", "Ya no quiero vivir.")] }, onFlag);
    expect(box.textContent).toContain(say.watched);
    await press(say.dismiss);
    place({ chat: [] });
    place({ chat: [old] });
    expect([box.textContent, bodies]).toEqual(["", []]);
  });
});

describe("the card of a crisis", () => {
  const card = () => show(<parts.PrivateCrisis words={en} here={here} sharing={false} />);

  test("stands until someone answers, and says who is asked and whom to phone", async () => {
    own = { flags: [mine()], crisis };
    await open("dana");
    await later(0);
    card();
    expect(box.textContent).toContain("Asking Ruth and Ben, until someone answers.");
    expect(box.textContent).toContain("Stay with Tomás.");
    expect([...box.querySelectorAll("a")].map((one) => one.getAttribute("href"))).toEqual(["tel:988", "tel:911", "tel:5550117"]);
    own = { flags: [mine({ status: "acknowledged" })] };
    await later(3_000);
    expect(box.textContent).toContain(say.staffAnswered);
    await press(en.close);
    expect(box.textContent).toBe("");
  });

  test("shows where the person is when it is asked for, and forgets it with the answer", async () => {
    own = { flags: [mine()], crisis };
    await open("dana");
    card();
    expect(api.whereabouts).not.toHaveBeenCalled();
    await press(say.where("Tomás"));
    expect(api.whereabouts).toHaveBeenCalledExactlyOnceWith("tomas");
    expect(box.textContent).toContain("Behind the library, Dayton, Ohio");
    expect(box.textContent).toContain("That is written down.");
    own = { flags: [mine({ status: "acknowledged" })] };
    await later(3_000);
    expect(box.textContent).not.toContain("Dayton");
  });

  test("says when it may not be shown, and when it could not be loaded", async () => {
    own = { flags: [mine()], crisis };
    await open("dana");
    card();
    vi.mocked(api.whereabouts).mockRejectedValueOnce(new ApiError(null));
    await press(say.where("Tomás"));
    expect(box.textContent).toContain(say.whereFailed);
    vi.mocked(api.whereabouts).mockRejectedValueOnce(new ApiError("not_allowed"));
    await press(say.where("Tomás"));
    expect(box.textContent).toContain(say.whereNot);
  });

  test("offers nobody's place where two have the same name, or where it is about the session", async () => {
    own = { flags: [mine()], crisis };
    await open("dana");
    here.flagging.see([...people, { id: "tomas2", name: "Tomás", role: "participant", place: 9 }], "dana", true);
    card();
    expect(box.querySelectorAll("button")).toHaveLength(0);
    own = { flags: [mine({ about: "" })], crisis };
    await act(() => here.flagging.look());
    expect(box.textContent).toContain("Stay with the person.");
  });

  test("names nobody while the group is hidden on this device", async () => {
    own = { flags: [mine()], crisis };
    await open("dana");
    here.flagging.hidden.value = true;
    card();
    expect(box.textContent).toContain("Stay with the person.");
    expect(box.textContent).not.toContain("Tomás");
    expect(box.querySelectorAll("button")).toHaveLength(0);
    help();
    expect(box.textContent).toContain("Your flag about the session: received");
  });

  test("of who called themselves has no steps for others, and says when nothing got through", async () => {
    await open("ellie");
    api.raise = async () => {
      throw new ApiError(null);
    };
    here.flagging.raise({ kind: "help", severity: "crisis", category: "other", about: "me", name: "", text: "" });
    await settle();
    card();
    expect(box.textContent).toContain(say.ownTitle);
    expect(box.textContent).toContain(say.notThere);
    expect(box.textContent).not.toContain("killing");
    expect(box.querySelectorAll("button")).toHaveLength(0);
  });
});

describe("who left early", () => {
  const left = () => show(<parts.LeftEarly words={en} here={here} />);

  test("can say that they are OK, which sends nothing", async () => {
    await open("ellie");
    left();
    await press(say.imOk);
    expect([bodies, box.textContent]).toEqual([[], say.okAnswer]);
  });

  test("can ask to be checked on", async () => {
    await open("ellie");
    left();
    await press(say.checkOnMe);
    expect(bodies).toMatchObject([{ kind: "check_on_me", severity: "concern", about: "me" }]);
    expect(box.textContent).toContain("Please check on me: received");
  });

  test("can be said to have left upset", async () => {
    await open("dana");
    show(<parts.LeftUpset words={en} here={here} id="tomas" name="Tomás" />);
    await press(say.leftUpset("Tomás"));
    expect(bodies).toMatchObject([{ kind: "left_upset", about: "tomas" }]);
    expect(box.textContent).toBe(say.said);
  });
});

test("what became of a flag is said aloud", async () => {
  await open("dana");
  show(<parts.FlagsSaid words={en} here={here} />);
  expect(box.textContent).toBe("");
  here.flagging.raise({ kind: "flag", severity: "urgent", category: "other", about: "tomas", name: "Tomás", text: "" });
  await later(0);
  expect(box.textContent).toBe(say.said);
  own = { flags: [mine({ id: "f0", severity: "urgent", status: "acknowledged" })] };
  await later(3_000);
  expect(box.textContent).toBe("Your flag about Tomás: acknowledged");
});

test("axe finds nothing", async () => {
  own = { flags: [mine()], crisis };
  await open("dana");
  const pages: ComponentChildren[] = [
    <FlagSheets key="flag" words={en} here={here} sheet={{ flag: "tomas", category: "abuse_or_neglect" }} onClose={onClose} />,
    <FlagSheets key="call" words={en} here={here} sheet="call" onClose={onClose} />,
    <HelpSheet key="help" words={en} onClose={onClose} />,
    <Sheet key="call2" title={say.callForHelp} closeLabel="Close" onClose={onClose}>
      <parts.Asking words={en} here={here} view="call" onBack={onClose} onClose={onClose} />
    </Sheet>,
    <Sheet key="report" title={say.report} closeLabel="Close" onClose={onClose}>
      <parts.Asking words={en} here={here} view="report" onBack={onClose} onClose={onClose} />
    </Sheet>,
    <parts.PrivateCrisis key="crisis" words={en} here={here} sharing={false} />,
    <parts.PrivatePlace key="place" words={en} here={here} sharing={false} whispers={{ list: [whisper], speaker: "Ruth", headphones: true }} acts={whisperActs} onFlag={() => {}} />,
    <parts.LeftEarly key="left" words={en} here={here} />,
  ];
  for (const page of pages) {
    show(<main>{page}</main>);
    const { violations } = await axe.run(box, { rules: { region: { enabled: false }, "page-has-heading-one": { enabled: false } } });
    expect(violations.map(({ id, nodes }) => [id, nodes.map((one) => one.html)])).toEqual([]);
  }
}, 20_000);

test("each language says the same, nothing is empty or loud, and names stay as they are", () => {
  const leaves = (value: unknown, path = ""): [string, string][] =>
    typeof value === "string"
      ? [[path, value]]
      : typeof value === "function"
        ? [[path, String(value("Ana"))]]
        : Object.entries(value as object).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`));
  const all = Object.values(flagCatalogs).map((one) => leaves(one));
  for (const each of all) {
    expect(each.map(([key]) => key)).toEqual(all[0]?.map(([key]) => key));
    for (const [key, text] of each) expect(text.trim() !== "" && !text.includes("!") && !text.includes("¡"), key).toBe(true);
  }
  expect([say.callForHelp, say.report, en.flag, en.callTherapist, en.flagPerson("Ana")]).toEqual([
    "Call for help",
    "Report a concern",
    "Flag",
    "Call therapist",
    "Flag Ana",
  ]);
  expect(catalogs.map((one) => one.flag)).toEqual(["Flag", "Avisar"]);
});

test.each([
  ["I want to die", true],
  ["i WANNA die...", true],
  ["I dont want to be here anymore", true],
  ["“suicidal” thoughts again", true],
  ["No quiero estar aqui", true],
  ["no   puedo más, de verdad", true],
  ["I am dead tired", false],
  ["Killing time before work", false],
  ["I want to diet", false],
  ["Puedo más que ayer", false],
  ["", false],
])("the words of %s are noticed: %s", (text, expected) => {
  expect(watched(text)).toBe(expected);
});

test("where the program says so, a flag about abuse shows whom the state has take reports", async () => {
  helpLines.value = { local: [], state_reports: [{ name: "State hotline", phone: "555-0101" }] };
  render(<StateReports />, box);
  expect(box.querySelector("a")?.getAttribute("href")).toBe("tel:555-0101");
  expect(box.textContent).toContain("State hotline");
});
