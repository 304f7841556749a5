"""`python -m bench join [JOINS]`: how soon a browser that joins shows the picture of somebody who is there already."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from bench.chromium import chromium
from bench.figures import Row, percentile
from bench.live_room import HOST, live_room

JOINS: Final = 40
CAPTURE: Final = "320x180@10"
GUESTS: Final = 20
"""They join in turns: whoever comes and goes again and again has to wait a moment."""
TARGET_MS: Final = 250.0
WITHIN_S: Final = 15.0
STEPS: Final = ("open", "answer", "told", "offer", "answered", "ice", "dtls", "received", "shown")
"""What a page goes through, each told with the time since the one before: the server's first answer, its offer, the
page takes that up and answers, ICE and DTLS stand (as the page is told, perhaps late), a picture is received, shown.
"""

LIMITS: Final = (
    "Loopback: no way there and back is in it, and each request and answer of a join adds one.",
    "The browser's two pages, the server and this script share the machine's cores; the load is told beside it.",
    "The fake camera gives ten pictures a second: a key frame that is asked for waits for the next, up to 100 ms.",
    "Only pictures that the client's own video element presented count; the last step holds decoding and compositing.",
    "The joining page opens its own camera and microphone meanwhile, as people's pages do.",
)

_MARKS: Final = """(() => {
  // The device check opens a socket of its own; what counts begins with the last one before the picture.
  let marks = {};
  let clicked = 0;
  const mark = (name, at = performance.now()) => { marks[name] ??= at; };
  const { promise, resolve } = Promise.withResolvers();
  window.benchShown = promise;
  addEventListener("click", () => { clicked = performance.now(); }, true);
  // Who drives this page sees the button a while after it is there.
  let door = 0;
  const atDoor = new MutationObserver(() => {
    const keys = [...document.querySelectorAll("button")];
    const there = keys.some((each) => each.textContent.trim() === "Join" && !each.disabled);
    if (!there) return;
    door = performance.now();
    atDoor.disconnect();
  });
  atDoor.observe(document, { childList: true, subtree: true, attributes: true, characterData: true });
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("open", () => { if (!marks.shown) marks = { door, clicked, open: performance.now() }; });
      this.addEventListener("message", () => {
        mark("answer");
        // The last one before the offer is taken brought it, or came right behind it.
        if (marks.offer === undefined) marks.told = performance.now();
      });
    }
  };
  const remote = new Set();
  const Peer = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Peer {
    constructor(...rest) {
      super(...rest);
      this.addEventListener("track", ({ track }) => {
        if (track.kind !== "video") return;
        remote.add(track.id);
        track.addEventListener("unmute", () => mark("unmuted"));
      });
    }
    async setRemoteDescription(description) {
      if (description.type === "offer") {
        mark("offer");
        this.addEventListener("iceconnectionstatechange", () => {
          if (this.iceConnectionState === "connected") mark("ice");
        });
        this.addEventListener("connectionstatechange", () => {
          if (this.connectionState === "connected") mark("dtls");
        });
      }
      return super.setRemoteDescription(description);
    }
    async setLocalDescription(...rest) {
      await super.setLocalDescription(...rest);
      if (this.localDescription.type === "answer") mark("answered");
    }
  };
  const shown = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...shown,
    set(stream) {
      shown.set.call(this, stream);
      const track = stream?.getVideoTracks()[0];
      if (!track || !remote.has(track.id)) return;
      mark("placed");
      this.requestVideoFrameCallback((now, { receiveTime, processingDuration }) => {
        mark("received", receiveTime);
        mark("decoding", processingDuration * 1000);
        mark("shown");
        resolve(marks);
      });
    },
  });
})()"""


@dataclass(slots=True)
class Joins:
    """Of each join. Milliseconds on the page's own clock, which begins with its navigation."""

    marks: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    failed: int = 0
    load: list[float] = field(default_factory=list[float])

    def from_open(self, name: str) -> list[float]:
        """When a mark was set, after the room's WebSocket was open."""
        return [each[name] - each["open"] for each in self.marks if name in each]


async def run(joins: int = JOINS) -> Joins:
    """So many joins one after the other, each by a page that has nothing in its cache.

    Raises:
        ServerFailed, BotFault: the room could not be set.
    """
    found = Joins()
    async with chromium() as browser, live_room(browser, "join", GUESTS) as room:
        host = await room.enter(HOST, capture=CAPTURE)
        for number in range(joins):
            _say(f"join {number + 1} of {joins}")
            guest = number % GUESTS
            page = await room.enter(guest, capture=CAPTURE, script=_MARKS)
            try:
                async with asyncio.timeout(WITHIN_S):
                    found.marks.append(_marks(await page.evaluate("benchShown")))
            except TimeoutError:
                found.failed += 1
            found.load.append(os.getloadavg()[0])
            await room.leave(page)
            await host.get_by_role("group", name=f"Person {guest}", exact=True).wait_for(state="detached")
    return found


def _marks(seen: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in seen.items()}


def rows(joins: Joins) -> list[Row]:
    """The table."""
    shown = joins.from_open("shown")
    if not shown:
        return [Row("Joins that showed a picture", f"0 of {joins.failed}", "all", False)]
    load = f"load {min(joins.load):.1f} to {max(joins.load):.1f}"
    late = percentile(shown, 0.95)
    page = [each["shown"] for each in joins.marks]
    click = [each["shown"] - each["clicked"] for each in joins.marks]
    without = [each["door"] + each["shown"] - each["clicked"] for each in joins.marks]
    total = len(joins.marks) + joins.failed
    found = [
        Row("Joins that showed a picture within 15 s", f"{len(shown)} of {total}", "all", not joins.failed),
        Row(
            "Room's WebSocket open → first picture shown",
            f"{_spread(shown)} ({load})",
            "p95 < 250 ms",
            late < TARGET_MS,
        ),
        Row("Tap on Join → first picture shown", _spread(click)),
        Row("Page asked for → Join can be tapped", _spread([each["door"] for each in joins.marks])),
        Row("Page asked for → first picture shown, without the wait for the tap", _spread(without)),
        Row("The same with that wait", _spread(page)),
    ]
    for before, step in pairwise(STEPS):
        took = [each[step] - each[before] for each in joins.marks if step in each and before in each]
        if took:
            found.append(Row(f"of that: {before} → {step}", _spread(took)))
    return found


def _spread(values: list[float]) -> str:
    return f"p50 {percentile(values, 0.5):.0f}, p95 {percentile(values, 0.95):.0f}, max {max(values):.0f} ms"


def _say(what: str) -> None:
    print(f"bench: {what} …", file=sys.stderr, flush=True)
