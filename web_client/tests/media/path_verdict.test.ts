import { describe, expect, test } from "vitest";
import { isBack, judge, sampleOf, type Returned, type Sample, type Stat } from "../../src/media/path_verdict";
import type { Source } from "../../src/protocol/generated";

const BOTH: ReadonlySet<Source> = new Set(["microphone", "camera"]);
const sound = (change: Partial<Returned> = {}): Returned => ({ packets: 200, lost: 0, frames: null, jitterS: 0.01, ...change });
const picture = (change: Partial<Returned> = {}): Returned => ({ packets: 150, lost: 0, frames: 90, jitterS: 0.02, ...change });
const sample = (change: Partial<Sample> = {}): Sample => ({
  returned: { microphone: sound(), camera: picture() },
  rttMs: 40,
  detour: false,
  ...change,
});
const nothing = sample({ returned: {} });

describe("what came back in the time that was watched", () => {
  const cases: [string, Sample, [path: string, microphone: string, camera: string]][] = [
    ["all of it, fast", sample(), ["good", "good", "good"]],
    ["all of it, and the browser does not tell how fast", sample({ rttMs: null }), ["good", "good", "good"]],
    ["after 299 ms", sample({ rttMs: 299 }), ["good", "good", "good"]],
    ["after 300 ms", sample({ rttMs: 300 }), ["weak", "good", "good"]],
    ["over TCP or a relay", sample({ detour: true }), ["weak", "good", "good"]],
    [
      "sound with 2 % lost",
      sample({ returned: { microphone: sound({ packets: 196, lost: 4 }), camera: picture() } }),
      ["good", "good", "good"],
    ],
    [
      "sound with 3 % lost",
      sample({ returned: { microphone: sound({ packets: 194, lost: 6 }), camera: picture() } }),
      ["weak", "weak", "good"],
    ],
    [
      "a picture with 3 % lost",
      sample({ returned: { microphone: sound(), camera: picture({ packets: 97, lost: 3 }) } }),
      ["weak", "good", "weak"],
    ],
    [
      "sound that comes in gusts",
      sample({ returned: { microphone: sound({ jitterS: 0.1 }), camera: picture() } }),
      ["weak", "weak", "good"],
    ],
    [
      "packets that never make a whole picture",
      sample({ returned: { microphone: sound(), camera: picture({ frames: 0 }) } }),
      ["weak", "good", "weak"],
    ],
    ["sound alone, where a picture was sent too", sample({ returned: { microphone: sound() } }), ["weak", "good", "none"]],
    [
      "a picture alone, where no sound came",
      sample({ returned: { microphone: sound({ packets: 0 }), camera: picture() } }),
      ["weak", "none", "good"],
    ],
    ["nothing", nothing, ["none", "none", "none"]],
  ];
  test.each(cases)("%s", (_, after, [path, microphone, camera]) => {
    expect(judge([nothing, after], BOTH)).toMatchObject({ path, microphone, camera, reach: true });
  });
});

test("what came before the watch began does not count", () => {
  const lossyStart = sample({ returned: { microphone: sound({ lost: 50 }), camera: picture({ lost: 50, frames: 3 }) } });
  const after = sample({
    returned: {
      microphone: sound({ packets: 400, lost: 50 }),
      camera: picture({ packets: 300, lost: 50, frames: 80 }),
    },
  });
  expect(judge([lossyStart, after], BOTH)).toMatchObject({ path: "good", loss: 0 });
});

test("a way that broke while it was watched is none", () => {
  const looks = [nothing, sample(), sample(), sample(), sample()];
  expect(judge(looks, BOTH)).toMatchObject({ path: "none", microphone: "none", camera: "none" });
  const further = sample({ returned: { microphone: sound({ packets: 201 }), camera: picture() } });
  expect(judge([...looks, further], BOTH)).toMatchObject({ path: "weak", microphone: "good", camera: "none" });
});

