import { expect, test, vi } from "vitest";
import { LocalScreen } from "../../src/media/screen";

const track = (kind: string) => ({ kind, contentHint: "" }) as MediaStreamTrack;

function browser(picture: MediaStreamTrack[], sound: MediaStreamTrack[]) {
  const stream = { getVideoTracks: () => picture, getAudioTracks: () => sound };
  const getDisplayMedia = vi.fn<(wishes: DisplayMediaStreamOptions) => Promise<typeof stream>>(async () => stream);
  return { getDisplayMedia, screen: new LocalScreen({ getDisplayMedia } as unknown as MediaDevices) };
}

test("text stays sharp, this page cannot be shown, and the group's own voices do not come back to it", async () => {
  const { getDisplayMedia, screen } = browser([track("video")], [track("audio")]);
  const shown = await screen.ask();
  expect(shown?.picture.contentHint).toBe("detail");
  expect(shown?.sound).not.toBeNull();
  expect(getDisplayMedia.mock.calls[0]?.[0]).toMatchObject({ systemAudio: "exclude", selfBrowserSurface: "exclude" });
});

test("a browser may give no sound, and a person may choose nothing", async () => {
  expect((await browser([track("video")], []).screen.ask())?.sound).toBeNull();
  const getDisplayMedia = async () => Promise.reject(new DOMException("", "NotAllowedError"));
  const refusing = new LocalScreen({ getDisplayMedia } as unknown as MediaDevices);
  expect(refusing.possible).toBe(true);
  expect(await refusing.ask()).toBeNull();
});

test("phones cannot, and say so", () => {
  expect(new LocalScreen({} as MediaDevices).possible).toBe(false);
  expect(new LocalScreen(undefined).possible).toBe(false);
});
