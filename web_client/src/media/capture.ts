/** What is asked of the camera; `?capture=320x180@10` asks for less. */
export interface Capture {
  width: number;
  height: number;
  frameRate: number;
}

const USUAL: Capture = { width: 640, height: 360, frameRate: 24 };

export function captureFrom(query: URLSearchParams): Capture {
  const match = /^(\d{2,4})x(\d{2,4})@(\d{1,2})$/.exec(query.get("capture") ?? "");
  if (!match) return USUAL;
  const [width, height, frameRate] = match.slice(1).map(Number) as [number, number, number];
  return { width, height, frameRate };
}
