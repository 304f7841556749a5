import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { ParticipantView, Picture as PictureOf, Reaction, Role, TurnForm, WaitingView } from "../protocol/generated";
import type { Words } from "../words";
import { pictureWordsFor } from "../words/pictures";
import { Door, type DoorActs } from "./door";
import { Icon } from "./icon";
import { Menu } from "./menu";
import { Foot, usePages, useSwipe } from "./paging";
import { Picture } from "./picture";
import { useScrolls } from "./scrolls";
import { pictureOf } from "./seen";
import { Tags } from "./tags";
import { turnWordsFor } from "../words/turns";

/** One person as their tile shows them. */
export interface Face {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly self: boolean;
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly connected: boolean;
  readonly closed: boolean;
  readonly speaking: boolean;
  /** A mentor's closing that the room has not confirmed yet. */
  readonly closing: boolean;
  readonly listening: boolean;
  readonly notAlone: boolean;
  readonly needsCover: boolean;
  readonly reaction: Reaction | undefined;
  readonly track: MediaStreamTrack | undefined;
  /** Its picture is to be seen here; else the letter stands for it. */
  readonly pictured: boolean;
  /** It does not come for now: my own connection takes no more. */
  readonly resting: boolean;
  /** How they stand to the speaking turns. */
  readonly turn: FaceTurn;
  /** As in a mirror: my own, but not what a camera at the back shows. */
  readonly mirrored: boolean;
}

export interface FaceTurn {
  /** They have the turn where one speaks at a time, and are framed. */
  readonly holds: boolean;
  /** Among the hands, from 1; 0: none. */
  readonly hand: number;
  readonly round: "done" | "later" | null;
  readonly form: TurnForm;
  /** Their microphone is off since it is not their turn, as everyone's is. */
  readonly rests: boolean;
  /** With whom they are here. */
  readonly companionOf: string | null;
}

export const NO_TURN: FaceTurn = { holds: false, hand: 0, round: null, form: "spoken", rests: false, companionOf: null };

/** What who leads sees and can do beside the faces. */
export interface StaffActs extends DoorActs {
  readonly lobby: readonly WaitingView[];
  /** People can be let in now. */
  readonly admits: boolean;
  onCloseMicrophone: (id: string) => void;
  onAllowMicrophone: (id: string) => void;
  onMove: (id: string) => void;
  onFlag: (id: string) => void;
  /** How long they spoke. */
  talkOf: (id: string) => ComponentChildren;
  turnItems: (id: string, choose: (act: () => void) => () => void) => ComponentChildren;
  shareItem: (id: string, choose: (act: () => void) => () => void) => ComponentChildren;
}

interface Props {
  words: Words;
  faces: readonly Face[];
  staff: StaffActs | null;
  /** On a small screen who waits stands above all, else on the last seat. */
  wide: boolean;
  /** No pictures come. */
  audioOnly: boolean;
  resting: readonly PictureOf[];
  onAudioOnly: (on: boolean) => void;
  /** Opens what is mine to choose. */
  own: { readonly label: string; readonly onPress: () => void };
}

