"""`python -m bench lipsync`: how far apart sound and picture of one person come out, in Chromium, through our server.

Measured in two ways. By the browser's own account: it plays both by the sender reports that it gets, and tells when
each was captured that it plays now. And by looking: a sender whose picture turns white while its microphone beeps, and
the time between both at the receiver. The account alone would not see reports that are wrong; looking has offsets of
its own, so the same sender is also connected without a server.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from playwright.async_api import Page

from bench.chromium import chromium
from bench.figures import Row, percentile
from bench.live_room import HOST, LiveRoom, live_room

CAPTURE: Final = "640x360@15"
SAMPLES: Final = 100
EVERY_S: Final = 0.2
SETTLING: Final = 25
"""So many samples at first are told apart: the first five seconds."""
WITHIN_S: Final = 30.0
TARGET_MS: Final = 45.0
FAR_MS: Final = 450.0
"""Less than half the time between two flashes: further apart, it may be another flash's beep."""
NARROW: Final = (360, 740)
WIDE: Final = (1280, 800)

LIMITS: Final = (
    "Loopback, two pages in one headless browser: no display, and sound goes into no loudspeaker.",
    "By its reports: what Chromium estimates from the sender reports it gets, so it cannot see reports that are wrong.",
    "By looking: offsets of canvas, Web Audio and compositing are in it, and in the direct connection beside it alike.",
    "A page that seldom gets to run looks late: on a busy machine a single look says little, the median more.",
    "Sound is seen by Web Audio before it goes to the device: what Chromium says of that delay is added to it.",
    "Chromium moves picture towards sound step by step: the first five seconds of a scene are told apart.",
)

_FLASHES: Final = """(() => {
  // A camera that turns white and a microphone that beeps, at the same moments.
  let made = null;
  const make = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const context = canvas.getContext("2d");
    const audio = new AudioContext();
    const tone = new OscillatorNode(audio, { frequency: 880 });
    const gain = new GainNode(audio, { gain: 0 });
    const out = audio.createMediaStreamDestination();
    tone.connect(gain).connect(out);
    tone.start();
    const picture = canvas.captureStream(0);
    const [track] = picture.getVideoTracks();
    let on = false;
    setInterval(() => {
      const now = performance.now();
      const wanted = now % 1000 < 300;
      if (wanted !== on) gain.gain.setValueAtTime(wanted ? 0.5 : 0, audio.currentTime);
      on = wanted;
      context.fillStyle = on ? "#fff" : `hsl(${now / 20 % 360} 60% 12%)`;
      context.fillRect(0, 0, 640, 360);
      track.requestFrame();
    }, 100);
    return { audio: out.stream.getAudioTracks()[0], video: track };
  };
  window.benchSource = () => (made ??= make());
  const devices = navigator.mediaDevices;
  devices.getUserMedia = async ({ audio, video }) => {
    const source = window.benchSource();
    const tracks = [];
    if (audio) tracks.push(source.audio.clone());
    if (video) tracks.push(source.video.clone());
    return new MediaStream(tracks);
  };
})()"""

_LOOKS: Final = """(() => {
  // When the tone of a received track begins, and when its picture turns white; ms on the page's clock.
  window.benchLook = (audioTrack, videoTrack) => {
    const seen = { flashes: [], beeps: [], stop: () => {} };
    const audio = new AudioContext();
    const analyser = new AnalyserNode(audio, { fftSize: 256 });
    audio.createMediaStreamSource(new MediaStream([audioTrack])).connect(analyser);
    const wave = new Float32Array(256);
    let loud = false, white = false, going = true;
    const listen = setInterval(() => {
      analyser.getFloatTimeDomainData(wave);
      const peak = wave.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      if (!loud && peak > 0.1) seen.beeps.push(performance.now());
      if (peak > 0.1) loud = true;
      else if (peak < 0.01) loud = false;
    }, 4);
    const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true });
    video.srcObject = new MediaStream([videoTrack]);
    const canvas = new OffscreenCanvas(2, 2);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const look = (_, { expectedDisplayTime }) => {
      if (!going) return;
      context.drawImage(video, 0, 0, 2, 2);
      const [bright] = context.getImageData(0, 0, 1, 1).data;
      if (!white && bright > 170) seen.flashes.push(expectedDisplayTime);
      white = bright > 170;
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
    void video.play();
    seen.stop = () => { going = false; clearInterval(listen); void audio.close(); video.srcObject = null; };
    return seen;
  };
  window.benchReceived = () => {
    const sources = holdspaceDebug.tracks();
    const found = {};
    for (const { mid, receiver } of holdspaceDebug.subscribe.getTransceivers()) {
      if (sources[mid]) found[sources[mid].source] = receiver.track;
    }
    return found;
  };
})()"""

