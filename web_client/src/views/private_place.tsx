import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { isUnread, waitingCall } from "../state/flags";
import type { RoomState } from "../state/room";
import type { Words } from "../words";
import { flagWordsFor, type FlagWords } from "../words/flags";
import { CrisisCard } from "./crisis_card";
import type { FlagsHere } from "./flags_here";
import { FlagLines } from "./help";
import { Icon } from "./icon";
import type { WhispersModel } from "./room_model";
import { Whispered, type WhisperedActs } from "./whispered";

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
  const { crises, answered, shown } = here.flagging;
  const calls = !here.staff && waitingCall(shown.value) !== null;
  if (crises.value.length === 0 && answered.value.length === 0 && !calls) return null;
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
  sharing,
  whispers,
  acts,
  onFlag,
}: {
  words: Words;
  here: FlagsHere;
  sharing: boolean;
  whispers: WhispersModel;
  acts: WhisperedActs;
  onFlag: (about: string) => void;
}) {
  const say = flagWordsFor(words.language);
  const flags = here.flagging.shown.value;
  const { noticed } = here.flagging;
  const [line] = noticed.value;
  const drop = () => {
    noticed.value = noticed.peek().slice(1);
  };
  // Put away until something of it changes.
  const whispered = whispers.list.length > 0 || whispers.speaker !== "" || whispers.headphones;
  const now = [...flags.map(({ id, status }) => `${id} ${status}`), ...whispers.list.map(({ id }) => id), whispers.speaker, whispers.headphones].join();
  const [away, put] = useState("");
  // A crisis says already that there is something, where it is closed.
  if (sharing && here.flagging.crises.value.length > 0 && !line && !whispered) return null;
  if (((flags.length === 0 && !whispered) || away === now) && !line) return null;
  return (
    <Closed say={say} label={say.privateRegion} sharing={sharing}>
      <section class="panel private" aria-label={say.privateRegion}>
        <div class="head">
          <h2>
            <Icon name="lock" small />
            {say.private}
          </h2>
          {!line && (
            <button class="btn plain snug" type="button" onClick={() => {
                put(now);
                acts.onWhispersRead();
              }}>
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
        <Whispered say={say} whispers={whispers} acts={acts} />
        {flags[0]?.status === "received" && <p>{say.said}</p>}
        {flags.length > 0 && <FlagLines say={say} flags={flags} most={3} />}
      </section>
    </Closed>
  );
}

/** Looks at each new line, whatever is open. */
export function Watching({ here, room, watched }: { here: FlagsHere; room: RoomState; watched: (text: string) => boolean }) {
  useEffect(() => here.flagging.notice(room, watched), [here, room, watched]);
  return null;
}

/** Where the chat fills the screen: that it was sent, and of nobody's flag. */
export function Brief({ words, here, whispers }: { words: Words; here: FlagsHere; whispers: WhispersModel }) {
  const say = flagWordsFor(words.language);
  const { shown, crises } = here.flagging;
  const [newest] = shown.value;
  if (whispers.list.length > 0) {
    return (
      <p class="note">
        <Icon name="lock" />
        <span>{say.whisperWaits}</span>
      </p>
    );
  }
  if (!newest || !isUnread(newest)) return null;
  const text = newest.status === "received" ? say.said : say.line(say.yours, say.status[newest.status]);
  return (
    <p class="note">
      <Icon name="lock" />
      <span>{crises.value.length > 0 ? say.nobodyYet : text}</span>
    </p>
  );
}
