import type { ComponentChildren } from "preact";
import { person, rests, unheard } from "../state/room";
import { turnWordsFor } from "../words/turns";
import { HandKey } from "./turn_panel";
import { Icon, type IconName } from "./icon";
import { Reacting } from "./reacting";
import type { RoomActs, RoomModel } from "./room_model";

/** The fixed bar: its order never changes, Help is always second to last. */
export function Bar({
  model,
  acts,
  inert,
  onLeave,
  children,
}: {
  model: RoomModel;
  acts: RoomActs;
  inert: boolean;
  /** Asks first. */
  onLeave: (() => void) | null;
  children: ComponentChildren;
}) {
  const { words, mine, actual, wide, chatOpen, unread, alone } = model;
  const why = unheard(model.room);
  const shut = mine.closed
    ? words.unmuteClosed
    : alone.on
      ? words.unmuteHidden
      : rests(model.room)
        ? words.unmutePaused
        : why
          ? turnWordsFor(words.language).unmute[why]
          : null;
  const companion = person(model.room, model.room.you)?.companion_of;
  return (
    <footer class="bar" inert={inert}>
      <ul aria-label={words.controls}>
        <li class="w6">
          {shut ? (
            <Shut icon="micOff" name={shut} word={words.microphone} onPress={acts.onMicrophone} />
          ) : (
            <Toggle
              on={mine.microphone}
              goesOut={actual.microphone}
              icons={["mic", "micOff"]}
              names={[words.mute, words.unmute]}
              word={words.microphone}
              onPress={acts.onMicrophone}
            />
          )}
        </li>
        <li class="w6">
          {alone.on ? (
            <Shut icon="camOff" name={words.cameraHidden} word={words.camera} onPress={acts.onCamera} />
          ) : (
            <Toggle
              on={mine.camera}
              goesOut={actual.camera}
              icons={["cam", "camOff"]}
              names={[words.cameraTurnOff, words.cameraTurnOn]}
              word={words.camera}
              onPress={acts.onCamera}
            />
          )}
        </li>
        {!companion && <HandKey model={model} acts={acts} />}
        <li class="w4">
          <button
            class={alone.on ? "key on" : "key"}
            type="button"
            aria-disabled={alone.on ? "true" : undefined}
            aria-describedby={alone.on ? "while-hidden" : "not-alone-more"}
            onClick={() => alone.on || acts.onHideGroup()}
          >
            <Icon name="people" />
            {words.notAlone}
          </button>
          <span class="vh" id="not-alone-more">
            {words.notAloneMore}
          </span>
        </li>
        <Reacting model={model} acts={acts} />
        <li class="w4">
          <button
            id="chat-key"
            class={chatOpen && !wide ? "key on" : "key"}
            type="button"
            aria-disabled={alone.on ? "true" : undefined}
            aria-expanded={wide || alone.on ? undefined : chatOpen}
            aria-describedby={unread > 0 ? "unread" : alone.on ? "while-hidden" : undefined}
            onClick={() => {
              if (alone.on) return;
              if (wide) document.getElementById("chat-field")?.focus();
              else acts.onChat(!chatOpen);
            }}
          >
            <Icon name="chat" />
            {words.chat}
          </button>
          {unread > 0 && (
            <span class="key-dot" id="unread">
              <b>{unread > 99 ? "99" : unread}</b>
              <span class="vh"> {words.unread(unread)}</span>
            </span>
          )}
        </li>
        <li class="w4">
          <button class="key" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet("help")}>
            <Icon name="help" />
            {words.help}
          </button>
        </li>
        <li class="w4 gap">
          <button
            class="key"
            type="button"
            aria-haspopup={onLeave ? "dialog" : undefined}
            onClick={onLeave ?? acts.onLeave}
          >
            <Icon name="leave" />
            {words.leave}
          </button>
        </li>
        {children}
      </ul>
      {alone.on && (
        <span class="vh" id="while-hidden">
          {words.whileHidden}
        </span>
      )}
    </footer>
  );
}

/** Stays in reach of the focus, and answers why. */
function Shut({ icon, name, word, onPress }: { icon: IconName; name: string; word: string; onPress: () => void }) {
  return (
    <button class="key" type="button" aria-disabled="true" aria-label={name} onClick={onPress}>
      <Icon name={icon} />
      {word}
    </button>
  );
}

/** Its name says what a press does; its look, whether others really have sound or picture. */
function Toggle({
  on,
  goesOut,
  icons,
  names,
  word,
  onPress,
}: {
  on: boolean;
  goesOut: boolean;
  icons: [on: IconName, off: IconName];
  names: [on: string, off: string];
  word: string;
  onPress: () => void;
}) {
  return (
    <button class={goesOut ? "key on" : "key off"} type="button" aria-label={on ? names[0] : names[1]} onClick={onPress}>
      <Icon name={goesOut ? icons[0] : icons[1]} />
      {word}
    </button>
  );
}
