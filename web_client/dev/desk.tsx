// Development only: the states of a therapist's page.
import type { ComponentChildren } from "preact";
import type { ConcernView, SupervisedView } from "../src/protocol/generated";
import { TherapistPage } from "../src/views/therapist/page";
import type { TherapistModel } from "../src/views/therapist/model";
import type { Words } from "../src/words";
import { therapistWordsFor } from "../src/words/therapist";

const nothing = () => {};
const now = new Date(2026, 10, 24, 18, 21).getTime();
const ago = (minutes: number) => now - minutes * 60_000;

const concerns: ConcernView[] = [
  { id: "c1", kind: "leader_lost", severity: "urgent", at_ms: ago(0.3) },
  { id: "c2", kind: "removed", severity: "concern", at_ms: ago(6), by: "Dana", person: "Marcus" },
  { id: "c3", kind: "cover_needed", severity: "urgent", at_ms: ago(12), by: "Dana", over: true, acknowledged: true },
];

const sessions: SupervisedView[] = [
  {
    session: { id: "s1", title: "Tuesday evening group", status: "live" },
    people: 8,
    paused_until_ms: new Date(2026, 10, 24, 18, 25).getTime(),
    responder: "Ruth",
    you_respond: true,
    concerns,
  },
  {
    session: { id: "s2", title: "Young adults", status: "live" },
    people: 6,
    waiting: 1,
    leaders: ["Theo", "Ada"],
    responder: "Ben",
    concerns: [{ id: "c4", kind: "cover_needed", severity: "urgent", at_ms: ago(3), by: "Theo", over: true }],
  },
  {
    session: { id: "s3", title: "Parents’ circle", status: "lobby", waits_for: "responder", late: true },
    waiting: 4,
    concerns: [{ id: "c5", kind: "lobby_unattended", severity: "urgent", at_ms: ago(2) }],
  },
];

export function DESK_STATES(words: Words): Record<string, () => ComponentChildren> {
  const desk = (change: Partial<TherapistModel> = {}) => (
    <TherapistPage
      model={{
        words,
        own: therapistWordsFor(words.language),
        now,
        sessions,
        mine: [],
        phase: { name: "live" },
        silentSince: null,
        saving: new Set(),
        failed: new Map(),
        latest: [],
        tone: true,
        toneReady: true,
        help: false,
        ...change,
      }}
      acts={{
        onHelp: nothing,
        onQuickExit: nothing,
        onStepIn: nothing,
        onOwn: nothing,
        onAcknowledge: nothing,
        onTakeOver: nothing,
        onResolve: () => Promise.resolve(false),
        onReachable: nothing,
        onTone: nothing,
        onStart: nothing,
      }}
    />
  );
  const away = { phase: { name: "away", failed: 1, busy: false }, silentSince: ago(3) } as const;
  return {
    desk: () => desk(),
    "desk-calm": () => desk({ sessions: [], tone: false }),
    "desk-crisis": () =>
      desk({
        toneReady: false,
        mine: [{ id: "m", title: "Mentors’ circle", status: "live", role: "participant" }],
        sessions: sessions.map((one) => ({
          ...one,
          concerns: (one.concerns ?? []).map((c) => (c.id === "c1" ? { ...c, severity: "crisis" } : c)),
        })),
      }),
    "desk-away": () => desk({ ...away, saving: new Set(["c1"]) }),
    "desk-failed": () => desk({ saving: new Set(["c1", "s1"]), failed: new Map([["c2", "not_saved"], ["s2", null]]) }),
    "desk-replaced": () => desk({ phase: { name: "stopped", code: "replaced" }, silentSince: ago(1) }),
    "desk-stopped": () => desk({ phase: { name: "stopped", code: "not_allowed" }, silentSince: ago(1) }),
    "desk-never": () => desk({ phase: { name: "away", failed: 3, busy: false }, sessions: null }),
    "desk-loading": () => desk({ phase: { name: "away", failed: 0, busy: false }, sessions: null }),
    "desk-help": () => desk({ help: true }),
  };
}
