import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../src/connection/api";
import type { OnCall } from "../src/connection/supervision_api";
import { OnCallDesk, type Shifts } from "../src/on_call";
import { FakeClock, settle } from "./fakes";

const nobody: OnCall = { on_call: [], therapists: [] };
let told: OnCall;
let clock: FakeClock;
const onCall = vi.fn<Shifts["onCall"]>();
const beOnCall = vi.fn<Shifts["beOnCall"]>();
const api = { onCall, beOnCall, handOver: vi.fn(), acceptShift: vi.fn(), endOnCall: vi.fn() };
let desk: OnCallDesk;

beforeEach(() => {
  vi.resetAllMocks();
  told = nobody;
  onCall.mockImplementation(() => Promise.resolve(told));
  beOnCall.mockImplementation((until) => {
    told = { ...nobody, on_call: [{ name: "Ruth", until_ms: until, you: true }] };
    return Promise.resolve();
  });
  clock = new FakeClock();
  desk = new OnCallDesk(api, clock);
});

test("it is looked at again and again, also after it could not be read", async () => {
  desk.start();
  await settle();
  expect(desk.view.value).toEqual(nobody);
  onCall.mockRejectedValueOnce(new ApiError(null));
  await clock.advance(20_000);
  told = { ...nobody, on_call: [{ name: "Ben", until_ms: 9, offered_to_you: true }] };
  await clock.advance(20_000);
  expect(desk.view.value?.on_call[0]?.name).toBe("Ben");
  desk.stop();
  await clock.advance(60_000);
  expect(onCall).toHaveBeenCalledTimes(3);
});

test("being on call is shown as the server tells it, and once only while it is on its way", async () => {
  const first = desk.be(5_000);
  void desk.be(6_000);
  expect(desk.saving.value).toBe(true);
  await first;
  expect(beOnCall).toHaveBeenCalledTimes(1);
  expect([desk.view.value?.on_call[0]?.until_ms, desk.saving.value, desk.failed.value]).toEqual([5_000, false, undefined]);
});

test("what was refused says why", async () => {
  beOnCall.mockRejectedValueOnce(new ApiError("not_saved"));
  await desk.be(5_000);
  expect([desk.view.value, desk.saving.value, desk.failed.value]).toEqual([null, false, "not_saved"]);
});
