import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ParticipantView, SessionView } from "../../src/protocol/generated";
import { chosen } from "../../src/state/devices";
import { fromSnapshot } from "../../src/state/room";
import { Lobby, type LobbyActs, type LobbyModel } from "../../src/views/lobby";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";
import { snapshotOf } from "../fakes";

let box: HTMLElement;
let acts: { [K in keyof LobbyActs]: ReturnType<typeof vi.fn<LobbyActs[K]>> };

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Lobby – Tuesday evening group – Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  acts = {
    onMicrophone: vi.fn(),
    onCamera: vi.fn(),
    onListening: vi.fn(),
    onSheet: vi.fn(),
    onLeave: vi.fn(),
    onQuickExit: vi.fn(),
  };
});

afterEach(() => render(null, box));

const device = { track: {} as MediaStreamTrack, problem: null, asking: false };

function show(change: Partial<LobbyModel> = {}, session: Partial<SessionView> = {}, me: Partial<ParticipantView> = {}, asked = false): void {
  const snapshot = snapshotOf({
    waiting: true,
    session: { id: "s", title: "Tuesday evening group", status: "lobby", ...session },
    participants: [{ id: "ellie", name: "Ellie", role: "participant", place: 0, ...me }],
  });
  const model: LobbyModel = {
    words: en,
    room: { ...fromSnapshot(snapshot), asked },
    mine: chosen(true, false),
    microphone: device,
    camera: { ...device, track: null },
    reconnecting: false,
    stillAlone: false,
    announcement: null,
    sheet: null,
    ...change,
  };
  act(() => render(<Lobby model={model} acts={acts} />, box));
}

function button(name: string): HTMLButtonElement {
  const found = [...box.querySelectorAll("button")].find(
    (one) => (one.getAttribute("aria-label") ?? one.textContent)?.trim() === name,
  );
  if (!found) throw new Error(`no button named ${name}`);
  return found;
}

const heading = () => box.querySelector("h1")?.textContent;

describe("says why I wait", () => {
  test.each<[string, Partial<SessionView>, boolean, string, string]>([
    ["before it began", {}, false, en.lobbyTitle, en.lobbyNotBegun],
    ["while it goes on", { status: "live" }, false, en.lobbyTitle, en.lobbyText],
    ["when nobody came to lead", { late: true }, false, en.lobbyLateTitle, en.lobbyLateText],
    ["when nobody could take over", { begun: true }, false, en.lobbyBegunTitle, en.lobbyBegunText],
    ["when nobody can for long", { begun: true, late: true }, false, en.lobbyBegunTitle, `${en.lobbyBegunText} ${en.lobbyLateText}`],
    ["when I was asked to", { status: "live" }, true, en.lobbyAskedTitle, en.lobbyAskedText],
    ["when the session went back to its lobby meanwhile", {}, true, en.lobbyTitle, en.lobbyNotBegun],
  ])("%s", (_when, session, asked, title, text) => {
    show({}, session, {}, asked);
    expect(heading()).toBe(title);
    expect(box.querySelector(".hello")?.textContent).toBe(title + text);
  });
});

test("while the group stays hidden here, offers nothing to open", () => {
  show({ stillAlone: true, mine: chosen(false, false) });
  expect(box.textContent).toContain(en.door.stillHidden);
  for (const name of [en.unmute, en.cameraTurnOn]) expect(() => button(name)).toThrow();
});

test("axe finds nothing", async () => {
  for (const words of catalogs) {
    for (const change of [{}, { sheet: "help" as const }, { reconnecting: true, stillAlone: true }, { mine: { ...chosen(false, false), closed: true } }]) {
      show({ ...change, words }, { note: "Bring tea" }, { listening: true });
      const { violations } = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
    }
  }
});

test("microphone and camera are chosen here, and nobody else has them yet", () => {
  show();
  button("Mute microphone").click();
  button("Turn camera on").click();
  expect([acts.onMicrophone.mock.calls.length, acts.onCamera.mock.calls.length]).toEqual([1, 1]);
  expect(box.textContent).toContain("If it takes a while, you come in muted.");
  expect(box.textContent).toContain("You see the others once you are let in, and they see you then.");
});

test("the mentor's note is text, and absent where there is none", () => {
  show({}, { note: "<b>tea</b>" });
  expect(box.querySelector(".card .text")?.textContent).toBe("<b>tea</b>");
  show();
  expect(box.querySelector(".card")).toBeNull();
});

test("just listening is a switch", () => {
  show();
  expect(button(en.justListening).getAttribute("aria-pressed")).toBe("false");
  button(en.justListening).click();
  expect(acts.onListening).toHaveBeenCalledWith(true);
  show({}, {}, { listening: true });
  expect(button(en.justListening).getAttribute("aria-pressed")).toBe("true");
  button(en.justListening).click();
  expect(acts.onListening).toHaveBeenCalledWith(false);
});

test("Help, Leave and Quick exit are at hand, and Not alone is not needed here", () => {
  show();
  button("Help").click();
  button("Leave").click();
  button("Quick exit").click();
  expect(acts.onSheet).toHaveBeenCalledWith("help");
  expect([acts.onLeave.mock.calls.length, acts.onQuickExit.mock.calls.length]).toEqual([1, 1]);
  show({ sheet: "help" });
  expect(() => button("Not alone")).toThrow();
});

test("a denied device says how to open it, and is tried again at a press", () => {
  show({ microphone: { track: null, problem: "denied", asking: false }, mine: chosen(false, false) });
  expect(box.textContent).toContain(en.microphoneDenied);
  button("Try again").click();
  expect(acts.onMicrophone).toHaveBeenCalled();
});
