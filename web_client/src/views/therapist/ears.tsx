import { useEffect, useRef } from "preact/hooks";
import type { SupervisedView } from "../../protocol/generated";
import { person, sharer, type RoomState } from "../../state/room";
import { timeOfDay } from "../../words";
import { turnWordsFor } from "../../words/turns";
import { faceTurn } from "../face_turn";
import { Icon } from "../icon";
import { Picture } from "../picture";
import { pictureOf, useSeen } from "../seen";
import { faceOf, Tiles } from "../tiles";
import type { TherapistActs, TherapistModel } from "./model";
import { WhisperForm } from "./whisper";

interface Props {
  room: RoomState;
  model: TherapistModel;
  acts: TherapistActs;
}

const NOTHING = () => {};

/** The session that I listen to, as a participant sees it; nothing can be written or sent into it. */
export function Ears({ room, model, acts }: Props) {
  const { words, said, listening, sessions } = model;
  const view = sessions?.find((one) => one.session.id === room.session.id);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // What was pressed to come here is gone, and the focus with it.
    if (document.activeElement === document.body) title.current?.focus();
    title.current?.scrollIntoView({ block: "start" });
  }, [room.session.id]);
  useSeen(acts.onSeen);
  const speakers = room.pausedUntilMs > 0 ? [] : room.speakers;
  const names = speakers.flatMap((id) => person(room, id)?.name ?? []);
  const faces = room.participants.map((one) => ({
    ...faceOf(one, speakers.includes(one.id), listening.received.get(one.id)?.camera, null, false, undefined),
    turn: faceTurn(room, one, false),
  }));
  return (
    <article class="ears" aria-labelledby="ears-title">
      <div class="head">
        <h2 id="ears-title" tabIndex={-1} ref={title}>
          {room.session.title}
        </h2>
        <p class="row s wrap">
          <span class="tag flat">{said.people(room.participants.length)}</span>
          <span class="tag flat">{room.pausedUntilMs > 0 ? words.shortPause : turnWordsFor(words.language).mode[room.floor.mode]}</span>
          <span class={names.length > 0 ? "tag soft" : "tag flat"}>
            {names.length > 0 && <Icon name="mic" />}
            {names[0] ? said.speaks(names[0]) : said.nobodySpeaks}
          </span>
        </p>
      </div>
      <Sound model={model} acts={acts} />
      <div class="seen">
        <Screen room={room} model={model} />
        <Tiles
          words={words}
          faces={faces}
          staff={null}
          wide={model.wide}
          audioOnly={listening.audioOnly}
          resting={[]}
          onAudioOnly={acts.onAudioOnly}
          own={{ label: "", onPress: NOTHING }}
        />
      </div>
      <div class="read stack s">
        <Hands room={room} model={model} />
        <Written room={room} model={model} />
      </div>
      {view && <WhisperForm view={view} model={model} acts={acts} />}
    </article>
  );
}

function Sound({ model, acts }: Omit<Props, "room">) {
  const { words, said, listening } = model;
  return (
    <div class="stack s">
      {listening.soundBlocked && (
        <div class="note">
          <button class="btn main" type="button" onClick={acts.onHear}>
            <Icon name="sound" small />
            {said.tapToHear}
          </button>
          <p class="grow">{said.tapToHearMore}</p>
        </div>
      )}
      {listening.trouble && (
        <div class="note care" role="status">
          <Icon name="silent" />
          <p class="grow">{listening.trouble === "stuck" ? said.noMediaStuck : said.noMedia}</p>
          {listening.trouble === "stuck" && (
            <button class="btn" type="button" onClick={acts.onRetryMedia}>
              {words.tryAgain}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Screen({ room, model }: Omit<Props, "acts">) {
  const one = sharer(room);
  if (!one) return null;
  return (
    <figure class="shown" aria-label={model.said.screenOf(one.name)}>
      <div class="board" {...pictureOf("screen", one.id)}>
        <Picture track={model.listening.received.get(one.id)?.screen} />
      </div>
      <figcaption class="quiet">{model.said.screenOf(one.name)}</figcaption>
    </figure>
  );
}

function Hands({ room, model }: Omit<Props, "acts">) {
  const hands = room.floor.hands.flatMap((id) => person(room, id) ?? []);
  if (hands.length === 0) return null;
  return (
    <section class="stack xs" aria-labelledby="ears-hands">
      <h3 id="ears-hands">{model.said.hands}</h3>
      <ol class="hands">
        {hands.map((one, number) => (
          <li key={one.id}>
            <span class="num quiet">{number + 1}</span>
            {one.name}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What is written in the room: to be read, and nothing more. */
function Written({ room, model }: Omit<Props, "acts">) {
  const { words, said } = model;
  const list = useRef<HTMLOListElement>(null);
  const newest = room.chat.at(-1)?.id;
  useEffect(() => {
    if (list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [newest]);
  return (
    <section class="stack xs written" aria-labelledby="ears-chat">
      <h3 id="ears-chat">{said.chat}</h3>
      {room.chat.length === 0 ? (
        <p class="quiet">{said.noChat}</p>
      ) : (
        <ol class="lines" tabIndex={0} aria-labelledby="ears-chat" ref={list}>
          {room.chat.map((line) => (
            <li key={line.id}>
              <b>{line.author_name}</b> <span class="quiet num">{timeOfDay(words, line.at_ms)}</span>
              <br />
              {line.text}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** Why this page no longer hears a session, and the way back where there may be one. */
export function Ended({ model, acts }: Omit<Props, "room">) {
  const { words, said, sessions, listening } = model;
  const { over } = listening;
  if (!over) return null;
  const view: SupervisedView | undefined = sessions?.find((one) => one.session.id === over.sessionId);
  const again = view?.listening?.may_listen === "yes" && model.phase.name === "live";
  return (
    <section class="note over-note" aria-labelledby="over-title">
      <Icon name="silent" />
      <div class="stack s grow">
        <div role="alert" class="stack xs">
          <h2 id="over-title">{said.over(over.title)}</h2>
          <p>{said.overWhy(over.why)}</p>
        </div>
        <p class="row s wrap">
          {again && (
            <button class="btn" type="button" onClick={() => acts.onListen(over.sessionId)}>
              <Icon name="ear" small />
              {said.listenAgain}
            </button>
          )}
          <button class="btn plain" type="button" onClick={acts.onOverRead}>
            {words.ok}
          </button>
        </p>
      </div>
    </section>
  );
}
