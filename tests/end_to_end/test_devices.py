"""Microphones and cameras that are refused, taken or unplugged, in a real browser."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser, Route

from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit

_WATCHED: Final = """(() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const watched = {
    tracks: [],
    refuseCamera: null,
    live: () => watched.tracks.filter((each) => each.readyState === "live").length,
  };
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (wanted.video && watched.refuseCamera) throw new DOMException("", watched.refuseCamera);
    const stream = await real(wanted);
    watched.tracks.push(...stream.getTracks());
    return stream;
  };
  window.watched = watched;
})()"""
"""Counts what the page holds of the devices, and refuses the camera when told to."""


async def watched(browser: Browser, name: str, refuse_camera: str | None = None) -> Person:
    someone = await person(browser, name)
    await someone.page.add_init_script(_WATCHED)
    if refuse_camera:
        await someone.page.add_init_script(f"watched.refuseCamera = {refuse_camera!r}")
    return someone


async def live(someone: Person) -> int:
    return int(await someone.page.evaluate("watched.live()"))


async def test_who_tries_again_and_leaves_is_recorded_by_nothing(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await watched(browser, "Ellie", "NotAllowedError")
    await ellie.open(links["participants"][0])
    await ellie.button("Try again").wait_for()
    await until("the microphone is open", lambda: _holds(ellie, 1))
    await ellie.page.evaluate("watched.refuseCamera = null")
    await ellie.button("Try again").click()
    await ellie.button("Try again").wait_for(state="detached")
    await until("both are open, once", lambda: _holds(ellie, 2))
    await ellie.button("Leave").click()
    await ellie.page.get_by_role("heading", name="You have left").wait_for()
    assert await live(ellie) == 0
    assert ellie.complaints == []


async def test_a_camera_that_another_program_holds_can_be_tried_again(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await watched(browser, "Ellie", "NotReadableError"), await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.open(links["participants"][0])
    await ellie.page.get_by_text("Another app is using your camera", exact=False).wait_for()
    await ellie.button("Join").click()
    await ellie.tile("Dana").wait_for()
    await ellie.button("Turn camera on").click()
    notice = ellie.page.get_by_role("region", name="Note")
    await notice.get_by_text("Another app is using your camera", exact=False).wait_for()
    await ellie.page.evaluate("watched.refuseCamera = null")
    await notice.get_by_role("button", name="Try again").click()
    await ellie.button("Turn camera off").wait_for()
    await notice.wait_for(state="detached")


async def test_an_unplugged_microphone_is_off_for_everyone_and_says_so(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await watched(browser, "Ellie"), await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await dana.join(links["mentor"])
    await ellie.button("Mute microphone").wait_for()
    await dana.tile("Ellie").get_by_text("microphone off").wait_for(state="detached")
    await ellie.page.evaluate(
        """() => {
          const track = watched.tracks.find((each) => each.kind === "audio" && each.readyState === "live");
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    await ellie.page.get_by_text("Your microphone went away", exact=False).wait_for()
    await ellie.button("Unmute microphone").wait_for()
    await dana.tile("Ellie").get_by_text("microphone off").wait_for(state="attached")
    await ellie.page.get_by_role("region", name="Note").get_by_role("button", name="Try again").click()
    await ellie.button("Mute microphone").wait_for()
    await dana.tile("Ellie").get_by_text("microphone off").wait_for(state="detached")


async def test_a_busy_server_is_waited_for_in_kind_words(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await person(browser, "Ellie")
    asked = 0

    async def busy(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            await route.fulfill(status=429)
        elif asked == 2:
            await route.fulfill(status=503, content_type="text/html", body="<h1>Service Unavailable</h1>")
        else:
            await route.continue_()

    await ellie.page.route("**/api/v1/sessions/*/join", busy)
    await ellie.open(links["participants"][0])
    await ellie.button("Join").click()
    await ellie.page.get_by_text("Many people are coming in right now", exact=False).wait_for()
    await ellie.arrives()
    assert asked == 3


async def test_who_had_the_camera_off_finds_it_off_after_another_screen_took_over(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie, other = await watched(browser, "Ellie"), await person(browser, "Ellie elsewhere")
    await ellie.join(links["participants"][0])
    await ellie.button("Turn camera off").click()
    await ellie.button("Mute microphone").click()
    await other.join(links["participants"][0])
    await ellie.page.get_by_role("heading", name="You are here on another screen").wait_for()
    assert await live(ellie) == 0
    await audit(ellie.page, "replaced")
    await ellie.button("Use this screen instead").click()
    await ellie.button("Turn camera on").wait_for()
    assert await live(ellie) == 0


async def _holds(someone: Person, count: int) -> bool:
    return await live(someone) == count


async def test_a_page_never_goes_on_as_somebody_else(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await person(browser, "Ellie")
    await ellie.open(links["participants"][0])
    await ellie.button("Join").wait_for()
    marcus = Person("Marcus", await ellie.page.context.new_page())
    await marcus.open(links["participants"][1])
    await marcus.button("Join").wait_for()
    await ellie.button("Join").click()
    await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()
    await ellie.page.get_by_text("Someone else has signed in on this device", exact=False).wait_for()
