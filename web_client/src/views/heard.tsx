import { useContext } from "preact/hooks";
import { person } from "../state/room";
import { presenceWordsFor } from "../words/presence";
import { Icon } from "./icon";
import type { RoomModel } from "./room_model";
import { BesideHeard } from "./yourself";

/** A therapist in a room: that they are heard and seen there, whatever of it is on. */
export function Heard({ model }: { model: RoomModel }) {
  const { words, room, actual } = model;
  const beside = useContext(BesideHeard);
  if (!isTherapist(model)) return null;
  const say = presenceWordsFor(words.language);
  return (
    <section class="you heard" aria-label={say.presence}>
      <Icon name="eye" />
      <p>
        <strong>{say.heard}</strong> <span class="sub">{say.heardMore(actual.microphone, actual.camera)}</span>
      </p>
      <span class="vh">{room.session.title}</span>
      {beside}
    </section>
  );
}

export function isTherapist({ room }: RoomModel): boolean {
  return person(room, room.you)?.role === "therapist";
}
