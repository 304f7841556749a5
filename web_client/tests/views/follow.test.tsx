import { render } from "preact";
import { useRef } from "preact/hooks";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useFollow } from "../../src/views/follow";

/** A list of so many lines of 100 px, 200 px of which are seen. */
let lines: number;
let height: number;
let box: HTMLElement;
let resized: () => void;

function List() {
  const list = useRef<HTMLOListElement>(null);
  const { behind, toEnd } = useFollow(list, String(lines));
  return (
    <>
      <ol ref={list} />
      {behind && <button onClick={toEnd}>newer</button>}
    </>
  );
}

beforeEach(() => {
  lines = 5;
  height = 200;
  box = document.createElement("div");
  document.body.replaceChildren(box);
  vi.spyOn(HTMLElement.prototype, "scrollHeight", "get").mockImplementation(() => lines * 100);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockImplementation(() => height);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      constructor(told: () => void) {
        resized = () => act(told);
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
  show();
});

afterEach(() => {
  render(null, box);
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const show = () => act(() => render(<List />, box));
const list = () => box.querySelector("ol") as HTMLElement;
const button = () => box.querySelector("button");
const scrollTo = (top: number) =>
  act(() => {
    list().scrollTop = top;
    list().dispatchEvent(new Event("scroll"));
  });

test("the newest stays in view", () => {
  lines = 6;
  show();
  expect(list().scrollTop).toBe(600);
  expect(button()).toBeNull();
});

test("who reads further up stays there, and is led to what is new by a button", () => {
  scrollTo(100);
  lines = 6;
  show();
  expect(list().scrollTop).toBe(100);
  act(() => button()?.click());
  expect(list().scrollTop).toBe(600);
  expect(button()).toBeNull();
});

test("coming down by hand is following again", () => {
  scrollTo(100);
  lines = 6;
  show();
  scrollTo(400);
  expect(button()).toBeNull();
  lines = 7;
  show();
  expect(list().scrollTop).toBe(700);
});

test("a list that became smaller still shows its end: nobody scrolled", () => {
  height = 80;
  scrollTo(300);
  resized();
  expect(list().scrollTop).toBe(500);
});
