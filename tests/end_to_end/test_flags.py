"""Flags, reports and calls for help, from the tap to a therapist's page and back."""

from __future__ import annotations

import time
from typing import Any, Final

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit

SEEN_WITHIN_S: Final = 5.0


def region(who: Person, name: str) -> Any:
    return who.page.get_by_role("region", name=name, exact=True)


def private(who: Person) -> Any:
    return region(who, "Private, only you see this")


class Taps:
    """Taps as a person counts them, on buttons by their names."""

    def __init__(self, who: Person) -> None:
        self._who = who
        self.count = 0

    async def on(self, name: str) -> None:
        self.count += 1
        await self._who.button(name).click()


async def acknowledge_all(ruth: Person) -> None:
    """Takes note of what waits, until nothing does."""
    button = region(ruth, "Flags").get_by_role("button", name="Acknowledge", exact=True)
    await button.first.click()
    await button.wait_for(state="detached")


async def test_flags_reports_and_a_crisis_reach_a_therapist_and_come_back(server: Server, browser: Browser) -> None:
    links = await server.links()
    ruth, dana, ellie = (
        await person(browser, "Ruth"),
        await person(browser, "Dana"),
        await person(browser, "Ellie", 360, 740),
    )
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    flags = region(ruth, "Flags")

    # Two taps are enough for `urgent`.
    taps, begun = Taps(dana), time.monotonic()
    await taps.on("Flag")
    await taps.on("Urgent")
    assert taps.count == 2
    await flags.get_by_text("Dana, mentor, flagged", exact=False).first.wait_for()
    assert time.monotonic() - begun < SEEN_WITHIN_S
    await private(dana).get_by_text("Your flag about the session: received").wait_for()
    await acknowledge_all(ruth)
    await private(dana).get_by_text("Your flag about the session: acknowledged").wait_for()

    # A participant reports their mentor, past the mentor.
    await ellie.button("Help").click()
    await ellie.button("Report a concern").click()
    sheet = ellie.page.get_by_role("dialog")
    await sheet.get_by_text("Your mentor does not see this.", exact=False).wait_for()
    await sheet.get_by_label("About whom").select_option(label="Dana, mentor")
    await sheet.get_by_label("What worries you?").fill("She shouted at Joy.")
    await sheet.get_by_text("This cannot wait", exact=False).click()
    await sheet.get_by_role("button", name="Send", exact=True).click()
    await sheet.get_by_text("Your report about Dana: received").wait_for()
    await flags.get_by_text("She shouted at Joy.").wait_for()
    session = links["visitor"].partition("session=")[2].partition("#")[0]
    asked = await dana.page.evaluate(f"fetch('/api/v1/sessions/{session}/flags/mine').then((answer) => answer.json())")
    assert [each["kind"] for each in asked["flags"]] == ["flag"]
    assert "shouted" not in await dana.page.content()
    await acknowledge_all(ruth)
    await sheet.get_by_text("Your report about Dana: a therapist has read this").wait_for()
    await sheet.get_by_role("button", name="Close", exact=True).click()

    # A crisis: the card stands until someone answers, and with it the way to where the person is.
    # On a phone, who was scrolled to is far from where it stands.
    await dana.page.set_viewport_size({"width": 390, "height": 844})
    await dana.button("Menu for Ellie").click()
    await dana.button("Flag Ellie").click()
    await dana.button("Crisis").click()
    card = region(dana, "Crisis, only you see this")
    await card.get_by_text("Stay with Ellie.", exact=False).wait_for()

    async def in_sight() -> bool:
        box = await card.bounding_box()
        return box is not None and 0 <= box["y"] < 844 - 100

    await until("the card is in sight", in_sight)
    await dana.page.set_viewport_size({"width": 1280, "height": 800})
    await card.get_by_text("Asking Ruth", exact=False).wait_for()
    await card.get_by_role("button", name="Show where Ellie is").click()
    await card.get_by_text("That is written down.", exact=False).wait_for()
    await audit(dana.page, "mentor-crisis")
    await acknowledge_all(ruth)
    await card.wait_for(state="detached")
    for each in (ruth, dana, ellie):
        assert each.complaints == [], each.name
    assert "shouted" not in server.log()


async def test_a_call_for_help_without_a_network_says_so_and_arrives_once_it_is_back(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ruth, dana, ellie = (
        await person(browser, "Ruth"),
        await person(browser, "Dana"),
        await person(browser, "Ellie", 360, 740),
    )
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    await ellie.page.wait_for_load_state("networkidle")

    await ellie.page.context.set_offline(True)
    await ellie.button("Help").click()
    await ellie.button("Call for help").click()
    await ellie.button("I am in danger").click()
    sheet = ellie.page.get_by_role("dialog")
    await sheet.get_by_text("not sent yet", exact=False).wait_for()
    assert await sheet.get_by_role("link", name="Call 988").is_visible()
    await ellie.page.context.set_offline(False)
    await sheet.get_by_text("Your call: received").wait_for()
    await region(ruth, "Flags").get_by_text("called for help", exact=False).first.wait_for()
    await sheet.get_by_role("button", name="Close", exact=True).click()
    card = region(ellie, "Crisis, only you see this")
    await card.get_by_text("Asking Ruth", exact=False).wait_for()
    assert await region(dana, "Crisis, only you see this").count() == 0

    # Leaving takes nothing of it away.
    await ellie.button("Leave").click()
    await card.wait_for()
    await acknowledge_all(ruth)
    await card.wait_for(state="detached")
    await ellie.button("Please check on me").click()
    await ellie.page.get_by_text("Please check on me: received").wait_for()
    await region(ruth, "Flags").get_by_text("asked to be checked on", exact=False).first.wait_for()
    assert ruth.complaints == dana.complaints == ellie.complaints == []
