import { computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { ApiError, type Api, type Call, type Me } from "./connection/api";
import type { Clock } from "./connection/clock";
import { makeSupervisionApi } from "./connection/supervision_api";
import type { OpenSocket } from "./connection/socket";
import { WatchConnection } from "./connection/watch";
import type { Desk, DeskProps, InRoom } from "./desk";
import { Chime } from "./media/chime";
import type { LocalMedia } from "./media/devices";
import { Publisher } from "./media/publish";
import { Sound } from "./media/sound";
import { Subscriber } from "./media/subscribe";
import { Voice } from "./media/voice";
import { Monitoring } from "./monitoring";
import type { ErrorCode } from "./protocol/generated";
import { tone } from "./remembered";
import { browserNotices, Notices } from "./notices";
import { OnCallDesk } from "./on_call";
import { callsMe, waitingFlags } from "./state/supervision";
import { Supervision } from "./supervision";
import type { HandlingActs, ListeningActs, TherapistModel } from "./views/therapist/model";
import { TherapistPage } from "./views/therapist/page";
import { WaitingKey, WhisperKey } from "./views/therapist/waiting";
import { useWide } from "./views/wide";
import type { Words } from "./words";
import { monitoringWordsFor } from "./words/monitoring";
import { Icon } from "./views/icon";
import { therapistWordsFor } from "./words/therapist";
import "./styles/room.css";
import "./styles/turns.css";
import "./styles/presence.css";
import "./styles/therapist.css";
import "./styles/listening.css";

export interface DeskDeps {
  api: Pick<Api, "me">;
  call: Call;
  clock: Clock;
  openSocket: OpenSocket;
  random: () => number;
  newId: () => string;
  me: Me;
  /** My microphone, for whom I speak to alone. */
  local: LocalMedia;
  makePeer: (config: RTCConfiguration) => RTCPeerConnection;
  /** For end-to-end tests and support. */
  expose?: ((publisher: Publisher, subscriber: Subscriber) => void) | undefined;
}

/** How often the clocks are looked at. */
const TICK_MS = 1_000;

/** How often the tone is heard again while a crisis waits for me. */
const CALL_AGAIN_MS = 60_000;

const SIGNED_OUT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["signed_out", "link_invalid", "other_person"]);