_DELAY: Final = """async (direct) => {
  // How long sound waits in the device's buffers, in ms, over the whole life of this page's playout.
  const peer = direct ? window.benchTo : holdspaceDebug.subscribe;
  for (const stat of (await peer.getStats()).values()) {
    if (stat.type === "media-playout" && stat.totalSamplesCount) {
      return stat.totalPlayoutDelay / stat.totalSamplesCount * 1000;
    }
  }
  return 0;
}"""

_PLAYOUT: Final = """async () => {
  if (!window.holdspaceDebug?.subscribe) return {};
  const sources = holdspaceDebug.tracks(), seen = {};
  for (const stat of (await holdspaceDebug.subscribe.getStats()).values()) {
    if (stat.type !== "inbound-rtp" || !sources[stat.mid]) continue;
    seen[stat.kind] = stat.estimatedPlayoutTimestamp;
    if (stat.kind === "video") { seen.width = stat.frameWidth; seen.frames = stat.framesDecoded; }
  }
  return seen;
}"""

_LOOK: Final = """async (ms) => {
  const { microphone, camera } = benchReceived();
  const seen = benchLook(microphone, camera);
  await new Promise((done) => setTimeout(done, ms));
  seen.stop();
  return { delay: await benchDelay(false), flashes: seen.flashes, beeps: seen.beeps };
}"""

_DIRECT: Final = """async (ms) => {
  const { audio, video } = benchSource();
  const from = new RTCPeerConnection(), to = window.benchTo = new RTCPeerConnection();
  from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
  to.onicecandidate = ({ candidate }) => candidate && from.addIceCandidate(candidate);
  const stream = new MediaStream([audio, video]);
  for (const track of [audio, video]) from.addTrack(track, stream);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);
  const of = (kind) => to.getReceivers().find(({ track }) => track.kind === kind).track;
  const heard = of("audio"), seen = of("video");
  const sound = Object.assign(new Audio(), { srcObject: new MediaStream([heard]), autoplay: true });
  await new Promise((done) => setTimeout(done, 5000));
  const looked = benchLook(heard, seen), reports = [];
  for (const until = performance.now() + ms; performance.now() < until; ) {
    const now = {};
    for (const stat of (await to.getStats()).values()) {
      if (stat.type === "inbound-rtp") now[stat.kind] = stat.estimatedPlayoutTimestamp;
    }
    if (now.audio && now.video) reports.push(now.audio - now.video);
    await new Promise((done) => setTimeout(done, 200));
  }
  looked.stop();
  const delay = await benchDelay(true);
  sound.srcObject = null;
  from.close();
  to.close();
  return { reports, delay, flashes: looked.flashes, beeps: looked.beeps };
}"""


@dataclass(slots=True)
class Skew:
    """How late the picture comes after its sound in one scene, in ms; before it: less than 0."""

    scene: str
    width: float = 0
    """Of the picture, in px."""
    by_reports: list[float] = field(default_factory=list[float])
    by_looking: list[float] = field(default_factory=list[float])
    load: float = 0.0
    ours: bool = True
    """Through our server; else it is only there to compare with, and is not judged."""


@dataclass(slots=True)
class LipSync:
    """All scenes; the one without a server last."""

    skews: list[Skew] = field(default_factory=list[Skew])


