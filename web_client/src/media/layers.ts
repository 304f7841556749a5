import type { Capture } from "./capture";

/** The layers of a picture, lowest first. The server knows them by these names, and takes the order from the offer. */
const NAMES = ["q", "h", "f"] as const;

const ONE: readonly number[] = [600_000];
const TWO: readonly number[] = [150_000, 500_000];
const THREE: readonly number[] = [100_000, 350_000, 1_000_000];

/**
 * How my picture is sent: in as many layers as the capture bears, each half as wide and high as the next.
 * Browsers leave the upper ones of a small picture away without a word, so that more than these would only be promised.
 */
export function encodingsFor(capture: Capture | undefined): RTCRtpEncodingParameters[] {
  const bitrates = capture === undefined ? ONE : bitratesFor(capture);
  if (bitrates.length === 1) return bitrates.map((maxBitrate) => ({ maxBitrate }));
  const names = bitrates.length === 2 ? [NAMES[0], NAMES[2]] : NAMES;
  return bitrates.map((maxBitrate, place) => ({
    rid: names[place] as string,
    scaleResolutionDownBy: 2 ** (bitrates.length - 1 - place),
    maxBitrate,
  }));
}

function bitratesFor({ width, height }: Capture): readonly number[] {
  // A phone held upright turns them round.
  const [long, short] = width >= height ? [width, height] : [height, width];
  if (long >= 960 && short >= 540) return THREE;
  return long >= 640 && short >= 360 ? TWO : ONE;
}

/** Sends these layers and pauses the others. A sender that cannot now sends more than is needed, which costs nobody sound. */
export async function sendOnly(sender: RTCRtpSender, rids: readonly string[]): Promise<void> {
  const parameters = sender.getParameters();
  const [first, ...upper] = parameters.encodings;
  if (!first || upper.length === 0) return;
  let changed = false;
  for (const encoding of upper) {
    const active = encoding.rid !== undefined && rids.includes(encoding.rid);
    changed ||= encoding.active !== active;
    encoding.active = active;
  }
  if (changed) await sender.setParameters(parameters);
}
