import { useEffect, useRef } from "preact/hooks";
import type { WhisperView } from "../protocol/generated";
import type { FlagWords } from "../words/flags";
import { Icon } from "./icon";
import type { RoomActs, WhispersModel } from "./room_model";

export type WhisperedActs = Pick<RoomActs, "onSawWhisper" | "onWhispersRead" | "onHeadphones">;

/** What a therapist says to me alone: to be read, and to be heard where nobody else would hear it. */
export function Whispered({ say, whispers, acts }: { say: FlagWords; whispers: WhispersModel; acts: WhisperedActs }) {
  const { list, speaker, headphones } = whispers;
  const place = useRef<HTMLDivElement>(null);
  const newest = list[0]?.id ?? speaker;
  // Who leads from a phone has often scrolled to somebody.
  useEffect(() => {
    if (newest) place.current?.scrollIntoView({ block: "center" });
  }, [newest]);
  if (list.length === 0 && !speaker && !headphones) return null;
  return (
    <div class="stack s" ref={place}>
      {/* The words themselves are not read aloud: others may be near, and my microphone may be on. */}
      <p class="vh" role="status">
        {list[0] && say.whispered(list[0].other)}
      </p>
      {list.length > 0 && (
        <ul class="stack s" aria-label={say.whispers}>
          {list.map((one) => (
            <Line key={one.id} one={one} onSaw={acts.onSawWhisper} />
          ))}
        </ul>
      )}
      {speaker && (
        <p role="status" class="row s">
          <Icon name="sound" small />
          {say.speaksToYou(speaker)}
        </p>
      )}
      <Headphones say={say} on={headphones} brief onChange={acts.onHeadphones} />
    </div>
  );
}

/** That nobody near me hears what I hear; only then may a therapist speak to me. */
export function Headphones({
  say,
  on,
  brief = false,
  onChange,
}: {
  say: FlagWords;
  on: boolean;
  brief?: boolean;
  onChange: (on: boolean) => void;
}) {
  return (
    <label class="choice">
      <input type="checkbox" role="switch" aria-checked={on} checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>
        {say.headphones}
        {!brief && <span class="quiet block">{say.headphonesMore}</span>}
      </span>
    </label>
  );
}

/** It counts as seen once it stands on a screen that somebody looks at, with nothing over it. */
function Line({ one, onSaw }: { one: WhisperView; onSaw: (id: string) => void }) {
  const line = useRef<HTMLLIElement>(null);
  const inSight = useRef(false);
  const look = () => {
    const covered = line.current?.closest("[inert]") !== null;
    if (inSight.current && !covered && document.visibilityState === "visible") onSaw(one.id);
  };
  const looked = useRef(look);
  looked.current = look;
  useEffect(() => look());
  useEffect(() => {
    const sight = new IntersectionObserver(([entry]) => {
      inSight.current = entry?.isIntersecting ?? false;
      looked.current();
    });
    if (line.current) sight.observe(line.current);
    const shown = () => looked.current();
    document.addEventListener("visibilitychange", shown);
    return () => {
      sight.disconnect();
      document.removeEventListener("visibilitychange", shown);
    };
  }, []);
  return (
    <li ref={line}>
      <b>{one.other}:</b> {one.text}
    </li>
  );
}
