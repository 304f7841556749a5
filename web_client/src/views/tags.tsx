import type { ComponentChildren } from "preact";
import type { Reaction } from "../protocol/generated";
import type { Words } from "../words";
import { pictureWordsFor } from "../words/pictures";
import { turnWordsFor } from "../words/turns";
import { Icon, type IconName } from "./icon";
import type { Face } from "./tiles";

/** What is to be known about a person beside sound and picture; some of it is for who leads alone. */
export function Tags({ words, face, staff }: { words: Words; face: Face; staff: boolean }) {
  return (
    <span class="tags">
      {staff && <ForStaff words={words} face={face} />}
      {staff && <TurnTag words={words} face={face} />}
      {face.resting && face.camera && <Tag icon="wifi">{pictureWordsFor(words.language).rests}</Tag>}
      {face.turn.companionOf && <Tag icon="two">{turnWordsFor(words.language).companion(face.turn.companionOf)}</Tag>}
      {face.turn.holds && face.turn.form !== "spoken" && (
        <Tag soft icon={face.turn.form === "typed" ? "pencil" : "pin"}>
          {turnWordsFor(words.language).form[face.turn.form === "typed" ? "tagTyped" : "tagSigned"]}
        </Tag>
      )}
      {face.listening && <Tag icon="ear">{words.tagListening}</Tag>}
      {!face.connected && (
        <Tag care icon="again" end>
          {words.away}
        </Tag>
      )}
      {face.reaction && (
        <Tag soft icon={REACTION_ICONS[face.reaction]} end>
          {words.reaction[face.reaction]}
        </Tag>
      )}
    </span>
  );
}

function ForStaff({ words, face }: { words: Words; face: Face }) {
  return (
    <>
      {(face.closed || face.closing) && (
        <Tag care={!face.closed} icon={face.closed ? "micOff" : "again"}>
          {face.closed ? words.closedByMentor : words.closingWaits}
        </Tag>
      )}
      {face.needsCover && (
        <Tag care icon="people">
          {words.tagCover}
        </Tag>
      )}
      {face.notAlone && (
        <Tag care icon="people">
          {words.tagNotAlone}
          <span class="vh">, {words.tagNotAloneMore}</span>
        </Tag>
      )}
    </>
  );
}

/** The place among the hands, or how they stand to the round: on a card the name's line has no room for it. */
function TurnTag({ words, face }: { words: Words; face: Face }) {
  const say = turnWordsFor(words.language);
  const { hand, round } = face.turn;
  return (
    <>
      {round && <Tag icon={round === "done" ? "check" : "again"}>{say.tag[round]}</Tag>}
      {hand > 0 && (
        <Tag icon="hand">
          {say.ordinal(hand)}
          <span class="vh"> {say.inQueue}</span>
        </Tag>
      )}
    </>
  );
}

export const REACTION_ICONS = { i_hear_you: "ear", thank_you: "heart", same_here: "two" } as const satisfies Record<
  Reaction,
  IconName
>;

function Tag({
  icon,
  care = false,
  soft = false,
  end = false,
  children,
}: {
  icon: IconName;
  care?: boolean;
  soft?: boolean;
  end?: boolean;
  children: ComponentChildren;
}) {
  return (
    <span class={`tag${care ? " care" : ""}${soft ? " soft" : ""}${end ? " end" : ""}`}>
      <Icon name={icon} />
      <span>{children}</span>
    </span>
  );
}
