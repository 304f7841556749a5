import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeClock, settle } from "../fakes";
import { captureFrom } from "../../src/media/capture";
import { LocalMedia, type DeviceSource } from "../../src/media/devices";

const usual = captureFrom(new URLSearchParams());

/** Every track that the browser ever gave. */
let captured: { kind: string; stopped: boolean }[] = [];
const live = () => captured.filter((track) => !track.stopped).map((track) => track.kind);

function trackOf(kind: string) {
  const track = new EventTarget() as EventTarget & {
    kind: string;
    stop: () => void;
    stopped: boolean;
    readyState: MediaStreamTrackState;
    muted: boolean;
    label: string;
  };
  track.kind = kind;
  track.stopped = false;
  track.muted = false;
  track.label = kind === "audio" ? "Headset" : "Webcam";
  track.readyState = "live";
  captured.push(track);
  track.stop = () => {
    track.stopped = true;
    track.readyState = "ended";
  };
  return track;
}

/** `refuse` says with which error a request is answered, if any. */
function devices(refuse: (constraints: MediaStreamConstraints) => string | null = () => null) {
  const getUserMedia = vi.fn(async (constraints: MediaStreamConstraints) => {
    const error = refuse(constraints);
    if (error) throw new DOMException("", error);
    return {
      getAudioTracks: () => (constraints.audio ? [trackOf("audio")] : []),
      getVideoTracks: () => (constraints.video ? [trackOf("video")] : []),
    };
  });
  return { getUserMedia, asMedia: { getUserMedia } as unknown as MediaDevices };
}

function browserSays(states: Record<string, PermissionState>): void {
  vi.spyOn(navigator.permissions, "query").mockImplementation(
    async ({ name }) => ({ state: states[name] ?? "prompt" }) as PermissionStatus,
  );
}

beforeEach(() => {
  captured = [];
});
afterEach(() => vi.restoreAllMocks());

test("both are asked for in one question", async () => {
  const { getUserMedia, asMedia } = devices();
  const local = new LocalMedia(usual, asMedia);
  await local.openBoth();
  expect(getUserMedia).toHaveBeenCalledTimes(1);
  expect(local.microphone.value.track).not.toBeNull();
  expect(local.camera.value.track).not.toBeNull();
});

test("a missing camera does not take the microphone along", async () => {
  const { asMedia } = devices(({ video }) => (video ? "NotFoundError" : null));
  const local = new LocalMedia(usual, asMedia);
  await local.openBoth();
  expect(local.microphone.value.track).not.toBeNull();
  expect(local.camera.value).toMatchObject({ track: null, problem: "missing" });
});

test("a no to the camera does not take the microphone along", async () => {
  browserSays({ microphone: "granted", camera: "denied" });
  const { asMedia } = devices(({ video }) => (video ? "NotAllowedError" : null));
  const local = new LocalMedia(usual, asMedia);
  await local.openBoth();
  expect(local.microphone.value.track).not.toBeNull();
  expect(local.camera.value.problem).toBe("denied");
});

test("a no is taken as a no: nobody is asked twice", async () => {
  browserSays({});
  const { getUserMedia, asMedia } = devices(() => "NotAllowedError");
  const local = new LocalMedia(usual, asMedia);
  await local.openBoth();
  expect(getUserMedia).toHaveBeenCalledTimes(1);
  expect([local.microphone.value.problem, local.camera.value.problem]).toEqual(["denied", "denied"]);
});

test("a device in use elsewhere is said to be busy", async () => {
  const local = new LocalMedia(usual, devices(() => "NotReadableError").asMedia);
  await expect(local.open("camera")).resolves.toBe(false);
  expect(local.camera.value.problem).toBe("busy");
});

test("a browser without media devices is no dead end", async () => {
  const local = new LocalMedia(usual, undefined);
  await local.openBoth();
  expect(local.microphone.value.problem).toBe("unsupported");
});

test("closing stops the device, also when it opens only afterwards", async () => {
  const local = new LocalMedia(usual, devices().asMedia);
  await local.open("camera");
  const track = local.camera.value.track as unknown as { stopped: boolean };
  local.close("camera");
  expect(track.stopped).toBe(true);
  const opening = local.open("camera");
  local.close("camera");
  await opening;
  expect(local.camera.value.track).toBeNull();
});

test("a device that goes away is noticed", async () => {
  const local = new LocalMedia(usual, devices().asMedia);
  await local.open("microphone");
  local.microphone.value.track?.dispatchEvent(new Event("ended"));
  expect(local.microphone.value).toMatchObject({ track: null, problem: "lost" });
});

