"""One device, two people: a page never shows or sends anything as somebody else."""

from __future__ import annotations

from typing import Any, Final

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until

_HELD_BACK: Final = """() => {
  const real = { fetch: window.fetch, WebSocket: window.WebSocket };
  window.fetch = async () => { throw new TypeError("no network"); };
  window.WebSocket = class extends EventTarget {
    constructor() {
      super();
      setTimeout(() => this.dispatchEvent(new CloseEvent("close", { code: 1006 })));
    }
    send() {}
    close() {}
  };
  window.letGo = () => Object.assign(window, real);
}"""
"""Only this page is without a network, until it is let go."""


async def test_another_link_on_this_device_ends_the_stay_calmly(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await dana.join(links["mentor"])
    await ellie.say("Before")
    await until("Dana reads it", lambda: _reads(dana, "Before"))
    frames = sent_by(ellie)
    other = await beside(ellie, links)
    await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()
    assert await ellie.page.get_by_role("region", name="Chat").count() == 0
    before = len(frames)
    await other.button("Join").click()
    await dana.tile(other.name).wait_for()
    await dana.tile("Ellie").wait_for(state="detached")
    await dana.say("Hello to the one who is here now")
    await until("it arrived", lambda: _reads(other, "Hello to the one who is here now"))
    assert len(frames) == before, "the page of before said something"


async def test_what_waited_over_a_restart_is_not_sent_as_somebody_else(server: Server, browser: Browser) -> None:
    links = await server.links()
    ellie, dana = await person(browser, "Ellie"), await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await dana.join(links["mentor"])
    await ellie.page.evaluate(_HELD_BACK)
    await server.kill()
    await ellie.page.get_by_text("Reconnecting", exact=False).first.wait_for()
    await ellie.say("Only Ellie would say this")
    await server.start()
    other = await beside(ellie, links)
    await other.button("Join").click()
    await other.tile("Dana").wait_for()
    sockets: list[str] = []
    ellie.page.on("websocket", lambda socket: sockets.append(socket.url))
    frames = sent_by(ellie)
    await ellie.page.evaluate("letGo()")
    await ellie.page.get_by_role("heading", name="Please open your link again").wait_for()
    await ellie.page.get_by_text("Someone else has signed in on this device", exact=False).wait_for()
    await dana.say("Is all well?")
    for each in (dana, other):
        await until(f"{each.name} reads on", lambda each=each: _reads(each, "Is all well?"))
        assert await each.messages("Only Ellie would say this") == 0
    # At most it tried to go on with its old place, which a server that began anew does not know.
    assert all(b"post_chat" not in frame and b"set_devices" not in frame for frame in frames)


async def beside(someone: Person, links: dict[str, Any]) -> Person:
    """Another person's link, opened in a second tab of the same browser."""
    other = Person("Marcus", await someone.page.context.new_page())
    await other.open(links["participants"][1])
    await other.button("Join").wait_for()
    return other


def sent_by(someone: Person) -> list[bytes]:
    """All frames of sockets that this page opens from now on."""
    frames: list[bytes] = []

    def note(payload: Any) -> None:
        frames.append(payload if isinstance(payload, bytes) else str(payload).encode())

    someone.page.on("websocket", lambda socket: socket.on("framesent", note))
    return frames


async def _reads(each: Person, text: str) -> bool:
    return await each.messages(text) == 1