/** Everyone here. Tiles keep their place; who speaks is framed, never moved. */
export function Tiles({ words, faces: everyone, staff, wide, own, audioOnly, resting, onAudioOnly }: Props) {
  // Who leads has a list that scrolls: there, what is out of sight is not sent either.
  const pages = usePages(everyone, !wide && !staff);
  const swipe = useSwipe(pages?.turn);
  const rests = new Set(resting.filter((one) => one.source === "camera").map((one) => one.participant_id));
  const page = pages?.shown ?? everyone;
  // Who signs is seen on every page.
  const signer = everyone.find((face) => face.turn.holds && face.turn.form === "signed" && !page.includes(face));
  const faces = [...(signer ? [signer] : []), ...page].map((face) => {
    if (face.self) return face;
    return { ...face, pictured: !audioOnly && !rests.has(face.id), resting: !audioOnly && rests.has(face.id) };
  });
  const tiles = useRef<HTMLDivElement>(null);
  const scrolls = useScrolls(tiles);
  const door =
    staff && staff.lobby.length > 0 ? (
      <Door key="door" words={words} lobby={staff.lobby} open={staff.admits} acts={staff} />
    ) : null;
  const seats = faces.length + (door && wide ? 1 : 0);
  return (
    <section aria-label={words.participants} class={door && !wide ? "fill with-door" : "fill"}>
      {!wide && door}
      <div
        ref={tiles}
        tabIndex={scrolls ? 0 : undefined}
        class={`tiles n${Math.min(seats, 17)}${staff ? " people" : ""}`}
        {...swipe}
      >
        {faces.map((face) =>
          staff ? (
            <Card key={face.id} words={words} face={face} staff={staff} own={own} />
          ) : (
            <div
              key={face.id}
              role="group"
              aria-label={face.name}
              class={`tile${stateClasses(face)}`}
              data-participant-id={face.id}
              {...inSight(face)}
            >
              <Inside words={words} face={face} />
              <span class="tag who">
                {(face.speaking || (face.turn.holds && face.microphone && face.connected)) && <Icon name="mic" />}
                <span class="nm">{label(words, face)}</span>
                <TurnSign words={words} face={face} />
                <Off words={words} face={face} />
              </span>
              {face.self && (
                <span class="own-menu">
                  <Own own={own} framed />
                </span>
              )}
            </div>
          ),
        )}
        {wide && door}
      </div>
      <Foot words={pictureWordsFor(words.language)} pages={pages} audioOnly={audioOnly} onAudioOnly={onAudioOnly} />
    </section>
  );
}

/** My own picture comes from this device. */
function inSight(face: Face) {
  return face.self || !face.camera ? {} : pictureOf("camera", face.id);
}

function Own({ own, framed = false }: { own: Props["own"]; framed?: boolean }) {
  return (
    <button
      class={framed ? "btn sq" : "btn sq plain"}
      type="button"
      aria-haspopup="dialog"
      aria-label={own.label}
      onClick={own.onPress}
    >
      <Icon name="more" />
    </button>
  );
}

function stateClasses(face: Face): string {
  return `${isFramed(face) ? " speaking" : ""}${face.connected ? "" : " away"}`;
}

function isFramed(face: Face): boolean {
  return face.speaking || (face.turn.holds && face.connected);
}

/** My place among the hands, or that my part of the round is over. */
function TurnSign({ words, face }: { words: Words; face: Face }) {
  const say = turnWordsFor(words.language);
  const { hand, round, holds } = face.turn;
  if (holds) return face.speaking ? null : <span class="vh">, {say.hasTurn}</span>;
  if (round) return <span>· {round === "done" ? say.done : say.later}</span>;
  if (hand === 0) return null;
  return (
    <span class="hand">
      <Icon name="hand" />
      {say.ordinal(hand)}
      <span class="vh"> {say.inQueue}</span>
    </span>
  );
}

function label(words: Words, face: Face): string {
  if (face.self) return words.you;
  if (face.role === "participant") return face.name;
  return `${face.name} · ${roleOf(words, face)}`;
}

function roleOf(words: Words, face: Face): string {
  return face.role === "mentor" ? words.roleMentor : words.roleTherapist;
}

function Inside({ words, face, staff = false }: { words: Words; face: Face; staff?: boolean }) {
  return (
    <>
      <span class="blank" aria-hidden="true">
        <i>{[...face.name][0]?.toUpperCase()}</i>
      </span>
      {face.camera && face.pictured && <Picture track={face.track} mirrored={face.mirrored} />}
      <Tags words={words} face={face} staff={staff} />
    </>
  );
}

/** What is off, in a sign and in words. */
function Off({ words, face }: { words: Words; face: Face }) {
  return (
    <>
      {!face.microphone && !face.turn.rests && (
        <>
          <Icon name="micOff" />
          <span class="vh">, {words.microphoneOff}</span>
        </>
      )}
      {!face.camera && (
        <>
          <Icon name="camOff" />
          <span class="vh">, {words.cameraOff}</span>
        </>
      )}
      {face.speaking && <span class="vh">, {words.speaking}</span>}
    </>
  );
}

