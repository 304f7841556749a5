import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { SessionEntry } from "../connection/api";
import type { Waiting } from "../connection/insist";
import type { LocalMedia } from "../media/devices";
import type { Sound } from "../media/sound";
import type { ErrorCode } from "../protocol/generated";
import type { Words } from "../words";
import { ArriveScreen } from "./arrive_screen";
import { HelpWays, YouSheet } from "./frame";
import { Choose, Page } from "./pages";
import { FlagsHere, useFlags, useFlagsAt } from "./flags_here";
import { usePart } from "./use_part";
import { AtHandToo, BesideHeard, Yourself } from "./yourself";

export interface RootProps {
  app: App;
  local: LocalMedia;
  sound: Sound;
  words: Words;
}

export function Root(props: RootProps) {
  const { app } = props;
  const mayTakeBack = app.mayTakeBack;
  const [open, setOpen] = useState(false);
  const onClose = useCallback(() => setOpen(false), []);
  const yourself = useMemo(() => {
    if (!mayTakeBack) return null;
    const onTakeBack = () => {
      setOpen(false);
      void app.takeBack();
    };
    return { onOpen: () => setOpen(true), onTakeBack };
  }, [app, mayTakeBack]);
  // What is one's own on one screen may not be so on the next.
  const at = app.stage.value.name;
  useEffect(onClose, [at, onClose]);
  const here = useFlagsAt(app.stage.value);
  return (
    <Yourself.Provider value={yourself}>
      <FlagsHere.Provider value={here}>
        <Stages {...props} />
        {here && <here.parts.FlagsSaid words={props.words} here={here} />}
      </FlagsHere.Provider>
      {open && yourself && <YouSheet words={props.words} onClose={onClose} />}
    </Yourself.Provider>
  );
}

const loadRoom = () => import("./room_screen");

