"""A concern that nobody acknowledges goes on: to whom, after how long, once, and over restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from program.groups import add_member
from program.on_call import add_shift
from program.people import Person, ProgramRole, add_person
from program.sessions import name_responder
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, IdentityId
from protocol.messages import Ack, Leave, Rejected, Welcome
from protocol.supervision import Acknowledge, ConcernView, Severity, Step
from protocol.values import Role, SessionStatus
from rooms.commands import CloseSession
from server.open_supervision import open_sessions
from server.storage.engine import writing
from server.supervisor import stream_of
from tests.fakes import START_MS
from tests.server.flagged import Flagged, flagged
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION
from tests.server.supervised import Node, Watched, settle, until

LEAD, NORA = IdentityId("p-lead"), IdentityId("p-nora")


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Flagged]:
    """Ruth answers, Omar is her backup, Nora is on call, Lee leads; Ellie and Dana meet."""
    async with flagged(tmp_path) as there:
        async with writing(there.node.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
            await add_person(connection, Person(NORA, "Nora", ProgramRole.THERAPIST, START_MS))
            await add_person(connection, Person(LEAD, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
            await add_shift(connection, "night", NORA, START_MS, START_MS + 100_000_000)
        yield there


async def live(node: Node) -> dict[IdentityId, str]:
    """Their seats."""
    pages = {ELLIE: await node.join(ELLIE, Role.PARTICIPANT), DANA: await node.join(DANA, Role.MENTOR)}
    await settle()
    return {who: page.got(Welcome)[0].snapshot.you for who, page in pages.items()}


async def later(node: Node, seconds: float) -> None:
    """Time passes for those who wait."""
    node.clock.advance(seconds)
    await node.look_again()
    await settled(node)


async def settled(node: Node) -> None:
    await settle()
    supervisors = [each.supervisor for each in node.supervision._sessions.values() if each.supervisor is not None]
    await until("all is stored", lambda: all(not each._writer.busy for each in supervisors))
    await settle()


async def restarted(there: Flagged) -> Node:
    await there.node.crash()
    again = Node(there.node.engine, there.node.clock)
    await again.log.start()
    for session_id in await open_sessions(again.engine):
        again.supervision.wake(session_id)
    await settle()
    return again


async def steps(node: Node) -> list[str]:
    stored = [each.type for each in await node.log.read(stream_of(SESSION))]
    return [each for each in stored if each == "concern_escalated"]


def step(page: Watched) -> tuple[Step, tuple[str, ...]]:
    [concern] = page.concerns()
    return concern.step, concern.then_names


async def acknowledge(node: Node, page: Watched, concern: ConcernView) -> object:
    return await node.ask(page, Acknowledge(node.rid(), SESSION, concern.id, len(concern.flags)))


def loaded(node: Node) -> bool:
    session = node.supervision._sessions.get(SESSION)
    return session is not None and session.supervisor is not None


async def open_rows(node: Node) -> list[str]:
    return [str(each) for each in await open_sessions(node.engine)]


# ── the chain ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("about", "first"), [("me", Step.BACKUP), ("Ruth", Step.RESPONDER)])
async def test_another_flag_tells_nobody_that_a_crisis_is_about_them(there: Flagged, about: str, first: Step) -> None:
    node, page = there.node, await there.page(ELLIE)
    watching = await node.watch(RUTH)
    await live(node)
    inside = (await node.join(RUTH, Role.THERAPIST)).got(Welcome)[0].snapshot.you
    await settle()
    assert await page.flag("f1", severity="crisis", about=inside if about == "Ruth" else "me") == (
        200,
        {"stored": True},
    )
    await page.flag("f2", severity="urgent", about="")

    await until("Ruth is told", lambda: any(each.person == "" for each in watching.concerns()))
    [other] = [each for each in watching.concerns() if each.person == ""]
    assert other.step is first


async def test_a_crisis_goes_from_one_to_the_next_until_somebody_acknowledges_it(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    ruth, omar, nora = await node.watch(RUTH), await node.watch(OMAR), await node.watch(NORA)
    await live(node)
    await page.flag(severity="crisis")
    await until("Ruth is told", lambda: len(ruth.concerns()) == 1)
    assert step(ruth) == (Step.RESPONDER, ("Omar",))
    assert (ruth.concerns()[0].yours, omar.concerns()[0].yours, nora.views) == (True, False, {})

    await later(node, 60)
    assert step(omar) == (Step.BACKUP, ("Nora",))
    assert omar.concerns()[0].yours
    assert nora.views == {}

    await later(node, 60)
    await until("Nora is told", lambda: SESSION in nora.views)
    assert step(nora) == (Step.ON_CALL, ())
    view = nora.views[SESSION]
    assert (view.assigned, view.session.title, view.leaders, view.responder) == (False, "Tuesday evening", (), "")
    assert (await page.mine())["crisis"]["told"] == ["Ruth", "Omar", "Nora"]

    await later(node, 60)
    await later(node, 60)
    concern = nora.concerns()[0].id
    assert [(where, which, how, number) for where, which, how, number, *_ in node.escalated] == [
        (SESSION, concern, Step.CONTACT, 1),
        (SESSION, concern, Step.CONTACT, 2),
    ]
    assert node.escalated[0][5] is Severity.CRISIS

    assert isinstance(await acknowledge(node, nora, nora.concerns()[0]), Ack)
    await later(node, 600)
    assert len(node.escalated) == 2
    assert nora.concerns()[0].mine
    assert ruth.concerns()[0].holder == "Nora"


async def test_who_is_not_on_call_any_more_sees_only_what_is_theirs(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    nora = await node.watch(NORA)
    await page.flag(severity="crisis")
    await later(node, 60)
    await later(node, 60)
    await until("Nora is told", lambda: SESSION in nora.views)
    nora_page, concern = await there.page(NORA), nora.concerns()[0]

    assert (await nora_page.ask("POST", "/on-call/end", {}))[0] == 204

    await until("she is told no more", lambda: SESSION not in nora.views)
    assert isinstance(await acknowledge(node, nora, concern), Rejected)


async def test_what_waits_for_its_clock_goes_on_once_after_a_crash(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    await page.flag(severity="urgent")
    there.node.clock.advance(179)

    again = await restarted(there)
    await until("it is loaded", lambda: loaded(again))
    await settled(again)
    assert await steps(again) == []
    await later(again, 1)
    assert await steps(again) == ["concern_escalated"]
    await again.stop()

    third = Node(again.engine, again.clock)
    await third.log.start()
    omar = await third.watch(OMAR)
    assert step(omar)[0] is Step.BACKUP
    assert await steps(third) == ["concern_escalated"]
    await third.stop()


async def test_what_came_due_while_nobody_was_there_goes_on_at_the_start(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    await page.flag(severity="crisis")
    there.node.clock.advance(3_600)

    again = await restarted(there)

    await until("it is loaded", lambda: again.supervision.has_open(SESSION))
    await settled(again)
    await until("it went on", lambda: [each[0] for each in again.log.appends] == [stream_of(SESSION)])
    await settled(again)
    assert await steps(again) == ["concern_escalated"]
    await again.stop()


async def test_it_goes_on_in_memory_while_the_disk_takes_nothing_and_is_stored_once(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    await live(node)
    await page.flag(severity="crisis")
    omar = await node.watch(OMAR)
    node.log.full_for = "/supervision"

    for _ in range(4):
        await later(node, 60)
    assert step(omar)[0] is Step.CONTACT
    assert [each[3] for each in node.escalated] == [1, 2]
    assert await steps(node) == []

    node.log.full_for = "nothing"
    await later(node, 1)
    assert await steps(node) == ["concern_escalated"] * 4
    assert [each[3] for each in node.escalated] == [1, 2]


async def test_the_contact_is_told_again_after_a_restart_under_the_same_number(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    await live(node)
    await page.flag(severity="crisis")
    for _ in range(4):
        await later(node, 60)
    assert len(node.escalated) == 2

    again = await restarted(there)
    await until("it is loaded", lambda: len(again.escalated) >= 2)
    assert again.escalated[:2] == node.escalated

    omar = await again.watch(OMAR)
    await acknowledge(again, omar, omar.concerns()[0])
    await settled(again)
    await again.stop()
    third = Node(again.engine, again.clock)
    await third.log.start()
    third.supervision.wake(SESSION)
    await until("it is loaded", lambda: loaded(third))
    await settled(third)
    assert third.escalated == []
    await third.stop()


async def test_a_session_is_remembered_until_it_has_ended_with_nothing_open(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    ruth = await node.watch(RUTH)
    seats = await live(node)
    await page.flag(severity="concern", kind="report", about=seats[DANA])
    assert await open_rows(node) == [SESSION]
    await (await node.hall.room(SESSION)).submit(CloseSession(if_empty=False))
    await settled(node)
    assert await open_rows(node) == [SESSION]
    assert ruth.views[SESSION].session.status is SessionStatus.ENDED

    from protocol.supervision import Outcome, Resolution, Resolve

    [concern] = ruth.concerns()
    await acknowledge(node, ruth, concern)
    await node.ask(ruth, Resolve(node.rid(), SESSION, concern.id, Resolution(Outcome.NO_ACTION), 1))
    await node.look_again()
    await until("nothing is kept", lambda: SESSION not in node.supervision._sessions)
    await node.supervision.close()
    assert await open_rows(node) == []


# ── who is concerned ──────────────────────────────────────────────────────────────────────────


async def test_what_concerns_who_answers_goes_past_them_to_the_lead(there: Flagged) -> None:
    node, page = there.node, await there.page(ELLIE)
    ruth, omar = await node.watch(RUTH), await node.watch(OMAR)
    nora, lead = await node.watch(NORA), await node.watch(LEAD)
    await live(node)
    inside = await node.join(RUTH, Role.THERAPIST)
    await node.ask(inside, Leave(node.rid()))
    await page.flag(severity="urgent", kind="report", about=inside.got(Welcome)[0].snapshot.you)
    await until("Omar is told", lambda: len(omar.concerns()) == 1)
    assert step(omar) == (Step.BACKUP, ("Lee",))
    assert ruth.concerns() == ()
    answer = await node.ask(ruth, Acknowledge(node.rid(), SESSION, omar.concerns()[0].id, 1))
    unknown = await node.ask(ruth, Acknowledge(node.rid(), SESSION, ConcernId("c9"), 1))
    assert isinstance(answer, Rejected)
    assert isinstance(unknown, Rejected)
    assert answer.code is unknown.code is ErrorCode.NOT_FOUND

    await later(node, 180)
    await until("the lead is told", lambda: SESSION in lead.views)
    assert lead.concerns()[0].person == "Ruth"
    assert (ruth.concerns(), nora.views) == ((), {})
    ruth_page = await there.page(RUTH)
    _, timeline, _ = await ruth_page.ask("GET", f"/sessions/{SESSION}/timeline")
    assert "flag_raised" not in [each["what"] for each in timeline["timeline"]]
    assert (await ruth_page.mine())["flags"] == []


async def test_who_has_an_open_crisis_is_not_the_only_one_to_be_told_of_the_next(there: Flagged) -> None:
    node, page, dana = there.node, await there.page(ELLIE), await there.page(DANA)
    ruth = await node.watch(RUTH)
    seats = await live(node)
    await page.flag(severity="crisis")
    await until("Ruth is told", lambda: len(ruth.concerns()) == 1)
    await acknowledge(node, ruth, ruth.concerns()[0])

    await dana.flag("f2", severity="urgent", kind="flag", about=seats[DANA])

    await until("both are told", lambda: len(ruth.concerns()) == 2)
    assert [each.step for each in ruth.concerns() if not each.acknowledged] == [Step.BACKUP]


async def test_with_a_disk_that_fails_altogether_crises_stay_go_on_and_are_stored_later(there: Flagged) -> None:
    node, page, ruth = there.node, await there.page(ELLIE), await there.node.watch(RUTH)
    await live(node)
    await page.flag("f1", severity="crisis")
    node.log.unknown_for = node.log.unread_for = "/supervision"

    await page.flag("f2", severity="crisis", text="again")
    await until("the page says so", lambda: ruth.views[SESSION].unread)

    assert [flag.id for flag in ruth.concerns()[0].flags] == ["f1", "f2"]
    assert (await page.mine())["crisis"]["told"] == ["Ruth"]
    for _ in range(4):
        await later(node, 60)
    assert step(ruth)[0] is Step.CONTACT
    told = [each[4] for each in node.escalated]
    assert len(told) == len(set(told)) == 3

    node.log.unknown_for = node.log.unread_for = "nothing"
    await node.look_again()
    await later(node, 1)
    await until("it is read again", lambda: not ruth.views[SESSION].unread)
    assert [flag.id for flag in ruth.concerns()[0].flags] == ["f1", "f2"]
    assert step(ruth)[0] is Step.CONTACT
    await later(node, 60)
    assert [each[4] for each in node.escalated[-1:]] > told[-1:]
    await until("all of it is stored", lambda: not ruth.concerns()[0].unstored)


async def test_a_press_of_many_flags_tells_the_contact_once_in_a_while(there: Flagged) -> None:
    node = there.node
    pages = [await there.page(who) for who in (ELLIE, DANA)]
    seats = await live(node)
    await pages[0].flag("f0", severity="urgent")
    for _ in range(3):
        await later(node, 180)
    assert len(node.escalated) == 1

    for number in range(1, 20):
        await pages[0].flag(f"f{number}", severity="urgent")
    assert len(node.escalated) == 1
    node.clock.advance(1)
    assert (await pages[1].flag("about-her", severity="crisis", kind="flag", about=seats[ELLIE]))[0] == 200
    assert len(node.escalated) == 2
    node.clock.advance(61)
    await pages[0].flag("later", severity="urgent")
    assert len(node.escalated) == 3


async def test_a_clock_that_was_years_behind_and_is_put_right_keeps_no_crisis_waiting(there: Flagged) -> None:
    node, page, ruth = there.node, await there.page(ELLIE), await there.node.watch(RUTH)
    await live(node)
    await page.flag(severity="crisis")
    assert step(ruth)[0] is Step.RESPONDER

    node.clock.step_wall(400 * 86_400)
    await later(node, 15)

    assert step(ruth)[0] is Step.BACKUP