/** A therapist's page with its own connection. This module and all it imports are loaded for therapists only. */
export function openDesk({ api, call, me, local, makePeer, expose, ...deps }: DeskDeps): Desk {
  const asked = makeSupervisionApi(call);
  const chime = new Chime();
  const toneOn = signal(tone.on);
  const notices = new Notices(browserNotices(), () => document.visibilityState === "hidden");
  // Someone else may have opened their link beside this page: nothing of theirs is shown or said here.
  const asMyself = async <T,>(act: () => Promise<T>): Promise<T> => {
    if ((await api.me()).you !== me.you) throw new ApiError("other_person");
    return act();
  };
  let connection!: WatchConnection;
  const { after } = deps.clock;
  const sound = new Sound();
  const subscriber = new Subscriber({
    makePeer,
    after,
    silent: () => connection.nudge(),
    trouble: (trouble) => {
      monitoring.trouble.value = trouble;
    },
    answer: (version, sdp) => connection.send({ type: "subscribe_answer", version, sdp }),
    restart: () => connection.ask({ type: "restart_subscribe" }, "never"),
    tracks: (received) => {
      monitoring.incoming.value = received;
    },
  });
  const publisher = new Publisher({
    makePeer,
    after,
    own: ["microphone"],
    silent: () => monitoring.voiceLost(),
    trouble: (trouble) => trouble && monitoring.voiceLost(),
    offer: (sdp, sources) => connection.ask({ type: "publish_offer", sdp, sources }, "never"),
  });
  expose?.(publisher, subscriber);
  const monitoring = new Monitoring({
    ask: (body, keep) => connection.ask(body, keep),
    subscriber,
    voice: new Voice({ local, publisher }),
    after,
    newId: deps.newId,
  });
  const supervision = new Supervision({
    connect: (events) => {
      // What the monitoring does not tell of is the supervision's.
      const { begun, lost, monitoring: told, subscribeOffer, answerRefused } = monitoring;
      const all = { ...events, begun, lost, monitoring: told, subscribeOffer, answerRefused };
      connection = new WatchConnection({ ...deps, watch: () => asMyself(() => asked.watch()) }, all);
      return connection;
    },
    setReachable: (sessionId, reachable) => asMyself(() => asked.setReachable(sessionId, reachable)),
    name: me.name,
    wallNow: () => Date.now(),
    ring: (severity) => {
      if (toneOn.value) chime.ring();
      notices.tell(therapistWordsFor(document.documentElement.lang).notice, severity);
    },
  });
  const shifts = new OnCallDesk(
    {
      onCall: () => asMyself(() => asked.onCall()),
      beOnCall: (untilMs) => asMyself(() => asked.beOnCall(untilMs)),
      handOver: (to) => asMyself(() => asked.handOver(to)),
      acceptShift: () => asMyself(() => asked.acceptShift()),
      endOnCall: () => asMyself(() => asked.endOnCall()),
    },
    deps.clock,
  );
  const signedOut = computed(() => {
    const phase = supervision.phase.value;
    return phase.name === "stopped" && SIGNED_OUT.has(phase.code) ? phase.code : null;
  });
  // The count stands in the tab's name also while the page itself is behind others.
  const waiting = computed(() => waitingFlags(supervision.sessions.value ?? []).length);

  const modelOf = (words: Words, now: number, wide: boolean): TherapistModel => ({
    words,
    own: therapistWordsFor(words.language),
    now: now + supervision.ahead.value,
    sessions: supervision.sessions.value,
    mine: [],
    phase: supervision.phase.value,
    silentSince: supervision.silentSince.value,
    saving: supervision.saving.value,
    failed: supervision.failed.value,
    latest: supervision.latest.value,
    onCall: shifts.view.value,
    onCallSaving: shifts.saving.value,
    onCallFailed: shifts.failed.value,
    notices: notices.state.value,
    tone: toneOn.value,
    toneReady: chime.ready.value,
    help: false,
    said: monitoringWordsFor(words.language),
    wide,
    listening: {
      room: monitoring.room.value,
      asking: monitoring.asking.value,
      over: monitoring.over.value,
      stopped: monitoring.stopped.value,
      refused: monitoring.refused.value,
      received: monitoring.received.value,
      trouble: monitoring.trouble.value,
      soundBlocked: sound.blocked.value,
      audioOnly: monitoring.viewing.audioOnly.value,
      unsent: monitoring.unsent.value,
      speaking: monitoring.speaking.value,
      unspoken: monitoring.unspoken.value,
    },
  });
  const acts = {
    onAcknowledge: (flag) => void supervision.acknowledge(flag),
    onTakeOver: (flag) => void supervision.takeOver(flag),
    onResolve: (flag, resolution) => supervision.resolve(flag, resolution),
    onReadWhere: (sessionId, participantId) => asMyself(() => asked.whereabouts(sessionId, participantId)),
    onReadTimeline: (sessionId) => asMyself(() => asked.timeline(sessionId)),
    onBeOnCall: (untilMs) => void shifts.be(untilMs),
    onHandOver: (to) => void shifts.handOver(to),
    onAcceptShift: () => void shifts.accept(),
    onEndOnCall: () => void shifts.end(),
    onNotices: () => void notices.ask(),
    onReachable: (sessionId, reachable) => void supervision.setReachable(sessionId, reachable),
    onTone: (on) => {
      toneOn.value = on;
      tone.on = on;
      if (on) chime.ring();
    },
    onStart: () => supervision.start(),
    onListen: (sessionId) => void monitoring.listen(sessionId),
    onBreakGlass: (sessionId, reason) => monitoring.listen(sessionId, reason),
    onStopListening: () => monitoring.stop(),
    onOverRead: () => monitoring.overRead(),
    onHear: () => void sound.unblock(),
    onRetryMedia: () => monitoring.retryMedia(),
    onAudioOnly: (on) => monitoring.viewing.setAudioOnly(on),
    onSeen: (tiles) => monitoring.viewing.see(tiles),
    onWhisper: (sessionId, { participant_id: to, name }, text) => void monitoring.whisper(sessionId, to, name, text),
    onRetryWhisper: (id) => void monitoring.retry(id),
    onSpeakTo: (sessionId, { participant_id: to, name }) => void monitoring.speakTo(sessionId, to, name),
    onStopSpeaking: () => monitoring.stopSpeaking(),
    onReview: (sessionId, glassId, finding, note) => monitoring.review(sessionId, glassId, finding, note),
  } satisfies HandlingActs & ListeningActs;

  function Page({ words, me: who, help, acts: pageActs }: DeskProps) {
    const own = therapistWordsFor(words.language);
    const now = useNow();
    const wide = useWide();
    const heard = monitoring.received.value;
    useEffect(() => {
      supervision.show(true);
      return () => {
        supervision.show(false);
        monitoring.hide();
      };
    }, []);
    useEffect(() => {
      sound.play([...heard.values()].flatMap((one) => [one.microphone, one.screen_audio].filter((track) => track !== undefined)));
    }, [heard]);
    useEffect(() => () => sound.play([]), []);
    useEffect(() => {
      const look = () => monitoring.viewing.hide(document.visibilityState === "hidden");
      document.addEventListener("visibilitychange", look);
      return () => document.removeEventListener("visibilitychange", look);
    }, []);
    useEffect(
      () =>
        effect(() => {
          const count = waiting.value > 0 ? `(${waiting.value}) ` : "";
          document.title = `${count}${own.title} – ${words.product}`;
        }),
      [own, words],
    );
    const mine = who.sessions.filter(({ role, status }) => role !== "therapist" && status !== "ended");
    return <TherapistPage model={{ ...modelOf(words, now, wide), mine, help }} acts={{ ...pageActs, ...acts }} />;
  }

  const whispering = signal(false);
  const onWhispering = (open: boolean) => {
    whispering.value = open;
  };

  function KeyBesideHeard({ words, sessionId }: InRoom) {
    return <WhisperKey model={modelOf(words, Date.now(), false)} sessionId={sessionId} onWhispering={onWhispering} />;
  }

  function Unseen({ words }: Pick<InRoom, "words">) {
    const own = therapistWordsFor(words.language);
    return (
      <section class="you" aria-label={own.presence}>
        <Icon name="unseen" />
        <p>
          <strong>{own.unseen}</strong>
        </p>
      </section>
    );
  }

  function Waiting({ words, sessionId }: InRoom) {
    useEffect(() => {
      supervision.show(true);
      return () => {
        supervision.show(false);
        whispering.value = false;
      };
    }, []);
    const here = { sessionId, whispering: whispering.value, onWhispering };
    return <WaitingKey model={modelOf(words, useNow(), false)} acts={acts} {...here} />;
  }

  // A crisis that is mine calls again and again until somebody has acknowledged it.
  const calls = computed(() => callsMe(supervision.sessions.value ?? []));
  const endCalls = effect(() => {
    if (!calls.value) return;
    const timer = setInterval(() => {
      if (toneOn.peek()) chime.ring();
      notices.tell(therapistWordsFor(document.documentElement.lang).notice, "crisis");
    }, CALL_AGAIN_MS);
    return () => clearInterval(timer);
  });
  // Whom I speak to may take their headphones off, or go.
  const endSpeaking = effect(() => {
    const sessions = supervision.sessions.value ?? [];
    const speaking = monitoring.speaking.peek();
    // A session that is mine no more is not in the list.
    if (speaking && !sessions.some(({ session }) => session.id === speaking.sessionId)) monitoring.stopSpeaking();
    for (const { session, listening } of sessions)
      monitoring.mentorsAre(session.id, (id) => (listening?.mentors ?? []).some((one) => one.participant_id === id && one.headphones));
  });
  const endNotices = effect(() => {
    if (waiting.value === 0) notices.clear();
  });

  chime.listen();
  supervision.start();
  shifts.start();
  return {
    signedOut,
    Page,
    Waiting,
    Unseen,
    WhisperKey: KeyBesideHeard,
    stop: () => {
      supervision.stop();
      endSpeaking();
      sound.play([]);
      shifts.stop();
      endCalls();
      endNotices();
      notices.clear();
      chime.stop();
    },
    networkLost: () => supervision.networkLost(),
    nudge: () => supervision.nudge(),
  };
}

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
