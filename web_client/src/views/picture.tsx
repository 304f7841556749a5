import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/**
 * Moving pictures of one person. While a new track has no frame yet, and while there is none at all,
 * the last picture stays. Without sound: that has its own elements.
 */
export function Picture({ track, mirrored = false }: { track: MediaStreamTrack | undefined; mirrored?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  // At once, and not after the next picture of the page: its first one may be there already.
  useLayoutEffect(() => {
    if (!box.current) return;
    // A browser turns a video black once its track ends; a still picture of it stays.
    for (const video of box.current.querySelectorAll("video")) freeze(video);
    if (!track) return;
    const stills = [...box.current.children];
    const video = document.createElement("video");
    video.autoplay = true;
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    video.addEventListener("loadeddata", () => stills.forEach((still) => still.remove()), { once: true });
    box.current.append(video);
  }, [track]);
  useEffect(() => {
    const element = box.current;
    return () => {
      for (const video of element?.querySelectorAll("video") ?? []) video.srcObject = null;
    };
  }, []);
  return <div class={mirrored ? "picture mirrored" : "picture"} aria-hidden="true" ref={box} />;
}

function freeze(video: HTMLVideoElement): void {
  const { videoWidth: width, videoHeight: height } = video;
  if (width > 0) {
    const still = document.createElement("canvas");
    still.width = width;
    still.height = height;
    still.getContext("2d")?.drawImage(video, 0, 0);
    video.before(still);
  }
  video.srcObject = null;
  video.remove();
}