async def run(samples: int = SAMPLES) -> LipSync:
    """All scenes one after the other; about two minutes and a half.

    Raises:
        ServerFailed, BotFault: the room could not be set.
    """
    found = LipSync()
    async with chromium() as browser, live_room(browser, "lipsync") as room:
        host = await room.enter(HOST, capture=CAPTURE, script=f"{_FLASHES};{_LOOKS};window.benchDelay = {_DELAY}")
        guest = await _guest(room, NARROW)
        found.skews.append(await _measure("lowest layer", guest, samples, wide=False))
        await guest.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        found.skews.append(await _measure("after a switch to the large layer", guest, samples, wide=True))
        await room.leave(guest)
        late = await _guest(room, WIDE)
        found.skews.append(await _measure("someone who comes late, large layer", late, samples, wide=True))
        await room.leave(late)
        _say("the same pages without a server")
        direct = Skew("directly, without a server", load=os.getloadavg()[0], ours=False)
        seen = await host.evaluate(_DIRECT, samples * EVERY_S * 1000)
        direct.by_reports, direct.by_looking = seen["reports"], late_by(seen["flashes"], seen["beeps"], seen["delay"])
        found.skews.append(direct)
    return found


async def _guest(room: LiveRoom, size: tuple[int, int]) -> Page:
    script = f"{_LOOKS};window.benchDelay = {_DELAY}"
    return await room.enter(0, capture="320x180@10", script=script, width=size[0], height=size[1])


async def _measure(scene: str, page: Page, samples: int, *, wide: bool) -> Skew:
    _say(scene)
    async with asyncio.timeout(WITHIN_S):
        while True:
            if await _settled(page, wide=wide):
                break
            await asyncio.sleep(EVERY_S)
    found = Skew(scene, load=os.getloadavg()[0])
    looking = asyncio.create_task(page.evaluate(_LOOK, samples * EVERY_S * 1000))
    for _ in range(samples):
        seen = await page.evaluate(_PLAYOUT)
        found.width = seen.get("width") or 0
        if seen.get("audio") and seen.get("video"):
            found.by_reports.append(seen["audio"] - seen["video"])
        await asyncio.sleep(EVERY_S)
    found.by_looking = late_by(**await looking)
    return found


async def _settled(page: Page, *, wide: bool) -> bool:
    """Whether this layer comes, and reports of both have come."""
    seen = await page.evaluate(_PLAYOUT)
    width = seen.get("width") or 0
    return bool(seen.get("audio") and seen.get("video")) and (width >= 640) == wide and width > 0


def late_by(flashes: list[float], beeps: list[float], delay: float = 0.0) -> list[float]:
    """Of each flash: how long after the beep that is nearest to it, in ms; without those that have none near.

    `delay`: so long after it was seen a beep is heard.
    """
    nearest = [min((flash - beep - delay for beep in beeps), key=abs, default=None) for flash in flashes]
    return [late for late in nearest if late is not None and abs(late) < FAR_MS]


def reports_off_by(skew: Skew) -> float | None:
    """How far the browser's account is from what is seen and heard, in ms: the median of one less that of the other."""
    if not skew.by_reports or not skew.by_looking:
        return None
    return median(skew.by_looking) - median(skew.by_reports)


def rows(found: LipSync) -> list[Row]:
    """The table."""
    table: list[Row] = []
    for skew in found.skews:
        size = f"{skew.width:.0f} px, " if skew.width else ""
        where = f"{skew.scene} ({size}load {skew.load:.1f})"
        first, then = skew.by_reports[:SETTLING], skew.by_reports[SETTLING:]
        if first:
            table.append(Row(f"{where}: by the reports, first 5 s", _told(first)))
        for how, values in (("by the reports", then), ("by looking", skew.by_looking)):
            if values and skew.ours:
                met = percentile([abs(value) for value in values], 0.95) <= TARGET_MS
                table.append(Row(f"{where}: {how}", _told(values), f"p95 ≤ {TARGET_MS:.0f} ms", met))
            elif values:
                table.append(Row(f"{where}: {how}", _told(values)))
        off = reports_off_by(skew)
        if off is not None:
            table.append(Row(f"{where}: looking less reports", f"{off:+.0f} ms"))
    return table


def _told(values: list[float]) -> str:
    sizes = [abs(value) for value in values]
    apart = f"|skew| p50 {median(sizes):.0f}, p95 {percentile(sizes, 0.95):.0f} ms"
    return f"{apart}; picture {median(values):+.0f} ms, of {len(values)}"


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)
