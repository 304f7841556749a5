"""axe finds nothing, on any screen, in both themes, on a phone and on a desk; and all is reached by keyboard."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
from playwright.async_api import Browser, Page

from tests.end_to_end.running import ROOT, Person, Server, person, until

AXE: Final = (ROOT / "web_client/node_modules/axe-core/axe.min.js").read_text()
PICTURES: Final = os.environ.get("HOLDSPACE_PICTURES")
"""A folder for pictures of each screen, when somebody wants to look at them."""

SIZES: Final = ((360, 740), (1280, 800))
THEMES: Final = ("light", "dark")


_RUN: Final = {
    "light": "axe.run(document, { resultTypes: ['violations'] })",
    "dark": "axe.run(document, { resultTypes: ['violations'], runOnly: ['color-contrast', 'link-in-text-block'] })",
}
"""All rules for each size; in the dark both rules of colour, since nothing else is different there (see below)."""


async def audit(page: Page, screen: str) -> None:
    """Both themes and both sizes of one screen."""
    before = page.viewport_size or {"width": 1280, "height": 800}
    await page.evaluate(f"window.axe ?? (() => {{ {AXE} }})()")
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found = cast("dict[str, Any]", await page.evaluate(_RUN[theme]))
            told = [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]
            assert told == [], f"{screen}, {width} px, {theme}"
            wide = await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
            assert wide, f"{screen}, {width} px: scrolls sideways"
            if PICTURES:
                await page.screenshot(path=Path(PICTURES) / f"{screen}-{width}-{theme}.png")
    await page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    await page.set_viewport_size({"width": before["width"], "height": before["height"]})


def test_the_dark_theme_changes_colours_alone() -> None:
    themes: list[str] = []
    for path in sorted((ROOT / "web_client/src").rglob("*")):
        if path.suffix in {".css", ".ts", ".tsx"}:
            themes += re.split(r"prefers-color-scheme", path.read_text())[1:]
    assert len(themes) == 1, "another theme than the tokens'"
    dark = re.fullmatch(r": dark\) \{\n  :root \{\n(.*?)  \}\n\}\n.*", themes[0], re.DOTALL)
    assert dark is not None
    for line in dark[1].splitlines():
        assert re.fullmatch(r"    (color-scheme: dark|--[\w-]+: [^;]*(#[0-9a-f]{6}|rgb\([\d ./]+\)));", line), line


async def test_axe_finds_nothing_on_any_screen(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await ellie.page.goto(server.base_url)
    await ellie.button("Quick exit").wait_for()
    await audit(ellie.page, "no-link")
    await ellie.open(server.base_url + "/join#" + "x" * 43)
    await ellie.page.get_by_text("This link has ended", exact=False).first.wait_for()
    await audit(ellie.page, "link-ended")

    await ellie.open(links["participants"][0])
    await ellie.button("Join").wait_for()
    await audit(ellie.page, "arrive")
    await ellie.join(links["participants"][0])
    await audit(ellie.page, "lobby")
    await dana.join(links["mentor"])
    await ellie.tile("Dana").wait_for()
    await dana.say("Welcome, all. Listening is taking part, too.")
    await ellie.page.get_by_text("Listening is taking part", exact=False).first.wait_for()
    await audit(ellie.page, "room-participant")
    await audit(dana.page, "room-mentor")
    await _leads_a_turn_by_keyboard(dana, ellie)

    await ellie.page.set_viewport_size({"width": 360, "height": 740})
    await ellie.show_chat()
    await audit(ellie.page, "room-chat")
    await ellie.page.set_viewport_size({"width": 360, "height": 740})
    await ellie.show_chat(False)
    await ellie.button("Help").click()
    await ellie.page.get_by_role("dialog").wait_for()
    await audit(ellie.page, "help")
    await ellie.page.keyboard.press("Escape")
    await ellie.page.get_by_role("dialog").wait_for(state="detached")

    await dana.tile("Ellie").get_by_role("button").click()
    await audit(dana.page, "mentor-menu")
    await (
        dana.page.get_by_role("menuitem", name="Close microphone of Ellie")
        .or_(dana.button("Close microphone of Ellie"))
        .click()
    )
    await ellie.page.get_by_role("button", name="Unmute microphone").wait_for()
    await audit(ellie.page, "microphone-closed")

    await server.kill()
    await ellie.page.get_by_text("Reconnecting", exact=False).first.wait_for()
    await audit(ellie.page, "reconnecting")
    await server.start()
    await until("Dana is live again", lambda: _live(dana))

    await ellie.button("Leave").click()
    await ellie.page.get_by_role("heading", name="You have left").wait_for()
    await audit(ellie.page, "left")
    await ellie.button("Join again").click()
    await ellie.button("Join").click()
    await ellie.tile("Dana").wait_for()
    await dana.page.set_viewport_size({"width": 360, "height": 740})
    await dana.button("Leave").click()
    await audit(dana.page, "mentor-leave")
    await dana.page.set_viewport_size({"width": 360, "height": 740})
    await dana.page.get_by_role("dialog").get_by_role("button", name="End session").click()
    await dana.page.get_by_role("heading", name="End the session for everyone?").wait_for()
    await audit(dana.page, "end-session")
    await dana.page.get_by_role("dialog").get_by_role("button", name="End session").click()
    for each in (ellie, dana):
        await each.page.get_by_text("This session has ended", exact=False).first.wait_for()
    await audit(ellie.page, "ended")


async def _leads_a_turn_by_keyboard(dana: Person, ellie: Person) -> None:
    """A limit, a hand, the turn, its clock held, its end: no pointer is used."""
    queue = dana.page.get_by_role("region", name="Speaking queue")
    await queue.get_by_text("Time and order").press("Enter")
    limit = queue.get_by_label("Time for each turn")
    await limit.focus()
    await dana.page.keyboard.press("ArrowDown")
    await queue.get_by_text("Time and order 1 minute").wait_for()
    await ellie.button("Raise hand").click()
    await queue.get_by_role("button", name="Move Ellie", exact=True).press("Enter")
    await queue.get_by_role("group", name="Move Ellie").wait_for()
    await dana.page.keyboard.press("Escape")
    assert await dana.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move Ellie"
    await queue.get_by_role("button", name="Next speaker", exact=True).press("Enter")
    await queue.get_by_role("timer").wait_for()
    await audit(dana.page, "mentor-turn")
    await queue.get_by_role("button", name="Hold time", exact=True).press("Enter")
    await queue.get_by_text("The clock stands still.").wait_for()
    await queue.get_by_role("button", name="End turn", exact=True).press("Enter")
    await queue.get_by_text("Nobody has the turn").wait_for()


async def _live(person: Person) -> bool:
    return not await person.page.get_by_text("Reconnecting", exact=False).first.is_visible()


async def test_quick_exit_leaves_an_empty_page_and_ends_the_sign_in(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await dana.join(links["mentor"])
    await dana.tile("Ellie").wait_for()
    await ellie.button("Quick exit").click()
    await is_empty(ellie)
    await dana.tile("Ellie").wait_for(state="detached")
    await ellie.page.goto(f"{server.base_url}/")
    await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()
    assert await ellie.page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_quick_exit_without_the_server_leaves_an_empty_page_and_signs_out_at_the_next_load(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie = await person(browser, "Ellie")
    await ellie.join(links["participants"][0])
    cookies = {each.get("name", ""): each.get("value", "") for each in await ellie.page.context.cookies()}
    await server.kill()
    await ellie.button("Quick exit").click()
    await is_empty(ellie)
    await ellie.page.go_back()
    assert await ellie.page.get_by_role("region", name="Participants").count() == 0
    await server.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        me = f"{server.base_url}/api/v1/me"
        async with http.get(me, headers={"Cookie": _header(cookies)}) as answer:
            assert answer.status == 200, "nobody could sign her out so far"
        await ellie.page.goto(f"{server.base_url}/")
        await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()
        async with http.get(me, headers={"Cookie": _header(cookies)}) as answer:
            assert answer.status == 401
    assert await ellie.page.evaluate("localStorage.length + sessionStorage.length") == 0


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def is_empty(person: Person) -> None:
    """Nothing on the page tells where it was."""
    await person.page.wait_for_url("about:blank")
    assert "Holdspace" not in await person.page.title()
    assert (await person.page.inner_text("body")).strip() == ""


async def test_the_way_into_the_room_and_its_bar_are_reached_by_keyboard(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.open(links["participants"][0])
    await ellie.button("Join").wait_for()
    await tab_to(ellie, "Join")
    await ellie.page.keyboard.press("Enter")
    await ellie.tile("Dana").wait_for()
    await tab_to(ellie, "Mute microphone")
    await ellie.page.keyboard.press("Space")
    await ellie.button("Unmute microphone").wait_for()
    await tab_to(ellie, "Turn camera off")
    await ellie.page.keyboard.press("Enter")
    await ellie.button("Turn camera on").wait_for()
    await tab_to(ellie, "Leave")
    await ellie.page.keyboard.press("Enter")
    await ellie.page.get_by_role("heading", name="You have left").wait_for()


async def tab_to(person: Person, name: str) -> None:
    """Presses Tab until the named button has the focus."""
    for _ in range(40):
        focused = await person.page.evaluate(
            "document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim()"
        )
        if focused == name:
            return
        await person.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name!r}")