/** Chooses the page; the pages themselves know nothing of connections. */
function Stages({ app, local, sound, words }: RootProps) {
  const stage = app.stage.value;
  const help = app.help.value;
  const here = useFlags();
  const asks = here && !here.staff && here.flagging.wasInside.value ? here : null;
  const acts = {
    onHelp: (open: boolean) => {
      app.help.value = open;
    },
    onQuickExit: () => app.quickExit(),
  };
  const place = "entry" in stage && (stage.name === "arrive" || stage.name === "room") ? stage.entry.title || null : null;
  const deskOpen = stage.name === "therapist" && app.desk.value !== null;
  useEffect(() => {
    // That page counts in its title what waits.
    if (!deskOpen) document.title = place === null ? words.product : `${place} – ${words.product}`;
  }, [place, words, deskOpen]);
  const { step, declined } = app.arrival;
  const screen = stage.name === "arrive" ? `${step.value} ${declined.value}` : stage.name;
  const arrived = useRef(screen);
  useEffect(() => {
    // The button that led here is gone; keyboard and screen reader go on at the new page's start.
    if (arrived.current !== screen) {
      document.getElementById("main")?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    arrived.current = screen;
  }, [screen]);
  const RoomScreen = usePart(stage.name === "arrive" || stage.name === "room", loadRoom)?.RoomScreen;
  const page = { words, help, acts };
  switch (stage.name) {
    case "loading":
      return <Page {...page} icon="mark" title={stage.trouble ? words[stage.trouble] : words.loading} />;
    case "link":
      return <Page {...page} icon="lock" {...linkPage(words, stage.code)} />;
    case "nothing":
      return <Page {...page} icon="door" title={words.nothingTitle} text={words.nothingText} />;
    case "choose":
      return (
        <Choose
          {...page}
          name={stage.me.name}
          sessions={stage.sessions}
          onChoose={(entry) => app.choose(stage.me, entry)}
        />
      );
    case "therapist": {
      const desk = app.desk.value;
      if (desk) {
        const inside = { ...acts, onStepIn: (entry: SessionEntry) => app.stepIn(entry), onOwn: (entry: SessionEntry) => app.choose(stage.me, entry) };
        return <desk.Page me={stage.me} words={words} help={help} acts={inside} />;
      }
      const again = { label: words.tryAgain, on: () => location.reload() };
      return <Page {...page} icon="mark" title={words[stage.missing ? "unreachable" : "loading"]} act={stage.missing ? again : undefined} />;
    }
    case "arrive": {
      const Unseen = stage.entry.steppingIn ? app.desk.value?.Unseen : undefined;
      return (
        <>
          {Unseen && <Unseen words={words} />}
          <ArriveScreen app={app} local={local} words={words} />
        </>
      );
    }
    case "room":
      if (RoomScreen) {
        const { Waiting, WhisperKey } = app.desk.value ?? {};
        const inRoom = { words, sessionId: stage.entry.id };
        return (
          <AtHandToo.Provider value={Waiting && <Waiting {...inRoom} />}>
            <BesideHeard.Provider value={WhisperKey && <WhisperKey {...inRoom} />}>
              <RoomScreen app={app} local={local} sound={sound} words={words} session={stage.session} />
            </BesideHeard.Provider>
          </AtHandToo.Provider>
        );
      }
      return <Page {...page} icon="mark" title={words.joining} onLeave={() => app.leave()} />;
    case "left":
      return (
        <Page
          {...page}
          icon="leave"
          title={words.leftTitle}
          text={words.leftText}
          act={{ label: words.joinAgain, on: () => app.joinAgain() }}
        >
          {asks && <asks.parts.LeftEarly words={words} here={asks} />}
        </Page>
      );
    case "replaced":
      return (
        <Page
          {...page}
          icon="screens"
          title={words.replacedTitle}
          text={words.replacedText}
          act={{ label: words.useThisScreen, on: () => app.useThisScreen() }}
        />
      );
    case "removed":
      return (
        <Page {...page} icon="mark" title={words.yourself.removedTitle} text={words.yourself.removedText}>
          <HelpWays words={words} />
        </Page>
      );
    case "revoking":
      return (
        <Page {...page} icon="lock" {...revokingPage(words, stage.trouble, stage.failed)}>
          {stage.failed && (
            <button class="btn l" type="button" onClick={() => void app.takeBack()}>
              {words.tryAgain}
            </button>
          )}
        </Page>
      );
    case "revoked":
      return (
        <Page
          {...page}
          icon="check"
          title={words.yourself.takenTitle}
          text={words.yourself.takenText}
          act={stage.entry ? { label: words.door.readAgain, on: () => app.joinAgain() } : undefined}
        >
          <HelpWays words={words} />
        </Page>
      );
    case "ended":
      return <Page {...page} icon="check" title={words.endedTitle} text={words.endedText} />;
    case "stopped":
      if (stage.code === "not_found")
        return <Page {...page} icon="lock" title={words.nowhereTitle} text={words.linkEndedText} />;
      return (
        <Page
          {...page}
          icon="alert"
          title={words.stoppedTitle}
          text={words.error(stage.code)}
          act={{ label: words.tryAgain, on: () => app.joinAgain() }}
        />
      );
  }
}

function revokingPage(words: Words, trouble: Waiting | null, failed: ErrorCode | null): { title: string; text: string } {
  const { takingTitle, takingText, takingBusy, takingUnreachable, notTakenTitle } = words.yourself;
  if (failed) return { title: notTakenTitle, text: words.error(failed) };
  const text = trouble === null ? takingText : trouble === "busy" ? takingBusy : takingUnreachable;
  return { title: takingTitle, text };
}

function linkPage(words: Words, code: ErrorCode): { title: string; text: string } {
  switch (code) {
    case "link_invalid":
      return { title: words.linkEndedTitle, text: words.linkEndedText };
    case "signed_out":
      return { title: words.linkTitle, text: words.linkText };
    case "other_person":
      return { title: words.linkTitle, text: words.otherPersonText };
    default:
      return { title: words.stoppedTitle, text: words.error(code) };
  }
}
