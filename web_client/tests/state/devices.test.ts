import { expect, test } from "vitest";
import { chosen, heard, type MyDevices, type Word } from "../../src/state/devices";

const on = chosen(true, true);
const quiet: Word = { closed: false, closings: 0 };

test("a closing turns my microphone off", () => {
  const mine = heard(on, { ...quiet, closed: true, closings: 1 });
  expect(mine).toMatchObject({ microphone: false, camera: true, closed: true, closings: 1 });
});

test("allowed again, the microphone stays off", () => {
  const closed = heard(on, { ...quiet, closed: true, closings: 1 });
  const allowed = heard(closed, { ...quiet, closings: 1 });
  expect(allowed).toMatchObject({ microphone: false, closed: false });
});

test("a closing that I missed and that is over turns my microphone off, too", () => {
  expect(heard(on, { ...quiet, closings: 1 }).microphone).toBe(false);
});

test("a closing that I know of does not turn it off again", () => {
  expect(heard({ ...on, closings: 1 }, { ...quiet, closings: 1 }).microphone).toBe(true);
});

test("a lower number, after a restart that forgot a closing, turns my microphone off as well, and holds from then on", () => {
  const mine = heard({ ...on, closings: 2 }, { ...quiet, closings: 1 });
  expect(mine).toMatchObject({ microphone: false, closings: 1 });
  expect(heard({ ...mine, microphone: true }, { ...quiet, closings: 2 }).microphone).toBe(false);
});

test("nothing that is heard ever opens the microphone or the camera", () => {
  for (const microphone of [true, false])
    for (const camera of [true, false])
      for (const closed of [true, false])
        for (const known of [0, 1, 2])
          for (const closings of [0, 1, 2]) {
            const before: MyDevices = { microphone, camera, closings: known, closed: false };
            const mine = heard(before, { closed, closings });
            expect(mine.microphone && !before.microphone).toBe(false);
            expect(mine.camera).toBe(before.camera);
            expect(mine.closings).toBe(closings);
          }
});
