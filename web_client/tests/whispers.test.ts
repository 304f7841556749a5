import { beforeEach, expect, test } from "vitest";
import type { RequestBody } from "../src/connection/connection";
import type { Outcome } from "../src/connection/outbox";
import { Whispers } from "../src/whispers";
import { settle } from "./fakes";
import { fakeTrack } from "./fake_media";

let asked: { body: RequestBody; answer: (outcome: Outcome) => void }[];
let whispers: Whispers;

beforeEach(() => {
  asked = [];
  whispers = new Whispers({ request: (body) => new Promise((answer) => asked.push({ body, answer })) });
});

const ack: Outcome = { type: "ack", id: "x" };
const whisper = (id: string) => whispers.hear({ type: "whispered", whisper: { id, other: "Ruth", text: "You are doing well.", at_ms: 0 } });

test("a whisper comes once, and is said to be seen once it was", () => {
  whisper("a");
  whisper("a");
  whisper("b");
  expect(whispers.list.value.map(({ id }) => id)).toEqual(["b", "a"]);
  expect(asked).toEqual([]);
  whispers.saw("a");
  whispers.saw("a");
  expect(asked.map(({ body }) => body)).toEqual([{ type: "saw_whisper", whisper_id: "a" }]);
  whispers.putAway();
  expect(whispers.list.value.map(({ id }) => id)).toEqual(["b"]);
});

test("one that the server tells again was seen, and is said so again without being shown", () => {
  whisper("a");
  whispers.saw("a");
  whispers.putAway();
  whisper("a");
  expect(whispers.list.value).toEqual([]);
  expect(asked).toHaveLength(2);
});

test("a voice is heard only with headphones that the server knows of", async () => {
  whispers.voice.value = fakeTrack();
  whispers.confirm(true);
  expect(whispers.audible.value).toBeNull();
  asked[0]?.answer(ack);
  await settle();
  expect(whispers.audible.value).not.toBeNull();
  whispers.hear({ type: "whisper_speaking", name: "Ruth" });
  expect(whispers.speaker.value).toBe("Ruth");
  whispers.confirm(false);
  expect([whispers.audible.value, whispers.speaker.value]).toEqual([null, ""]);
  expect(asked.at(-1)?.body).toEqual({ type: "confirm_headphones", on: false });
});

test("headphones that were taken off while they were confirmed are off", async () => {
  whispers.confirm(true);
  whispers.confirm(false);
  asked[0]?.answer(ack);
  await settle();
  expect(whispers.headphones.value).toBe(false);
});

test("a session that begins anew knows of none", async () => {
  whispers.confirm(true);
  asked[0]?.answer(ack);
  await settle();
  whispers.forget();
  expect(whispers.headphones.value).toBe(false);
  expect(asked).toHaveLength(1);
});
