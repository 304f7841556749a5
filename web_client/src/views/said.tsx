import { useRef } from "preact/hooks";
import type { Announcement } from "../state/announce";
import { say, type Words } from "../words";
import { sayTurn } from "../words/turns";

/** Spoken by screen readers. Each announcement is a new element, so that the same words are said again. */
export function Said({ words, announcement }: { words: Words; announcement: Announcement | null }) {
  const last = useRef<{ announcement: Announcement | null; count: number }>({ announcement: null, count: 0 });
  if (last.current.announcement !== announcement) {
    last.current = { announcement, count: last.current.count + 1 };
  }
  return (
    <p class="vh" role="status">
      {announcement && (
        <span key={last.current.count}>
          {announcement.key === "sayTurn" ? sayTurn(words.language, announcement.news) : say(words, announcement)}
        </span>
      )}
    </p>
  );
}
