import { useEffect, useRef } from "preact/hooks";
import type { Announcement } from "../state/announce";
import { person } from "../state/room";
import { say, type Words } from "../words";
import { Chat } from "./chat";
import { HelpSheet, Sheet, Top } from "./frame";
import { Icon } from "./icon";
import { faceOf, Tiles } from "./tiles";
import { Bar } from "./bar";
import { Panels } from "./panels";
import type { RoomActs, RoomModel } from "./room_model";

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
