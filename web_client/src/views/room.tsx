import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Received } from "../media/subscribe";
import type { Trouble } from "../media/tries";
import type { Notice, PendingChat } from "../session";
import type { Announcement } from "../state/announce";
import type { MyDevices } from "../state/devices";
import { person, type RoomState } from "../state/room";
import type { Doubt } from "../telling";
import { say, type Words } from "../words";
import { AllowSteps, problemText } from "./allow";
import { Chat } from "./chat";
import { HelpSheet, Sheet, Top } from "./frame";
import { Icon, type IconName } from "./icon";
import { faceOf, Tiles } from "./tiles";

export type OpenSheet = "help" | "leave" | "end" | null;

export interface RoomModel {
  words: Words;
  room: RoomState;
  reconnecting: boolean;
  /** For longer than the place was kept. */
  awayLong: boolean;
  /** The browser's question for a device is open. */
  asking: boolean;
  /** Whose microphones a mentor closed without an answer so far. */
  closing: ReadonlySet<string>;
  mine: MyDevices;
  /** What of it really goes out. */
  actual: Doubt;
  doubt: Doubt;
  trouble: Trouble | null;
  myPicture: MediaStreamTrack | undefined;
  received: Received;
  pending: readonly PendingChat[];
  notice: Notice | null;
  announcement: Announcement | null;
  soundBlocked: boolean;
  /** From 64rem on, chat stands beside the tiles; below, it takes their place. */
  wide: boolean;
  chatOpen: boolean;
  unread: number;
  draft: string;
  sheet: OpenSheet;
  menuFor: string | null;
}

export interface RoomActs {
  onMicrophone: () => void;
  onCamera: () => void;
  onChat: (open: boolean) => void;
  onSheet: (sheet: OpenSheet) => void;
  onLeave: () => void;
  onQuickExit: () => void;
  onEnd: () => void;
  onHear: () => void;
  onRetryMedia: () => void;
  onNoticeRead: () => void;
  onDraft: (draft: string) => void;
  onSend: (text: string) => void;
  onRetry: (id: string) => void;
  onHide: (id: string) => void;
  onShow: (id: string) => void;
  onMenu: (id: string | null) => void;
  onCloseMicrophone: (id: string) => void;
  onAllowMicrophone: (id: string) => void;
}

