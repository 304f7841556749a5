"""A therapist listens, whispers and steps in; what they hear really arrives, and nobody else sees anything of it."""

from __future__ import annotations

from typing import Any, Final

from playwright.async_api import Browser

from program.people import Person as Account
from program.people import ProgramRole, add_person
from protocol.ids import IdentityId
from server.auth import Auth
from server.clock import SystemClock
from server.storage.engine import open_engine, writing
from tests.end_to_end.running import Person, Server, person, until
from tests.end_to_end.test_accessibility import audit
from tests.end_to_end.test_pictures import rests

GLASS_S: Final = 5
REASON: Final = "Her mentor does not answer my message."
UNHEARD: Final = "You are NOT audible or visible"
WHISPER: Final = "You are doing well. Maybe ask Ellie."

_WHISPERED = """async () => [...(await holdspaceDebug.subscribe.getStats()).values()]
  .filter((stat) => stat.type === "inbound-rtp" && stat.mid === "w0")
  .reduce((sum, stat) => sum + (stat.totalAudioEnergy ?? 0), 0)"""


_PACKETS = """async () => [...(await holdspaceDebug.subscribe.getStats()).values()]
  .filter((stat) => stat.type === "inbound-rtp").reduce((sum, stat) => sum + stat.packetsReceived, 0)"""

_TAKE_BACK = """() => fetch("/api/v1/consents", {
  method: "DELETE", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind: "notice" }),
}).then((answer) => answer.status)"""


def region(who: Person, name: str) -> Any:
    return who.page.get_by_role("region", name=name, exact=True)


def presence(ruth: Person) -> Any:
    return region(ruth, "Your presence")


async def flag(dana: Person) -> None:
    await dana.button("Flag").click()
    await dana.button("Urgent").click()


async def hears_and_sees(ruth: Person, who: str) -> None:
    """Frames of theirs are decoded, and their sound has energy."""

    async def frames() -> bool:
        return await ruth.inbound(who, "camera", "frames") > 0

    async def energy() -> bool:
        return await ruth.inbound(who, "microphone", "energy") > 0

    await until("a picture arrives", frames)
    await until("sound arrives", energy)


async def silence(ruth: Person) -> None:
    """No packet arrives any more, of nobody."""

    async def packets() -> float:
        return float(await ruth.page.evaluate(_PACKETS))

    assert await packets() > 0
    await rests("nothing arrives any more", packets)


async def clinical_lead(server: Server) -> str:
    """The link of one, who is of no group."""
    engine = open_engine(server.environment["HOLDSPACE__STORAGE__URL"], busy_timeout_ms=5_000)
    try:
        clock = SystemClock()
        maria = IdentityId("maria")
        async with writing(engine) as connection:
            await add_person(connection, Account(maria, "Maria", ProgramRole.CLINICAL_LEAD, clock.now_ms()))
        token = await Auth(engine, clock).make_link(maria, ttl_s=600, reusable=True)
        return f"{server.base_url}/join#{token}"
    finally:
        await engine.dispose()


