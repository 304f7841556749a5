import axe from "axe-core";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Device } from "../../src/media/devices";
import { browserOf } from "../../src/views/allow";
import { NOWHERE, type Step } from "../../src/state/arrival";
import { Arrive } from "../../src/views/arrive";
import type { StepModel } from "../../src/views/arrive_model";
import { Check, type CheckModel } from "../../src/views/check";
import { HelpSheet, YouSheet } from "../../src/views/frame";
import { Yourself } from "../../src/views/yourself";
import { arrivalOf, readyAnswer, REMEMBERED } from "../fakes";
import { Choose, Page } from "../../src/views/pages";
import { catalogs } from "../../src/words/all";
import { en } from "../../src/words/en";

const OPEN: Device = { track: new EventTarget() as MediaStreamTrack, problem: null, asking: false };
const ASKING: Device = { track: null, problem: null, asking: true };
const DENIED: Device = { track: null, problem: "denied", asking: false };

let box: HTMLElement;
const acts = {
  onMicrophone: vi.fn(),
  onCamera: vi.fn(),
  onTryAgain: vi.fn(),
  onTone: vi.fn(async () => {}),
  onChange: vi.fn(),
  onJoin: vi.fn(),
  onJoinWithout: vi.fn(),
  onType: vi.fn(),
  onSubmit: vi.fn(),
  onNotNow: vi.fn(),
  onReconsider: vi.fn(),
  onBack: vi.fn(),
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

function ask(step: Step, change: Partial<StepModel> = {}, check: unknown = null): void {
  const model: StepModel = {
    words: en,
    answer: arrivalOf(),
    step,
    place: { number: 2, of: 5 },
    back: false,
    line: null,
    declined: false,
    draft: { name: "Ellie", adult: false, whereabouts: REMEMBERED },
    wrong: {},
    saving: false,
    waiting: null,
    help: false,
    ...change,
  };
  act(() => render(<Arrive model={model} acts={acts} check={check as never} />, box));
}

function show({ help = false, ...change }: Partial<CheckModel & { help: boolean }> = {}): void {
  const model: CheckModel = {
    words: en,
    name: "Ellie",
    microphone: OPEN,
    camera: OPEN,
    wanted: { microphone: true, camera: true },
    level: 0.5,
    wasHeard: false,
    wasClosed: false,
    stillAlone: false,
    path: null,
    hasPlace: true,
    ...change,
  };
  ask("check", { help, words: model.words, answer: readyAnswer() }, <Check model={model} acts={acts} />);
}

function press(name: string): void {
  const button = [...box.querySelectorAll("button")].find(
    (one) => accessibleName(one) === name,
  );
  if (!button) throw new Error(`no button ${name}`);
  act(() => button.click());
}

const buttons = () => [...box.querySelectorAll("button")].map(accessibleName);

function accessibleName(button: HTMLElement): string | undefined {
  const spoken = button.cloneNode(true) as HTMLElement;
  for (const hidden of spoken.querySelectorAll("[aria-hidden=true]")) hidden.remove();
  return button.getAttribute("aria-label") ?? spoken.textContent?.trim();
}

async function violations(): Promise<string[]> {
  const found = await axe.run(document, { rules: { "color-contrast": { enabled: false } } });
  return found.violations.map(({ id }) => id);
}

describe("arriving", () => {
  test("says clearly that others will hear and see", () => {
    show();
    expect(box.textContent).toContain(en.willHear);
    expect(box.textContent).toContain(en.howOthersSee);
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
    press("Join");
    expect(acts.onJoin).toHaveBeenCalled();
  });

  test("joins without camera or microphone in one tap, as long as there is one to do without", () => {
    show();
    press("Join without camera");
    press("Join without microphone");
    expect(acts.onJoinWithout.mock.calls).toEqual([["camera"], ["microphone"]]);
    show({ wanted: { microphone: false, camera: false } });
    expect(buttons()).not.toContain("Join without camera");
  });

  test("with neither to be had there is one way in, and the words are of both", () => {
    show({ microphone: DENIED, camera: DENIED });
    expect(buttons().filter((name) => name?.startsWith("Join"))).toEqual(["Join"]);
    expect(box.textContent).toContain("You can join without them, too.");
    show({ camera: DENIED });
    expect(buttons()).toContain("Join without camera");
    expect(box.textContent).toContain("You can join without it, too.");
  });

  test("with the group still hidden offers to open nothing", () => {
    show({ stillAlone: true, wanted: { microphone: false, camera: false } });
    expect(box.textContent).toContain(en.door.stillHidden);
    expect(box.textContent).not.toContain(en.joinStays);
    for (const name of [en.unmute, en.cameraTurnOn]) expect(buttons()).not.toContain(name);
    press("Join");
    expect(acts.onJoin).toHaveBeenCalled();
  });

  test("name and place can be changed from here", () => {
    show();
    press("Change name");
    press("Change place");
    expect(acts.onChange.mock.calls).toEqual([["welcome"], ["where"]]);
    show({ hasPlace: false });
    expect(buttons()).not.toContain("Change place");
  });

  test.each(["trying", "good", "weak", "none", "off"] as const)("a connection that is %s is said in words", (path) => {
    show({ path });
    expect(box.textContent).toContain(en.door.path[path]);
  });

  test("says nothing about a connection that nobody looks at", () => {
    show({ path: null });
    expect(box.textContent).not.toContain(en.connection);
  });

  test.each<[string, Partial<CheckModel & { help: boolean }>]>([
    ["ready", { path: "good" }],
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

describe("the speaker", () => {
  const tone = async () => {
    press("Play a tone");
    await act(async () => {});
  };

  test("is asked about after a tone, and good when it was heard", async () => {
    show();
    await tone();
    expect(acts.onTone).toHaveBeenCalledTimes(1);
    expect(box.textContent).toContain(en.door.didYouHear);
    press("I heard it");
    expect(box.textContent).toContain(en.door.speakerGood);
    expect(await violations()).toEqual([]);
  });

  test("that was not heard comes with what helps, and can be tried again", async () => {
    show();
    await tone();
    press("I heard nothing");
    for (const step of en.door.speakerSteps) expect(box.textContent).toContain(step);
    expect(await violations()).toEqual([]);
    await tone();
    expect(acts.onTone).toHaveBeenCalledTimes(2);
  });

  test("that cannot be played at all is treated as not heard", async () => {
    acts.onTone.mockRejectedValueOnce(new Error("no output"));
    show();
    await tone();
    expect(box.textContent).toContain(en.door.speakerHelp);
  });
});

describe("a step", () => {
  test("says which one it is, and leads back only where there is a step before", () => {
    ask("notice", { back: true });
    expect(box.textContent).toContain("Step 2 of 5");
    press("Back");
    expect(acts.onBack).toHaveBeenCalled();
    ask("notice");
    expect(buttons()).not.toContain("Back");
  });

  test.each(["changed", "renewed", "needed"] as const)("says why it is asked again: %s", (line) => {
    ask("notice", { line });
    expect(box.textContent).toContain(en.door[line]);
  });

  test("asks staff neither for age nor place", () => {
    ask("welcome", { answer: { ...arrivalOf(), role: "mentor", adult: true } });
    expect(box.querySelector("[type=checkbox]")).toBeNull();
  });

  test("tells each keystroke, and sends on Enter", () => {
    ask("welcome");
    const name = box.querySelector<HTMLInputElement>("#name");
    const adult = box.querySelector<HTMLInputElement>("[name=adult]");
    if (!name || !adult) throw new Error("fields are missing");
    name.value = "El";
    act(() => void name.dispatchEvent(new Event("input", { bubbles: true })));
    act(() => adult.click());
    act(() => void box.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true })));
    expect(acts.onType.mock.calls).toEqual([
      ["name", "El"],
      ["adult", true],
    ]);
    expect(acts.onSubmit).toHaveBeenCalledTimes(1);
  });

  test("says what is wrong at the field, and leads to the first one", async () => {
    ask("where");
    ask("where", { wrong: { call_back: "phone", contact_phone: "missing" } });
    await act(async () => {});
    expect(document.activeElement?.id).toBe("call_back");
    expect(box.querySelector("#call_back")?.getAttribute("aria-describedby")).toBe("call_back-wrong call_back-hint");
    expect(box.querySelector("#call_back-wrong")?.textContent).toBe(en.door.wrong.phone);
    // A contact that was folded away is shown when something is wrong in it.
    expect(box.querySelector("#contact_phone-wrong")?.textContent).toBe(en.door.wrong.missing);
  });

  test("leaves the focus where a wrong field is being mended", async () => {
    ask("where", { wrong: { place: "missing", call_back: "phone" } });
    box.querySelector<HTMLElement>("#place")?.focus();
    ask("where", { wrong: { call_back: "phone" } });
    await act(async () => {});
    expect(document.activeElement?.id).toBe("place");
  });

  test("offers the contact of last time, and fields where there is none", () => {
    ask("where");
    expect(box.textContent).toContain("Rosa");
    expect(box.querySelector("#contact_name")).toBeNull();
    press("Change emergency contact");
    expect(box.querySelector<HTMLInputElement>("#contact_name")?.value).toBe("Rosa");
    act(() => render(null, box));
    ask("where", { draft: { name: "", adult: true, whereabouts: NOWHERE } });
    expect(box.querySelector("#contact_name")).not.toBeNull();
  });

  test("lets in who has nobody to name, in one tap", () => {
    const nowhere = { name: "", adult: true, whereabouts: NOWHERE };
    ask("where", { draft: nowhere });
    const nobody = () => box.querySelector<HTMLInputElement>("input[name=no_contact]");
    expect(nobody()?.closest("label")?.textContent).toBe("I have nobody to name");
    act(() => nobody()?.click());
    expect(acts.onType).toHaveBeenCalledWith("no_contact", true);
    ask("where", { draft: { ...nowhere, whereabouts: { ...NOWHERE, no_contact: true } } });
    expect(nobody()?.checked).toBe(true);
    expect(box.querySelector("#contact_name")).toBeNull();
    expect(box.textContent).toContain(en.door.contactNobodyMore);
  });

  test("says while it is saved, keeps its button, and says when the server is away", () => {
    ask("notice", { saving: true });
    expect(buttons()).toContain(en.door.saving);
    ask("notice", { saving: true, waiting: "unreachable" });
    expect(box.querySelector("[role=status]")?.textContent).toContain(en.door.keptUnreachable);
  });

  test("can be put off without a word of blame, and taken up again", () => {
    ask("notice");
    press("Not now");
    expect(acts.onNotNow).toHaveBeenCalled();
    ask("notice", { declined: true });
    expect(box.textContent).toContain(en.door.notNowTitle);
    press("Read it again");
    expect(acts.onReconsider).toHaveBeenCalled();
  });

  test("a text in another language than the page says so to screen readers", () => {
    const answer = arrivalOf();
    ask("notice", { answer: { ...answer, notice: { ...answer.notice, language: "es" } } });
    expect(box.querySelector("h1")?.lang).toBe("es");
    ask("notice");
    expect(box.querySelector("h1")?.lang).toBe("en");
  });

  test.each<[string, Step, Partial<StepModel>]>([
    ["welcome", "welcome", {}],
    ["welcome, wrong", "welcome", { wrong: { name: "missing", adult: "adults_only" } }],
    ["the notice", "notice", { line: "changed", back: true }],
    ["the notice, saving", "notice", { saving: true, waiting: "busy" }],
    ["the group's agreement", "agreement", {}],
    ["where", "where", {}],
    ["where, wrong", "where", { wrong: { place: "missing", contact_phone: "phone" } }],
    ["not now", "notice", { declined: true }],
  ])("axe finds nothing: %s", async (_name, step, change) => {
    for (const words of catalogs) {
      ask(step, { ...change, words });
      expect(await violations()).toEqual([]);
    }
  });
});

describe("taking the agreement back", () => {
  const onTakeBack = vi.fn();
  const onClose = vi.fn();
  const open = (offered: boolean) =>
    act(() =>
      render(
        <Yourself.Provider value={offered ? { onOpen: vi.fn(), onTakeBack } : null}>
          <HelpSheet words={en} onClose={onClose} />
        </Yourself.Provider>,
        box,
      ),
    );

  test("takes two taps, with what happens said in between", async () => {
    open(true);
    press("Take my agreement back");
    expect(onTakeBack).not.toHaveBeenCalled();
    for (const line of en.yourself.explain) expect(box.textContent).toContain(line);
    expect(document.activeElement?.id).toBe("sheet-title");
    expect(await violations()).toEqual([]);
    press("Keep it");
    expect(box.textContent).toContain(en.callLifeline);
    press("Take my agreement back");
    press("Take my agreement back");
    expect(onTakeBack).toHaveBeenCalledTimes(1);
  });

  test("is found under You, at the top of the page, and the page behind waits meanwhile", async () => {
    const onOpen = vi.fn();
    const page = { words: en, help: false, acts: { onHelp: vi.fn(), onQuickExit: vi.fn() } };
    const draw = (opened: boolean) =>
      act(() =>
        render(
          <Yourself.Provider value={{ onOpen, onTakeBack }}>
            <Page {...page} icon="leave" title={en.leftTitle} />
            {opened && <YouSheet words={en} onClose={onClose} />}
          </Yourself.Provider>,
          box,
        ),
      );
    onTakeBack.mockClear();
    draw(false);
    expect(buttons().slice(0, 2)).toEqual(["You", "Quick exit"]);
    press("You");
    expect(onOpen).toHaveBeenCalledOnce();
    draw(true);
    expect(box.querySelector("main")?.inert).toBe(true);
    expect(box.querySelector("[role=dialog] h2")?.textContent).toBe("You");
    expect(await violations()).toEqual([]);
    press("Take my agreement back");
    for (const line of en.yourself.explain) expect(box.textContent).toContain(line);
    press("Take my agreement back");
    expect(onTakeBack).toHaveBeenCalledOnce();
    draw(false);
    expect(box.querySelector("main")?.inert).toBe(false);
  });

  test("is not offered where there is nothing to take back", () => {
    open(false);
    expect(buttons()).not.toContain("Take my agreement back");
    expect(box.textContent).toContain(en.callLifeline);
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
  expect(box.textContent?.split(en.browserAsking)).toHaveLength(3);
  for (const promise of [en.willHear, en.howOthersSee]) expect(box.textContent).not.toContain(promise);
});

test("who came back with a closed microphone is promised nothing", () => {
  show({ wasClosed: true });
  expect(box.textContent).toContain(en.wasClosed);
  for (const promise of [en.willHear, en.joinStays]) expect(box.textContent).not.toContain(promise);
});