test("a device that went away while the page slept is noticed", async () => {
  const local = new LocalMedia(usual, devices().asMedia);
  await local.openBoth();
  (local.camera.value.track as unknown as { readyState: string }).readyState = "ended";
  local.check();
  expect(local.camera.value).toMatchObject({ track: null, problem: "lost" });
  expect(local.microphone.value.problem).toBeNull();
});

test("trying again asks only for what is missing, and leaving leaves nothing captured", async () => {
  browserSays({ microphone: "granted", camera: "denied" });
  let cameraAllowed = false;
  const { getUserMedia, asMedia } = devices(({ video }) => (video && !cameraAllowed ? "NotAllowedError" : null));
  const local = new LocalMedia(usual, asMedia);
  await local.openBoth();
  cameraAllowed = true;
  await local.openBoth();
  expect(getUserMedia.mock.lastCall?.[0].audio).toBe(false);
  expect(live()).toEqual(["audio", "video"]);
  local.closeAll();
  expect(live()).toEqual([]);
});

test("who asks while a question is open gets its answer, and nothing is captured twice", async () => {
  const { getUserMedia, asMedia } = devices();
  const local = new LocalMedia(usual, asMedia);
  const [, camera] = await Promise.all([local.openBoth(), local.open("camera"), local.openBoth()]);
  expect(camera).toBe(true);
  expect(getUserMedia).toHaveBeenCalledTimes(1);
  expect(live()).toEqual(["audio", "video"]);
});

test("closed and opened again while a question is open, one camera is captured", async () => {
  const local = new LocalMedia(usual, devices().asMedia);
  const first = local.openBoth();
  await Promise.resolve();
  local.close("camera");
  await Promise.all([first, local.open("camera")]);
  expect(live()).toEqual(["audio", "video"]);
  local.closeAll();
  expect(live()).toEqual([]);
});

test("closed while a question for both fails, it is not asked for alone", async () => {
  const { asMedia } = devices(({ audio, video }) => (audio && video ? "NotFoundError" : null));
  const local = new LocalMedia(usual, asMedia);
  const opening = local.openBoth();
  await Promise.resolve();
  local.close("camera");
  await opening;
  expect(live()).toEqual(["audio"]);
  expect(local.camera.value).toEqual({ track: null, problem: null, asking: false });
});

test("nothing is called a problem before each was asked for alone", async () => {
  const { asMedia } = devices(({ video }) => (video ? "NotReadableError" : null));
  const local = new LocalMedia(usual, asMedia);
  const seen: unknown[] = [];
  const stop = local.microphone.subscribe(({ problem }) => seen.push(problem));
  await local.openBoth();
  stop();
  expect(seen.every((problem) => problem === null)).toBe(true);
  expect(local.camera.value.problem).toBe("busy");
});

test("the size of the picture can be asked for in the address", () => {
  expect(captureFrom(new URLSearchParams("capture=320x180@10"))).toEqual({ width: 320, height: 180, frameRate: 10 });
  expect(captureFrom(new URLSearchParams("capture=huge"))).toEqual(usual);
});

function remembering(chosen: Partial<Record<DeviceSource, string>> = {}, visible = () => true) {
  const clock = new FakeClock();
  const deps = {
    chosen: {
      read: (source: DeviceSource) => chosen[source] ?? "",
      write: (source: DeviceSource, id: string) => void (chosen[source] = id),
    },
    after: clock.after,
    visible,
  };
  return { clock, chosen, deps };
}

test("the device that was chosen before is asked for, and does without it where it is not there", async () => {
  const { getUserMedia, asMedia } = devices();
  await new LocalMedia(usual, asMedia, remembering({ microphone: "headset" }).deps).openBoth();
  expect(getUserMedia.mock.calls[0]?.[0]).toMatchObject({ audio: { deviceId: { ideal: "headset" } } });
  expect(getUserMedia.mock.calls[0]?.[0].video).not.toHaveProperty("deviceId");
});

test("another microphone takes over while the old one still goes, and is remembered", async () => {
  const { getUserMedia, asMedia } = devices();
  const { chosen, deps } = remembering();
  const local = new LocalMedia(usual, asMedia, deps);
  await local.open("microphone");
  const old = local.microphone.value.track;
  expect(await local.choose("microphone", "headset")).toBeNull();
  expect(getUserMedia.mock.calls[1]?.[0]).toMatchObject({ audio: { deviceId: { exact: "headset" } }, video: false });
  expect(local.microphone.value.track).not.toBe(old);
  expect(live()).toEqual(["audio"]);
  expect(chosen.microphone).toBe("headset");
});

