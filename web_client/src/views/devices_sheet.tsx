import { USUAL, type Choice, type ChoiceKind } from "../media/device_list";
import { leads } from "../state/room";
import { sourceWordsFor } from "../words/sources";
import { useFlags } from "./flags_here";
import { Sheet } from "./frame";
import { Icon } from "./icon";
import { Panel } from "./panel";
import type { RoomActs, RoomModel } from "./room_model";

const KINDS: readonly ChoiceKind[] = ["microphone", "camera", "speaker"];

/** Which microphone, camera and speaker; what is off stays off. */
export function DevicesSheet({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = sourceWordsFor(model.words.language);
  const { choices, present } = model.devices;
  const here = useFlags();
  const known = KINDS.filter((kind) => choices[kind].length > 0);
  return (
    <Sheet key="devices" title={words.devices} closeLabel={model.words.close} onClose={() => acts.onSheet(null)}>
      {known.length === 0 && <p>{words.noDevices}</p>}
      {known.map((kind) => (
        <fieldset class="choices" key={kind}>
          <legend>{words[kind]}</legend>
          {choices[kind].map(({ id, label }) => (
            <label key={id}>
              <input
                type="radio"
                name={`choice-${kind}`}
                checked={id === present[kind]}
                onChange={() => acts.onChoose(kind, id)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
      ))}
      {model.devices.flips && (
        <button class="btn l wide" type="button" onClick={acts.onFlip}>
          <Icon name="again" small />
          {words.flip}
        </button>
      )}
      {here && leads(model.room) && (
        <here.parts.HeadphonesHere words={model.words} on={model.whispers.headphones} onChange={acts.onHeadphones} />
      )}
      <p class="quiet">{words.stayOff}</p>
    </Sheet>
  );
}

/** What happened to a device on the way, beside its being gone. */
export function DeviceNotices({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = sourceWordsFor(model.words.language);
  const { notice } = model;
  if (notice?.about !== "moved" && notice?.about !== "speaker") return null;
  const moved = notice.about === "moved";
  return (
    <Panel
      care
      label={model.words.notice}
      icon={moved ? "mic" : "sound"}
      title={moved ? words.moved(notice.label) : words.speakerGone}
    >
      {moved && <p>{words.movedMore}</p>}
      <div class="row s wrap">
        {moved && (
          <button class="btn" type="button" aria-haspopup="dialog" onClick={() => acts.onSheet("devices")}>
            {words.choose}
          </button>
        )}
        <button class="btn" type="button" onClick={acts.onNoticeRead}>
          {model.words.ok}
        </button>
      </div>
    </Panel>
  );
}

/** After one was unplugged: the first that is still there. One that is there after all is tried again instead. */
export function remaining({ devices }: RoomModel, source: "microphone" | "camera"): Choice | undefined {
  const { [source]: choices } = devices.choices;
  if (choices.some(({ label }) => label === devices.gone[source])) return undefined;
  return choices.find(({ id }) => id !== USUAL);
}
