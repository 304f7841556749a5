import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import type { SessionEntry, Me } from "../connection/api";
import type { LocalMedia } from "../media/devices";
import type { Sound } from "../media/sound";
import type { ErrorCode } from "../protocol/generated";
import { worst, type RoomSession } from "../session";
import { unreadAfter } from "../state/unread";
import type { Words } from "../words";
import { Arrive } from "./arrive";
import { Choose, Page } from "./pages";
import { Room } from "./room";
import type { OpenSheet } from "./room_model";
import { useWide } from "./wide";

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
  const deskOpen = stage.name === "therapist" && app.desk.value !== null;
  useEffect(() => {
    // That page counts in its title what waits.
    if (!deskOpen) document.title = place === null ? words.product : `${place} – ${words.product}`;
  }, [place, words, deskOpen]);
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
    case "therapist": {
      const desk = app.desk.value;
      if (desk) {
        const inside = { ...acts, onStepIn: (entry: SessionEntry) => app.stepIn(entry), onOwn: (entry: SessionEntry) => app.choose(stage.me, entry) };
        return <desk.Page me={stage.me} words={words} help={help} acts={inside} />;
      }
      const again = { label: words.tryAgain, on: () => location.reload() };
      return <Page {...page} icon="mark" title={words[stage.missing ? "unreachable" : "loading"]} act={stage.missing ? again : undefined} />;
    }
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

/** Open panels and what was read live here: a lost connection does not touch them. */
function RoomScreen({ app, local, sound, words, session }: RootProps & { session: RoomSession }) {
  const [chatOpen, setChatOpen] = useState(false);
  const [sheet, setSheet] = useState<OpenSheet>(null);
  const [menuFor, setMenuFor] = useState<string | null>(null);
  const [read, setRead] = useState<string | null | undefined>(undefined);
  const wide = useWide();
  const room = session.room.value;
  const received = session.received.value;
  const latest = room ? (room.chat.at(-1)?.id ?? null) : undefined;
  const visible = wide || chatOpen;
  // What was written before I came is not news.
  const began = useRef(false);
  useEffect(() => {
    if (latest === undefined) return;
    if (visible || !began.current) setRead(latest);
    began.current = true;
  }, [visible, latest]);
  useEffect(() => {
    sound.play([...received.values()].flatMap((tracks) => (tracks.microphone ? [tracks.microphone] : [])));
  }, [received, sound]);
  useEffect(() => () => sound.play([]), [sound]);
  const inside = room !== null;
  useEffect(() => {
    // The page of waiting is gone, and the focus with it.
    if (inside && document.activeElement === document.body) document.getElementById("main")?.focus();
  }, [inside]);
  if (!room) {
    const phase = session.phase.value;
    const away = phase.name !== "connecting" || phase.tries < 2 ? "joining" : "unreachable";
    const title = words[phase.name === "connecting" && phase.busy ? "busy" : away];
    const acts = {
      onHelp: (open: boolean) => {
        app.help.value = open;
      },
      onQuickExit: () => app.quickExit(),
    };
    return (
      <Page
        words={words}
        icon="mark"
        title={title}
        help={app.help.value}
        acts={acts}
        onLeave={() => app.leave()}
      />
    );
  }
  return (
    <Room
      model={{
        words,
        room,
        reconnecting: session.phase.value.name !== "live",
        awayLong: session.awayLong.value,
        asking: local.microphone.value.asking || local.camera.value.asking,
        closing: session.closing.value,
        mine: session.mine.value,
        actual: session.actual.value,
        doubt: session.doubt.value,
        trouble: worst(session.troubles.value),
        myPicture: local.camera.value.track ?? undefined,
        received,
        pending: session.pending.value,
        notice: session.notice.value,
        announcement: session.announcement.value,
        soundBlocked: sound.blocked.value,
        wide,
        chatOpen,
        unread: visible || read === undefined ? 0 : unreadAfter(room.chat, read, room.you),
        draft: app.draft.value,
        sheet,
        menuFor,
      }}
      acts={{
        onMicrophone: () => void session.tapMicrophone(),
        onCamera: () => void session.tapCamera(),
        onChat: setChatOpen,
        onSheet: setSheet,
        onLeave: () => {
          setSheet(null);
          app.leave();
        },
        onQuickExit: () => app.quickExit(),
        onEnd: () => {
          setSheet(null);
          void session.endSession();
        },
        onRetryMedia: () => session.retryMedia(),
        onHear: () => void sound.unblock(),
        onNoticeRead: () => {
          session.notice.value = null;
        },
        onDraft: (draft) => {
          app.draft.value = draft;
        },
        onSend: (text) => session.postChat(text),
        onRetry: (id) => void session.retryChat(id),
        onHide: (id) => void session.hideChat(id),
        onShow: (id) => void session.showChat(id),
        onMenu: setMenuFor,
        onCloseMicrophone: (id) => void session.closeMicrophone(id),
        onAllowMicrophone: (id) => void session.allowMicrophone(id),
      }}
    />
  );
}
