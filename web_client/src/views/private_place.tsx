import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ChatView } from "../protocol/generated";
import type { RoomState } from "../state/room";
import type { Words } from "../words";
import { flagWordsFor, type FlagWords } from "../words/flags";
import { CrisisCard } from "./crisis_card";
import type { FlagsHere } from "./flags_here";
import { FlagLines } from "./help";
import { Icon } from "./icon";

/** Closed while this device shows its screen to the group; who wants to can open it all the same. */
function Closed({ say, label, sharing, children }: { say: FlagWords; label: string; sharing: boolean; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [sharing]);
  if (!sharing) return <>{children}</>;
  return (
    <>
      <section class="panel private" aria-label={label}>
        <div class="head">
          <p>
            <Icon name="lock" small />
            <span>{say.sharing}</span>
          </p>
          <button class="btn plain snug" type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? say.hide : say.show}
          </button>
        </div>
      </section>
      {open && children}
    </>
  );
}

/** A crisis of mine in the room: of who leads, and of who called for help. */
export function PrivateCrisis({ words, here, sharing }: { words: Words; here: FlagsHere; sharing: boolean }) {
  if (here.flagging.crises.value.length === 0) return null;
  const say = flagWordsFor(words.language);
  return (
    <Closed say={say} label={say.crisisRegion} sharing={sharing}>
      <CrisisCard words={words} here={here} />
    </Closed>
  );
}

/** What became of the flags of who leads, and what they may want to look at. Nobody else's screen has it. */
export function PrivatePlace({
  words,
  here,
  room,
  sharing,
  watched,
  onFlag,
}: {
  words: Words;
  here: FlagsHere;
  room: RoomState;
  sharing: boolean;
  /** Whether a line says what its reader may want to flag; null until the phrases are here. */
  watched: ((text: string) => boolean) | null;
  onFlag: (about: string) => void;
}) {
  const say = flagWordsFor(words.language);
  const flags = here.flagging.shown.value;
  const [line, drop] = useWatched(room, watched);
  // Put away until something of it changes.
  const now = flags.map(({ id, status }) => `${id} ${status}`).join();
  const [away, put] = useState("");
  // A crisis says already that there is something, where it is closed.
  if (sharing && here.flagging.crises.value.length > 0 && !line) return null;
  if ((flags.length === 0 || away === now) && !line) return null;
  return (
    <Closed say={say} label={say.privateRegion} sharing={sharing}>
      <section class="panel private" aria-label={say.privateRegion}>
        <div class="head">
          <h2>
            <Icon name="lock" small />
            {say.private}
          </h2>
          {!line && (
            <button class="btn plain snug" type="button" onClick={() => put(now)}>
              {say.hide}
            </button>
          )}
        </div>
        {line && (
          <div class="note" role="status">
            <div class="grow stack s">
              <p>{say.watched}</p>
              <div class="row s wrap">
                <button
                  class="btn"
                  type="button"
                  aria-haspopup="dialog"
                  onClick={() => {
                    drop();
                    onFlag(line.author_id);
                  }}
                >
                  {say.flag}
                </button>
                <button class="btn" type="button" onClick={drop}>
                  {say.dismiss}
                </button>
              </div>
            </div>
          </div>
        )}
        {flags[0]?.status === "received" && <p>{say.said}</p>}
        {flags.length > 0 && <FlagLines say={say} flags={flags} most={3} />}
      </section>
    </Closed>
  );
}

/** The oldest line that came since I look, says such a thing, and was not dealt with. Lines of who leads say it to ask. */
function useWatched(room: RoomState, watched: ((text: string) => boolean) | null): [ChatView | null, () => void] {
  const known = useRef<Set<string> | null>(null);
  const [found, setFound] = useState<readonly ChatView[]>([]);
  useEffect(() => {
    if (known.current === null) {
      known.current = new Set(room.chat.map(({ id }) => id));
      return;
    }
    if (watched === null) return;
    const fresh = room.chat.filter(({ id }) => !known.current?.has(id));
    for (const { id } of fresh) known.current.add(id);
    const staff = new Set(room.participants.filter(({ role }) => role !== "participant").map(({ id }) => id));
    const telling = fresh.filter(({ author_id: author, text }) => author !== room.you && !staff.has(author) && watched(text));
    if (telling.length > 0) setFound((before) => [...before, ...telling]);
  }, [room.chat, watched]);
  return [found[0] ?? null, () => setFound((before) => before.slice(1))];
}