function Card({ words, face, staff, own }: { words: Words; face: Face; staff: StaffActs; own: Props["own"] }) {
  return (
    <div
      role="group"
      aria-label={face.name}
      class={`person${isFramed(face) ? " talking" : ""}`}
      data-participant-id={face.id}
    >
      <div class={`tile${face.connected ? "" : " away"}`} {...inSight(face)}>
        <Inside words={words} face={face} staff />
      </div>
      <div class="foot">
        <span class="nm">
          {face.name}
          {face.self && <span class="quiet"> {words.youSuffix}</span>}
          {face.role !== "participant" && <span class="quiet"> · {roleOf(words, face)}</span>}
          {face.turn.holds && !face.speaking && <span class="vh">, {turnWordsFor(words.language).hasTurn}</span>}
          {staff.talkOf(face.id)}
        </span>
        <Off words={words} face={face} />
        {face.self && <Own own={own} />}
        {!face.self && (
          <Menu words={words} id={face.id} name={face.name} open={staff.menuFor === face.id} onMenu={staff.onMenu}>
            {(choose) => (
              <Items words={words} face={face} staff={staff} choose={choose} />
            )}
          </Menu>
        )}
      </div>
    </div>
  );
}

function Items({
  words,
  face,
  staff,
  choose,
}: {
  words: Words;
  face: Face;
  staff: StaffActs;
  choose: (act: () => void) => () => void;
}) {
  const { id, name } = face;
  const flag = (
    <button type="button" aria-haspopup="dialog" onClick={choose(() => staff.onFlag(id))}>
      <Icon name="flag" small />
      {words.flagPerson(name)}
    </button>
  );
  if (face.role !== "participant") return flag;
  return (
    <>
      {staff.turnItems(id, choose)}
      {face.closed ? (
        <>
          <button type="button" onClick={choose(() => staff.onAllowMicrophone(id))}>
            <Icon name="mic" small />
            {words.allowMicrophoneOf(name)}
          </button>
          <p class="quiet">{words.allowHint(name)}</p>
        </>
      ) : (
        <>
          <button type="button" onClick={choose(() => staff.onCloseMicrophone(id))}>
            <Icon name="micOff" small />
            {words.closeMicrophoneOf(name)}
          </button>
          <p class="quiet">{words.closeHint}</p>
        </>
      )}
      {staff.shareItem(id, choose)}
      {flag}
      <hr />
      <button type="button" onClick={choose(() => staff.onMove(id))}>
        <Icon name="door" small />
        {words.movePerson(name)}
      </button>
      <button
        class="danger"
        type="button"
        aria-haspopup="dialog"
        onClick={choose(() => staff.onRemove(id, name))}
      >
        <Icon name="leave" small />
        {words.removePerson(name)}
      </button>
    </>
  );
}

/** How a person of the room appears, seen from here. */
export function faceOf(
  person: ParticipantView,
  speaking: boolean,
  track: MediaStreamTrack | undefined,
  me: { microphone: boolean; camera: boolean } | null,
  closing: boolean,
  reaction: Reaction | undefined,
  rear = false,
): Face {
  return {
    id: person.id,
    name: person.name,
    role: person.role,
    self: me !== null,
    microphone: me ? me.microphone : (person.microphone ?? false),
    camera: me ? me.camera : (person.camera ?? false),
    connected: me !== null || (person.connected ?? true),
    closed: person.microphone_closed ?? false,
    speaking,
    closing,
    listening: person.listening ?? false,
    notAlone: person.not_alone ?? false,
    needsCover: person.needs_cover ?? false,
    reaction,
    track,
    pictured: true,
    resting: false,
    turn: NO_TURN,
    mirrored: me !== null && !rear,
  };
}