async def test_a_therapist_listens_whispers_steps_in_and_resolves(server: Server, browser: Browser) -> None:
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
    card = region(ruth, "Live sessions").get_by_role("article", name="Tuesday evening group")
    await card.get_by_text("No open flag lets you listen.").wait_for()

    await flag(dana)
    await region(ruth, "Flags").get_by_role("button", name="Acknowledge", exact=True).click()
    await card.get_by_text("No open flag lets you listen.").wait_for(state="detached")
    await card.get_by_role("button", name="Listen", exact=True).click()
    await presence(ruth).get_by_text("Listening to Tuesday evening group", exact=False).wait_for()
    assert await presence(ruth).get_by_text(UNHEARD).is_visible()
    await ruth.tile("Dana").wait_for()
    await hears_and_sees(ruth, await ruth.id_of("Dana"))
    await audit(ruth.page, "therapist-listening")

    await ruth.page.get_by_label("Whisper to Dana").fill(WHISPER)
    await ruth.button("Send").click()
    await region(dana, "Private, only you see this").get_by_text(WHISPER).wait_for()
    await ruth.page.get_by_text(f"You to Dana: “{WHISPER}” seen").wait_for()
    assert WHISPER not in await ellie.page.content()
    await audit(dana.page, "mentor-whisper")

    # Only in headphones, and only to this mentor.
    await dana.page.get_by_label("I wear headphones").check()
    await ruth.button("Speak to Dana").click()
    await presence(ruth).get_by_text("Only Dana hears you").wait_for()
    await region(dana, "Private, only you see this").get_by_text("Ruth speaks to you.", exact=False).wait_for()

    async def heard() -> bool:
        return float(await dana.page.evaluate(_WHISPERED)) > 0

    await until("the mentor hears the therapist", heard)
    assert float(await ellie.page.evaluate(_WHISPERED)) == 0
    await ruth.button("Stop speaking").click()
    await presence(ruth).get_by_text(UNHEARD).wait_for()
    for each in (dana, ellie):
        assert await each.tile("Ruth").count() == 0, "who listens is in no room"

    await presence(ruth).get_by_role("button", name="Step in", exact=True).click()
    await ruth.page.get_by_role("dialog").get_by_role("button", name="Step in", exact=True).click()
    await ruth.button("Join").click()
    await presence(ruth).get_by_text("You are AUDIBLE AND VISIBLE").wait_for()
    await ellie.tile("Ruth").wait_for()
    await presence(ruth).get_by_role("button", name="Whisper", exact=True).click()
    await ruth.page.get_by_label("Whisper to Dana").fill("I am here.")
    await ruth.page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    await region(dana, "Private, only you see this").get_by_text("I am here.").wait_for()
    await audit(ruth.page, "therapist-stepped-in")
    await ruth.button("Quick exit").click(trial=True)
    await ruth.page.keyboard.press("Escape")

    await ruth.page.get_by_role("button", name="Flags", exact=False).first.click()
    await ruth.button("Resolve").click()
    sheet = ruth.page.get_by_role("dialog")
    await sheet.get_by_label("Spoke with the person").check()
    await sheet.get_by_label("Note").fill("We spoke. She is with her sister.")
    await sheet.get_by_role("button", name="Resolve", exact=True).click()
    await sheet.get_by_role("button", name="Show what is done").click()
    await sheet.get_by_text("Spoke with the person", exact=False).wait_for()
    session = links["visitor"].partition("session=")[2].partition("#")[0]
    asked = await dana.page.evaluate(f"fetch('/api/v1/sessions/{session}/flags/mine').then((answer) => answer.json())")
    assert [each["status"] for each in asked["flags"]] == ["resolved"]
    for each in (ruth, dana, ellie):
        assert each.complaints == [], each.name
    assert WHISPER not in server.log()


async def test_a_revoked_consent_ends_what_is_heard_at_once(server: Server, browser: Browser) -> None:
    links = await server.links()
    ruth, dana, ellie = await person(browser, "Ruth"), await person(browser, "Dana"), await person(browser, "Ellie")
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ellie.join(links["participants"][0])
    await ellie.tile("Dana").wait_for()
    await flag(dana)
    await ruth.page.get_by_text("No open flag lets you listen.").wait_for(state="detached")
    await ruth.button("Listen").click()
    await ruth.tile("Ellie").wait_for()
    await hears_and_sees(ruth, await ruth.id_of("Ellie"))

    # From another page of hers: this one is in the room, and only learns of it.
    await ellie.page.evaluate(_TAKE_BACK)
    await ruth.page.get_by_text("You no longer hear Tuesday evening group").wait_for()
    await ruth.page.get_by_text("has not accepted the notice, or took it back", exact=False).wait_for()
    await silence(ruth)
    assert ruth.complaints == []


async def test_listening_without_a_flag_ends_by_itself_and_another_person_reviews_it(
    server: Server, browser: Browser
) -> None:
    await server.stop()
    server.environment |= {"HOLDSPACE__ESCALATION__GLASS_S": str(GLASS_S)}
    lead = await clinical_lead(server)
    await server.start()
    links = await server.links()
    ruth, dana, maria = await person(browser, "Ruth"), await person(browser, "Dana"), await person(browser, "Maria")
    await ruth.open(links["therapist"])
    await dana.join(links["mentor"])
    await ruth.button("Listen").click()
    sheet = ruth.page.get_by_role("dialog")
    await sheet.get_by_label("Your reason").fill(REASON)
    await audit(ruth.page, "therapist-glass")
    await sheet.get_by_role("button", name="Listen for 15 minutes").click()
    await presence(ruth).get_by_text("without a flag", exact=False).wait_for()
    await hears_and_sees(ruth, await ruth.id_of("Dana"))
    await ruth.page.get_by_text("The 15 minutes are over.", exact=False).wait_for()
    await silence(ruth)
    await region(ruth, "Reviews").get_by_text("Another person reviews it.").wait_for()

    await maria.open(lead)
    review = region(maria, "Reviews")
    await review.get_by_text("Ruth listened without a flag").wait_for()
    await review.get_by_text("Ruth listened without a flag").wait_for()
    await review.get_by_role("button", name="Review", exact=True).click()
    await maria.page.get_by_text(REASON).wait_for()
    await audit(maria.page, "lead-review")
    await maria.page.get_by_label("In order").check()
    await maria.button("Save review").click()
    await review.wait_for(state="detached")
    await region(ruth, "Reviews").wait_for(state="detached")
    for each in (ruth, dana, maria):
        assert each.complaints == [], each.name
    assert REASON not in server.log()