export function Room({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room, sheet, wide } = model;
  const me = person(room, room.you);
  const leads = me?.role === "mentor" || me?.role === "therapist";
  const chatOpen = wide || model.chatOpen;
  const inert = sheet !== null;
  const speakers = model.reconnecting ? [] : room.speakers;
  const faces = room.participants.map((one) => {
    const own = one.id === room.you;
    const track = own ? model.myPicture : model.received.get(one.id)?.camera;
    const closing = model.closing.has(one.id);
    return faceOf(one, speakers.includes(one.id), track, own ? model.actual : null, closing);
  });
  const opened = useRef(model.chatOpen);
  useEffect(() => {
    // What was opened or closed took the focus with it, or never had it; a screen that only turned did not.
    if (!wide && opened.current !== model.chatOpen) {
      document.getElementById(model.chatOpen ? "chat-field" : "chat-key")?.focus();
    }
    opened.current = model.chatOpen;
  }, [model.chatOpen, wide]);
  return (
    <>
      <Top words={words} title={room.session.title} subtitle={words.everyoneMaySpeak} onQuickExit={acts.onQuickExit} />
      <main
        id="main"
        tabIndex={-1}
        inert={inert}
        class={`room${chatOpen && !wide ? " chatting" : ""}${model.reconnecting ? " reconnecting" : ""}`}
      >
        {(wide || !model.chatOpen) && (
          <Tiles
            words={words}
            faces={faces}
            mentor={
              leads
                ? {
                    menuFor: model.menuFor,
                    onMenu: acts.onMenu,
                    onCloseMicrophone: acts.onCloseMicrophone,
                    onAllowMicrophone: acts.onAllowMicrophone,
                  }
                : null
            }
          />
        )}
        <div class="side">
          <Panels model={model} acts={acts} />
          {chatOpen && (
            <Chat
              words={words}
              you={room.you}
              messages={room.chat}
              earlier={room.earlier}
              pending={model.pending}
              draft={model.draft}
              mentor={leads}
              closable={!wide}
              onDraft={acts.onDraft}
              onSend={acts.onSend}
              onRetry={acts.onRetry}
              onHide={acts.onHide}
              onShow={acts.onShow}
              onClose={() => acts.onChat(false)}
            />
          )}
        </div>
      </main>
      <Bar
        model={model}
        acts={acts}
        inert={inert}
        // On a small screen ending the session is found under Leave, where it crowds nothing.
        onLeave={leads && !wide ? () => acts.onSheet("leave") : null}
      >
        {leads && wide && (
          <li class="last">
            <button class="btn danger" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet("end")}>
              {words.endSession}
            </button>
          </li>
        )}
      </Bar>
      <Said words={words} announcement={model.announcement} />
      {sheet === "help" && <HelpSheet words={words} onClose={() => acts.onSheet(null)} />}
      {sheet === "leave" && (
        <Sheet key="leave" title={words.leaveTitle} closeLabel={words.close} onClose={() => acts.onSheet(null)}>
          <div class="ways">
            <button class="way" type="button" aria-describedby="leave-more" onClick={acts.onLeave}>
              <Icon name="leave" />
              <span>
                <strong>{words.leave}</strong>
                <span class="quiet" id="leave-more" aria-hidden="true">
                  {words.leaveMore}
                </span>
              </span>
            </button>
            <button
              class="way call"
              type="button"
              aria-describedby="end-more"
              aria-haspopup="dialog"
              onClick={() => acts.onSheet("end")}
            >
              <Icon name="cross" />
              <span>
                <strong>{words.endSession}</strong>
                <span class="quiet" id="end-more" aria-hidden="true">
                  {words.endMore}
                </span>
              </span>
            </button>
          </div>
        </Sheet>
      )}
      {sheet === "end" && (
        <Sheet key="end" title={words.endTitle} closeLabel={words.close} onClose={() => acts.onSheet(null)}>
          <p>{words.endText}</p>
          <div class="pair">
            <button class="btn l" type="button" onClick={() => acts.onSheet(null)}>
              {words.keepGoing}
            </button>
            <button class="btn danger-full l" type="button" onClick={acts.onEnd}>
              {words.endSession}
            </button>
          </div>
        </Sheet>
      )}
    </>
  );
}

