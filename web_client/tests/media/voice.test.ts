import { beforeEach, expect, test, vi } from "vitest";
import type { LocalMedia } from "../../src/media/devices";
import { Voice } from "../../src/media/voice";
import { FakeLocal } from "../fake_media";

const publisher = { use: vi.fn(), start: vi.fn(), close: vi.fn() };
let local: FakeLocal;
let voice: Voice;

beforeEach(() => {
  vi.clearAllMocks();
  local = new FakeLocal();
  local.close("microphone");
  voice = new Voice({ local: local as unknown as LocalMedia, publisher });
  voice.configure([]);
});

test("its way begins with the first words, and stays for the next; the microphone does not", async () => {
  expect(publisher.start).not.toHaveBeenCalled();
  expect(await voice.open()).toBe(true);
  expect(publisher.use).toHaveBeenLastCalledWith("microphone", local.microphone.value.track);
  voice.close();
  expect(publisher.use).toHaveBeenLastCalledWith("microphone", null);
  expect(local.microphone.value.track).toBeNull();
  await voice.open();
  expect(publisher.start).toHaveBeenCalledTimes(1);
});

test("without a microphone nothing begins", async () => {
  local.answer = "denied";
  expect(await voice.open()).toBe(false);
  expect(publisher.start).not.toHaveBeenCalled();
});

test("a microphone that opens after all is over again is not sent", async () => {
  local.beforeAnswer = () => voice.close();
  expect(await voice.open()).toBe(false);
  expect(publisher.use).not.toHaveBeenCalledWith("microphone", expect.anything());
});

test("ended, the next words begin their way anew", async () => {
  await voice.open();
  voice.end();
  expect(publisher.close).toHaveBeenCalledTimes(1);
  await voice.open();
  expect(publisher.start).toHaveBeenCalledTimes(2);
});
