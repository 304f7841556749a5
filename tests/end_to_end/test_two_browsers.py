"""Chromium and Firefox, as Debian packages them, in one room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.end_to_end.firefox import FIREFOX, FirefoxPage, firefox
from tests.end_to_end.running import Person, Server, person, until

pytestmark = pytest.mark.skipif(
    FIREFOX is None, reason="no firefox-esr here: apt-get install firefox-esr, or name a Firefox by FIREFOX="
)

_CAPTURE = "640x360@10"

_SEEN = """async () => {
  if (!window.holdspaceDebug?.publish || !holdspaceDebug.subscribe) return null;
  const sources = holdspaceDebug.tracks(), seen = { sent: {}, pair: "" };
  const stats = async (connection) => [...(await connection.getStats()).values()];
  for (const stat of await stats(holdspaceDebug.publish)) {
    if (stat.type === "outbound-rtp" && stat.kind === "video") seen.sent[stat.rid ?? ""] = stat.framesSent ?? 0;
  }
  const received = await stats(holdspaceDebug.subscribe);
  for (const stat of received) {
    if (stat.type === "inbound-rtp" && sources[stat.mid]) {
      const { framesDecoded: decoded = 0, frameWidth: width = 0, totalAudioEnergy: energy = 0 } = stat;
      seen[sources[stat.mid].source] = { decoded, width, energy };
    }
    if (stat.type === "candidate-pair" && stat.nominated && stat.state === "succeeded") {
      seen.pair = received.find((each) => each.id === stat.remoteCandidateId)?.protocol ?? "";
    }
  }
  const video = document.querySelector("[data-participant-id]:not(.self) video");
  if (video?.videoWidth) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 64, 36);
    seen.shown = String(context.getImageData(0, 0, 64, 36).data);
  }
  return seen;
}"""
"""What a page receives of the only other person, what it sends, and what stands on its screen."""

_TCP_ALONE = """() => {
  const take = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    return take.call(this, { type, sdp: sdp.replace(/a=candidate:\\S+ \\d udp .*\\r\\n/g, "") });
  };
}"""

Look = Callable[[], Awaitable[dict[str, Any] | None]]


def with_debug(link: str) -> str:
    """The same link to a page that lets itself be looked into."""
    page, _, token = link.partition("#")
    return f"{page}{'&' if '?' in page else '?'}debug&capture={_CAPTURE}#{token}"


@pytest_asyncio.fixture(loop_scope="session")
async def fox(tmp_path: Path) -> AsyncIterator[FirefoxPage]:
    profile = tmp_path / "firefox"
    profile.mkdir()
    async with firefox(profile) as page:
        yield page


_WIDTH: Final = {"Chromium": 640, "Firefox": 320}
"""Of the picture that each gets: Firefox leads, and with the queue beside them its tiles are small."""


async def sees_and_hears(who: str, look: Look) -> None:
    """Pictures are decoded, what stands on the screen changes, in the layer for its tile, and there is sound."""
    first: dict[str, Any] = {}

    async def holds() -> bool:
        nonlocal first
        now = await look()
        if now is None or not all(now.get(part) for part in ("camera", "microphone", "shown")):
            return False
        first = first or now
        return (
            now["camera"]["decoded"] > first["camera"]["decoded"] + 5
            and now["camera"]["width"] == _WIDTH[who]
            and now["shown"] != first["shown"]
            and now["microphone"]["energy"] > first["microphone"]["energy"]
        )

    try:
        await until(f"{who} sees and hears the other", holds)
    except AssertionError as error:
        raise AssertionError(f"{error}; at first {first}, last {await look()}") from None


async def test_chromium_and_firefox_see_and_hear_each_other_in_two_layers_and_over_tcp(
    server: Server, browser: Browser, fox: FirefoxPage
) -> None:
    links = await server.links()

    async def ellie_joins() -> Person:
        ellie = await person(browser, "Ellie")
        await ellie.page.goto(with_debug(links["participants"][0]))
        await ellie.button("Join").click()
        return ellie

    async def fox_joins() -> None:
        await fox.goto(with_debug(links["mentor"]))
        await fox.press("Join")

    ellie, _ = await asyncio.gather(ellie_joins(), fox_joins())

    def chromium_sees() -> Awaitable[dict[str, Any] | None]:
        return ellie.page.evaluate(_SEEN)

    def firefox_sees() -> Awaitable[dict[str, Any] | None]:
        return fox.evaluate(_SEEN)

    looks: dict[str, Look] = {"Chromium": chromium_sees, "Firefox": firefox_sees}
    await asyncio.gather(*(sees_and_hears(who, look) for who, look in looks.items()))
    for look in looks.values():
        seen = await look()
        assert seen is not None
        assert set(seen["sent"]) == {"q", "f"}
        assert seen["pair"] == "udp"

    await fox.before_each_page(_TCP_ALONE)
    await fox.reload()
    await fox.press("Join")
    await sees_and_hears("Firefox", firefox_sees)
    seen = await firefox_sees()
    assert seen is not None
    assert seen["pair"] == "tcp"
    await sees_and_hears("Chromium", chromium_sees)

    # What nobody needs, Firefox stops sending when it is told to, and begins again.
    await ellie.button("Audio only").click()
    await until("the upper layer rests", lambda: rests(firefox_sees))
    await ellie.button("Audio only").click()
    await sees_and_hears("Chromium", chromium_sees)
    assert ellie.complaints == []
    # Firefox says of a reload that it cut the socket of the page before.
    assert [each for each in fox.complaints if "ws://" not in each] == []


async def rests(look: Look) -> bool:
    """Whether the lower layer alone goes on."""
    before = await look()
    await asyncio.sleep(0.5)
    now = await look()
    assert before is not None
    assert now is not None
    return now["sent"]["f"] == before["sent"]["f"] and now["sent"]["q"] > before["sent"]["q"]
