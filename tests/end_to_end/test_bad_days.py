"""What a person reads on a bad day. That the server keeps its word then is proven in `tests/bad_days`."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.bad_days.disks import Limited
from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit


def pid(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


async def chat_draft(someone: Person) -> str:
    await someone.show_chat()
    return str(await someone.page.get_by_role("region", name="Chat").get_by_role("textbox").input_value())


async def test_while_nothing_can_be_saved_everybody_reads_so_and_it_goes_on_by_itself(
    server: Server, browser: Browser
) -> None:
    disk = Limited(server.folder)
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await dana.join(links["mentor"])
    marcus = await person(browser, "Marcus")
    await marcus.join(links["participants"][1])
    await ellie.open(links["participants"][0])
    await ellie.button("Join").wait_for()

    disk.fill(pid(server))
    await ellie.button("Join").click()
    await ellie.page.get_by_text("We cannot save anything right now, so nobody can come in.", exact=False).wait_for()
    await dana.say("Can you all hear me?")
    chat = dana.page.get_by_role("region", name="Chat")
    await chat.get_by_text("Not sent. That could not be saved.", exact=False).wait_for()
    await dana.tile("Marcus").get_by_role("button").click()
    await (
        dana.page.get_by_role("menuitem", name="Close microphone of Marcus")
        .or_(dana.button("Close microphone of Marcus"))
        .click()
    )
    note = dana.page.get_by_role("region", name="Note")
    await note.get_by_text("That could not be saved.", exact=False).wait_for()
    await marcus.page.get_by_text("Your mentor closed your microphone for now.").first.wait_for()
    assert await marcus.messages("Can you all hear me?") == 0

    disk.free(pid(server))
    await chat.get_by_role("button", name="Try again").click()
    await until("Marcus reads it", lambda: _reads(marcus, "Can you all hear me?"))
    await ellie.page.get_by_role("region", name="Participants").wait_for()
    assert await ellie.messages("Can you all hear me?") == 1


async def _reads(someone: Person, text: str) -> bool:
    return await someone.messages(text) == 1


async def test_an_address_that_is_not_here_gets_a_page_that_leads_home(server: Server, browser: Browser) -> None:
    ellie = await person(browser, "Ellie")
    answer = await ellie.page.goto(f"{server.base_url}/nonsense")
    assert answer is not None
    assert answer.status == 404
    await ellie.page.get_by_role("heading", name="This page is not here").wait_for()
    await audit(ellie.page, "not-here")
    # Its style is its own, and its policy lets it in.
    main = ellie.page.get_by_role("link", name="Go to Holdspace")
    box = await main.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    await main.click()
    await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()

    spanish = await browser.new_context(locale="es-US")
    page = await spanish.new_page()
    await page.goto(f"{server.base_url}/nonsense")
    await page.get_by_role("heading", name="Esta página no está aquí").wait_for()
    assert await page.evaluate("document.documentElement.lang") == "es"


async def test_half_a_thought_outlives_a_reload_and_no_goodbye(server: Server, browser: Browser) -> None:
    links = await server.links()
    dana, ellie = await person(browser, "Dana"), await person(browser, "Ellie")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.show_chat()
    field = ellie.page.get_by_role("region", name="Chat").get_by_role("textbox")
    await field.fill("I wanted to say")
    await ellie.page.reload()
    await ellie.button("Join").click()
    await ellie.page.get_by_role("region", name="Participants").wait_for()
    assert await chat_draft(ellie) == "I wanted to say"

    await ellie.button("Leave").click()
    await ellie.page.get_by_role("heading", name="You have left").wait_for()
    assert await ellie.page.evaluate("sessionStorage.length") == 0
    await ellie.button("Join again").click()
    await ellie.button("Join").click()
    await ellie.page.get_by_role("region", name="Participants").wait_for()
    assert await chat_draft(ellie) == ""
