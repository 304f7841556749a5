"""A flag reaches therapists whatever fails, and its raiser hears when it is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from moderation.permissions import Office
from program.groups import add_member
from program.sessions import end_session, name_responder
from protocol.errors import ErrorCode, Unavailable
from protocol.ids import IdentityId, MessageId, ParticipantId
from protocol.messages import AskForCover, HideChat, Leave, PostChat, Welcome
from protocol.supervision import Acknowledge, ConcernView, Outcome, Resolution, Resolve, Step
from protocol.values import Role, SessionStatus
from rooms.commands import CloseSession
from server.entries import FlagRead
from server.http.api import you
from server.storage.engine import writing
from server.storage.log import AppendFailed
from server.supervisor import stream_of
from tests.server.flagged import PHONE, Flagged, flagged
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION, STRANGER
from tests.server.supervised import Node, RawSocket, Watched, settle, until


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Flagged]:
    async with flagged(tmp_path) as there:
        async with writing(there.node.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
        yield there


async def live(node: Node) -> tuple[RawSocket, RawSocket]:
    ellie, dana = await node.join(ELLIE, Role.PARTICIPANT), await node.join(DANA, Role.MENTOR)
    await settle()
    return ellie, dana


def seat(ws: RawSocket) -> ParticipantId:
    return ws.got(Welcome)[0].snapshot.you


def flags(page: Watched) -> list[str]:
    return [flag.id for concern in page.concerns() for flag in concern.flags]


async def stored(node: Node) -> list[str]:
    return [each.type for each in await node.log.read(stream_of(SESSION))]


def epoch(node: Node) -> int:
    supervisor = node.supervision._sessions[SESSION].supervisor
    return 0 if supervisor is None else supervisor.epoch


async def acknowledge(node: Node, page: Watched, concern: ConcernView) -> None:
    await node.ask(page, Acknowledge(node.rid(), SESSION, concern.id, len(concern.flags)))


# ── raising ───────────────────────────────────────────────────────────────────────────────────


async def test_a_flag_is_at_the_therapists_before_it_is_stored(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)
    await until("its stream is claimed", lambda: epoch(there.node) > 0)
    there.node.log.stuck_for = "/supervision"

    asking = asyncio.create_task(page.flag())

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert not asking.done()
    [concern] = ruth.concerns()
    assert (concern.person, concern.unstored, concern.yours) == ("Ellie", True, True)
    assert concern.flags[0].about_self
    assert await asking == (202, {"stored": False})
    assert await stored(there.node) == []


async def test_a_flag_that_is_stored_is_said_to_be_and_once_however_often_it_is_sent(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)

    assert await page.flag() == (200, {"stored": True})
    assert await page.flag() == (200, {"stored": True})

    assert await stored(there.node) == ["flag_raised"]
    assert flags(ruth) == ["f1"]
    assert await page.flag(text="another one") == (409, "conflict")


async def test_a_flag_that_a_full_disk_does_not_take_is_stored_later_once(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)
    there.node.log.full_for = "/supervision"

    assert await page.flag() == (202, {"stored": False})
    assert await page.flag() == (202, {"stored": False})
    assert flags(ruth) == ["f1"]
    assert (await page.mine())["flags"][0]["unstored"]
    await there.node.look_again()
    assert await stored(there.node) == []

    there.node.log.full_for = "nothing"
    assert await page.flag() == (200, {"stored": True})
    await there.node.look_again()
    assert await stored(there.node) == ["flag_raised"]
    assert not (await page.mine())["flags"][0]["unstored"]
    assert not ruth.concerns()[0].unstored


async def test_it_is_stored_by_itself_when_the_disk_takes_it_again(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    there.node.log.full_for = "/supervision"
    assert await page.flag() == (202, {"stored": False})

    there.node.log.full_for = "nothing"
    await there.node.look_again()

    await until("it is stored", lambda: there.node.supervision._sessions[SESSION].supervisor.is_stored("f1"))  # type: ignore[union-attr,arg-type]
    assert await stored(there.node) == ["flag_raised"]


async def test_a_flag_of_a_session_that_cannot_even_be_claimed_is_shown_and_stored_later(there: Flagged) -> None:
    page = await there.page(ELLIE)
    claim = there.node.log.claim

    async def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    there.node.log.claim = full  # type: ignore[method-assign,assignment]
    ruth = await there.node.watch(RUTH)
    assert await page.flag() == (202, {"stored": False})
    await until("it is shown", lambda: flags(ruth) == ["f1"])

    there.node.log.claim = claim  # type: ignore[method-assign]
    assert await page.flag() == (200, {"stored": True})
    assert await stored(there.node) == ["flag_raised"]


async def test_a_flag_outlives_the_writer_of_its_stream(there: Flagged) -> None:
    """Another node took the stream: this one reads it anew, and raises what it had not stored."""
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)
    await until("its stream is claimed", lambda: epoch(there.node) > 0)
    await there.node.log.claim(stream_of(SESSION), "supervision")

    assert await page.flag() == (202, {"stored": False})
    await there.node.look_again()

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert await page.flag() == (200, {"stored": True})
    assert await stored(there.node) == ["flag_raised"]


async def test_concerns_that_cannot_be_read_keep_no_flag_from_being_shown(there: Flagged) -> None:
    claim = await there.node.log.claim(stream_of(SESSION), "supervision")
    from server.storage.log import NewEvent

    await there.node.log.append(stream_of(SESSION), claim.epoch, 0, [NewEvent(1, "concern_raised", 99, b"\x80")])
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)

    assert await page.flag() == (202, {"stored": False})

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert ruth.views[SESSION].unread


# ── when the room has failed, before it and after ─────────────────────────────────────────────


async def test_it_works_when_the_rooms_writer_has_failed(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    _, dana = await live(there.node)
    keeper = await there.node.hall.room(SESSION)
    keeper._writer._fail(ZeroDivisionError("a bug"))
    await until("the room is gone", lambda: dana.closed_with is not None)

    async def broken(*_: object) -> None:
        raise AppendFailed("the room cannot be loaded")

    there.node.hall.room_state = broken  # type: ignore[method-assign,assignment]
    assert await page.flag(about=seat(dana), kind="report") == (200, {"stored": True})

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert ruth.concerns()[0].person == "Dana"


async def test_it_works_before_joining_and_after_leaving(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    assert await page.flag("before") == (200, {"stored": True})
    ellie, _ = await live(there.node)
    await there.node.ask(ellie, Leave(there.node.rid()))

    assert await page.flag("after", kind="check_on_me", severity="concern") == (200, {"stored": True})

    await until("both are shown", lambda: flags(ruth) == ["before", "after"])
    assert ruth.concerns()[0].due_ms > 0


async def test_it_works_after_the_session_ended_and_stays_until_it_is_resolved(there: Flagged) -> None:
    ruth, dana_page = await there.node.watch(RUTH), await there.page(DANA)
    ellie, _ = await live(there.node)
    await (await there.node.hall.room(SESSION)).submit(CloseSession(if_empty=False))
    await until("it is gone", lambda: SESSION not in ruth.views)
    async with writing(there.node.engine) as connection:
        await end_session(connection, SESSION, there.node.clock.now_ms())

    assert await dana_page.flag(kind="left_upset", severity="urgent", about=seat(ellie)) == (200, {"stored": True})

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert ruth.views[SESSION].session.status is SessionStatus.ENDED
    [concern] = ruth.concerns()
    await acknowledge(there.node, ruth, concern)
    await until("it is hers", lambda: ruth.concerns()[0].mine)
    resolved = Resolve(there.node.rid(), SESSION, concern.id, Resolution(Outcome.SPOKE, "Spoke."), 1)
    await there.node.ask(ruth, resolved)
    await until("nothing is left", lambda: SESSION not in ruth.views)


# ── what goes with it, and who may ────────────────────────────────────────────────────────────


async def test_the_newest_lines_that_its_raiser_can_read_go_with_it(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    ellie, dana = await live(there.node)
    for number in range(12):
        await there.node.ask(ellie, PostChat(there.node.rid(), MessageId(f"m{number}"), f"line {number}"))
    await there.node.ask(dana, HideChat(there.node.rid(), MessageId("m11")))

    assert await page.flag() == (200, {"stored": True})
    assert await page.flag("bare", moment=False) == (200, {"stored": True})

    await until("both are shown", lambda: flags(ruth) == ["f1", "bare"])
    first, second = ruth.concerns()[0].flags
    assert [line.text for line in first.moment] == [f"line {number}" for number in range(1, 11)]
    assert first.moment[0].author == "Ellie"
    assert second.moment == ()


async def test_a_participant_hears_that_it_was_read_and_not_what_came_of_it(there: Flagged) -> None:
    ruth, page, dana_page = await there.node.watch(RUTH), await there.page(ELLIE), await there.page(DANA)
    ellie, _ = await live(there.node)
    await page.flag("mine")
    await dana_page.flag("danas", kind="flag", about=seat(ellie))
    assert [each["status"] for each in (await page.mine())["flags"]] == ["received"]

    await until("both are shown", lambda: flags(ruth) == ["mine", "danas"])
    await acknowledge(there.node, ruth, ruth.concerns()[0])

    assert [(each["id"], each["status"]) for each in (await page.mine())["flags"]] == [("mine", "read")]
    assert [(each["id"], each["status"]) for each in (await dana_page.mine())["flags"]] == [("danas", "acknowledged")]


async def test_who_flagged_a_crisis_is_told_who_is_asked_and_whom_to_phone_until_it_is_answered(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)
    await page.flag(severity="crisis", category="self_harm")

    assert (await page.mine())["crisis"] == {
        "since_ms": there.node.clock.now_ms(),
        "told": ["Ruth"],
        "phones": [{"name": PHONE.name, "phone": PHONE.phone}],
    }
    await until("it is shown", lambda: flags(ruth) == ["f1"])
    await acknowledge(there.node, ruth, ruth.concerns()[0])
    assert "crisis" not in await page.mine()


async def test_signs_that_nobody_can_read_are_left_out_of_its_text(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)

    assert (await page.flag(text="one\r\ntwo\x00\x9f\ttabbed"))[0] == 200

    await until("it is shown", lambda: flags(ruth) == ["f1"])
    assert ruth.concerns()[0].flags[0].text == "one\ntwo\ttabbed"


async def test_a_participant_flags_nobody_and_the_try_is_counted(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    assert await page.flag(kind="flag") == (403, "not_allowed")
    assert there.denied == [(ELLIE, "flag", SESSION)]
    assert await stored(there.node) == []


async def test_a_therapist_flags_where_they_are_visible(there: Flagged) -> None:
    page = await there.page(RUTH)
    await live(there.node)
    assert await page.flag(kind="flag", about="") == (403, "not_allowed")
    assert (await page.flag(kind="help", about=""))[0] == 200
    await there.node.join(RUTH, Role.THERAPIST)
    assert (await page.flag("f2", kind="flag", about=""))[0] == 200


async def test_a_visitor_may_once_they_were_let_in(there: Flagged) -> None:
    from sqlalchemy import update

    from program.tables import groups

    async with writing(there.node.engine) as connection:
        await connection.execute(update(groups).where(groups.c.id == GROUP).values(knock=True))
    page = await there.page(STRANGER)
    await live(there.node)
    assert await page.flag() == (403, "not_allowed")
    await there.node.join(STRANGER, Role.PARTICIPANT, enrolled=False)
    assert await page.flag() == (403, "not_allowed")


@pytest.mark.parametrize("who", [OMAR, STRANGER])
async def test_a_session_of_others_is_not_there(there: Flagged, who: IdentityId) -> None:
    page = await there.page(who)
    assert await page.flag() == (404, "not_found")
    assert await page.flag(about="nobody") == (404, "not_found")


async def test_a_room_that_cannot_be_read_holds_no_stored_flag_up_after_a_restart(there: Flagged) -> None:
    await live(there.node)
    page = await there.page(ELLIE)
    assert await page.flag(severity="crisis") == (200, {"stored": True})
    async with writing(there.node.engine) as connection:
        damaged = text("UPDATE payloads SET sealed = zeroblob(90) WHERE stream_id = :room")
        await connection.execute(damaged, {"room": SESSION})
    await there.node.crash()

    again = Node(there.node.engine, there.node.clock)
    await again.log.start()
    again.supervision.wake(SESSION)
    ruth = await again.watch(RUTH)

    await until("she sees it", lambda: [flag.id for each in ruth.concerns() for flag in each.flags] == ["f1"])
    assert ruth.views[SESSION].unread
    await again.stop()


async def test_a_concern_waits_for_no_end_of_a_session_whose_room_cannot_be_read(there: Flagged) -> None:
    await live(there.node)
    page = await there.page(DANA)
    assert await page.flag(kind="flag", severity="concern", about="") == (200, {"stored": True})
    async with writing(there.node.engine) as connection:
        damaged = text("UPDATE payloads SET sealed = zeroblob(90) WHERE stream_id = :room")
        await connection.execute(damaged, {"room": SESSION})
    await there.node.crash()

    again = Node(there.node.engine, there.node.clock)
    await again.log.start()
    again.supervision.wake(SESSION)
    ruth = await again.watch(RUTH)

    await until("it goes on", lambda: [each.step for each in ruth.concerns()] == [Step.CONTACT])
    await again.stop()


@pytest.mark.parametrize("why", [OperationalError("x", {}, Exception("disk")), ZeroDivisionError()])
async def test_no_error_of_a_room_keeps_a_call_for_help(there: Flagged, why: Exception) -> None:
    async def broken(*_: object) -> None:
        raise why

    page = await there.page(ELLIE)
    there.node.hall.room_state = broken  # type: ignore[assignment,method-assign]

    assert await page.flag() == (200, {"stored": True})


async def test_a_report_about_someone_waits_for_the_room_that_knows_who_that_is(there: Flagged) -> None:
    ruth_inside = await there.node.join(RUTH, Role.THERAPIST)
    await settle()
    known, state = there.node.supervision.known_room, there.node.hall.room_state
    page = await there.page(ELLIE)

    async def broken(*_: object) -> None:
        raise Unavailable(ErrorCode.ROOM_FAILED)

    there.node.supervision.known_room = lambda _: None  # type: ignore[method-assign]
    there.node.hall.room_state = broken  # type: ignore[assignment,method-assign]
    asked: dict[str, Any] = {"kind": "report", "severity": "concern", "about": seat(ruth_inside)}
    assert await page.flag(**asked) == (503, "not_saved")

    pressing: dict[str, Any] = {**asked, "severity": "urgent"}
    # What presses is told, and asking again once the room can be read raises nothing else.
    assert await page.flag("f2", **pressing) == (200, {"stored": True})
    there.node.supervision.known_room, there.node.hall.room_state = known, state  # type: ignore[method-assign]
    assert await page.flag("f2", **pressing) == (200, {"stored": True})


async def test_a_page_raises_nothing_in_the_name_of_someone_else_on_the_same_device(there: Flagged) -> None:
    ellie = await there.page(ELLIE)

    assert await ellie.flag(you=you(OMAR)) == (409, "other_person")
    status, _, _ = await ellie.ask("GET", f"/sessions/{SESSION}/flags/mine?you={you(OMAR)}")
    assert status == 409
    assert await ellie.flag(you=you(ELLIE)) == (200, {"stored": True})


async def test_nobody_is_flagged_who_was_never_there(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    assert await page.flag(about="nobody", kind="report") == (404, "not_found")


async def test_help_is_never_rate_limited_and_long_words_are_taken(there: Flagged) -> None:
    page = await there.page(ELLIE)
    await live(there.node)
    for number in range(120):
        assert await page.flag(f"f{number}", moment=False) == (200, {"stored": True})
    assert (await page.flag("long", text="\U0001f494" * 2_000))[0] == 200
    assert await page.flag("longer", text="x" * 2_001) == (422, "invalid_field")
    assert await page.flag("too long", text="x" * 17_000) == (413, "too_large")


# ── what is written down ──────────────────────────────────────────────────────────────────────


async def test_who_was_shown_a_flag_is_written_down_once(there: Flagged) -> None:
    async with writing(there.node.engine) as connection:
        await add_member(connection, GROUP, OMAR, Role.THERAPIST)
    ruth, omar = await there.node.watch(RUTH), await there.node.watch(OMAR)
    page = await there.page(ELLIE)
    _, dana = await live(there.node)
    await page.flag()
    await until("both see it", lambda: flags(ruth) == flags(omar) == ["f1"])
    await there.node.ask(dana, AskForCover(there.node.rid()))
    await until("they see more", lambda: len(ruth.concerns()) == 2)
    await until("it is written down", lambda: len(there.node.audit.entries) == 2)
    await there.node.reads.close()

    assert {(each.reader, each.flag) for each in there.node.audit.entries if isinstance(each, FlagRead)} == {
        (RUTH, "f1"),
        (OMAR, "f1"),
    }
    assert len(there.node.audit.entries) == 2


async def test_what_cannot_be_written_down_is_shown_and_written_down_later(there: Flagged) -> None:
    ruth, page = await there.node.watch(RUTH), await there.page(ELLIE)
    await live(there.node)
    there.node.audit.broken = True
    await page.flag()
    await until("it is shown", lambda: flags(ruth) == ["f1"])
    await until("it was tried", lambda: 1.0 in there.node.later.delays())
    assert there.node.audit.entries == []

    there.node.audit.broken = False
    await there.node.look_again()
    await until("it is written down", lambda: len(there.node.audit.entries) == 1)


async def test_a_therapist_whom_nobody_saw_can_be_reported_by_name_and_it_goes_past_them(tmp_path: Path) -> None:
    async with flagged(tmp_path) as there:
        ellie = await there.page(ELLIE)
        staff = {each["name"]: each["key"] for each in (await ellie.mine())["staff"]}
        assert "Ellie" not in staff

        status, _ = await ellie.flag(kind="report", severity="urgent", about=staff["Ruth"], text="She shouted.")

        assert status == 200
        assert (await ellie.mine())["flags"][0]["about"] == "Ruth"
        assert there.node.supervision.concerns_for(SESSION, RUTH, Office.ASSIGNED) == ()


async def test_who_only_knocks_can_report_nobody_of_the_staff_by_a_key(tmp_path: Path) -> None:
    async with flagged(tmp_path) as there:
        key = (await (await there.page(ELLIE)).mine())["staff"][0]["key"]
        stranger = await there.page(STRANGER)
        assert (await stranger.ask("GET", f"/sessions/{SESSION}/flags/mine"))[0] == 404
        assert (await stranger.flag(kind="report", about=key))[0] == 404
