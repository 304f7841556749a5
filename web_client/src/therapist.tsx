import { computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { ApiError, type Api, type Call, type Me } from "./connection/api";
import type { Clock } from "./connection/clock";
import { makeSupervisionApi } from "./connection/supervision_api";
import type { OpenSocket } from "./connection/socket";
import { WatchConnection } from "./connection/watch";
import type { Desk, DeskProps } from "./desk";
import { Chime } from "./media/chime";
import type { ErrorCode } from "./protocol/generated";
import { tone } from "./remembered";
import { browserNotices, Notices } from "./notices";
import { OnCallDesk } from "./on_call";
import { callsMe, waitingFlags } from "./state/supervision";
import { Supervision } from "./supervision";
import type { HandlingActs, TherapistModel } from "./views/therapist/model";
import { TherapistPage } from "./views/therapist/page";
import { WaitingKey } from "./views/therapist/waiting";
import type { Words } from "./words";
import { therapistWordsFor } from "./words/therapist";
import "./styles/therapist.css";

export interface DeskDeps {
  api: Pick<Api, "me">;
  call: Call;
  clock: Clock;
  openSocket: OpenSocket;
  random: () => number;
  newId: () => string;
  me: Me;
}

/** How often the clocks are looked at. */
const TICK_MS = 1_000;

/** How often the tone is heard again while a crisis waits for me. */
const CALL_AGAIN_MS = 60_000;

const SIGNED_OUT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["signed_out", "link_invalid", "other_person"]);

/** A therapist's page with its own connection. This module and all it imports are loaded for therapists only. */
export function openDesk({ api, call, me, ...deps }: DeskDeps): Desk {
  const asked = makeSupervisionApi(call);
  const chime = new Chime();
  const toneOn = signal(tone.on);
  const notices = new Notices(browserNotices(), () => document.visibilityState === "hidden");
  // Someone else may have opened their link beside this page: nothing of theirs is shown or said here.
  const asMyself = async <T,>(act: () => Promise<T>): Promise<T> => {
    if ((await api.me()).you !== me.you) throw new ApiError("other_person");
    return act();
  };
  const supervision = new Supervision({
    connect: (events) => new WatchConnection({ ...deps, watch: () => asMyself(() => asked.watch()) }, events),
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

  const modelOf = (words: Words, now: number): TherapistModel => ({
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
  } satisfies HandlingActs;

  function Page({ words, me: who, help, acts: pageActs }: DeskProps) {
    const own = therapistWordsFor(words.language);
    const now = useNow();
    useEffect(() => {
      supervision.show(true);
      return () => supervision.show(false);
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
    return <TherapistPage model={{ ...modelOf(words, now), mine, help }} acts={{ ...pageActs, ...acts }} />;
  }

  function Waiting({ words }: { words: Words }) {
    useEffect(() => {
      supervision.show(true);
      return () => supervision.show(false);
    }, []);
    return <WaitingKey model={modelOf(words, useNow())} acts={acts} />;
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
    stop: () => {
      supervision.stop();
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
