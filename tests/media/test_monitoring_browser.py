"""Who listens, in Chromium: pictures come at once, and in nobody else's page does anything happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Page

from bench.chromium import chromium
from tests.media.browsing import Site, join, look, until

FIRST_PICTURE_S = 2.0
SWITCH_S = 1.0
BUSY_S = 1.0
"""What a machine that does other things meanwhile may add."""


async def quiet(*pages: Page) -> None:
    """Until nobody has been asked for a key frame for a second."""
    last: list[int] = []
    since = time.monotonic()
    while time.monotonic() - since < 1.2:
        asked = [(await look(page))["outbound"]["video"]["plis"] for page in pages]
        if asked != last:
            last, since = asked, time.monotonic()
        await asyncio.sleep(0.1)


def traces(seen: dict[str, Any]) -> dict[str, Any]:
    """What a monitor must not change: requests and SSRCs, m-lines, offers."""
    kept = ("plis", "firs", "nacks", "ssrc", "keys")
    outbound = {kind: {name: each[name] for name in kept} for kind, each in seen["outbound"].items()}
    inbound = {mid: {name: each[name] for name in kept[:-1]} for mid, each in seen["inbound"].items()}
    return {"outbound": outbound, "inbound": inbound, "offers": seen["offers"], "tracks": seen["tracks"]}


async def test_a_monitor_comes_listens_whispers_and_goes_and_nothing_shows_it_to_anyone_in_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The regular request would fall into a slow run: here there is none, and what is kept stays as long.
    for name in ("key_frames.REFRESH_S", "forward.REFRESH_S", "cache.MAX_AGE_S"):
        monkeypatch.setattr(f"media.engine.{name}", 300.0)
    site = Site()
    await site.start()
    try:
        async with chromium() as browser:
            ann, ben = await join(browser, site, "room", "ann", "&mentor"), await join(browser, site, "room", "ben")
            for page in (ann, ben):
                await until(page, lambda seen: seen["inbound"].get("v0", {}).get("decoded", 0) > 3)
            theo = await join(browser, site, "desk", "theo", "&monitor")
            await until(theo, lambda seen: seen["offers"] == 1)
            await quiet(ann, ben)
            before = [traces(await look(page)) for page in (ann, ben)]
            stats = site.plane.stats()

            site.plane.listen("theo", "room")
            seen = await until(theo, lambda seen: sees_and_hears(seen, pictures=2))
            assert seen["errors"] == []
            await theo.evaluate("speak()")
            site.plane.set_headphones("room", "ann", True)
            site.plane.speak_to("theo", "room", "ann")
            await until(ann, lambda seen: seen["inbound"].get("w0", {}).get("energy", 0) > 0.001)
            site.plane.listen("theo", None)
            await theo.context.close()

            after = [traces(await look(page)) for page in (ann, ben)]
            assert after[0]["inbound"].pop("w0")["plis"] == 0
            before[0]["inbound"].pop("w0", None)
            assert after == before
            now = site.plane.stats()
            for name in ("peers", "rooms", "transports", "offers", "handshakes_ok", "plis_in", "plis_out", "nacks_in"):
                assert getattr(now, name) == getattr(stats, name), name
            assert site.engine.monitor_stats().packets_forwarded > 50
        assert site.failed == []
    finally:
        await site.stop()


def sees_and_hears(seen: dict[str, Any], pictures: int) -> bool:
    moving = [each for each in seen["inbound"].values() if each["kind"] == "video" and each["decoded"] > 3]
    heard = [each for each in seen["inbound"].values() if each["kind"] == "audio" and each["energy"] > 0.001]
    return len(moving) == pictures and len(heard) == pictures


async def test_the_first_picture_is_there_at_once_and_that_of_another_session_too(
    record_property: Callable[[str, object], None],
) -> None:
    site = Site()
    await site.start()
    try:
        async with chromium() as browser:
            for room, who, color in (("room", "ann", "red"), ("other", "ben", "blue")):
                page = await join(browser, site, room, who, f"&color={color}")
                await until(page, lambda seen: seen["outbound"].get("video", {}).get("packets", 0) > 3)
                await quiet(page)
            theo = await join(browser, site, "desk", "theo", "&monitor")
            await until(theo, lambda seen: seen["offers"] == 1)
            took = [await shown(site, theo, room) for room in ("room", "other", "room", "other")]
        record_property("seconds to the first picture, and to those of the sessions that follow", took)
        assert took[0] < FIRST_PICTURE_S + BUSY_S
        assert max(took[1:]) < SWITCH_S + BUSY_S
        assert site.failed == []
    finally:
        await site.stop()


async def shown(site: Site, theo: Page, room: str) -> float:
    """Seconds from the wish to listen to that session until its picture is on the screen."""
    color = [room == "room", False, room == "other"]
    began = time.time()
    site.plane.listen("theo", room)
    seen = await until(theo, lambda seen: seen["colors"][-1:] != [] and seen["colors"][-1][:3] == color)
    assert seen["errors"] == []
    return seen["colors"][-1][3] / 1_000 - began
