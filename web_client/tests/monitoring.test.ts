import { beforeEach, expect, test, vi } from "vitest";
import type { Outcome } from "../src/connection/outbox";
import type { Monitoring as Asked } from "../src/connection/watch";
import { Monitoring } from "../src/monitoring";
import { FakeClock, settle, snapshotOf } from "./fakes";
import { fakeTrack } from "./fake_media";

let asked: { body: Asked; keep: string; answer: (outcome: Outcome) => void }[];
let clock: FakeClock;
let monitoring: Monitoring;
const subscriber = { configure: vi.fn(), offered: vi.fn(), refused: vi.fn(), again: vi.fn(), close: vi.fn() };
const voice = { configure: vi.fn(), open: vi.fn(async () => true), close: vi.fn(), end: vi.fn() };

beforeEach(() => {
  vi.clearAllMocks();
  asked = [];
  clock = new FakeClock();
  let ids = 0;
  monitoring = new Monitoring({
    ask: (body, keep) => new Promise((answer) => asked.push({ body, keep, answer })),
    subscriber,
    voice,
    after: clock.after,
    newId: () => `w${(ids += 1)}`,
  });
  monitoring.begun([]);
});

const ack: Outcome = { type: "ack", id: "x" };
const no = (code: "no_flag" | "no_consent" | "not_saved" | "not_allowed"): Outcome => ({ type: "rejected", id: "x", code, message: "" });
const last = () => asked.at(-1)!;
const of = (type: Asked["type"]) => asked.filter(({ body }) => body.type === type).map(({ body }) => body);
const session = (id: string) => ({ id, title: `Group ${id}`, status: "live" }) as const;
const heard = (id = "s") => monitoring.monitoring({ type: "monitored", room: snapshotOf({ session: session(id), you: "" }) });
const ended = (id: string, why: "elsewhere" | "consent" | "time_over" | "stopped") =>
  monitoring.monitoring({ type: "monitoring_over", session_id: id, why });

async function listenTo(id: string): Promise<void> {
  void monitoring.listen(id);
  last().answer(ack);
  await settle();
  heard(id);
}

test("a session is shown and heard from its first frame, and not before", async () => {
  monitoring.incoming.value = new Map([["dana", { microphone: fakeTrack() }]]);
  const began = monitoring.listen("s");
  expect(monitoring.asking.value).toBe("s");
  expect(last()).toMatchObject({ body: { type: "listen", session_id: "s", reason: "" }, keep: "never" });
  expect(monitoring.received.value.size).toBe(0);
  last().answer(ack);
  expect(await began).toBe(true);
  expect(monitoring.room.value).toBeNull();
  heard();
  expect(monitoring.room.value?.participants.map(({ name }) => name)).toEqual(["Dana", "Ellie"]);
  expect(monitoring.received.value.size).toBe(1);
  expect(monitoring.asking.value).toBeNull();
});

test("a frame that overtakes the answer is taken as well", async () => {
  const began = monitoring.listen("s");
  heard();
  expect(monitoring.room.value?.session.id).toBe("s");
  last().answer(ack);
  expect(await began).toBe(true);
  expect(monitoring.asking.value).toBeNull();
});

test("stopping silences this page at once, and what was on its way is not shown", async () => {
  monitoring.incoming.value = new Map([["dana", { microphone: fakeTrack() }]]);
  await listenTo("s");
  monitoring.stop();
  expect([monitoring.room.value, monitoring.received.value.size]).toEqual([null, 0]);
  expect(last()).toMatchObject({ body: { type: "stop_listening" }, keep: "always" });
  heard();
  expect(monitoring.room.value).toBeNull();
  expect(of("stop_listening"), "one that began all the same").toHaveLength(2);
  ended("s", "stopped");
  expect(monitoring.over.value).toBeNull();
  monitoring.stop();
  expect(of("stop_listening")).toHaveLength(2);
});

test("another session takes the place of the first, which goes on until then", async () => {
  await listenTo("s");
  void monitoring.listen("t");
  expect(monitoring.room.value?.session.id).toBe("s");
  ended("s", "elsewhere");
  expect([monitoring.room.value, monitoring.asking.value]).toEqual([null, "t"]);
  last().answer(ack);
  await settle();
  heard("t");
  expect(monitoring.room.value?.session.id).toBe("t");
  expect(monitoring.over.value).toBeNull();
});

test("refused, the first goes on, and the second says why", async () => {
  await listenTo("s");
  const began = monitoring.listen("t", "a reason that is long");
  last().answer(no("no_consent"));
  expect(await began).toBe(false);
  expect(monitoring.room.value?.session.id).toBe("s");
  expect([...monitoring.refused.value]).toEqual([["t", "no_consent"]]);
  void monitoring.listen("t");
  expect(monitoring.refused.value.size).toBe(0);
});

test("stopped before it began, it does not begin", async () => {
  const began = monitoring.listen("s");
  monitoring.stop();
  expect(asked.map(({ body }) => body.type)).toEqual(["listen", "stop_listening"]);
  asked[0]?.answer(ack);
  heard();
  expect(await began).toBe(false);
  expect(monitoring.room.value).toBeNull();
});

test("its end by somebody else says why", async () => {
  await listenTo("s");
  ended("other", "consent");
  expect(monitoring.room.value).not.toBeNull();
  ended("s", "consent");
  expect(monitoring.over.value).toEqual({ sessionId: "s", title: "Group s", why: "consent" });
  expect(monitoring.room.value).toBeNull();
  monitoring.overRead();
  expect(monitoring.over.value).toBeNull();
});

