"""The device check: before joining, one's own sound and picture go to the server and come back."""

from __future__ import annotations

import time
from typing import Any, Final, cast

import pytest
from playwright.async_api import Browser

from tests.end_to_end.bad_way import bad_way, own_address
from tests.end_to_end.running import Person, Server, person

NOBODY_LISTENS: Final = "203.0.113.1"
"""A documentation address (RFC 5737): as if a firewall dropped every packet on the way to the media port."""

_WATCHED: Final = """(() => {
  const RealConnection = RTCPeerConnection;
  const RealAudio = Audio;
  window.connections = [];
  window.players = [];
  window.RTCPeerConnection = class extends RealConnection {
    constructor(...given) { super(...given); connections.push(this); }
  };
  window.Audio = class extends RealAudio {
    constructor(...given) { super(...given); players.push(this); }
  };
})()"""
"""Keeps what the page makes of connections, and of elements that play sound."""

_NO_DEVICES: Final = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("", "NotFoundError");
}"""


async def arrived(browser: Browser, link: str, *scripts: str) -> Person:
    someone = await person(browser, "Ellie")
    for script in (_WATCHED, *scripts):
        await someone.page.add_init_script(script)
    await someone.open(link)
    await someone.button("Join").wait_for()
    return someone


async def check(someone: Person) -> dict[str, Any]:
    """Runs the check with what the page has of microphone and camera."""
    return cast("dict[str, Any]", await someone.page.evaluate("holdspaceCheck()"))


async def over(server: Server, address: str) -> None:
    """Starts it again, with media on loopback, and clients told that it is at that address."""
    await server.kill()
    server.environment["HOLDSPACE__MEDIA__BIND"] = "127.0.0.1"
    server.environment["HOLDSPACE__MEDIA__ADVERTISE"] = address
    await server.start()


async def test_who_is_well_connected_is_told_so_and_can_check_again_and_join(server: Server, browser: Browser) -> None:
    """Takes about 12 s: each check watches what comes back for four seconds."""
    links = await server.links()
    ellie = await arrived(browser, links["participants"][0])
    for _ in range(2):
        verdict = await check(ellie)
        assert verdict == {**verdict, "path": "good", "microphone": "good", "camera": "good", "reach": True}
        assert 0 <= verdict["rttMs"] < 300
        assert verdict["loss"] < 0.03
        assert verdict["jitterMs"] < 100
        # Nothing of the check goes on; the page's own, which ran beside it, may end a moment later.
        await ellie.page.wait_for_function("connections.every((each) => each.connectionState === 'closed')")
    assert await ellie.page.evaluate("players.length") == 0, "nobody hears their own echo"
    await ellie.button("Join").click()
    await ellie.arrives()
    await ellie.button("Mute microphone").wait_for()
    assert ellie.complaints == []


async def test_who_has_neither_microphone_nor_camera_still_learns_about_the_way(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie = await arrived(browser, links["participants"][0], _NO_DEVICES)
    verdict = await check(ellie)
    assert verdict == {**verdict, "path": "good", "microphone": "off", "camera": "off", "reach": True}


async def test_a_blocked_media_port_is_told_within_ten_seconds_and_does_not_keep_anyone_out(
    server: Server, browser: Browser
) -> None:
    await over(server, NOBODY_LISTENS)
    links = await server.links()
    ellie = await arrived(browser, links["participants"][0])
    began = time.monotonic()
    verdict = await check(ellie)
    assert time.monotonic() - began < 10
    assert f" {NOBODY_LISTENS} " in await ellie.page.evaluate("connections[0].remoteDescription.sdp")
    assert verdict == {**verdict, "path": "none", "microphone": "none", "camera": "none", "reach": True}
    dana = await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.button("Join").click()
    await ellie.tile("Dana").wait_for()
    await ellie.say("I can write to you")
    assert await ellie.messages("I can write to you") == 1


@pytest.mark.parametrize(("late_s", "lost"), [(0.2, 0.0), (0.0, 0.1)], ids=["far away", "lossy"])
async def test_a_bad_network_is_weak_and_still_works(
    server: Server, browser: Browser, late_s: float, lost: float
) -> None:
    at = own_address()
    await over(server, at)
    links = await server.links()
    ellie = await arrived(browser, links["participants"][0])
    async with bad_way(at, int(server.environment["HOLDSPACE__MEDIA__PORT"]), late_s=late_s, lost=lost):
        verdict = await check(ellie)
    assert verdict == {**verdict, "path": "weak", "reach": True}
    assert verdict["rttMs"] >= 2000 * late_s
    # Each packet passes twice; those of the picture that were lost are mostly sent again.
    assert verdict["loss"] >= lost / 2


async def test_a_server_that_cannot_be_reached_is_told_apart(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await arrived(browser, links["participants"][0])
    await server.kill()
    verdict = await check(ellie)
    assert verdict == {**verdict, "path": "none", "reach": False}
