import { computed, effect, signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { ApiError, type Api, type Me, type SupervisionApi } from "./connection/api";
import type { Clock } from "./connection/clock";
import type { OpenSocket } from "./connection/socket";
import { WatchConnection } from "./connection/watch";
import type { Desk, DeskProps } from "./desk";
import { Chime } from "./media/chime";
import type { ErrorCode } from "./protocol/generated";
import { tone } from "./remembered";
import { waitingFlags } from "./state/supervision";
import { Supervision } from "./supervision";
import { TherapistPage } from "./views/therapist/page";
import { therapistWordsFor } from "./words/therapist";
import "./styles/therapist.css";

export interface DeskDeps {
  api: SupervisionApi & Pick<Api, "me">;
  clock: Clock;
  openSocket: OpenSocket;
  random: () => number;
  newId: () => string;
  me: Me;
}

/** How often the clocks are looked at. */
const TICK_MS = 1_000;

const SIGNED_OUT: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["signed_out", "link_invalid", "other_person"]);

/** A therapist's page with its own connection. This module and all it imports are loaded for therapists only. */
export function openDesk({ api, me, ...deps }: DeskDeps): Desk {
  const chime = new Chime();
  const toneOn = signal(tone.on);
  // Someone else may have opened their link beside this page: nothing of theirs is shown or said here.
  const asMyself = async <T,>(act: () => Promise<T>): Promise<T> => {
    if ((await api.me()).you !== me.you) throw new ApiError("other_person");
    return act();
  };
  const supervision = new Supervision({
    connect: (events) => new WatchConnection({ ...deps, watch: () => asMyself(() => api.watch()) }, events),
    setReachable: (sessionId, reachable) => asMyself(() => api.setReachable(sessionId, reachable)),
    name: me.name,
    wallNow: () => Date.now(),
    ring: () => {
      if (toneOn.value) chime.ring();
    },
  });
  const signedOut = computed(() => {
    const phase = supervision.phase.value;
    return phase.name === "stopped" && SIGNED_OUT.has(phase.code) ? phase.code : null;
  });
  // The count stands in the tab's name also while the page itself is behind others.
  const waiting = computed(() => waitingFlags(supervision.sessions.value ?? []).length);

  function Page({ words, me: who, help, acts }: DeskProps) {
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
    return (
      <TherapistPage
        model={{
          words,
          own,
          now: now + supervision.ahead.value,
          sessions: supervision.sessions.value,
          mine: who.sessions.filter(({ role, status }) => role !== "therapist" && status !== "ended"),
          phase: supervision.phase.value,
          silentSince: supervision.silentSince.value,
          saving: supervision.saving.value,
          failed: supervision.failed.value,
          latest: supervision.latest.value,
          tone: toneOn.value,
          toneReady: chime.ready.value,
          help,
        }}
        acts={{
          ...acts,
          onAcknowledge: (flag) => void supervision.acknowledge(flag),
          onTakeOver: (flag) => void supervision.takeOver(flag),
          onResolve: (flag, resolution) => supervision.resolve(flag, resolution),
          onReachable: (sessionId, reachable) => void supervision.setReachable(sessionId, reachable),
          onTone: (on) => {
            toneOn.value = on;
            tone.on = on;
            if (on) chime.ring();
          },
          onStart: () => supervision.start(),
        }}
      />
    );
  }

  chime.listen();
  supervision.start();
  return {
    signedOut,
    Page,
    stop: () => {
      supervision.stop();
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
