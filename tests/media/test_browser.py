"""Headless Chromium, as people use it: no flag about WebRTC's addresses."""

from __future__ import annotations

import asyncio
from typing import Any

from bench.chromium import chromium
from media.engine.interface import OutId, TransportId
from protocol.values import Source
from tests.media.browsing import Site, join, look, until


def flows(seen: dict[str, Any]) -> bool:
    """Pictures are decoded and sound arrives."""
    kinds = {each["kind"]: each for each in seen["inbound"].values()}
    return bool(kinds.get("video", {}).get("decoded", 0) > 3 and kinds.get("audio", {}).get("energy", 0) > 0.001)


class Wishes:
    """Hears how an engine is told to feed its video slots, and asks for other layers."""

    def __init__(self, site: Site) -> None:
        self._engine = site.engine
        self._route = site.engine.route
        self._routes: dict[OutId, tuple[TransportId, str]] = {}
        site.engine.route = self._heard

    def _heard(self, out: OutId, source: TransportId | None, mid: str = "", want: str = "") -> None:
        if source is not None:
            self._routes[out] = (source, mid)
        self._route(out, source, mid, want)

    def ask(self, want: str) -> None:
        for out, (source, mid) in self._routes.items():
            self._route(out, source, mid, want)


def audio(seen: dict[str, Any]) -> int:
    return sum(each["packets"] for each in seen["inbound"].values() if each["kind"] == "audio")


async def test_two_pages_see_and_hear_each_other_and_a_closed_microphone_is_not_heard() -> None:
    site = Site()
    await site.start()
    try:
        async with chromium() as browser:
            ann, ben = await join(browser, site, "room", "ann"), await join(browser, site, "room", "ben", "&rids")
            for page in (ann, ben):
                seen = await until(page, flows)
                decoded = next(each["decoded"] for each in seen["inbound"].values() if each["kind"] == "video")
                await until(page, lambda now, before=decoded: now["inbound"]["v0"]["decoded"] > before + 3)
                assert seen["errors"] == []
                assert seen["up"]["srtp"] == seen["down"]["srtp"] == "SRTP_AEAD_AES_128_GCM"
            await until(ben, lambda seen: "ann" in seen["speakers"])

            site.plane.set_gate("room", "ann", Source.MICROPHONE, False)
            await asyncio.sleep(0.1)  # what is on the way in the kernel and the browser arrives
            heard = audio(await look(ben))
            sent = (await look(ann))["outbound"]["audio"]["packets"]
            await until(ann, lambda seen: seen["outbound"]["audio"]["packets"] > sent + 50)
            assert audio(await look(ben)) == heard
            await until(ben, lambda seen: "ann" not in seen["speakers"])

            site.plane.set_gate("room", "ann", Source.MICROPHONE, True)
            seen = await until(ben, lambda seen: audio(seen) > heard + 20)
            assert seen["inbound"]["a0"]["lost"] == 0

            cleo = await join(browser, site, "room", "cleo", "&listen")
            seen = await until(cleo, lambda seen: len(seen["tracks"]) == 4 and flows(seen))
            assert seen["errors"] == []

            site.plane.resubscribe("room", "cleo")
            seen = await until(cleo, lambda seen: seen["offers"] == 2 and flows(seen))
            assert seen["errors"] == []

            await ann.context.close()
            await until(ben, lambda seen: seen["tracks"] == [])
            await until(cleo, lambda seen: {track["participant_id"] for track in seen["tracks"]} == {"ben"})
        assert site.failed == []
    finally:
        await site.stop()


async def test_a_picture_in_two_layers_goes_up_and_down_and_keeps_moving() -> None:
    site = Site()
    await site.start()
    try:
        wishes = Wishes(site)
        async with chromium() as browser:
            ann = await join(browser, site, "room", "ann", "&rids&width=640&height=360")
            ben = await join(browser, site, "room", "ben", "&listen")
            await until(ben, lambda seen: seen["inbound"].get("v0", {}).get("width") == 320 and flows(seen))
            for want, width in (("b", 640), ("a", 320), ("b", 640)):
                wishes.ask(want)
                await until(ben, lambda seen, width=width: seen["inbound"]["v0"]["width"] == width)
                before = (await look(ben))["inbound"]["v0"]["decoded"]
                await until(ben, lambda seen, before=before: seen["inbound"]["v0"]["decoded"] > before + 5)
            seen = (await look(ben))["inbound"]["v0"]
            assert seen["plis"] == 0  # it could decode all along
            assert seen["freezes"] <= 1  # a busy machine may miss a beat
            assert seen["lost"] == 0
            assert (await look(ann))["errors"] == []
        assert site.failed == []
    finally:
        await site.stop()
