import { useEffect, useRef, useState } from "preact/hooks";
import { leads, rests } from "../state/room";
import { Chat } from "./chat";
import { useFlags } from "./flags_here";
import { HelpSheet, Sheet, Top } from "./frame";
import { faceTurn } from "./face_turn";
import { Heard, isTherapist } from "./heard";
import { Icon } from "./icon";
import { faceOf, Tiles } from "./tiles";
import { Bar } from "./bar";
import { Over } from "./over";
import { Panels } from "./panels";
import type { RoomActs, RoomModel } from "./room_model";
import { AtHand, FlagSheets, Hidden, RemoveSheet } from "./room_parts";
import { Said } from "./said";
import { useSeen } from "./seen";
import { DevicesSheet } from "./devices_sheet";
import { ShareItem, ShareKey, sharesNow, Stage, staged } from "./sharing";
import type { Settings } from "./turn_modes";
import { useLow } from "./low";
import { useLeading } from "./use_leading";
import { useRoomy } from "./wide";
import { turnWordsFor } from "../words/turns";
import { sourceWordsFor } from "../words/sources";

export function Room({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, room, sheet, wide, alone } = model;
  const staff = leads(room);
  const chatOpen = !alone.on && (wide || model.chatOpen);
  const inert = sheet !== null;
  // On a phone, chat takes the place of the queue too.
  const live = room.session.status === "live";
  const leading = staff && !alone.on && live && (wide || !model.chatOpen);
  const part = useLeading(staff);
  const roomy = useRoomy();
  const low = useLow();
  const plan = useState<Settings | null>(null);
  const here = useFlags();
  const sharing = model.share.state !== "off";
  const crisis = here && <here.parts.PrivateCrisis words={words} here={here} sharing={sharing} />;
  // Beside the queue, and never near the chat.
  const status = here && staff && !alone.on && (
    <here.parts.PrivatePlace
      words={words}
      here={here}
      sharing={sharing}
      whispers={model.whispers}
      acts={acts}
      onFlag={(about) => acts.onSheet({ flag: about, category: "self_harm" })}
    />
  );
  const most = Math.max(0, ...room.talk.values());
  // Nobody is framed whom I cannot hear, and nobody while the group rests.
  const speakers = model.reconnecting || room.pausedUntilMs > 0 ? [] : room.speakers;
  const faces = room.participants.map((one) => {
    const own = one.id === room.you;
    const track = own ? model.myPicture : model.received.get(one.id)?.camera;
    const { closing, reactions } = model;
    const me = own ? model.actual : null;
    const face = faceOf(one, speakers.includes(one.id), track, me, closing.has(one.id), reactions.get(one.id), model.rear);
    return { ...face, turn: faceTurn(room, one, model.reconnecting) };
  });
  const stage = staged(room) !== undefined;
  const [speaker] = speakers;
  useEffect(() => {
    // Beside a shared screen not everyone fits: whoever speaks is in sight, at the old place.
    if (!stage || !speaker) return;
    const tile = document.querySelector(`[data-participant-id="${CSS.escape(speaker)}"]`);
    tile?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [stage, speaker]);
  const mine = room.floor.turn?.holder === room.you;
  useEffect(() => {
    if (mine) document.querySelector(`[data-participant-id="${CSS.escape(room.you)}"]`)?.scrollIntoView({ block: "nearest" });
  }, [mine, room.you]);
  useSeen(acts.onSeen);
  const opened = useRef(model.chatOpen);
  useEffect(() => {
    // What was opened or closed took the focus with it, or never had it; a screen that only turned did not.
    if (!wide && opened.current !== model.chatOpen) {
      document.getElementById(model.chatOpen ? "chat-field" : "chat-key")?.focus();
    }
    opened.current = model.chatOpen;
  }, [model.chatOpen, wide]);
  const top = (
      <Top words={words} title={room.session.title} subtitle={now(model)} loose={low && staff} onQuickExit={acts.onQuickExit}>
        {(staff || sharesNow(model)) && (
          <>
            {leading && part && roomy && <part.Modes model={model} acts={acts} plan={plan} />}
            {sharesNow(model) && <ShareKey model={model} acts={acts} />}
            {staff && <AtHand model={model} acts={acts} />}
          </>
        )}
      </Top>
  );
  return (
    <>
      {isTherapist(model) ? (
        <Over>
          {top}
          <Heard model={model} />
        </Over>
      ) : (
        top
      )}
      <main
        id="main"
        tabIndex={-1}
        inert={inert}
        class={`room${leading ? " leading" : ""}${chatOpen && !wide ? " chatting" : ""}${model.reconnecting ? " reconnecting" : ""}`}
      >
        {leading && part && (
          <div class="left">
            {crisis}
            <part.LeadTurns model={model} acts={acts} plan={plan} modes={!roomy} />
            {status}
          </div>
        )}
        {alone.on ? (
          <Hidden words={words} told={alone.told} onShow={acts.onShowGroup} />
        ) : (
          (wide || !model.chatOpen) && (
            <div class={stage ? "fill with-stage" : "fill"}>
            {stage && <Stage model={model} acts={acts} />}
            <Tiles
              own={{ label: sourceWordsFor(words.language).devices, onPress: () => acts.onSheet("devices") }}
              words={words}
              faces={faces}
              audioOnly={model.audioOnly}
              resting={model.resting}
              onAudioOnly={acts.onAudioOnly}
              wide={wide}
              staff={
                staff
                  ? {
                      menuFor: model.menuFor,
                      lobby: room.lobby,
                      admits: room.session.status === "live" && room.pausedUntilMs === 0,
                      onMenu: acts.onMenu,
                      onCloseMicrophone: acts.onCloseMicrophone,
                      onAllowMicrophone: acts.onAllowMicrophone,
                      onAdmit: acts.onAdmit,
                      onMove: acts.onMove,
                      onRemove: (remove, name) => acts.onSheet({ remove, name }),
                      talkOf: (id) =>
                        part && live && <part.Talk language={words.language} ms={room.talk.get(id) ?? 0} most={most} />,
                      turnItems: (id, choose) =>
                        part && <part.TurnItems model={model} acts={acts} id={id} choose={choose} />,
                      onFlag: (id) => acts.onSheet({ flag: id }),
                      shareItem: (id, choose) => <ShareItem model={model} acts={acts} id={id} choose={choose} />,
                    }
                  : null
              }
            />
            </div>
          )
        )}
        <div class="side">
          {here && staff && part && <here.parts.Watching here={here} room={room} watched={part.watched} />}
          {chatOpen && staff
            ? here && !wide && <here.parts.Brief words={words} here={here} whispers={model.whispers} />
            : !(leading && part) && (
                <>
                  {crisis}
                  {status}
                </>
              )}
          <Panels model={model} acts={acts} />
          {chatOpen && (
            <Chat
              words={words}
              you={room.you}
              messages={room.chat}
              earlier={room.earlier}
              pending={model.pending}
              draft={model.draft}
              mentor={staff}
              paused={rests(room)}
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
        onLeave={staff && !wide ? () => acts.onSheet("leave") : null}
      >
        {staff && wide && (
          <li class="last">
            <button class="btn danger" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet("end")}>
              {words.endSession}
            </button>
          </li>
        )}
      </Bar>
      <Said words={words} announcement={model.announcement} />
      {sheet === "help" && (
        <HelpSheet words={words} onClose={() => acts.onSheet(null)} />
      )}
      {sheet === "devices" && <DevicesSheet model={model} acts={acts} />}
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
      <FlagSheets words={words} here={here} sheet={sheet} onClose={() => acts.onSheet(null)} />
      {sheet !== null && typeof sheet === "object" && "remove" in sheet && (
        <RemoveSheet
          words={words}
          name={sheet.name}
          onKeep={() => acts.onSheet(null)}
          onRemove={() => acts.onRemove(sheet.remove)}
        />
      )}
    </>
  );
}

/** What holds right now, in a word. */
function now({ words, room }: RoomModel): string {
  if (room.pausedUntilMs > 0) return words.shortPause;
  if (room.session.status === "lobby") return room.session.begun ? words.waitsToGoOn : words.notBegun;
  return turnWordsFor(words.language).mode[room.floor.mode];
}
