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
    await region(ruth, "Flags").get_by_role("button", name="Show what is done").click()
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


RAISE = """async ([session, about]) => {
  const body = { flag_id: "f1", kind: "flag", severity: "crisis", category: "self_harm", about, text: "Not alone tonight." };
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(`/api/v1/sessions/${session}/flags`, { method: "POST", headers, body: JSON.stringify(body) });
  return [answer.status, await answer.json()];
}"""


async def test_a_crisis_that_the_assigned_therapist_does_not_answer_is_answered_by_the_backup(
    server: Server, browser: Browser
) -> None:
    await server.stop()
    server.environment |= {"HOLDSPACE__ESCALATION__CRISIS_S": "3"}
    await server.start()
    links = await server.links()
    ruth, ben = await person(browser, "Ruth"), await person(browser, "Ben", 360, 740)
    await ruth.open(links["therapist"])
    await ben.open(links["backup"])
    for each in (ruth, ben):
        await region(each, "Flags").get_by_text("Nothing is waiting for you.").wait_for()
    dana = await person(browser, "Dana")
    await dana.open(links["mentor"])
    session = links["visitor"].partition("session=")[2].partition("#")[0]
    await dana.page.wait_for_load_state("networkidle")

    assert await dana.page.evaluate(RAISE, [session, ""]) == [200, {"stored": True}]
    first, second = region(ruth, "Flags"), region(ben, "Flags")
    await first.get_by_text("Not alone tonight.").wait_for()
    await first.get_by_text("then it goes to Ben, the backup").wait_for()
    # Nobody answers, and the clock runs out.
    await second.get_by_text("The backup is asked, too.").wait_for()
    await audit(ruth.page, "therapist-crisis")
    await second.get_by_role("button", name="Acknowledge", exact=True).click()
    await second.get_by_text("Yours since").wait_for()
    await first.get_by_text("With Ben since").wait_for()
    assert not (await ruth.page.title()).startswith("(")

    await second.get_by_role("button", name="Resolve", exact=True).click()
    sheet = ben.page.get_by_role("dialog")
    await sheet.get_by_text("Follow-up planned").click()
    await sheet.get_by_label("Note", exact=True).fill("Spoke with Dana. I phone him tomorrow at 9.")
    await audit(ben.page, "therapist-resolve")
    await sheet.get_by_role("button", name="Resolve", exact=True).click()
    await sheet.wait_for(state="detached")
    await second.get_by_text("Nothing is waiting for you.").wait_for()
    await first.get_by_role("button", name="Show what is done").click()
    await first.get_by_text("Spoke with Dana. I phone him tomorrow at 9.").wait_for()
    for each in (ruth, ben):
        assert each.complaints == [], each.name
    assert "tomorrow at 9" not in server.log()


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
    await flags.get_by_role("button", name="Show what is done").click()

    async def stored() -> bool:
        return await flags.get_by_role("article").get_by_text("Yours since", exact=False).count() == 1

    await until("the acknowledgement is stored", stored)
    await ruth.page.reload()
    await flags.get_by_role("button", name="Show what is done").click()
    await until("it is still there after a reload", stored)
    assert ruth.complaints == []
