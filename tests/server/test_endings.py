"""A session ends by itself once nobody was in its room for long, through the room's own writer; or when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from program.sessions import Session, find_session
from protocol.errors import ErrorCode, Refused, Unavailable
from protocol.ids import MessageId, SessionId
from protocol.messages import Leave, PostChat, SessionEnded, Welcome
from protocol.values import Role, SessionStatus
from rooms.events import SessionClosed
from rooms.upcasting import present_event
from server.audit import verify
from server.auditing import AUDIT_STREAM, COMMAND_LINE, begin_audit, entry_of
from server.endings import AGAIN_MS, Endings, EndRefused, ask_for_end
from server.entries import SessionEndAsked
from server.housekeeping import DAY_MS, Housekeeping
from server.storage.engine import reading
from server.storage.reading import read_events
from server.supervisor import stream_of
from tests.server.people import DANA, ELLIE, RUTH, SESSION
from tests.server.secret import ROOT_KEY, vault
from tests.server.supervised import Node, node, until

HOURS_12 = 12 * 3600


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path) as there:
        await begin_audit(there.engine)
        yield there


def endings_of(there: Node) -> Endings:
    return Endings(there.engine, there.hall, there.clock, after_ms=HOURS_12 * 1000)


async def row(there: Node) -> Session:
    async with reading(there.engine) as connection:
        found = await find_session(connection, SESSION)
    assert found is not None
    return found


async def is_over(there: Node) -> bool:
    return (await row(there)).status is SessionStatus.ENDED


async def ended(there: Node) -> None:
    """The row follows a moment after the room."""
    while not await is_over(there):
        pass


async def closings(there: Node) -> list[SessionClosed]:
    stored = await there.log.read(SESSION)
    found = [present_event(each.type, each.version, each.payload) for each in stored if each.payload is not None]
    return [event for event in found if isinstance(event, SessionClosed)]


async def test_a_session_that_everyone_left_ends_after_its_time_and_its_chat_goes_after_the_days(there: Node) -> None:
    ruth = await there.watch(RUTH)
    dana, ellie = await there.join(DANA, Role.MENTOR), await there.join(ELLIE, Role.PARTICIPANT)
    there.hall.name_responder(SESSION, RUTH)
    await until("the session is live", lambda: ruth.views[SESSION].session.status is SessionStatus.LIVE)
    await there.ask(ellie, PostChat(there.rid(), MessageId("m1"), "I want to tell you something"))
    for ws in (ellie, dana):
        await there.ask(ws, Leave(there.rid()))
    endings = endings_of(there)
    there.clock.advance(HOURS_12 - 1)
    await endings.look()
    assert await closings(there) == []
    there.clock.advance(1)
    await endings.look()
    await ended(there)
    [closed] = await closings(there)
    assert closed.by is None
    await until("therapists see it no more", lambda: SESSION not in ruth.views)

    housekeeping = Housekeeping(there.engine, vault(), there.clock, chat_days=30)
    there.clock.advance(30 * DAY_MS // 1000)
    await housekeeping.tidy()
    assert [each.payload for each in await there.log.read(SESSION) if each.type == "chat_written"] == [None]
    key = ROOT_KEY.signing_key().public_key()
    assert (await verify(there.engine, vault(), key, Path("nowhere"))).ok


async def test_a_session_that_was_never_live_ends_too(there: Node) -> None:
    there.clock.advance(HOURS_12 - 1)
    await endings_of(there).look()
    assert await there.log.read(SESSION) == [], "its time counts from when it was made"
    there.clock.advance(1)
    await endings_of(there).look()
    await ended(there)
    assert [each.type for each in await there.log.read(SESSION)] == ["session_opened", "session_closed"]
    there.clock.advance(HOURS_12)
    due = await endings_of(there)._due(there.clock.now_ms())  # pyright: ignore[reportPrivateUsage]
    assert due == [], "and it ends once"


async def test_the_time_counts_from_the_last_that_happened_in_it(there: Node) -> None:
    there.clock.advance(HOURS_12 - 1)
    ellie = await there.join(ELLIE, Role.PARTICIPANT)
    await there.ask(ellie, Leave(there.rid()))
    there.clock.advance(HOURS_12 - 1)
    await endings_of(there).look()
    assert await closings(there) == []
    there.clock.advance(1)
    await endings_of(there).look()
    await ended(there)


async def test_while_someone_is_present_it_goes_on(there: Node) -> None:
    ellie = await there.join(ELLIE, Role.PARTICIPANT)
    there.clock.advance(10 * HOURS_12)
    await endings_of(there).look()
    assert await closings(there) == []
    assert not ellie.got(SessionEnded)


async def test_what_comes_between_the_look_and_the_end_counts(there: Node) -> None:
    """Whether someone is present the room's writer decides, in order with all else."""
    there.clock.advance(HOURS_12)
    due = await endings_of(there)._due(there.clock.now_ms())  # pyright: ignore[reportPrivateUsage]
    assert [each.session_id for each in due] == [SESSION]
    ellie = await there.join(ELLIE, Role.PARTICIPANT)
    assert ellie.got(Welcome)
    await there.hall.end(SESSION, if_empty=True)
    assert await closings(there) == []