/** What needs to be noticed, above the bar on a phone and top right on a desktop. */
function Panels({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, notice, doubt, trouble } = model;
  return (
    <>
      {model.reconnecting && (
        <Panel care label={words.connection} icon="again" title={model.awayLong ? words.awayLong : words.reconnecting}>
          <p>{model.awayLong ? words.awayLongMore : words.reconnectingMore}</p>
        </Panel>
      )}
      {model.asking && (
        <Panel label={words.notice} icon="again" title={words.browserAsking}>
          <p class="quiet">{words.browserAskingMore}</p>
        </Panel>
      )}
      {trouble && !model.reconnecting && (
        <Panel care label={words.sound} icon="again" title={words.mediaTitle}>
          {trouble === "trying" ? (
            <p>{words.mediaTrying}</p>
          ) : (
            <>
              <p>{words.mediaStuck}</p>
              <button class="btn" type="button" onClick={acts.onRetryMedia}>
                {words.tryAgain}
              </button>
            </>
          )}
        </Panel>
      )}
      {(doubt.microphone || doubt.camera) && !trouble && !model.reconnecting && (
        <Panel
          care
          label={words.connection}
          icon={doubt.microphone ? "micOff" : "camOff"}
          title={!doubt.camera ? words.doubtMicrophone : doubt.microphone ? words.doubtBoth : words.doubtCamera}
        >
          <p>{words.doubtMore}</p>
        </Panel>
      )}
      {model.soundBlocked && !model.reconnecting && (
        <section class="turn" aria-label={words.sound}>
          <div class="grow stack s">
            <button class="btn main l wide" type="button" onClick={acts.onHear}>
              <Icon name="sound" />
              {words.hearGroup}
            </button>
            <p class="quiet">{words.hearGroupMore}</p>
          </div>
        </section>
      )}
      {model.mine.closed && (
        <Panel label={words.microphone} icon="micOff" title={words.closedNotice}>
          <p class="quiet">{words.closedMore}</p>
        </Panel>
      )}
      {notice?.about === "device" && (
        <Panel
          care
          label={words.notice}
          icon={notice.source === "camera" ? "camOff" : "micOff"}
          title={problemText(words, notice.source, notice.problem)}
        >
          {notice.problem === "denied" && <AllowSteps words={words} />}
          <div class="row s">
            <button class="btn" type="button" onClick={notice.source === "camera" ? acts.onCamera : acts.onMicrophone}>
              {words.tryAgain}
            </button>
            <button class="btn" type="button" onClick={acts.onNoticeRead}>
              {words.ok}
            </button>
          </div>
        </Panel>
      )}
      {notice?.about === "late" && (
        <Panel care label={words.notice} icon="micOff" title={words.lateTitle}>
          <p>{words.lateMore}</p>
          <button class="btn" type="button" onClick={acts.onNoticeRead}>
            {words.ok}
          </button>
        </Panel>
      )}
      {notice?.about === "unsure" && (
        <Panel care label={words.notice} icon="alert" title={words.unsureTitle}>
          <p>{words.unsure}</p>
          <button class="btn" type="button" onClick={acts.onNoticeRead}>
            {words.ok}
          </button>
        </Panel>
      )}
      {notice?.about === "request" && (
        <Panel care label={words.notice} icon="alert" title={words.errorTitle}>
          <p>{words.error(notice.code)}</p>
          <button class="btn" type="button" onClick={acts.onNoticeRead}>
            {words.ok}
          </button>
        </Panel>
      )}
    </>
  );
}

function Panel({
  label,
  icon,
  title,
  care = false,
  children,
}: {
  label: string;
  icon: IconName;
  title: string;
  care?: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class={care ? "turn care" : "turn"} aria-label={label}>
      <span class="ic">
        <Icon name={icon} />
      </span>
      <div class="grow">
        <h2>{title}</h2>
        {children}
      </div>
    </section>
  );
}

/** The fixed bar: its order never changes, Help is always second to last. */
function Bar({
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
  const { words, mine, actual, wide, chatOpen, unread } = model;
  return (
    <footer class="bar" inert={inert}>
      <ul aria-label={words.controls}>
        <li class="w6">
          {mine.closed ? (
            <button
              class="key"
              type="button"
              aria-disabled="true"
              aria-label={words.unmuteClosed}
              onClick={acts.onMicrophone}
            >
              <Icon name="micOff" />
              {words.microphone}
            </button>
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
          <Toggle
            on={mine.camera}
            goesOut={actual.camera}
            icons={["cam", "camOff"]}
            names={[words.cameraTurnOff, words.cameraTurnOn]}
            word={words.camera}
            onPress={acts.onCamera}
          />
        </li>
        <li class="w4">
          <button
            id="chat-key"
            class={chatOpen && !wide ? "key on" : "key"}
            type="button"
            aria-expanded={wide ? undefined : chatOpen}
            aria-describedby={unread > 0 ? "unread" : undefined}
            onClick={() => {
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
    </footer>
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

/** Spoken by screen readers. Each announcement is a new element, so that the same words are said again. */
function Said({ words, announcement }: { words: Words; announcement: Announcement | null }) {
  const last = useRef<{ announcement: Announcement | null; count: number }>({ announcement: null, count: 0 });
  if (last.current.announcement !== announcement) {
    last.current = { announcement, count: last.current.count + 1 };
  }
  return (
    <p class="vh" role="status">
      {announcement && <span key={last.current.count}>{say(words, announcement)}</span>}
    </p>
  );
}
