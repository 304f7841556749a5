"""What a page shows is what is sent to it: larger pictures for larger tiles, and none where none is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until

_SENT = """async () => Object.fromEntries([...(await holdspaceDebug.publish.getStats()).values()]
  .filter((stat) => stat.type === "outbound-rtp" && stat.kind === "video")
  .map((stat) => [stat.rid ?? "", stat.framesSent ?? 0]))"""
"""Frames sent of each layer."""

_WIDTH = """async () => Math.max(0, ...[...(await holdspaceDebug.subscribe.getStats()).values()]
  .filter((stat) => stat.type === "inbound-rtp" && stat.kind === "video").map((stat) => stat.frameWidth ?? 0))"""


async def test_a_large_tile_gets_a_large_picture_and_audio_only_none_while_sound_goes_on(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    for someone, link in ((ellie, links["participants"][0]), (dana, links["mentor"])):
        page, _, token = link.partition("#")
        await someone.page.goto(f"{page}{'&' if '?' in page else '?'}debug&capture=640x360@15#{token}")
        await someone.button("Join").click()
    await ellie.tile("Dana").wait_for()
    who = await ellie.id_of("Dana")

    async def large() -> bool:
        return int(await ellie.page.evaluate(_WIDTH)) == 640

    await until("a large picture comes", large, within_s=15)
    assert set(await dana.page.evaluate(_SENT)) == {"q", "f"}

    await ellie.button("Audio only").click()
    await ellie.page.get_by_text("You hear everyone.").wait_for()
    frames = await rests("no picture comes", lambda: ellie.inbound(who, "camera", "frames"))
    packets = await ellie.inbound(who, "microphone", "packets")
    await until("sound goes on", lambda: _more(ellie, who, "microphone", "packets", packets + 20))
    assert await ellie.inbound(who, "camera", "frames") == frames

    sent = await rests("the layer that nobody shows is paused", lambda: _upper(dana))
    await ellie.button("Audio only").click()
    await until("the picture moves again", lambda: _more(ellie, who, "camera", "frames", frames + 5))
    await until("the upper layer goes on", lambda: _more_sent(dana, sent))
    for someone in (ellie, dana):
        assert someone.complaints == [], someone.name


async def rests(what: str, read: Callable[[], Awaitable[float]]) -> float:
    """Until a counter stands still for about a second; what it is then."""
    last, times = -1.0, 0

    async def stands() -> bool:
        nonlocal last, times
        before, last = last, await read()
        times = times + 1 if before == last else 0
        return times >= 8

    await until(what, stands, within_s=12)
    return last


async def _more(someone: Person, who: str, source: str, value: str, than: float) -> bool:
    return await someone.inbound(who, source, value) > than


async def _upper(someone: Person) -> float:
    return float((await someone.page.evaluate(_SENT)).get("f", 0))


async def _more_sent(someone: Person, than: float) -> bool:
    return await _upper(someone) > than
