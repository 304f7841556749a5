import { expect, test } from "vitest";
import type { ConcernView, SupervisedView } from "../../src/protocol/generated";
import {
  acknowledged,
  acknowledgedFlags,
  fromWatching,
  news,
  presses,
  reduce,
  responding,
  waitingFlags,
} from "../../src/state/supervision";

const concern = (id: string, change: Partial<ConcernView> = {}): ConcernView => ({
  id,
  kind: "cover_needed",
  severity: "urgent",
  at_ms: 0,
  ...change,
});

const view = (id: string, change: Partial<SupervisedView> = {}): SupervisedView => ({
  session: { id, title: `Group ${id}`, status: "live" },
  ...change,
});

const ids = (flags: { concern: ConcernView }[]) => flags.map((flag) => flag.concern.id);

test("a session's newest view takes its place, and what is new goes last", () => {
  const state = fromWatching([], { sessions: [view("a"), view("b")] });
  const next = reduce(reduce(state, { type: "supervised", view: view("a", { people: 3 }) }), {
    type: "supervised",
    view: view("c"),
  });
  expect(next.map((one) => [one.session.id, one.people])).toEqual([
    ["a", 3],
    ["b", undefined],
    ["c", undefined],
  ]);
});

test("a session that has ended is gone, with all that waited in it", () => {
  const state = fromWatching([], { sessions: [view("a", { concerns: [concern("1")] }), view("b")] });
  const next = reduce(state, { type: "unsupervised", session_id: "a" });
  expect(next.map((one) => one.session.id)).toEqual(["b"]);
  expect(waitingFlags(next)).toEqual([]);
});

test("after a lost connection cards keep their place, and nothing is left of what is not told any more", () => {
  const before = [view("a"), view("b"), view("c")];
  const after = fromWatching(before, { sessions: [view("d"), view("c", { people: 1 }), view("a")] });
  expect(after.map((one) => one.session.id)).toEqual(["a", "c", "d"]);
  expect(after[1]?.people).toBe(1);
});

test("flags of all sessions are sorted by how much they press, then what goes on, then the oldest", () => {
  const state = [
    view("a", {
      concerns: [
        concern("note", { severity: "note", at_ms: 1 }),
        concern("young", { at_ms: 9 }),
        concern("passed", { at_ms: 2, over: true }),
        concern("taken", { severity: "crisis", acknowledged: true }),
      ],
    }),
    view("b", { concerns: [concern("old", { at_ms: 5 }), concern("crisis", { severity: "crisis", at_ms: 10 })] }),
  ];
  expect(ids(waitingFlags(state))).toEqual(["crisis", "old", "young", "passed", "note"]);
  expect(waitingFlags(state)[0]).toMatchObject({ sessionId: "b", title: "Group b" });
});

test("what was acknowledged is no longer waiting, and the newest of it stands first", () => {
  const state = [view("a", { concerns: [concern("1", { at_ms: 1 }), concern("2", { at_ms: 2 }), concern("3")] })];
  const next = acknowledged(acknowledged(state, "a", "1"), "a", "2");
  expect(ids(waitingFlags(next))).toEqual(["3"]);
  expect(ids(acknowledgedFlags(next))).toEqual(["2", "1"]);
  expect(acknowledged(state, "elsewhere", "1")).toEqual(state);
});

test("news is what has come up or presses more than before, and neither what passed nor what is known", () => {
  const before = [view("a", { concerns: [concern("known"), concern("worse", { severity: "concern" })] })];
  const after = [
    view("a", { concerns: [concern("known"), concern("worse"), concern("over", { over: true })] }),
    view("b", { concerns: [concern("new", { severity: "note" }), concern("taken", { acknowledged: true })] }),
  ];
  expect(ids(news(before, after))).toEqual(["worse", "new"]);
  expect(news(after, after)).toEqual([]);
  expect(news(after, before)).toEqual([]);
});

test("only urgent and crisis interrupt", () => {
  const of = (severity: ConcernView["severity"]) =>
    presses({ sessionId: "a", title: "", concern: concern("1", { severity }) });
  expect([of("crisis"), of("urgent"), of("concern"), of("note")]).toEqual([true, true, false, false]);
});

test("saying to be reachable puts my name there; taking it back leaves another's alone", () => {
  const state = [view("a"), view("b", { responder: "Ben" })];
  expect(responding(state, "a", true, "Ruth")[0]).toMatchObject({ responder: "Ruth", you_respond: true });
  expect(responding(responding(state, "a", true, "Ruth"), "a", false, "Ruth")[0]).toMatchObject({
    responder: "",
    you_respond: false,
  });
  expect(responding(state, "b", false, "Ruth")[1]?.responder).toBe("Ben");
});
