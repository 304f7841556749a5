"""A participant's screen reaches the group by a mentor's leave, and ends by a mentor's word, in a real browser."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.end_to_end.running import Server, person, until


async def test_a_shared_screen_arrives_and_is_ended_by_the_mentor(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    assert await ellie.button("Share your screen").count() == 0

    await dana.button("Menu for Ellie").click()
    await dana.button("Let Ellie share their screen").click()
    await ellie.button("Share your screen").click()
    await ellie.page.get_by_text("Everyone sees your screen", exact=True).wait_for()
    stage = dana.page.get_by_role("region", name="Shared screen")
    await stage.get_by_text("Ellie shares a screen").wait_for()
    who = await dana.id_of("Ellie")

    async def seen() -> float:
        return await dana.inbound(who, "screen", "frames")

    async def arrives() -> bool:
        return await seen() > 2

    await until("the screen arrives", arrives)
    # The camera goes on beside it: each has a slot of its own.
    camera = await dana.inbound(who, "camera", "frames")

    async def goes_on() -> bool:
        return await dana.inbound(who, "camera", "frames") > camera

    await until("the camera goes on", goes_on)

    await stage.get_by_role("button", name="Stop Ellie's sharing").click()
    await ellie.page.get_by_text("Your screen is no longer shared", exact=True).wait_for()
    await stage.wait_for(state="detached")
    assert await ellie.button("Share your screen").count() == 0
    assert await ellie.page.evaluate("holdspaceDebug.publish.getSenders().filter((each) => each.track).length") == 2
    assert ellie.complaints == dana.complaints == []
