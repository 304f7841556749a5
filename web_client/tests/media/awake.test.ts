import { expect, test } from "vitest";
import { keepAwake } from "../../src/media/awake";
import { settle } from "../fakes";

function wakeLock(refuses = false) {
  const sentinels: { released: boolean; release: () => Promise<void> }[] = [];
  const request = async () => {
    if (refuses) throw new DOMException("", "NotAllowedError");
    const sentinel = {
      released: false,
      release: async () => {
        sentinel.released = true;
      },
    };
    sentinels.push(sentinel);
    return sentinel as unknown as WakeLockSentinel;
  };
  return { sentinels, lock: { request } };
}

function pageOf() {
  return Object.assign(new EventTarget(), { visibilityState: "visible" as DocumentVisibilityState });
}

test("the screen stays on until it is left", async () => {
  const { sentinels, lock } = wakeLock();
  const stop = keepAwake(pageOf() as unknown as Document, lock);
  await settle();
  expect(sentinels.map(({ released }) => released)).toEqual([false]);
  stop();
  expect(sentinels.map(({ released }) => released)).toEqual([true]);
});

test("a page that was out of sight takes it anew, once", async () => {
  const { sentinels, lock } = wakeLock();
  const page = pageOf();
  const stop = keepAwake(page as unknown as Document, lock);
  await settle();
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  expect(sentinels).toHaveLength(1);
  await sentinels[0]?.release();
  page.visibilityState = "hidden";
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  expect(sentinels).toHaveLength(1);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  expect(sentinels).toHaveLength(2);
  stop();
});

test("what comes after leaving is let go, and a browser that refuses or cannot is left alone", async () => {
  const { sentinels, lock } = wakeLock();
  keepAwake(pageOf() as unknown as Document, lock)();
  keepAwake(pageOf() as unknown as Document, wakeLock(true).lock)();
  keepAwake(pageOf() as unknown as Document, undefined)();
  await settle();
  expect(sentinels.map(({ released }) => released)).toEqual([true]);
});
