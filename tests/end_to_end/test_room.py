"""Three people in one room, in real browsers, through the real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until


class Room:
    """Ellie, Marcus and their mentor Dana, joined by their links."""

    def __init__(self, server: Server, ellie: Person, marcus: Person, dana: Person) -> None:
        self.server = server
        self.ellie, self.marcus, self.dana = ellie, marcus, dana
        self.everyone = (ellie, marcus, dana)

    async def sees_and_hears(self) -> None:
        """Each sees moving pictures of both others and receives their sound."""
        for viewer in self.everyone:
            for other in self.everyone:
                if other is not viewer:
                    await self.arrives(viewer, other)

    async def arrives(self, viewer: Person, other: Person) -> None:
        who = await viewer.id_of(other.name)
        frames = await viewer.inbound(who, "camera", "frames")
        packets = await viewer.inbound(who, "microphone", "packets")

        async def moving() -> bool:
            now = await viewer.inbound(who, "camera", "frames")
            return now > frames + 5 and await viewer.inbound(who, "microphone", "packets") > packets + 20

        await until(f"{viewer.name} sees and hears {other.name}", moving)


@pytest_asyncio.fixture(loop_scope="session")
async def room(server: Server, browser: Browser) -> AsyncIterator[Room]:
    links = await server.links()
    ellie = await person(browser, "Ellie", 360, 740)
    marcus, dana = await person(browser, "Marcus"), await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await marcus.join(links["participants"][1])
    await dana.join(links["mentor"])
    room = Room(server, ellie, marcus, dana)
    yield room
    for each in room.everyone:
        assert each.complaints == [], each.name
        await each.page.context.close()


async def test_three_people_see_hear_and_write_to_each_other(room: Room) -> None:
    await room.sees_and_hears()

    await room.ellie.say("Hello from my phone")
    await room.marcus.say("Hello from my desk")
    for each in room.everyone:
        for text in ("Hello from my phone", "Hello from my desk"):

            async def arrived(each: Person = each, text: str = text) -> bool:
                return await each.messages(text) == 1

            await until(f"{each.name} reads {text!r}", arrived)

    await room.dana.page.get_by_role("button", name="Hide message").first.click()

    async def hidden() -> bool:
        return await room.marcus.messages("Hello from my phone") == 0

    await until("a hidden message is gone from the others' screens", hidden)
    assert await room.marcus.messages("Hello from my desk") == 1

    await room.marcus.button("Leave").click()
    await room.ellie.show_chat(False)
    await room.ellie.tile("Marcus").wait_for(state="detached")
    log = room.server.log()
    for private in ("Hello", "Ellie", "Marcus", "Dana"):
        assert private not in log, "names and texts must not be logged"


async def test_a_closed_microphone_that_keeps_sending_is_heard_by_nobody(room: Room) -> None:
    await room.sees_and_hears()
    await room.dana.tile("Marcus").get_by_role("button").click()
    await (
        room.dana.page.get_by_role("menuitem", name="Close microphone of Marcus")
        .or_(room.dana.button("Close microphone of Marcus"))
        .click()
    )
    unmute = room.marcus.page.get_by_role("button", name="Unmute microphone")
    await unmute.wait_for()

    # A client that does not obey: it goes on sending from a microphone of its own.
    await room.marcus.page.evaluate(
        """async () => {
          const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
          const sender = holdspaceDebug.publish.getSenders().find((each) => each.transport && each.dtmf !== null);
          await sender.replaceTrack(stream.getAudioTracks()[0]);
        }"""
    )
    sent = (await room.marcus.stats())["audioSent"]

    async def sending() -> bool:
        return (await room.marcus.stats())["audioSent"] > sent + 25

    await until("Marcus keeps sending", sending)
    heard = [
        await viewer.inbound(await viewer.id_of("Marcus"), "microphone", "packets")
        for viewer in (room.ellie, room.dana)
    ]
    sent = (await room.marcus.stats())["audioSent"]
    await until("Marcus sends 100 packets more", lambda: _more(room.marcus, sent + 100))
    for viewer, before in zip((room.ellie, room.dana), heard, strict=True):
        after = await viewer.inbound(await viewer.id_of("Marcus"), "microphone", "packets")
        assert after == before, f"{viewer.name} received sound from a closed microphone"


async def _more(person: Person, than: int) -> bool:
    return (await person.stats())["audioSent"] > than


async def test_after_a_crash_everyone_is_back_and_nobody_touched_anything(room: Room) -> None:
    await room.sees_and_hears()
    await room.ellie.say("Before the crash")
    await room.ellie.show_chat(False)
    await until("it is written", lambda: _reads(room.dana, "Before the crash"))

    await room.server.kill()
    await asyncio.gather(
        *(each.page.get_by_text("Reconnecting", exact=False).first.wait_for(state="visible") for each in room.everyone)
    )
    # Written while the server is away: it waits, and is sent once.
    await room.marcus.say("While it was away")
    await room.server.start()

    for each in room.everyone:
        await until(f"{each.name} reads the chat again", lambda each=each: _reads(each, "Before the crash"))
        await until(f"{each.name} reads what waited", lambda each=each: _reads(each, "While it was away"))
        await each.show_chat(False)
        for other in room.everyone:
            await each.tile(other.name).wait_for()
    await room.sees_and_hears()
    for each in room.everyone:
        assert await each.messages("Before the crash") == 1
        assert await each.messages("While it was away") == 1


async def _reads(each: Person, text: str) -> bool:
    return await each.messages(text) == 1


async def test_the_server_stops_in_order_when_asked(server: Server) -> None:
    assert await server.stop() == 0
    assert "stopped" in server.log()
