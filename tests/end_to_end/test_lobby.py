"""The lobby and the life of a session, in real browsers: let in, asked to wait, removed, and never left alone."""

from __future__ import annotations

import time

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit
from tests.end_to_end.test_arrival import arriving

PAUSED_WITHIN_S = 5.0


async def test_a_mentor_admits_who_knocks_from_a_phone(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana = await person(browser, "Dana", 360, 740)
    await dana.join(links["mentor"])
    ellie = await person(browser, "Ellie")
    await ellie.join(links["participants"][0])
    await dana.tile("Ellie").wait_for()

    noor = await arriving(browser, "Noor")
    await noor.come(links["visitor"])
    assert await noor.page.get_by_text("Dana", exact=False).count() == 0, "who knocks is not told who will open"
    await noor.to_the_check("Noor")
    await noor.enter()
    assert await noor.waiting.inner_text() == "Your mentor will let you in soon"
    assert await noor.page.title() == "Lobby – Tuesday evening group – Holdspace"
    for name in ("Dana", "Ellie"):
        assert await noor.page.get_by_text(name, exact=False).count() == 0, "who waits learns no name"
    assert (await noor.stats())["inbound"] == []
    assert await ellie.page.get_by_text("Noor", exact=False).count() == 0, "the group does not learn who waits"

    await noor.button("Just listening today").click()
    await noor.page.get_by_role("button", name="Just listening today", pressed=True).wait_for()
    assert await dana.page.get_by_role("group", name="Lobby").is_visible()
    await audit(dana.page, "room-knocker")
    await dana.button("Admit Noor").click()
    await noor.tile("Dana").wait_for()
    await ellie.tile("Noor").get_by_text("Just listening").wait_for()
    assert await dana.page.get_by_role("group", name="Lobby").count() == 0
    assert await dana.page.evaluate("document.activeElement !== document.body"), "the focus is kept"
    await hears(ellie, noor)
    assert "Noor" not in server.log()
    complained(dana, ellie, noor)


async def test_who_is_moved_to_the_waiting_room_comes_back_in_muted(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana, ellie = await person(browser, "Dana"), await person(browser, "Ellie", 360, 740)
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await hears(dana, ellie)

    await choose(dana, "Ellie", "Move Ellie to the waiting room")
    await ellie.page.get_by_role("heading", name="Your mentor asked you to wait here for a moment.").wait_for()
    await dana.tile("Ellie").wait_for(state="detached")
    assert await ellie.page.get_by_text("Dana", exact=False).count() == 0
    await ellie.button("Unmute microphone").wait_for()

    await dana.button("Admit Ellie").click()
    await ellie.tile("Dana").wait_for()
    await ellie.button("Unmute microphone").click()
    await ellie.button("Mute microphone").wait_for()
    await hears(dana, ellie)
    await hears(ellie, dana)
    complained(dana, ellie)


async def test_removal_holds_for_the_person_whatever_link_they_use(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana, ellie = await person(browser, "Dana"), await person(browser, "Ellie")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await dana.tile("Ellie").wait_for()

    await choose(dana, "Ellie", "Remove Ellie")
    sheet = dana.page.get_by_role("dialog")
    await sheet.get_by_text("Ellie cannot come back into this session, with any link or device.").wait_for()
    await sheet.get_by_role("button", name="Not now").click()
    await sheet.wait_for(state="detached")
    assert await dana.tile("Ellie").count() == 1

    await choose(dana, "Ellie", "Remove Ellie")
    await sheet.get_by_role("button", name="Remove Ellie").click()
    await dana.tile("Ellie").wait_for(state="detached")
    await ellie.page.get_by_role("heading", name="You cannot come back into this session").wait_for()

    again = await person(browser, "Ellie", 360, 740)
    await again.open((await server.links())["participants"][0])
    # Before any camera is opened.
    await again.page.get_by_role("heading", name="You cannot come back into this session").wait_for()
    assert await again.button("Join").count() == 0
    await audit(again.page, "removed")

    await again.page.goto(f"{server.base_url}/?session=gone")
    await again.page.get_by_role("heading", name="This link does not lead to a session any more").wait_for()
    assert await again.button("Try again").count() == 0
    assert await dana.page.get_by_role("group", name="Lobby").count() == 0
    complained(dana, ellie)


async def test_a_group_whose_mentor_is_gone_pauses_until_a_therapist_comes(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana = await person(browser, "Dana")
    ellie, marcus = await person(browser, "Ellie", 360, 740), await person(browser, "Marcus")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await marcus.join(links["participants"][1])
    await hears(ellie, marcus)
    await marcus.page.get_by_role("region", name="Chat").get_by_role("textbox").fill("I was about to")

    gone = time.monotonic()
    await dana.page.context.close()
    for each in (ellie, marcus):
        await each.page.get_by_role("heading", name="Your mentor is reconnecting").wait_for()
    assert time.monotonic() - gone < PAUSED_WITHIN_S
    await audit(ellie.page, "paused")
    # What is closed stays in reach of the keyboard, and says why.
    await marcus.button("Unmute microphone, closed until someone leads again").press("Enter")
    await marcus.page.get_by_role("status").get_by_text("Microphones are closed until someone leads again.").wait_for()
    await marcus.page.get_by_text("Chat is paused until someone leads again.").wait_for()
    await marcus.button("Send").press("Enter")
    box = marcus.page.get_by_role("region", name="Chat").get_by_role("textbox")
    assert await box.input_value() == "I was about to"
    assert await ellie.tile("Marcus").count() == 1, "places are kept"

    ruth = await person(browser, "Ruth")
    await ruth.open(links["therapist"])
    # She sees the group from outside, and that nobody leads it.
    flags = ruth.page.get_by_role("region", name="Flags")
    await flags.get_by_text("Nobody leads the group. It is paused.").first.wait_for()
    await ruth.button("Step in").click()
    await ruth.page.get_by_role("dialog").get_by_role("button", name="Step in", exact=True).click()
    await ruth.button("Join").click()
    await ruth.arrives()
    for each in (ellie, marcus):
        await each.page.get_by_role("heading", name="Ruth leads the group now").wait_for()
        await each.button("Unmute microphone").wait_for()
    await marcus.button("Send").click()

    async def posted() -> bool:
        return await ruth.messages("I was about to") == 1

    await until("the draft is sent once the group goes on", posted)
    await marcus.button("Unmute microphone").click()
    await hears(ellie, marcus)
    complained(ellie, marcus, ruth)


async def test_before_anyone_leads_participants_wait_and_the_session_begins_by_itself(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie = await person(browser, "Ellie", 360, 740)
    await ellie.join(links["participants"][0])
    assert await ellie.waiting.inner_text() == "Your mentor will let you in soon"
    await ellie.page.get_by_text("The group has not begun. It begins when your mentor is here.").wait_for()
    await ellie.page.get_by_text("A note from your mentor").wait_for()

    dana = await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.tile("Dana").wait_for()
    await hears(dana, ellie)

    await dana.button("I need cover").click()
    await dana.button("I can lead again").wait_for()
    # Who asks for cover may walk away at once.
    await dana.page.get_by_text("Your microphone and camera are off. You can step away now.", exact=False).wait_for()
    await audit(dana.page, "cover")
    await ellie.page.get_by_role("heading", name="Your mentor is reconnecting").wait_for()
    await dana.button("I can lead again").click()
    await ellie.page.get_by_role("heading", name="Your mentor is back").wait_for()
    await dana.button("Unmute microphone").wait_for()
    await dana.button("Turn camera on").wait_for()
    complained(dana, ellie)


async def test_not_alone_hides_the_group_here_and_tells_who_leads(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana, ellie = await person(browser, "Dana"), await person(browser, "Ellie", 360, 740)
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await hears(dana, ellie)

    await ellie.button("Reactions").click()
    await ellie.button("Same here").click()
    await dana.tile("Ellie").get_by_text("Same here").wait_for()

    await ellie.button("Not alone").click()
    await ellie.page.get_by_role("heading", name="The group is hidden").wait_for()
    await ellie.page.get_by_text("Your mentors know that you are not alone.", exact=False).wait_for()
    assert await ellie.tile("Dana").count() == 0
    assert await ellie.page.evaluate("[...document.querySelectorAll('audio')].every((each) => each.paused)")
    told = dana.tile("Ellie").get_by_text("has hidden the group on their screen", exact=False)
    await told.wait_for(state="attached")
    await audit(ellie.page, "hidden")

    # A reload, or a browser that crashed, shows and opens nothing of it.
    await ellie.page.reload()
    await ellie.page.get_by_text("The group is still hidden on this device", exact=False).wait_for()
    await ellie.button("Join").click()
    await ellie.page.get_by_text("Your mentors know that you are not alone.", exact=False).wait_for()
    assert await ellie.tile("Dana").count() == 0
    await told.wait_for(state="attached")
    await ellie.page.reload()
    await ellie.button("Join").click()
    await ellie.page.get_by_role("heading", name="The group is hidden").wait_for()

    await ellie.button("Show the group again").click()
    await ellie.tile("Dana").wait_for()
    await ellie.button("Unmute microphone").wait_for()
    await ellie.button("Turn camera on").wait_for()
    await ellie.page.reload()
    await ellie.page.get_by_text("You join muted. Nobody hears you.").wait_for()
    await ellie.button("Join").click()
    await ellie.tile("Dana").wait_for()
    await ellie.button("Unmute microphone").wait_for()
    await ellie.button("Turn camera on").wait_for()
    complained(dana, ellie)


async def choose(mentor: Person, name: str, item: str) -> None:
    await mentor.button(f"Menu for {name}").click()
    await mentor.button(item).click()


async def hears(listener: Person, speaker: Person) -> None:
    """Sound of the one arrives at the other."""
    await listener.tile(speaker.name).wait_for()
    who = await listener.id_of(speaker.name)
    before = await listener.inbound(who, "microphone", "packets")

    async def arrives() -> bool:
        return await listener.inbound(who, "microphone", "packets") > before + 20

    await until(f"{listener.name} hears {speaker.name}", arrives)


def complained(*people: Person) -> None:
    for each in people:
        assert each.complaints == [], each.name