test("a lost connection ends it plainly, media and voice too, and nothing begins by itself", async () => {
  await listenTo("s");
  monitoring.lost();
  expect(monitoring.over.value?.why).toBe("lost");
  expect(monitoring.room.value).toBeNull();
  expect(subscriber.close).toHaveBeenCalledTimes(1);
  expect(voice.end).toHaveBeenCalledTimes(1);
  monitoring.begun([]);
  expect(of("listen")).toHaveLength(1);
});

test("who speaks is framed, also over a new view of the room, and nobody who is silent by then", async () => {
  await listenTo("s");
  monitoring.monitoring({ type: "speakers_changed", participant_ids: ["dana", "ellie"] });
  expect(monitoring.room.value?.speakers).toEqual(["dana", "ellie"]);
  heard();
  expect(monitoring.room.value?.speakers).toEqual(["dana"]);
});

test("what this page shows is told while it listens, and to each session anew", async () => {
  const tile = { participant_id: "dana", source: "camera", size: "small" } as const;
  monitoring.viewing.see([tile]);
  await clock.advance(200);
  expect(of("set_view")).toEqual([]);
  await listenTo("s");
  monitoring.viewing.see([tile]);
  await clock.advance(200);
  expect(of("set_view")).toEqual([{ type: "set_view", tiles: [tile] }]);
  monitoring.stop();
  await listenTo("s");
  monitoring.viewing.see([tile]);
  await clock.advance(200);
  expect(of("set_view")).toHaveLength(2);
});

test("a whisper is kept until it is stored, and sent again under its own id", async () => {
  void monitoring.whisper("s", "dana", "Dana", "You are doing well.");
  expect(last()).toMatchObject({ keep: "always", body: { type: "send_whisper", session_id: "s", participant_id: "dana", whisper_id: "w1" } });
  last().answer(no("not_saved"));
  await settle();
  expect(monitoring.unsent.value).toMatchObject([{ id: "w1", failed: "not_saved" }]);
  void monitoring.retry("w1");
  expect(monitoring.unsent.value).toMatchObject([{ failed: undefined }]);
  expect(last().body).toMatchObject({ whisper_id: "w1" });
  last().answer(ack);
  await settle();
  expect(monitoring.unsent.value).toEqual([]);
});

test("speaking is said only once the server lets it through, and ends at once", async () => {
  void monitoring.speakTo("s", "dana", "Dana");
  expect(monitoring.speaking.value?.state).toBe("asking");
  await settle();
  expect(last()).toMatchObject({ keep: "never", body: { type: "speak_to", session_id: "s", participant_id: "dana" } });
  last().answer(ack);
  await settle();
  expect(monitoring.speaking.value).toEqual({ sessionId: "s", to: "dana", name: "Dana", state: "on" });
  monitoring.stopSpeaking();
  expect(monitoring.speaking.value).toBeNull();
  expect(voice.close).toHaveBeenCalledTimes(1);
  expect(last().body).toEqual({ type: "speak_to", session_id: "s", participant_id: null });
});

test("refused or without a microphone nobody is said to hear me", async () => {
  voice.open.mockResolvedValueOnce(false);
  void monitoring.speakTo("s", "dana", "Dana");
  await settle();
  expect(of("speak_to")).toEqual([]);
  expect(monitoring.unspoken.value).toEqual({ to: "dana", why: "microphone" });
  void monitoring.speakTo("s", "dana", "Dana");
  await settle();
  last().answer(no("not_allowed"));
  await settle();
  expect([monitoring.speaking.value, monitoring.unspoken.value?.why]).toEqual([null, "not_allowed"]);
});

test("a mentor who takes their headphones off is not spoken to any more", async () => {
  void monitoring.speakTo("s", "dana", "Dana");
  await settle();
  last().answer(ack);
  await settle();
  monitoring.mentorsAre("t", () => false);
  monitoring.mentorsAre("s", (id) => id === "dana");
  expect(monitoring.speaking.value?.state).toBe("on");
  monitoring.mentorsAre("s", () => false);
  expect([monitoring.speaking.value, monitoring.unspoken.value]).toEqual([null, { to: "dana", why: null }]);
  expect(voice.close).toHaveBeenCalledTimes(1);
});

test("a voice whose way broke off is told of, and heard by nobody", async () => {
  void monitoring.speakTo("s", "dana", "Dana");
  await settle();
  last().answer(ack);
  await settle();
  monitoring.voiceLost();
  expect(last().body).toMatchObject({ type: "speak_to", participant_id: null });
  expect(voice.end).toHaveBeenCalledTimes(1);
  expect(monitoring.unspoken.value).toEqual({ to: "dana", why: null });
});

test("stopped before the microphone opened, nobody is spoken to", async () => {
  void monitoring.speakTo("s", "dana", "Dana");
  monitoring.stopSpeaking();
  await settle();
  expect(of("speak_to")).toEqual([{ type: "speak_to", session_id: "s", participant_id: null }]);
  expect(monitoring.speaking.value).toBeNull();
});

test("who leaves the page neither hears nor says anything", async () => {
  await listenTo("s");
  void monitoring.speakTo("s", "dana", "Dana");
  await settle();
  monitoring.hide();
  expect([monitoring.room.value, monitoring.speaking.value]).toEqual([null, null]);
});

test("a review says whether it was stored", async () => {
  const stored = monitoring.review("s", "g", "questions", "We talk tomorrow.");
  expect(last()).toMatchObject({ keep: "always", body: { type: "review_glass", glass_id: "g", finding: "questions", note: "We talk tomorrow." } });
  last().answer(ack);
  expect(await stored).toBeUndefined();
  const not = monitoring.review("s", "g", "in_order", "");
  last().answer(no("not_saved"));
  expect(await not).toBe("not_saved");
  const dropped = monitoring.review("s", "g", "in_order", "");
  last().answer({ type: "dropped" });
  expect(await dropped).toBeNull();
});
