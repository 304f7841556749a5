"""Large text, small screens and long words: nothing is cut, and Quick exit is always there."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import Browser, Locator

from tests.end_to_end.running import Person, Server, person, until

SIZES: Final = ((360, 740, 200), (320, 256, 100))
"""Width and height in px and the size of text in %: large text on a phone, and 400 % zoom on a desk."""

_CUT: Final = """() => [...document.querySelectorAll("button, a, h1, h2, h3, p, label, .nm, .tag")]
  .filter((each) => each.checkVisibility() && !each.closest(".vh, .skip"))
  .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
  .filter((each) => getComputedStyle(each).overflow !== "visible")
  .map((each) => each.outerHTML.slice(0, 120))"""

_REACHED: Final = """(element) => {
  element.scrollIntoView({ block: "center" });
  const { left, top, width, height } = element.getBoundingClientRect();
  return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""

_SIDEWAYS: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

_LONG: Final = "https://example.org/" + "x" * 300


async def enlarge(someone: Person, width: int, height: int, percent: int) -> None:
    await someone.page.set_viewport_size({"width": width, "height": height})
    await someone.page.evaluate(f"document.documentElement.style.fontSize = '{percent}%'")


async def holds(someone: Person, screen: str, *reached: Locator) -> None:
    """Nothing sticks out or is cut, each is reached by scrolling, and Quick exit stays in view all the way."""
    page = someone.page
    size = page.viewport_size or {"width": 0, "height": 0}
    assert await page.evaluate(_SIDEWAYS) <= 0, f"{screen}: scrolls sideways"
    assert await page.evaluate(_CUT) == [], f"{screen}: cut"
    for each in reached:
        # A picture or a meter that comes a moment later moves the page: in one step, and again until it has settled.
        await until(f"{screen}: uncovered", lambda each=each: each.evaluate(_REACHED), within_s=5)
        box = await each.bounding_box()
        assert box is not None, screen
        assert box["x"] >= 0, screen
        assert box["x"] + box["width"] <= size["width"], screen
        leave = await someone.button("Quick exit").bounding_box()
        assert leave is not None, screen
        assert leave["y"] >= 0, screen
        assert leave["y"] + leave["height"] <= size["height"], f"{screen}: Quick exit scrolled away"
        assert leave["x"] + leave["width"] > size["width"] - 40, f"{screen}: Quick exit is not at the right"
    await page.evaluate("scrollTo(0, 0)")


@pytest.mark.parametrize(("width", "height", "percent"), SIZES)
async def test_large_text_and_small_screens_cut_nothing(
    server: Server, browser: Browser, width: int, height: int, percent: int
) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await ellie.open(links["participants"][0])
    await ellie.button("Join").wait_for()
    await enlarge(ellie, width, height, percent)
    await holds(ellie, "arrive", ellie.button("Mute microphone"), ellie.button("Join"), ellie.button("Leave"))
    await ellie.button("Join").click()
    await dana.join(links["mentor"])
    await ellie.tile("Dana").wait_for()
    bar = [ellie.button(name) for name in ("Mute microphone", "Turn camera off", "Help", "Leave")]
    await holds(ellie, "room", ellie.tile("Dana"), *bar)
    for tile in (ellie.tile("Dana"), ellie.tile("Ellie")):
        box = await tile.bounding_box()
        assert box is not None
        assert box["height"] >= 4.75 * 16 * percent / 100 - 1

    await dana.say("Welcome")
    await ellie.button("Chat").click()
    chat = ellie.page.get_by_role("region", name="Chat")
    await chat.get_by_text("Welcome").wait_for()
    await holds(ellie, "chat", chat.get_by_role("textbox"), chat.get_by_role("button", name="Send"), *bar)
    await chat.get_by_role("button", name="Close chat").click()

    await ellie.button("Help").click()
    dialog = ellie.page.get_by_role("dialog")
    await holds(ellie, "help", dialog.get_by_role("link", name="Call 911"))
    await ellie.page.keyboard.press("Escape")
    await dialog.wait_for(state="detached")

    await dana.tile("Ellie").get_by_role("button").click()
    await dana.button("Close microphone of Ellie").click()
    closed = ellie.page.get_by_role("button", name="Unmute microphone")
    await closed.wait_for()
    notice = ellie.page.get_by_role("region", name="Microphone").get_by_role("heading")
    await holds(ellie, "closed microphone", notice, closed, ellie.button("Leave"))
    await leads(dana, ellie, width, height, percent)
    for each in (ellie, dana):
        assert each.complaints == []


async def leads(dana: Person, ellie: Person, width: int, height: int, percent: int) -> None:
    """All that leads a turn is reached, and stays where it is when the turn begins."""
    await enlarge(dana, width, height, percent)
    await dana.button("Queue").click()
    await ellie.button("Raise hand").click()
    give = dana.button("Give turn to Ellie")
    await give.wait_for()
    acts = [dana.button(name) for name in ("Next speaker", "Extend turn", "Hold time", "Pass", "End turn")]
    settings = dana.page.get_by_text("Time and order")
    await holds(dana, "queue", dana.button("Queue"), *acts, give, settings, dana.button("I need cover"))
    before = [await each.bounding_box() for each in acts]
    await acts[0].click()
    await dana.page.get_by_role("region", name="Speaking queue").get_by_role("heading", name="Ellie").wait_for()
    await dana.page.evaluate("scrollTo(0, 0)")
    assert [await each.bounding_box() for each in acts] == before, "the controls moved"
    await holds(dana, "turn", *acts, settings)


async def test_long_words_wrap_and_the_newest_message_stays_in_view(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie", 360, 740), await person(browser, "Dana", 1280, 800)
    await ellie.join(links["participants"][0])
    await dana.join(links["mentor"])
    await ellie.say(_LONG)
    for number in range(1, 13):
        await dana.say(f"Line {number}")
    for each in (ellie, dana):
        last = each.page.get_by_role("region", name="Chat").get_by_text("Line 12", exact=True)
        await last.wait_for()
        await until(f"{each.name} sees the newest", lambda last=last: _in_view(last))
        assert await each.page.evaluate(_SIDEWAYS) <= 0
        assert (
            await each.page.evaluate(
                "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.talk'))"
            )
            <= 0
        )
    await dana.page.get_by_role("button", name="Hide message").first.click(trial=True)

    # The keyboard of a phone takes half of the screen: what is newest stays.
    await ellie.page.set_viewport_size({"width": 360, "height": 480})
    chat = ellie.page.get_by_role("region", name="Chat")
    await until("the newest is in view above the keyboard", lambda: _in_view(chat.get_by_text("Line 12", exact=True)))
    await ellie.page.set_viewport_size({"width": 360, "height": 740})

    # Who reads further up stays there.
    await chat.get_by_role("list").hover()
    await ellie.page.mouse.wheel(0, -2_000)
    await until("she reads further up", lambda: _in_view(chat.get_by_text("x" * 300).first))
    await dana.say("Line 13")
    await ellie.button("New messages").click()
    await until("she is led to the newest", lambda: _in_view(chat.get_by_text("Line 13", exact=True)))
    await ellie.button("New messages").wait_for(state="detached")


async def _in_view(message: Locator) -> bool:
    return bool(
        await message.evaluate(
            """(message) => {
              const inner = message.getBoundingClientRect();
              const outer = message.closest(".talk").getBoundingClientRect();
              return inner.bottom <= outer.bottom + 1 && inner.bottom > outer.top;
            }"""
        )
    )
