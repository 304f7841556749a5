import { MAX_TEXT, MAX_TEXT_BYTES } from "../protocol/generated";

const utf8 = new TextEncoder();

/** How many letters like those written so far still fit in one message; below zero, how many are too many. */
export function lettersLeft(text: string): number {
  // The server counts code points, as this does; an emoji is two of JavaScript's own units.
  const letters = [...text].length;
  const bytes = utf8.encode(text).length;
  const byBytes = Math.floor(((MAX_TEXT_BYTES - bytes) * letters) / Math.max(1, bytes));
  return letters === 0 ? MAX_TEXT : Math.min(MAX_TEXT - letters, byBytes);
}
