import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test } from "vitest";
import { useKeptFocus } from "../../src/views/kept_focus";

let box: HTMLElement;

beforeEach(() => {
  box = document.createElement("div");
  document.body.replaceChildren(box);
});

afterEach(() => render(null, box));

function Page({ waiting }: { waiting: readonly string[] }) {
  useKeptFocus();
  return (
    <main id="main" tabIndex={-1}>
      <div class="door">
        {waiting.map((name) => (
          <button key={name} id={name} type="button">
            {name}
          </button>
        ))}
      </div>
      <button id="other" type="button">
        other
      </button>
    </main>
  );
}

const show = (...waiting: string[]) => act(() => render(<Page waiting={waiting} />, box));
const focus = (id: string) => act(() => document.getElementById(id)?.focus());
const focused = () => document.activeElement?.id;

test("after one was let in, the focus is at the next who waits, and at the main part after the last", () => {
  show("noor", "ada");
  focus("noor");
  show("ada");
  expect(focused()).toBe("ada");
  show();
  expect(focused()).toBe("main");
});

test("a focus that is elsewhere stays there, and none is taken where there was none", () => {
  show("noor", "ada");
  show("ada");
  expect(focused()).not.toBe("ada");
  focus("other");
  show();
  expect(focused()).toBe("other");
});
