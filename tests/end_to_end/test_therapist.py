"""A therapist's page: told of what happens in every session, from outside, and how to answer."""

from __future__ import annotations

import time
from typing import Any

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit

TOLD_WITHIN_S = 5.0
LOST = "Nobody leads the group. It is paused."
PASSED = "Nobody led the group, and it was paused."


def region(who: Person, name: str) -> Any:
    return who.page.get_by_role("region", name=name, exact=True)


async def test_a_therapist_is_told_acknowledges_steps_in_and_comes_back(server: Server, browser: Browser) -> None:
    links = await server.links()
    ruth = await person(browser, "Ruth")
    await ruth.open(links["therapist"])
    await region(ruth, "Flags").get_by_text("Nothing is waiting for you.").wait_for()
    card = region(ruth, "Live sessions").get_by_role("article", name="Tuesday evening group")
    await card.get_by_text("Lobby, not begun yet").wait_for()
    assert await ruth.page.get_by_text("You are NOT audible or visible").is_visible()
    await audit(ruth.page, "therapist-lobby")

    dana, ellie = await person(browser, "Dana"), await person(browser, "Ellie", 360, 740)
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    await card.get_by_text("Dana leads").wait_for()
    await card.get_by_text("2 people in it").wait_for()
    assert await ellie.tile("Ruth").count() == 0, "who looks from outside is in no room"

    gone = time.monotonic()
    await dana.page.context.close()
    await region(ruth, "Flags").get_by_text(LOST).wait_for()
    assert time.monotonic() - gone < TOLD_WITHIN_S
    await card.get_by_text("Paused until", exact=False).wait_for()
    assert (await ruth.page.title()).startswith("(1) ")
    await audit(ruth.page, "therapist-flag")

    await region(ruth, "Flags").get_by_role("button", name="Acknowledge", exact=True).click()
    await region(ruth, "Flags").get_by_text("Nothing is waiting for you.").wait_for()
    assert not (await ruth.page.title()).startswith("(")
    assert await ruth.page.evaluate("document.activeElement !== document.body"), "the focus is kept"

    await ruth.step_in()
    await ellie.tile("Ruth").wait_for()
    await ellie.page.get_by_role("heading", name="Ruth leads the group now").wait_for()
    await ruth.button("Leave").click()
    choice = ruth.page.get_by_role("dialog").get_by_role("button", name="Leave", exact=False)
    back = region(ruth, "Live sessions")
    await choice.first.or_(back).first.wait_for()
    if await choice.count():
        await choice.first.click()
    await back.wait_for()
    await ellie.tile("Ruth").wait_for(state="detached")
    await region(ruth, "Flags").get_by_role("button", name="Show acknowledged").click()
    await region(ruth, "Flags").get_by_text(PASSED).first.wait_for()
    for each in (ruth, ellie):
        assert each.complaints == [], each.name
    assert "Ellie" not in server.log()


async def test_a_therapist_says_whether_they_can_be_reached(server: Server, browser: Browser) -> None:
    links = await server.links()
    ruth = await person(browser, "Ruth", 360, 740)
    await ruth.open(links["therapist"])
    card = region(ruth, "Live sessions").get_by_role("article", name="Tuesday evening group")
    here, away = (card.get_by_role("button", name=name) for name in ("I am reachable", "I cannot be reached any more"))
    await here.or_(away).wait_for()
    if await here.count():
        await here.click()
    await card.get_by_text("You are reachable for this session").wait_for()
    await away.click()
    await card.get_by_text("This session cannot begin until a therapist can be reached").wait_for()
    await ruth.page.reload()
    await card.get_by_text("This session cannot begin until a therapist can be reached").wait_for()
    await here.click()
    await card.get_by_text("You are reachable for this session").wait_for()
    assert ruth.complaints == []


async def test_an_acknowledgement_made_while_the_server_is_away_arrives(server: Server, browser: Browser) -> None:
    links = await server.links()
    ruth, dana, ellie = [await person(browser, name) for name in ("Ruth", "Dana", "Ellie")]
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    await dana.button("I need cover").click()
    flags = region(ruth, "Flags")
    await flags.get_by_text("Dana needs cover.").wait_for()

    await server.kill()
    await ruth.page.get_by_role("heading", name="You are not connected").wait_for()
    assert await ruth.page.get_by_role("link", name="Call 988").is_visible()
    await flags.get_by_role("button", name="Acknowledge", exact=True).first.click()
    await flags.get_by_role("button", name="Saving").wait_for()
    await audit(ruth.page, "therapist-away")
    await server.start()
    await ruth.page.get_by_role("heading", name="You are not connected").wait_for(state="detached")
    await flags.get_by_role("button", name="Show acknowledged").click()

    async def stored() -> bool:
        return await flags.get_by_role("article").get_by_text("Acknowledged", exact=True).count() == 1

    await until("the acknowledgement is stored", stored)
    await ruth.page.reload()
    await flags.get_by_role("button", name="Show acknowledged").click()
    await until("it is still there after a reload", stored)
    assert ruth.complaints == []