async def test_after_a_restart_the_places_that_were_kept_are_waited_for_and_then_it_ends(
    there: Node, tmp_path: Path
) -> None:
    await there.join(ELLIE, Role.PARTICIPANT)
    await there.crash()
    again = Node(there.engine, there.clock)
    await again.log.start()
    again.clock.advance(HOURS_12)
    await endings_of(again).look()
    assert await closings(again) == [], "her place is kept for a minute"
    await again.after(61)
    again.clock.advance(HOURS_12)
    await endings_of(again).look()
    await ended(again)
    await again.stop()


async def test_told_to_it_ends_for_everyone_and_the_audit_knows_who_said_so(there: Node) -> None:
    ellie = await there.join(ELLIE, Role.PARTICIPANT)
    for _ in range(2):
        await ask_for_end(there.engine, vault(), there.clock, SESSION, by=COMMAND_LINE)
    await endings_of(there).look()
    await ended(there)
    await until("she is told", lambda: bool(ellie.got(SessionEnded)))
    async with reading(there.engine) as connection:
        entries = [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]
    assert entries == [SessionEndAsked(SESSION, COMMAND_LINE)]
    for session_id, why in ((SESSION, "has ended"), (SessionId("nowhere"), "there is no session")):
        with pytest.raises(EndRefused, match=why):
            await ask_for_end(there.engine, vault(), there.clock, session_id, by=COMMAND_LINE)


async def test_supervision_hears_of_the_end_as_of_any_other(there: Node) -> None:
    await there.join(ELLIE, Role.PARTICIPANT)
    await there.after(601)
    await until_stored(there, "concern_raised")
    await there.hall.end(SESSION, if_empty=False)
    await until_stored(there, "concern_passed")


async def until_stored(there: Node, kind: str) -> None:
    while kind not in [each.type for each in await there.log.read(stream_of(SESSION))]:
        pass


class Failing:
    """Rooms that cannot be ended."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[SessionId] = []

    async def end(self, session_id: SessionId, *, if_empty: bool) -> None:
        self.asked.append(session_id)
        raise self.error


@pytest.mark.parametrize("error", [Unavailable(ErrorCode.NOT_SAVED), Refused(ErrorCode.NOT_FOUND)])
async def test_what_cannot_be_ended_is_tried_again_later_and_said(there: Node, error: Exception) -> None:
    rooms = Failing(error)
    endings = Endings(there.engine, rooms, there.clock, after_ms=1)
    there.clock.advance(1)
    with capture_logs() as logs:
        for _ in range(3):
            await endings.look()
    assert (rooms.asked, [said["event"] for said in logs]) == ([SESSION], ["session not ended"])
    there.clock.advance(AGAIN_MS // 1000)
    await endings.look()
    assert rooms.asked == [SESSION, SESSION]


async def test_a_database_that_does_not_answer_ends_nothing(there: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("locked"))

    endings = endings_of(there)
    monkeypatch.setattr(endings, "_due", fail)
    with capture_logs() as logs:
        await endings.look()
    assert [said["event"] for said in logs] == ["not looked for sessions to end"]


async def test_it_looks_again_and_again(there: Node) -> None:
    endings = Endings(there.engine, there.hall, there.clock, after_ms=HOURS_12 * 1000, every_s=0.001)
    endings.start()
    there.clock.advance(HOURS_12)
    await ended(there)
    await endings.stop()
    await endings.stop()
