import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Device } from "../../src/media/devices";
import { browserOf } from "../../src/views/allow";
import { Arrive, type ArriveModel } from "../../src/views/arrive";
import { Choose, Page } from "../../src/views/pages";
import { catalogs } from "../../src/words";
import { en } from "../../src/words/en";

const OPEN: Device = { track: new EventTarget() as MediaStreamTrack, problem: null, asking: false };
const ASKING: Device = { track: null, problem: null, asking: true };
const DENIED: Device = { track: null, problem: "denied", asking: false };

let box: HTMLElement;
const acts = {
  onMicrophone: vi.fn(),
  onCamera: vi.fn(),
  onTryAgain: vi.fn(),
  onJoin: vi.fn(),
  onHelp: vi.fn(),
  onLeave: vi.fn(),
  onQuickExit: vi.fn(),
};

beforeEach(() => {
  document.documentElement.lang = "en";
  document.title = "Come in – Holdspace";
  box = document.createElement("div");
  document.body.replaceChildren(box);
  vi.clearAllMocks();
  vi.stubGlobal(
    "MediaStream",
    class {
      getTracks = () => [];
    },
  );
  vi.spyOn(HTMLMediaElement.prototype, "srcObject", "set").mockImplementation(() => {});
});

afterEach(() => {
  render(null, box);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function show(change: Partial<ArriveModel> = {}): void {
  const model: ArriveModel = {
    words: en,
    name: "Ellie",
    title: "Tuesday evening group",
    microphone: OPEN,
    camera: OPEN,
    wanted: { microphone: true, camera: true },
    level: 0.5,
    wasHeard: false,
    help: false,
    wasClosed: false,
    ...change,
  };
  act(() => render(<Arrive model={model} acts={acts} />, box));
}

const buttons = () =>
  [...box.querySelectorAll("button")].map((button) => button.getAttribute("aria-label") ?? button.textContent?.trim());

async function violations(): Promise<string[]> {
  const found = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map(({ id }) => id);
}

describe("arriving", () => {
  test("says clearly that others will hear and see", () => {
    show();
    expect(box.textContent).toContain(en.willHear);
    expect(box.textContent).toContain(en.willSee);
    expect(box.querySelector("[role=meter]")?.getAttribute("aria-valuenow")).toBe("50");
  });

  test("both can be turned off before joining, and it says so", () => {
    show({ wanted: { microphone: false, camera: false } });
    expect(box.textContent).toContain(en.willNotHear);
    expect(box.textContent).toContain(en.willNotSee);
    expect(buttons()).toEqual(expect.arrayContaining(["Unmute microphone", "Turn camera on", "Join"]));
    expect(box.querySelector("[role=meter]")).toBeNull();
  });

  test.each(["busy", "lost", "missing"] as const)("a camera that is %s can be tried again", (problem) => {
    show({ camera: { track: null, problem, asking: false } });
    const again = [...box.querySelectorAll("button")].find((button) => button.textContent === en.tryAgain);
    again?.click();
    expect(acts.onTryAgain).toHaveBeenCalled();
    expect(box.textContent).not.toContain(en.allowTitle.other);
  });

  test("a denied permission is explained, and joining still works", () => {
    show({ microphone: DENIED, camera: DENIED, browser: "safariPhone" });
    for (const step of en.allowSteps.safariPhone) expect(box.textContent).toContain(step);
    [...box.querySelectorAll("button")].find((button) => button.textContent?.trim() === "Join")?.click();
    expect(acts.onJoin).toHaveBeenCalled();
  });

  test.each<[string, Partial<ArriveModel>]>([
    ["ready", {}],
    ["with all off", { wanted: { microphone: false, camera: false } }],
    ["denied", { microphone: DENIED, camera: DENIED }],
    ["with help", { help: true }],
  ])("axe finds nothing: %s", async (_name, change) => {
    for (const words of catalogs) {
      show({ ...change, words });
      expect(await violations()).toEqual([]);
    }
  });
});

test("axe finds nothing on the calm pages", async () => {
  const page = { words: en, help: false, acts: { onHelp: vi.fn(), onQuickExit: vi.fn() } };
  const left = { label: en.joinAgain, on: vi.fn() };
  act(() => render(<Page {...page} icon="leave" title={en.leftTitle} text={en.leftText} act={left} />, box));
  expect(buttons()).toEqual(["Quick exit", "Join again", "Help"]);
  expect(await violations()).toEqual([]);
  const sessions = [{ id: "a", title: "Group", status: "live", role: "participant" }] as const;
  act(() => render(<Choose {...page} name="Ellie" sessions={sessions} onChoose={vi.fn()} />, box));
  expect(await violations()).toEqual([]);
});

test.each([
  ["Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36", "chromeAndroid"],
  ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0", "chrome"],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "firefox"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1", "safariPhone"],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/19.0 Safari/605.1", "safari"],
  ["curl", "other"],
])("%s reads the steps of its own browser", (userAgent, browser) => {
  expect(browserOf(userAgent)).toBe(browser);
});

test("while the browser asks nothing is said to be on", () => {
  show({ microphone: ASKING, camera: ASKING });
  expect(box.textContent?.split(en.browserAsking)).toHaveLength(4);
  for (const promise of [en.willHear, en.willSee]) expect(box.textContent).not.toContain(promise);
});

test("who came back with a closed microphone is promised nothing", () => {
  show({ wasClosed: true });
  expect(box.textContent).toContain(en.wasClosed);
  for (const promise of [en.willHear, en.joinStays]) expect(box.textContent).not.toContain(promise);
});
