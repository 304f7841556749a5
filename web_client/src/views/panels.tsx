import { AllowSteps, problemText } from "./allow";
import { Icon } from "./icon";
import { LifePanels } from "./life";
import { DeviceNotices, remaining } from "./devices_sheet";
import { Panel } from "./panel";
import { SharingPanel } from "./sharing";
import { TurnPanel } from "./turn_panel";
import { QueueList } from "./turn_queue";
import { sourceWordsFor } from "../words/sources";
import { pictureWordsFor } from "../words/pictures";
import type { RoomActs, RoomModel } from "./room_model";

/** What needs to be noticed, above the bar on a phone and top right on a desktop. */
export function Panels({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const { words, notice, doubt, trouble } = model;
  const lost = notice?.about === "device" && notice.problem === "lost";
  const another = lost ? remaining(model, notice.source) : undefined;
  return (
    <>
      {model.reconnecting && (
        <Panel care label={words.connection} icon="again" title={model.awayLong ? words.awayLong : words.reconnecting}>
          <p>{model.awayLong ? words.awayLongMore : words.reconnectingMore}</p>
        </Panel>
      )}
      <SharingPanel model={model} acts={acts} />
      {!model.reconnecting && <LifePanels model={model} acts={acts} />}
      {!model.reconnecting && <TurnPanel model={model} acts={acts} />}
      {model.wide && <QueueList model={model} />}
      <DeviceNotices model={model} acts={acts} />
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
      {model.weak && !trouble && !model.reconnecting && !model.alone.on && <WeakPanel model={model} acts={acts} />}
      {model.soundBlocked && !model.reconnecting && !model.alone.on && (
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
          <div class="row s wrap">
            {another && (
              <button class="btn" type="button" onClick={() => acts.onUse(notice.source, another.id)}>
                {sourceWordsFor(words.language).use(another.label)}
              </button>
            )}
            {!another && (
              <button class="btn" type="button" onClick={notice.source === "camera" ? acts.onCamera : acts.onMicrophone}>
                {notice.problem !== "interrupted"
                  ? words.tryAgain
                  : notice.source === "camera"
                    ? words.bringBackCamera
                    : words.bringBackMicrophone}
              </button>
            )}
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

/** My own connection, never that of others. */
function WeakPanel({ model, acts }: { model: RoomModel; acts: RoomActs }) {
  const words = pictureWordsFor(model.words.language);
  return (
    <Panel label={model.words.connection} icon="again" title={words.weak}>
      <p>{words.weakMore}</p>
      {!model.audioOnly && (
        <button class="btn" type="button" onClick={() => acts.onAudioOnly(true)}>
          {words.withoutPictures}
        </button>
      )}
    </Panel>
  );
}
