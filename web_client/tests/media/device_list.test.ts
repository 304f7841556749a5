import { beforeEach, expect, test } from "vitest";
import { DeviceList } from "../../src/media/device_list";
import { settle } from "../fakes";

let plugged: Partial<MediaDeviceInfo>[];
let moved: string[];
let devices: EventTarget & { enumerateDevices: () => Promise<MediaDeviceInfo[]> };
let list: DeviceList;

beforeEach(async () => {
  plugged = [
    { kind: "audioinput", deviceId: "default", label: "Default - Headset" },
    { kind: "audioinput", deviceId: "communications", label: "Communications - Headset" },
    { kind: "audioinput", deviceId: "h", label: "Headset" },
    { kind: "videoinput", deviceId: "", label: "" },
    { kind: "audiooutput", deviceId: "s", label: "Speakers" },
  ];
  moved = [];
  devices = Object.assign(new EventTarget(), { enumerateDevices: async () => plugged as MediaDeviceInfo[] });
  list = new DeviceList(devices as MediaDevices, (label) => void moved.push(label));
  list.start();
  await settle();
});

async function replug(...now: Partial<MediaDeviceInfo>[]): Promise<void> {
  plugged = now;
  devices.dispatchEvent(new Event("devicechange"));
  await settle();
}

test("what has a name can be chosen, once", () => {
  expect(list.choices.value).toEqual({
    microphone: [
      { id: "default", label: "Default - Headset" },
      { id: "h", label: "Headset" },
    ],
    camera: [],
    speaker: [{ id: "s", label: "Speakers" }],
  });
});

test("what is unplugged is gone from it, and what is plugged in comes", async () => {
  await replug({ kind: "videoinput", deviceId: "c", label: "Webcam" });
  expect(list.choices.value.microphone).toEqual([]);
  expect(list.choices.value.camera).toEqual([{ id: "c", label: "Webcam" }]);
});

test("that the usual microphone became another one is told; that another was plugged in is not", async () => {
  await replug(...plugged, { kind: "audioinput", deviceId: "x", label: "Other" });
  expect(moved).toEqual([]);
  await replug({ kind: "audioinput", deviceId: "default", label: "Default - Other" });
  expect(moved).toEqual(["Default - Other"]);
});

test("stopped, it looks no more; without a browser that tells there is nothing to choose", async () => {
  list.stop();
  await replug();
  expect(list.choices.value.microphone).toHaveLength(2);
  const none = new DeviceList(undefined, () => {});
  none.start();
  await settle();
  expect(none.choices.value).toEqual({ microphone: [], camera: [], speaker: [] });
});
