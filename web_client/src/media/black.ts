/** A small, nearly black picture, for who has no camera to send: the way can be tried out without one. */
export function blackTrack(): MediaStreamTrack | null {
  const canvas = document.createElement("canvas");
  canvas.width = 160;
  canvas.height = 90;
  const context = canvas.getContext("2d");
  const track = canvas.captureStream?.(10).getVideoTracks()[0];
  if (!context || !track) return null;
  let shade = 0;
  const timer = setInterval(() => {
    if (track.readyState === "ended") clearInterval(timer);
    // A picture that stays the same is not sent again.
    shade = (shade + 1) % 8;
    context.fillStyle = `rgb(${shade}, ${shade}, ${shade})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }, 100);
  return track;
}
