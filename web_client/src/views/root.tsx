import { useEffect, useRef } from "preact/hooks";
import type { App } from "../app";
import type { SessionEntry, Me } from "../connection/api";
import type { LocalMedia } from "../media/devices";
import type { Sound } from "../media/sound";
import type { ErrorCode } from "../protocol/generated";
import type { Words } from "../words";
import { Arrive } from "./arrive";
import { Choose, Page } from "./pages";
import { RoomScreen } from "./room_screen";

export interface RootProps {
  app: App;
  local: LocalMedia;
  sound: Sound;
  words: Words;
}

/** Chooses the page; the pages themselves know nothing of connections. */
export function Root({ app, local, sound, words }: RootProps) {
  const stage = app.stage.value;
  const help = app.help.value;
  const acts = {
    onHelp: (open: boolean) => {
      app.help.value = open;
    },
    onQuickExit: () => app.quickExit(),
  };
  const place = "entry" in stage && (stage.name === "arrive" || stage.name === "room") ? stage.entry.title : null;
  useEffect(() => {
    document.title = place === null ? words.product : `${place} – ${words.product}`;
  }, [place, words]);
  const arrived = useRef(stage.name);
  useEffect(() => {
    // The button that led here is gone; keyboard and screen reader go on at the new page's start.
    if (arrived.current !== stage.name) document.getElementById("main")?.focus();
    arrived.current = stage.name;
  }, [stage.name]);
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
    case "arrive":
      return <ArriveScreen app={app} local={local} words={words} me={stage.me} entry={stage.entry} />;
    case "room":
      return <RoomScreen app={app} local={local} sound={sound} words={words} session={stage.session} />;
    case "left":
      return (
        <Page
          {...page}
          icon="leave"
          title={words.leftTitle}
          text={words.leftText}
          act={{ label: words.joinAgain, on: () => app.joinAgain() }}
        />
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
    case "ended":
      return <Page {...page} icon="check" title={words.endedTitle} text={words.endedText} />;
    case "stopped":
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

function ArriveScreen({
  app,
  local,
  words,
  me,
  entry,
}: Pick<RootProps, "app" | "local" | "words"> & { me: Me; entry: SessionEntry }) {
  return (
    <Arrive
      model={{
        words,
        name: me.name,
        title: entry.title,
        microphone: local.microphone.value,
        camera: local.camera.value,
        wanted: app.wanted.value,
        level: app.level.value,
        wasHeard: app.wasHeard.value,
        help: app.help.value,
        wasClosed: app.wasClosed.value,
      }}
      acts={{
        onMicrophone: () => app.toggle("microphone"),
        onCamera: () => app.toggle("camera"),
        onTryAgain: () => app.tryAgain(),
        onJoin: () => app.join(),
        onHelp: (open) => {
          app.help.value = open;
        },
        onLeave: () => app.leave(),
        onQuickExit: () => app.quickExit(),
      }}
    />
  );
}
