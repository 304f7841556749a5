import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app";
import { keepAwake } from "../media/awake";
import { DeviceList, USUAL } from "../media/device_list";
import { isRear, type LocalMedia } from "../media/devices";
import { Sound } from "../media/sound";
import { chosenDevices } from "../remembered";
import { worst, type RoomSession } from "../session";
import { unreadAfter } from "../state/unread";
import type { Words } from "../words";
import { useFlags } from "./flags_here";
import { useKeptFocus } from "./kept_focus";
import { Lobby } from "./lobby";
import { Page } from "./pages";
import { Room } from "./room";
import type { OpenSheet, RoomActs } from "./room_model";
import { useWide } from "./wide";
import "../styles/room.css";
import "../styles/life.css";
import "../styles/sources.css";
import "../styles/turns.css";

interface Props {
  app: App;
  local: LocalMedia;
  sound: Sound;
  words: Words;
  session: RoomSession;
}

/** Open panels and what was read live here: a lost connection does not touch them. */
export function RoomScreen({ app, local, sound, words, session }: Props) {
  const [chatOpen, setChatOpen] = useState(false);
  const [sheet, setSheet] = useState<OpenSheet>(null);
  const [menuFor, setMenuFor] = useState<string | null>(null);
  const [reacting, setReacting] = useState(false);
  const [read, setRead] = useState<string | null | undefined>(undefined);
  const wide = useWide();
  const room = session.room.value;
  const received = session.received.value;
  const { ask, posting, reactions, notAlone, whispers } = session;
  const alone = notAlone.on.value;
  const whispered = whispers.audible.value;
  const flagging = useFlags()?.flagging;
  useKeptFocus();
  useEffect(() => {
    if (!flagging) return;
    flagging.now = session.clock.now;
    flagging.hidden.value = alone;
    if (room) flagging.see(room.participants, room.you, room.session.status === "live" && !room.waiting);
  }, [flagging, session, room, alone]);
  const latest = room ? (room.chat.at(-1)?.id ?? null) : undefined;
  const visible = !alone && (wide || chatOpen);
  // What was written before I came is not news.
  const began = useRef(false);
  useEffect(() => {
    if (latest === undefined) return;
    if (visible || !began.current) setRead(latest);
    began.current = true;
  }, [visible, latest]);
  useEffect(() => {
    const heard = alone ? [] : [...received.values()];
    const tracks = heard.flatMap((one) => [one.microphone, one.screen_audio].filter((track) => track !== undefined));
    sound.play(whispered && !alone ? [...tracks, whispered] : tracks);
  }, [received, sound, alone, whispered]);
  useEffect(() => () => sound.play([]), [sound]);
  useEffect(() => {
    const look = () => session.viewing.hide(document.visibilityState === "hidden");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [session]);
  const { list, speaker, setSpeaker } = useDevices(session, local, sound);
  const where = room === null ? "door" : room.waiting ? "lobby" : "room";
  const place = room?.session.title ?? null;
  useEffect(() => {
    // The page of before is gone, and the focus with it.
    if (where !== "door" && document.activeElement === document.body) document.getElementById("main")?.focus();
    if (where === "lobby") setMenuFor(null);
  }, [where]);
  useEffect(() => {
    if (place === null) return;
    document.title = [...(where === "lobby" ? [words.lobby] : []), place, words.product].join(" – ");
  }, [where, place, words]);
  if (!room) {
    const phase = session.phase.value;
    const away = phase.name !== "connecting" || phase.tries < 2 ? "joining" : "unreachable";
    const title = words[(phase.name === "connecting" && phase.trouble) || away];
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
  const reconnecting = session.phase.value.name !== "live";
  const acts: RoomActs = {
    onMicrophone: () => void session.tapMicrophone(),
    onCamera: () => void session.tapCamera(),
    onChoose: (kind, id) => {
      if (kind === "speaker") setSpeaker(id);
      else void session.choose(kind, id);
    },
    onUse: (source, id) => void session.choose(source, id, true),
    onFlip: () => void session.flipCamera(),
    onShare: () => void session.share(),
    onStopSharing: () => session.sharing.stop(),
    onCloseScreen: (id) => void ask.closeScreen(id),
    onAllowScreen: (id) => void ask.allowScreen(id),
    onAudioOnly: (on) => session.setAudioOnly(on),
    onSeen: (tiles) => session.viewing.see(tiles),
    onChat: setChatOpen,
    onSheet: setSheet,
    onLeave: () => {
      setSheet(null);
      app.leave();
    },
    onQuickExit: () => app.quickExit(),
    onEnd: () => {
      setSheet(null);
      void ask.endSession();
    },
    onRetryMedia: () => session.retryMedia(),
    onHear: () => void sound.unblock(),
    onNoticeRead: () => {
      session.notice.value = null;
    },
    onDraft: (draft) => {
      app.draft.value = draft;
    },
    onSend: (text) => posting.post(text),
    onRetry: (id) => void posting.retry(id),
    onHide: (id) => void ask.hideChat(id),
    onShow: (id) => void ask.showChat(id),
    onMenu: setMenuFor,
    onCloseMicrophone: (id) => void ask.closeMicrophone(id),
    onAllowMicrophone: (id) => void ask.allowMicrophone(id),
    onAdmit: (id) => void ask.admit(id),
    onMove: (id) => void ask.moveToLobby(id),
    onRemove: (id) => {
      setSheet(null);
      void ask.remove(id);
    },
    onCover: (needed) => session.needCover(needed),
    onListening: (on) => void ask.listen(on),
    onReacting: setReacting,
    onReact: (reaction) => void ask.react(reaction),
    onHideGroup: () => {
      setSheet(null);
      setChatOpen(false);
      setMenuFor(null);
      session.hideGroup();
    },
    onShowGroup: () => session.showGroup(),
    onTurn: (request) => void ask.turn(request),
    onNotes: (notes) => {
      app.notes.value = notes;
    },
    onSawWhisper: (id) => whispers.saw(id),
    onWhispersRead: () => whispers.putAway(),
    onHeadphones: (on) => whispers.confirm(on),
    onEarlyRead: () => {
      session.early.value = [];
    },
  };
  if (room.waiting) {
    return (
      <Lobby
        model={{
          words,
          room,
          mine: session.mine.value,
          microphone: local.microphone.value,
          camera: local.camera.value,
          reconnecting,
          stillAlone: alone,
          announcement: session.announcement.value,
          sheet,
        }}
        acts={acts}
      />
    );
  }
  return (
    <Room
      model={{
        words,
        room,
        reconnecting,
        awayLong: session.awayLong.value,
        asking: local.microphone.value.asking || local.camera.value.asking,
        closing: ask.closing.value,
        mine: session.mine.value,
        actual: session.actual.value,
        doubt: session.doubt.value,
        trouble: worst(session.troubles.value),
        myPicture: local.camera.value.track ?? undefined,
        rear: isRear(local.camera.value.track),
        received,
        share: { state: session.sharing.state.value, possible: session.sharing.possible },
        devices: {
          choices: Sound.chooses ? list : { ...list, speaker: [] },
          present: {
            microphone: presentOf(local.microphone.value.track, "microphone", list.microphone),
            camera: presentOf(local.camera.value.track, "camera", list.camera),
            speaker: list.speaker.some(({ id }) => id === speaker) ? speaker : (list.speaker[0]?.id ?? ""),
          },
          gone: { microphone: local.microphone.value.gone ?? "", camera: local.camera.value.gone ?? "" },
          flips: list.camera.length > 1 && matchMedia("(pointer: coarse)").matches,
        },
        audioOnly: session.viewing.audioOnly.value,
        // Pictures rest for no other reason.
        weak: session.weak.value || session.resting.value.length > 0,
        resting: session.resting.value,
        pending: posting.pending.value,
        notice: session.notice.value,
        early: session.early.value,
        reactions: reactions.shown.value,
        reacting,
        whispers: { list: whispers.list.value, speaker: whispers.speaker.value, headphones: whispers.headphones.value },
        alone: { on: alone, told: notAlone.told.value },
        announcement: session.announcement.value,
        soundBlocked: sound.blocked.value,
        wide,
        chatOpen,
        unread: visible || read === undefined ? 0 : unreadAfter(room.chat, read, room.you),
        draft: app.draft.value,
        notes: app.notes.value,
        now: session.clock.now,
        sheet,
        menuFor,
      }}
      acts={acts}
    />
  );
}

/** What is plugged in, the chosen speaker, and a screen that stays on. */
function useDevices(session: RoomSession, local: LocalMedia, sound: Sound) {
  const [devices] = useState(
    () =>
      new DeviceList(navigator.mediaDevices, (label) => {
        if (local.microphone.peek().track?.getSettings().deviceId === USUAL) session.microphoneMoved(label);
      }),
  );
  const [speaker, setSpeaker] = useState(() => chosenDevices.read("speaker"));
  const list = devices.choices.value;
  useEffect(() => {
    devices.start();
    return () => devices.stop();
  }, [devices]);
  useEffect(() => keepAwake(document, navigator.wakeLock), []);
  const { track: microphone } = local.microphone.value;
  const { track: camera } = local.camera.value;
  useEffect(() => void devices.refresh(), [devices, microphone, camera]);
  const known = list.speaker.length > 0;
  const there = list.speaker.some(({ id }) => id === speaker);
  useEffect(() => sound.on(there ? speaker : ""), [sound, there, speaker]);
  const was = useRef(false);
  useEffect(() => {
    // It was there, and is not any more: the browser goes on with its usual one, which is to be known.
    if (was.current && known && !there) session.speakerGone();
    was.current = there && speaker !== USUAL;
  }, [session, known, there, speaker]);
  return {
    list,
    speaker,
    setSpeaker: (id: string) => {
      was.current = false;
      chosenDevices.write("speaker", id);
      setSpeaker(id);
    },
  };
}

/** Which one is open; while none is, which one would be. */
function presentOf(track: MediaStreamTrack | null, kind: string, choices: readonly { id: string }[]): string {
  const ids = [track?.getSettings().deviceId, chosenDevices.read(kind), choices[0]?.id];
  return ids.find((id) => choices.some((one) => one.id === id)) ?? "";
}