test("choosing opens nothing that is off", async () => {
  const { getUserMedia, asMedia } = devices();
  const { chosen, deps } = remembering();
  const local = new LocalMedia(usual, asMedia, deps);
  expect(await local.choose("microphone", "headset")).toBeNull();
  expect(getUserMedia).not.toHaveBeenCalled();
  expect(chosen.microphone).toBe("headset");
});

test("a microphone that cannot be had leaves the one before on", async () => {
  const { asMedia } = devices(({ audio }) => (JSON.stringify(audio).includes("exact") ? "NotReadableError" : null));
  const local = new LocalMedia(usual, asMedia, remembering().deps);
  await local.open("microphone");
  expect(await local.choose("microphone", "taken")).toBe("busy");
  expect(live()).toEqual(["audio"]);
  expect(local.microphone.value.problem).toBeNull();
});

test("what was closed while another device was asked for stays closed", async () => {
  const { asMedia } = devices();
  const local = new LocalMedia(usual, asMedia, remembering().deps);
  await local.open("camera");
  const choosing = local.choose("camera", "other");
  local.close("camera");
  await choosing;
  expect(live()).toEqual([]);
  expect(local.camera.value.track).toBeNull();
});

test("a phone's camera turns around and back, one open at a time", async () => {
  const { getUserMedia, asMedia } = devices();
  const local = new LocalMedia(usual, asMedia, remembering({ camera: "front" }).deps);
  await local.open("camera");
  await local.flip();
  expect(live()).toEqual(["video"]);
  await local.flip();
  const facing = getUserMedia.mock.calls.map(([{ video }]) => (video as MediaTrackConstraints).facingMode);
  expect(facing).toEqual(["user", "environment", "user"]);
});

test("a page that comes back while its camera turns around does not take it for lost", async () => {
  const { asMedia } = devices();
  const local = new LocalMedia(usual, asMedia, remembering().deps);
  await local.open("camera");
  const turning = local.flip();
  local.check();
  expect(local.camera.value).toMatchObject({ problem: null });
  await turning;
  expect(local.camera.value.track).not.toBeNull();
  expect(live()).toEqual(["video"]);
});

test("a microphone that went away while another was asked for is off, and the other does not come on by itself", async () => {
  const { asMedia } = devices();
  const local = new LocalMedia(usual, asMedia, remembering().deps);
  await local.open("microphone");
  const choosing = local.choose("microphone", "other");
  const before = local.microphone.value.track as MediaStreamTrack & { stopped: boolean };
  before.stopped = true;
  before.dispatchEvent(new Event("ended"));
  await choosing;
  expect(local.microphone.value).toMatchObject({ track: null, problem: "lost" });
  expect(live()).toEqual([]);
});

test("a camera that does not turn around is off, and says why", async () => {
  const { asMedia } = devices(({ video }) => (JSON.stringify(video).includes("environment") ? "NotFoundError" : null));
  const local = new LocalMedia(usual, asMedia, remembering().deps);
  await local.open("camera");
  expect(await local.flip()).toBe("missing");
  expect(local.camera.value).toMatchObject({ track: null, problem: "missing" });
});

test("a phone call takes the microphone; a moment of silence does not", async () => {
  const { asMedia } = devices();
  const { clock, deps } = remembering();
  const local = new LocalMedia(usual, asMedia, deps);
  await local.open("microphone");
  const track = captured[0] as unknown as { muted: boolean } & EventTarget;
  track.muted = true;
  track.dispatchEvent(new Event("mute"));
  track.muted = false;
  await clock.advance(2_000);
  expect(local.microphone.value.problem).toBeNull();
  track.muted = true;
  track.dispatchEvent(new Event("mute"));
  await clock.advance(2_000);
  expect(local.microphone.value).toMatchObject({ track: null, problem: "interrupted", gone: "Headset" });
  expect(live()).toEqual([]);
});

test("a page out of sight keeps its camera, and looks again once it is in sight", async () => {
  let visible = false;
  const { asMedia } = devices();
  const { clock, deps } = remembering({}, () => visible);
  const local = new LocalMedia(usual, asMedia, deps);
  await local.open("camera");
  const track = captured[0] as unknown as { muted: boolean } & EventTarget;
  track.muted = true;
  track.dispatchEvent(new Event("mute"));
  await clock.advance(2_000);
  expect(local.camera.value.problem).toBeNull();
  visible = true;
  local.check();
  await clock.advance(2_000);
  expect(local.camera.value.problem).toBe("interrupted");
  await settle();
});
