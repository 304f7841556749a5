"""Speaking turns in real browsers: who holds the turn is heard, nobody else is, whatever their page does."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser

from tests.end_to_end.running import Person, Server, person, until

_SEND_ANYWAY: Final = """async () => {
  const sender = holdspaceDebug.publish.getSenders().find((each) => each.transport && each.dtmf !== null);
  if (sender.track?.enabled) return;
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  await sender.replaceTrack(stream.getAudioTracks()[0]);
}"""
"""A page that does not obey: it sends from a microphone of its own."""


async def test_in_the_queue_the_holder_is_heard_and_nobody_who_sends_without_a_turn(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie, marcus = await person(browser, "Ellie", 360, 740), await person(browser, "Marcus")
    dana = await person(browser, "Dana")
    await ellie.join(links["participants"][0])
    await marcus.join(links["participants"][1])
    await dana.join(links["mentor"])
    for viewer, others in ((ellie, ("Marcus", "Dana")), (marcus, ("Ellie", "Dana")), (dana, ("Ellie", "Marcus"))):
        for other in others:
            await heard(viewer, other)

    # Nobody has the turn: every participant's microphone is off from now on.
    await dana.button("Queue").click()
    await marcus.page.get_by_role("button", name="Unmute microphone, closed until it is your turn").wait_for()
    await ellie.button("Raise hand").click()
    await ellie.button("Lower hand").wait_for()
    await dana.button("Give turn to Ellie").wait_for()
    silent = await packets(dana, "Ellie")
    await dana.button("Next speaker").click()
    tap = ellie.button("Tap to speak")
    await tap.wait_for()
    assert await packets(dana, "Ellie") == silent, "giving a turn opens no microphone"
    await tap.click()
    await ellie.button("End turn").wait_for()
    for viewer in (marcus, dana):
        await heard(viewer, "Ellie")
    await heard(marcus, "Dana")

    # Marcus has no turn, and his page sends all the same: nothing of it comes through.
    before = [await packets(viewer, "Marcus") for viewer in (ellie, dana)]
    await sends_anyway(marcus)
    assert [await packets(viewer, "Marcus") for viewer in (ellie, dana)] == before

    # A page that is loaded anew still holds the turn, with the microphone off until it is tapped.
    await ellie.page.reload()
    await ellie.button("Join").click()
    await tap.wait_for()
    await tap.click()
    await heard(marcus, "Ellie")

    await dana.button("End turn").click()
    await ellie.page.get_by_role("button", name="Unmute microphone, closed until it is your turn").wait_for()
    silent = await packets(marcus, "Ellie")
    await sends_anyway(ellie)
    assert await packets(marcus, "Ellie") == silent
    for someone in (ellie, marcus, dana):
        assert someone.complaints == [], someone.name


async def test_a_round_is_typed_signed_and_passed_on_and_a_companion_speaks_in_their_turn(
    server: Server, browser: Browser
) -> None:
    links = await server.links()
    ellie, marcus = await person(browser, "Ellie", 360, 740), await person(browser, "Marcus")
    dana = await person(browser, "Dana")
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await marcus.join(links["participants"][1])
    for each in (ellie, marcus):
        await dana.tile(each.name).wait_for()
    await dana.page.get_by_text("Time and order").click()
    await dana.page.get_by_label("Order of a round").select_option(label="Speaker passes it on")
    await dana.button("Round").click()

    # Ellie writes instead: everyone reads that it was her turn.
    await ellie.page.get_by_text("Type, sign, notes").click()
    await ellie.button("Type instead").click()
    await dana.tile("Ellie").get_by_text("types").wait_for()
    await ellie.button("Write your turn").click()
    await ellie.page.get_by_role("region", name="Chat").get_by_role("textbox").fill("Today is better")
    await ellie.button("Send").click()
    written = marcus.page.get_by_role("listitem").filter(has_text="Today is better")
    await written.get_by_text("typed turn").wait_for()
    await ellie.button("Close chat").click()
    await ellie.button("Give the turn to Marcus").click()

    # Marcus signs: everyone reads it, and sees him; nothing opens his microphone.
    await marcus.button("Tap to speak").wait_for()
    silent = await packets(dana, "Marcus")
    await marcus.page.get_by_text("Type, sign, notes").click()
    await marcus.button("Sign instead").click()
    await ellie.tile("Marcus").get_by_text("signs").wait_for()
    await dana.tile("Ellie").get_by_text("Done").wait_for()
    await seen(ellie, "Marcus")
    assert await packets(dana, "Marcus") == silent
    await marcus.button("End turn").click()
    await dana.button("Start a round").wait_for()

    # An interpreter, say: they are heard in the turn of whom they are here with, and in no other.
    await dana.tile("Marcus").get_by_role("button").click()
    await dana.button("Speaks with …").click()
    await dana.page.get_by_role("group", name="Speaks with …").get_by_role("button", name="Ellie").click()
    await dana.button("Queue").click()
    await marcus.page.get_by_role("button", name="Unmute microphone, closed until it is your turn").wait_for()
    await ellie.button("Raise hand").click()
    await dana.button("Give turn to Ellie").click()
    await ellie.button("Tap to speak").wait_for()
    await marcus.button("Unmute microphone").click()
    for viewer in (ellie, dana):
        await heard(viewer, "Marcus")
    await ellie.button("Pass").click()
    await marcus.page.get_by_role("button", name="Unmute microphone, closed until it is your turn").wait_for()
    for someone in (ellie, marcus, dana):
        assert someone.complaints == [], someone.name


async def seen(viewer: Person, name: str) -> None:
    """Their picture moves."""
    who = await viewer.id_of(name)
    before = await viewer.inbound(who, "camera", "frames")

    async def moves() -> bool:
        return await viewer.inbound(who, "camera", "frames") > before + 3

    await until(f"{viewer.name} sees {name}", moves, within_s=15)


async def packets(viewer: Person, name: str) -> float:
    """How many of somebody's microphone arrived so far."""
    return await viewer.inbound(await viewer.id_of(name), "microphone", "packets")


async def heard(viewer: Person, name: str) -> None:
    """Their sound arrives, and is not silence."""
    who = await viewer.id_of(name)
    before = await viewer.inbound(who, "microphone", "packets")
    energy = await viewer.inbound(who, "microphone", "energy")

    async def sounds() -> bool:
        more = await viewer.inbound(who, "microphone", "packets") > before + 10
        # What fills a gap fades out in far less than this.
        return more and await viewer.inbound(who, "microphone", "energy") > energy + 1e-4

    await until(f"{viewer.name} hears {name}", sounds, within_s=15)


async def sends_anyway(someone: Person) -> None:
    """Until their page has sent 50 packets more than it should."""
    sent = (await someone.stats())["audioSent"]

    async def goes_out() -> bool:
        # The page itself may still be taking its own microphone away.
        await someone.page.evaluate(_SEND_ANYWAY)
        return (await someone.stats())["audioSent"] > sent + 50

    await until(f"{someone.name}'s page sends", goes_out, within_s=15)