test("a connection that was replaced meanwhile counts from zero", () => {
  const before = sample({ returned: { microphone: sound({ packets: 900, lost: 8 }) } });
  const zero = sample({ returned: { microphone: sound({ packets: 0, lost: 0 }) } });
  const after = sample({ returned: { microphone: sound({ packets: 100, lost: 1 }) } });
  expect(judge([before, zero, after], new Set(["microphone"]))).toMatchObject({ path: "good", loss: 1 / 101 });
});

test("a device that is off is said to be off, and the way is judged by the rest", () => {
  const after = sample({ returned: { camera: picture() } });
  expect(judge([nothing, after], new Set())).toMatchObject({ path: "good", microphone: "off", camera: "off" });
  expect(judge([nothing, after], new Set(["camera"]))).toMatchObject({ path: "good", microphone: "off", camera: "good" });
});

test("a slot without a device in it does not spoil the verdict", () => {
  const after = sample({ returned: { microphone: sound({ packets: 0 }), camera: picture() } });
  expect(judge([nothing, after], new Set(["camera"]))).toMatchObject({ path: "good", microphone: "off" });
});

test("tells what was measured", () => {
  const after = sample({ returned: { microphone: sound({ packets: 198, lost: 2 }), camera: picture({ packets: 100 }) } });
  expect(judge([nothing, after], BOTH)).toMatchObject({ rttMs: 40, loss: 2 / 300, jitterMs: 10 });
});

describe("reading a browser's counters", () => {
  const sources = new Map<string, Source>([
    ["a0", "microphone"],
    ["v0", "camera"],
  ]);
  const inbound: Stat[] = [
    { id: "1", type: "inbound-rtp", mid: "a0", packetsReceived: 10, packetsLost: -2, jitter: 0.005 },
    { id: "2", type: "inbound-rtp", mid: "v0", packetsReceived: 20, packetsLost: 1, framesDecoded: 7, jitter: 0.01 },
    { id: "3", type: "inbound-rtp", mid: "a1", packetsReceived: 99 },
  ];
  const chosen = (rtt: number, local: Partial<Stat> = {}): Stat[] => [
    { id: "t", type: "transport", selectedCandidatePairId: "p2" },
    { id: "p1", type: "candidate-pair", currentRoundTripTime: 9, localCandidateId: "l" },
    { id: "p2", type: "candidate-pair", currentRoundTripTime: rtt, localCandidateId: "l" },
    { id: "l", type: "local-candidate", protocol: "udp", candidateType: "host", ...local },
  ];

  test("sound and picture by the m-section that carries them", () => {
    expect(sampleOf([], inbound, sources).returned).toEqual({
      microphone: { packets: 10, lost: 0, frames: null, jitterS: 0.005 },
      camera: { packets: 20, lost: 1, frames: 7, jitterS: 0.01 },
    });
  });

  test("the slower connection counts", () => {
    expect(sampleOf(chosen(0.02), chosen(0.35), sources)).toMatchObject({ rttMs: 350, detour: false });
  });

  test.each([
    ["TCP", { protocol: "tcp" }],
    ["a relay", { candidateType: "relay" }],
  ])("%s on one connection is a detour", (_, local) => {
    expect(sampleOf(chosen(0.02, local), chosen(0.02), sources).detour).toBe(true);
    expect(sampleOf(chosen(0.02), chosen(0.02, local), sources).detour).toBe(true);
  });

  test("a browser that marks the pair itself", () => {
    const pairs: Stat[] = [
      { id: "p1", type: "candidate-pair", selected: false, currentRoundTripTime: 9 },
      { id: "p2", type: "candidate-pair", selected: true, currentRoundTripTime: 0.05 },
    ];
    expect(sampleOf(pairs, [], sources)).toMatchObject({ rttMs: 50, detour: false });
  });

  test("nothing is known before there is a pair", () => {
    expect(sampleOf([{ id: "p", type: "candidate-pair" }], [], sources)).toEqual({ returned: {}, rttMs: null, detour: false });
  });

  test("something is back with its first packet", () => {
    expect(isBack(sampleOf([], inbound, sources))).toBe(true);
    expect(isBack(nothing)).toBe(false);
    expect(isBack(sample({ returned: { camera: picture({ packets: 0 }) } }))).toBe(false);
  });
});
