import { expect, test } from "vitest";
import type { ConcernView, FlagView, SupervisedView } from "../../src/protocol/generated";
import {
  acknowledged,
  callsMe,
  doneFlags,
  fromWatching,
  keyOf,
  liveSessions,
  news,
  presses,
  reduce,
  resolved,
  responding,
  takenFlags,
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
  const next = acknowledged(acknowledged(state, "a", "1", 0), "a", "2", 0);
  expect(ids(waitingFlags(next))).toEqual(["3"]);
  expect(ids(doneFlags(next))).toEqual(["2", "1"]);
  expect(acknowledged(state, "elsewhere", "1", 0)).toEqual(state);
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
    presses({ sessionId: "a", title: "", ended: false, concern: concern("1", { severity }) });
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

const flag = (id: string, change: Partial<FlagView> = {}): FlagView => ({
  id,
  kind: "flag",
  severity: "urgent",
  category: "other",
  at_ms: 0,
  by: "Dana",
  by_role: "mentor",
  ...change,
});

const flagged = (id: string, change: Partial<ConcernView> = {}): ConcernView =>
  concern(id, { kind: "flagged", flags: [flag("f1")], ...change });

test("a flag that came while the others were acknowledged keeps its concern waiting", () => {
  const state = [view("a", { concerns: [flagged("1", { flags: [flag("f1"), flag("f2")] })] })];
  const one = acknowledged(state, "a", "1", 1);
  expect(one[0]?.concerns?.[0]?.flags?.map((each) => each.acknowledged ?? false)).toEqual([true, false]);
  expect(ids(waitingFlags(one))).toEqual(["1"]);
  expect(ids(waitingFlags(acknowledged(one, "a", "1", 2)))).toEqual([]);
});

test("what was flagged is in someone's hands until it is resolved: mine first, then what presses most", () => {
  const acknowledgedOne = { acknowledged: true } as const;
  const state = [
    view("a", { concerns: [flagged("theirs", { ...acknowledgedOne, severity: "crisis" })] }),
    view("b", {
      concerns: [
        flagged("mine", { ...acknowledgedOne, mine: true, severity: "note" }),
        flagged("old", { ...acknowledgedOne, at_ms: -1 }),
        flagged("young", acknowledgedOne),
      ],
    }),
  ];
  expect(ids(takenFlags(state))).toEqual(["mine", "theirs", "old", "young"]);
  const next = resolved(state, "b", "mine", { outcome: "spoke" });
  expect(ids(takenFlags(next))).toEqual(["theirs", "old", "young"]);
  expect(ids(doneFlags(next))).toEqual(["mine"]);
});

test("one more flag, and what has only now reached me, are news", () => {
  const before = [view("a", { concerns: [flagged("1"), flagged("2")] })];
  const more = [view("a", { concerns: [flagged("1", { flags: [flag("f1"), flag("f2")] }), flagged("2", { yours: true })] })];
  expect(ids(news(before, more))).toEqual(["1", "2"]);
  expect(news(more, more)).toEqual([]);
});

test("concerns of two sessions that are numbered alike are two", () => {
  const before = [view("a", { concerns: [concern("c1")] })];
  const after = [...before, view("b", { concerns: [concern("c1")] })];
  expect(news(before, after).map(keyOf)).toEqual(["b/c1"]);
});

test("a crisis that has reached me calls until somebody has acknowledged it", () => {
  const crisis = flagged("1", { severity: "crisis", yours: true });
  expect(callsMe([view("a", { concerns: [crisis] })])).toBe(true);
  expect(callsMe([view("a", { concerns: [{ ...crisis, yours: false }] })])).toBe(false);
  expect(callsMe([view("a", { concerns: [{ ...crisis, acknowledged: true }] })])).toBe(false);
});

test("sessions that have ended, and those of others, are not among the live ones", () => {
  const ended = view("b", { session: { id: "b", title: "Group b", status: "ended" } });
  const state = [view("a"), ended, view("c", { assigned: false })];
  expect(liveSessions(state).map((one) => one.session.id)).toEqual(["a"]);
  expect(waitingFlags([{ ...ended, concerns: [flagged("1")] }])[0]?.ended).toBe(true);
});
