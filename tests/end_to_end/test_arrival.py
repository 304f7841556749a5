"""From the link to the room's door, on a phone: what is asked, what is kept, and what can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Route

from tests.end_to_end.running import ROOT, Person, Server, person, until
from tests.end_to_end.test_accessibility import audit

PHONE: Final = (360, 740)

WATCHED: Final = """(() => {
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.watched = { refuse: false, asked: 0, tracks: [] };
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    watched.asked += 1;
    if (watched.refuse) throw new DOMException("", "NotAllowedError");
    const stream = await real(wanted);
    watched.tracks.push(...stream.getTracks());
    return stream;
  };
})()"""
"""Counts what the page asks of microphone and camera, and refuses them when told to."""


class Arriving(Person):
    """Someone on the way in, on a phone."""

    def heading(self, name: str) -> Any:
        return self.page.get_by_role("heading", name=name, exact=True, level=1)

    def field(self, name: str) -> Any:
        return self.page.get_by_label(name, exact=True)

    def text(self, words: str) -> Any:
        return self.page.get_by_text(words, exact=False).first

    async def come(self, link: str) -> None:
        await self.open(link)
        await self.heading("Welcome. There is a place for you here.").wait_for()

    async def be_called(self, name: str) -> None:
        await self.field("What should we call you?").fill(name)
        await self.field("I am 18 or older").check()
        await self.button("Go on").click()

    async def agree_to_notice(self) -> None:
        await self.heading("Before you join").wait_for()
        await self.button("I understand and agree").click()

    async def agree_with_group(self) -> None:
        await self.button("I agree to this").click()

    async def say_where(self, place: str = "Parked outside the library") -> None:
        await self.heading("Where are you today?").wait_for()
        await self.field("Street and number, or the place").fill(place)
        for label, value in (("City", "Dayton"), ("State", "Ohio"), ("Call-back number", "937 555-0172")):
            await self.field(label).fill(value)
        if await self.field("Phone number").count():
            await self.field("Name").fill("Rosa")
            await self.field("Who they are to you").fill("my sister")
            await self.field("Phone number").fill("937 555-0148")
        await self.button("Go on").click()

    async def to_the_check(self, name: str = "El") -> None:
        await self.be_called(name)
        await self.agree_to_notice()
        await self.agree_with_group()
        await self.say_where()
        await self.check()

    async def check(self) -> None:
        await self.heading("How you look and sound").wait_for()

    async def enter(self) -> None:
        """Into the room, or into its lobby where nobody leads yet."""
        await self.button("Join").click()
        await self.arrives()

    async def watched(self, what: str) -> int:
        return int(await self.page.evaluate(f"watched.{what}"))

    async def live_tracks(self) -> int:
        return await self.watched("tracks.filter((each) => each.readyState === 'live').length")


async def arriving(browser: Browser, name: str) -> Arriving:
    someone = await person(browser, name, *PHONE)
    await someone.page.add_init_script(WATCHED)
    return Arriving(name, someone.page)


async def test_a_newcomer_comes_from_the_link_into_the_room(server: Server, browser: Browser) -> None:
    links = await server.links_by_command()
    ellie, dana = await arriving(browser, "Ellie"), await arriving(browser, "Dana")
    await dana.open(links["mentor"])
    await dana.agree_to_notice()
    await dana.agree_with_group()
    await dana.enter()
    await ellie.come(links["participants"][0])
    await ellie.text("Step 1 of 5").wait_for()
    await audit(ellie.page, "welcome")
    await ellie.be_called("El")
    await ellie.heading("Before you join").wait_for()
    await ellie.text("Step 2 of 5").wait_for()
    await audit(ellie.page, "notice")
    await ellie.page.get_by_text("Read the full notice").click()
    await audit(ellie.page, "notice-full")
    await ellie.agree_to_notice()
    await ellie.text("Step 3 of 5").wait_for()
    await audit(ellie.page, "agreement")
    await ellie.agree_with_group()
    await ellie.text("Step 4 of 5").wait_for()
    await audit(ellie.page, "where")
    assert await ellie.watched("asked") == 0, "nothing asks for the camera before the check"
    await ellie.say_where()
    await ellie.check()
    await ellie.text("Step 5 of 5").wait_for()
    await until("microphone and camera are open", lambda: _holds(ellie, 2))
    await audit(ellie.page, "check")
    await ellie.enter()
    await dana.tile("El").wait_for()
    assert ellie.complaints == []


async def test_what_was_said_once_is_not_asked_again(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.be_called("El")
    await ellie.agree_to_notice()
    await ellie.button("I agree to this").wait_for()
    await ellie.page.reload()
    await ellie.text("Step 3 of 5").wait_for()
    await ellie.agree_with_group()
    await ellie.say_where()
    await ellie.enter()
    await ellie.button("Leave").click()
    await ellie.button("Join again").click()
    await ellie.check()
    assert not await ellie.text("Step").is_visible()
    await ellie.text("You come in as El.").wait_for()
    await ellie.enter()


async def test_what_is_wrong_is_said_at_the_field(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.field("What should we call you?").fill("")
    await ellie.button("Go on").click()
    await ellie.text("Please write a name").wait_for()
    await ellie.text("These sessions are for adults").wait_for()
    assert await focused(ellie) == "name"
    await audit(ellie.page, "welcome-wrong")
    await ellie.be_called("El")
    await ellie.agree_to_notice()
    await ellie.agree_with_group()
    await ellie.heading("Where are you today?").wait_for()
    await ellie.field("Street and number, or the place").fill("Library")
    await ellie.field("Call-back number").fill("none")
    await ellie.button("Go on").click()
    await ellie.text("Please fill this in").wait_for()
    assert await focused(ellie) == "city"
    await ellie.text("Please write a phone number").wait_for()
    await audit(ellie.page, "where-wrong")
    await ellie.say_where()
    await ellie.check()


async def test_back_keeps_what_was_given_and_closes_the_camera(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.to_the_check()
    await until("both are open", lambda: _holds(ellie, 2))
    await ellie.button("Back").click()
    await ellie.heading("Where are you today?").wait_for()
    assert await ellie.live_tracks() == 0
    assert await ellie.field("Street and number, or the place").input_value() == "Parked outside the library"
    await ellie.button("Back").click()
    await ellie.text("You have agreed to this").wait_for()
    await ellie.button("Go on").click()
    await ellie.button("Go on").click()
    await ellie.check()
    await ellie.button("Change name").click()
    await ellie.field("What should we call you?").fill("Elle")
    await ellie.button("Go on").click()
    await ellie.text("You come in as Elle.").wait_for()


async def test_not_now_is_a_calm_answer(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.be_called("El")
    await ellie.button("Not now").click()
    await ellie.heading("That is fine. Take your time.").wait_for()
    await audit(ellie.page, "not-now")
    await ellie.button("Read it again").click()
    await ellie.agree_to_notice()
    await ellie.button("I agree to this").wait_for()


async def test_a_changed_notice_is_asked_again_and_says_so(server: Server, browser: Browser, tmp_path: Path) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.to_the_check()
    await change_the_notice(server, tmp_path / "texts")
    await ellie.button("Join").click()
    await ellie.heading("Before you join").wait_for()
    await ellie.text("This text has changed since you agreed.").wait_for()
    await ellie.text("Step 1 of 2").wait_for()
    await audit(ellie.page, "notice-changed")
    await ellie.agree_to_notice()
    await ellie.check()
    await ellie.enter()


async def test_a_notice_that_changes_while_it_is_read_is_shown_anew(
    server: Server, browser: Browser, tmp_path: Path
) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.be_called("El")
    await ellie.heading("Before you join").wait_for()
    await change_the_notice(server, tmp_path / "texts")
    await ellie.agree_to_notice()
    await ellie.text("This text has just changed.").wait_for()
    await ellie.text("Step 2 of 5").wait_for()
    await ellie.agree_to_notice()
    await ellie.button("I agree to this").wait_for()


async def test_what_was_typed_outlives_a_server_that_is_away(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    ellie = await arriving(browser, "Ellie")
    await ellie.come(links["participants"][0])
    await ellie.be_called("El")
    await ellie.agree_to_notice()
    await ellie.agree_with_group()
    await ellie.heading("Where are you today?").wait_for()
    await server.kill()
    await ellie.say_where("Library")
    await ellie.text("What you typed is still here.").wait_for()
    assert await ellie.field("Street and number, or the place").input_value() == "Library"
    await server.start()
    await ellie.check()


async def test_the_agreement_can_be_taken_back_in_the_room_and_given_again(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await arriving(browser, "Ellie"), await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await dana.tile("Ellie").wait_for()
    # As the notice promises.
    await ellie.button("You").click()
    await ellie.button("Take my agreement back").click()
    await ellie.text("The others see an ordinary leave").wait_for()
    await audit(ellie.page, "take-back")
    await ellie.button("Take my agreement back").click()
    await ellie.heading("You took your agreement back").wait_for()
    await dana.tile("Ellie").wait_for(state="detached")
    assert await ellie.live_tracks() == 0
    await audit(ellie.page, "taken-back")
    await ellie.button("Read it again").click()
    await ellie.text("Step 1 of 2").wait_for()
    await ellie.agree_to_notice()
    await ellie.check()
    await ellie.enter()
    await dana.tile("Ellie").wait_for()


async def test_taking_it_back_on_one_device_ends_the_room_on_the_other(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, elsewhere = await arriving(browser, "Ellie"), await arriving(browser, "Ellie elsewhere")
    await ellie.join(links["participants"][0])
    await elsewhere.open(links["participants"][0])
    await elsewhere.check()
    await elsewhere.button("Help").click()
    await elsewhere.button("Take my agreement back").click()
    await elsewhere.button("Take my agreement back").click()
    await elsewhere.heading("You took your agreement back").wait_for()
    await ellie.heading("You took your agreement back").wait_for()
    await until("her devices are closed there, too", lambda: _holds(ellie, 0))


async def test_a_take_back_waits_for_a_server_that_is_away(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await arriving(browser, "Ellie")
    await ellie.join(links["participants"][0])

    async def away(route: Route) -> None:
        await route.abort()

    await ellie.page.route("**/api/v1/consents", away)
    await ellie.button("Help").click()
    await ellie.button("Take my agreement back").click()
    await ellie.button("Take my agreement back").click()
    await ellie.text("Nobody sees or hears you. We cannot reach Holdspace").wait_for()
    assert await ellie.live_tracks() == 0
    await audit(ellie.page, "taking-back")
    await ellie.page.unroute("**/api/v1/consents", away)
    await ellie.heading("You took your agreement back").wait_for()


async def test_with_microphone_and_camera_denied_the_way_in_is_still_open(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await arriving(browser, "Ellie")
    await ellie.page.add_init_script("watched.refuse = true")
    await ellie.open(links["participants"][0])
    await ellie.check()
    await ellie.text("Your browser keeps your microphone closed.").wait_for()
    await ellie.text("To open them in Chrome").wait_for()
    await audit(ellie.page, "check-denied")
    await ellie.enter()
    await ellie.button("Unmute microphone").wait_for()
    await ellie.button("Turn camera on").wait_for()


async def test_joining_without_a_camera_takes_one_tap(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await arriving(browser, "Ellie")
    await ellie.open(links["participants"][0])
    await ellie.check()
    await ellie.button("Join without camera").click()
    await ellie.arrives()
    await ellie.button("Turn camera on").wait_for()
    await ellie.button("Mute microphone").wait_for()
    await until("only the microphone is open", lambda: _holds(ellie, 1))


async def test_the_tone_is_asked_about_and_silence_comes_with_help(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie = await arriving(browser, "Ellie")
    await ellie.open(links["participants"][0])
    await ellie.check()
    await ellie.button("Play a tone").click()
    await ellie.button("I heard nothing").click()
    await ellie.text("Turn the volume up").wait_for()
    await audit(ellie.page, "speaker-silent")
    await ellie.button("Play a tone").click()
    await ellie.button("I heard it").click()
    await ellie.text("Good. You will hear the others.").wait_for()
    assert ellie.complaints == []


async def test_a_mentor_agrees_and_checks_and_is_asked_no_place(server: Server, browser: Browser) -> None:
    links = await server.links(ready=False)
    dana = await arriving(browser, "Dana")
    await dana.open(links["mentor"])
    await dana.text("Step 1 of 3").wait_for()
    await dana.agree_to_notice()
    await dana.agree_with_group()
    await dana.check()
    assert not await dana.button("Change place").is_visible()
    await dana.enter()


async def focused(someone: Person) -> str:
    return str(await someone.page.evaluate("document.activeElement.id"))


async def change_the_notice(server: Server, folder: Path) -> None:
    """Starts the server again with another notice, as a program would that changed its own."""
    shutil.copytree(ROOT / "program/texts", folder)
    for notice in [folder / f"notice.{language}.toml" for language in ("en", "es")]:
        notice.write_text(notice.read_text().replace('version = "2"', 'version = "3"', 1))
    await server.stop()
    server.environment["HOLDSPACE__TEXTS__FOLDER"] = str(folder)
    await server.start()


async def _holds(someone: Arriving, count: int) -> bool:
    return await someone.live_tracks() == count
