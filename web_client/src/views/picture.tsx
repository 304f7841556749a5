import { useEffect, useRef } from "preact/hooks";

/**
 * Moving pictures of one person. While a new track has no frame yet, and while there is none at all,
 * the last picture stays. Without sound: that has its own elements.
 */
export function Picture({ track, mirrored = false }: { track: MediaStreamTrack | undefined; mirrored?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current || !track) return;
    const before = [...box.current.children];
    const video = document.createElement("video");
    video.autoplay = true;
    video.muted = true;
    video.playsInline = true;
    video.srcObject = new MediaStream([track]);
    video.addEventListener("loadeddata", () => before.forEach(discard), { once: true });
    box.current.append(video);
  }, [track]);
  useEffect(() => {
    const element = box.current;
    return () => [...(element?.children ?? [])].forEach(discard);
  }, []);
  return <div class={mirrored ? "picture mirrored" : "picture"} aria-hidden="true" ref={box} />;
}

function discard(element: Element): void {
  if (element instanceof HTMLVideoElement) element.srcObject = null;
  element.remove();
}
