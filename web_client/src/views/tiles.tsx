import { useLayoutEffect, useRef } from "preact/hooks";
import type { ParticipantView, Role } from "../protocol/generated";
import type { Words } from "../words";
import { Icon } from "./icon";
import { Picture } from "./picture";
import { useScrolls } from "./scrolls";

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
  readonly track: MediaStreamTrack | undefined;
}

export interface MentorActs {
  readonly menuFor: string | null;
  onMenu: (id: string | null) => void;
  onCloseMicrophone: (id: string) => void;
  onAllowMicrophone: (id: string) => void;
}

interface Props {
  words: Words;
  faces: readonly Face[];
  mentor: MentorActs | null;
}

/** Everyone here. Tiles keep their place; who speaks is framed, never moved. */
export function Tiles({ words, faces, mentor }: Props) {
  const tiles = useRef<HTMLDivElement>(null);
  const scrolls = useScrolls(tiles);
  return (
    <section aria-label={words.participants} class="fill">
      <div
        ref={tiles}
        tabIndex={scrolls ? 0 : undefined}
        class={`tiles n${Math.min(faces.length, 17)}${mentor ? " people" : ""}`}
      >
        {faces.map((face) =>
          mentor ? (
            <Card key={face.id} words={words} face={face} mentor={mentor} />
          ) : (
            <div
              key={face.id}
              role="group"
              aria-label={face.name}
              class={`tile${stateClasses(face)}`}
              data-participant-id={face.id}
            >
              <Inside words={words} face={face} />
              <span class="tag who">
                {face.speaking && <Icon name="mic" />}
                <span class="nm">{label(words, face)}</span>
                <Off words={words} face={face} />
              </span>
            </div>
          ),
        )}
      </div>
    </section>
  );
}

function stateClasses(face: Face): string {
  return `${face.speaking ? " speaking" : ""}${face.connected ? "" : " away"}`;
}

function label(words: Words, face: Face): string {
  if (face.self) return words.you;
  if (face.role === "participant") return face.name;
  return `${face.name} · ${roleOf(words, face)}`;
}

function roleOf(words: Words, face: Face): string {
  return face.role === "mentor" ? words.roleMentor : words.roleTherapist;
}

function Inside({ words, face }: { words: Words; face: Face }) {
  return (
    <>
      <span class="blank" aria-hidden="true">
        <i>{[...face.name][0]?.toUpperCase()}</i>
      </span>
      {face.camera && <Picture track={face.track} mirrored={face.self} />}
      {!face.connected && (
        <span class="tag care re">
          <Icon name="again" />
          {words.away}
        </span>
      )}
    </>
  );
}

/** What is off, in a sign and in words. */
function Off({ words, face }: { words: Words; face: Face }) {
  return (
    <>
      {!face.microphone && (
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

function Card({ words, face, mentor }: { words: Words; face: Face; mentor: MentorActs }) {
  const open = mentor.menuFor === face.id;
  return (
    <div
      role="group"
      aria-label={face.name}
      class={`person${face.speaking ? " talking" : ""}`}
      data-participant-id={face.id}
    >
      <div class={`tile${face.connected ? "" : " away"}`}>
        <Inside words={words} face={face} />
        {(face.closed || face.closing) && (
          <span class={face.closed ? "tag up" : "tag care up"}>
            <Icon name={face.closed ? "micOff" : "again"} />
            {face.closed ? words.closedByMentor : words.closingWaits}
          </span>
        )}
      </div>
      <div class="foot">
        <span class="nm">
          {face.name}
          {face.self && <span class="quiet"> {words.youSuffix}</span>}
          {face.role !== "participant" && <span class="quiet"> · {roleOf(words, face)}</span>}
        </span>
        <Off words={words} face={face} />
        {face.role === "participant" && !face.self && <Menu words={words} face={face} mentor={mentor} open={open} />}
      </div>
    </div>
  );
}

function Menu({ words, face, mentor, open }: { words: Words; face: Face; mentor: MentorActs; open: boolean }) {
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const { onMenu } = mentor;
  useLayoutEffect(() => {
    if (!open) return undefined;
    const place = () => {
      if (menu.current && opener.current) beside(menu.current, opener.current);
    };
    place();
    menu.current?.querySelector("button")?.focus({ preventScroll: true });
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      onMenu(null);
      opener.current?.focus();
    };
    const onPress = (event: Event) => {
      const target = event.target as Node;
      if (!menu.current?.contains(target) && !opener.current?.contains(target)) onMenu(null);
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("pointerdown", onPress);
    document.addEventListener("focusin", onPress);
    // Also of the tiles, which scroll within the page.
    document.addEventListener("scroll", place, true);
    addEventListener("resize", place);
    return () => {
      document.removeEventListener("focusin", onPress);
      document.removeEventListener("scroll", place, true);
      removeEventListener("resize", place);
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("pointerdown", onPress);
    };
  }, [open, onMenu]);
  const choose = (act: (id: string) => void) => {
    act(face.id);
    onMenu(null);
    opener.current?.focus();
  };
  return (
    <>
      <button
        class="btn sq plain"
        type="button"
        aria-expanded={open}
        aria-label={words.menuFor(face.name)}
        ref={opener}
        onClick={() => onMenu(open ? null : face.id)}
      >
        <Icon name="more" />
      </button>
      {open && (
        <div class="menu" ref={menu}>
          {face.closed ? (
            <>
              <button type="button" onClick={() => choose(mentor.onAllowMicrophone)}>
                <Icon name="mic" small />
                {words.allowMicrophoneOf(face.name)}
              </button>
              <p class="quiet">{words.allowHint(face.name)}</p>
            </>
          ) : (
            <>
              <button type="button" onClick={() => choose(mentor.onCloseMicrophone)}>
                <Icon name="micOff" small />
                {words.closeMicrophoneOf(face.name)}
              </button>
              <p class="quiet">{words.closeHint}</p>
            </>
          )}
        </div>
      )}
    </>
  );
}

const GAP_PX = 8;

/** Above its button where there is room, else below; never beyond the screen, nor under the line of Quick exit. */
function beside(menu: HTMLElement, opener: HTMLElement): void {
  const { top, bottom, right } = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const { clientWidth, clientHeight } = document.documentElement;
  const highest = (document.querySelector("header")?.getBoundingClientRect().bottom ?? 0) + GAP_PX;
  const above = top - GAP_PX - height;
  const y = above >= highest ? above : bottom + GAP_PX;
  menu.style.left = `${Math.max(GAP_PX, Math.min(right - width, clientWidth - width - GAP_PX))}px`;
  menu.style.top = `${Math.max(highest, Math.min(y, clientHeight - height - GAP_PX))}px`;
}

/** How a person of the room appears, seen from here. */
export function faceOf(
  person: ParticipantView,
  speaking: boolean,
  track: MediaStreamTrack | undefined,
  me: { microphone: boolean; camera: boolean } | null,
  closing: boolean,
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
    track,
  };
}
