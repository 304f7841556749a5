import { beforeEach, expect, test, vi } from "vitest";
import { Notices, type NoticeCenter } from "../src/notices";

const shown: { title: string; closed: boolean }[] = [];
const center: NoticeCenter = {
  permission: () => "default",
  ask: () => Promise.resolve("granted"),
  show: (title) => {
    const notice = { title, closed: false };
    shown.push(notice);
    return { close: () => void (notice.closed = true) };
  },
};
const text = (severity: string) => `A ${severity} flag is waiting`;
let hidden: boolean;

beforeEach(() => {
  shown.length = 0;
  hidden = true;
});

test("nothing is shown before the person allowed it by a press", async () => {
  const notices = new Notices(center, () => hidden);
  expect(notices.state.value).toBe("off");
  notices.tell(text, "crisis");
  expect(shown).toEqual([]);
  await notices.ask();
  notices.tell(text, "crisis");
  expect(shown).toEqual([{ title: "A crisis flag is waiting", closed: false }]);
});

test("there is one at most, only while the page is hidden, and none once nothing waits", async () => {
  const notices = new Notices(center, () => hidden);
  await notices.ask();
  notices.tell(text, "urgent");
  notices.tell(text, "crisis");
  expect(shown.map(({ closed }) => closed)).toEqual([true, false]);
  notices.clear();
  expect(shown.map(({ closed }) => closed)).toEqual([true, true]);
  hidden = false;
  notices.tell(text, "crisis");
  expect(shown).toHaveLength(2);
});

test("a browser that has none, that refuses them or cannot show one is not asked again", async () => {
  expect(new Notices(null, () => hidden).state.value).toBe("unsupported");
  expect(new Notices({ ...center, permission: () => "denied" }, () => hidden).state.value).toBe("denied");
  const show = vi.fn(() => {
    throw new TypeError("only from a service worker");
  });
  const notices = new Notices({ ...center, permission: () => "granted", show }, () => hidden);
  notices.tell(text, "note");
  notices.tell(text, "note");
  expect(notices.state.value).toBe("unsupported");
  expect(show).toHaveBeenCalledTimes(1);
});
