"""Who answers for a session, over a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from moderation.permissions import Action
from program.groups import add_member
from program.people import Person, ProgramRole, add_person
from program.sessions import Session, end_session, find_session
from protocol.errors import ErrorCode, HoldspaceError
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.auditing import AUDIT_STREAM, Auditor, begin_audit, entry_of
from server.denials import DeniedAttempt
from server.entries import ResponderSet, ResponderWaived
from server.responders import Responders
from server.storage.engine import reading, writing
from server.storage.reading import read_events
from tests.fakes import START_MS, FakeClock
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION, STRANGER, add_everyone, add_therapists
from tests.server.responding import FakeAudit, FakeRooms
from tests.server.secret import vault
from tests.server.storage.databases import database

LEAD = Person(IdentityId("p-lead"), "Lee", ProgramRole.CLINICAL_LEAD, START_MS)
WHY = "the backup is on the phone with us"


def person(person_id: IdentityId, role: ProgramRole = ProgramRole.THERAPIST) -> Person:
    return Person(person_id, "", role, START_MS)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


class Stage:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.rooms, self.audit = FakeRooms(), FakeAudit()
        self.responders = self.with_audit(self.audit)

    def with_audit(self, audit: FakeAudit | Auditor) -> Responders:
        return Responders(
            self.engine,
            self.rooms,
            audit,
            on_changed=self.rooms.changed,
        )

    async def session(self) -> Session:
        async with reading(self.engine) as connection:
            found = await find_session(connection, SESSION)
        assert found is not None
        return found


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with database(tmp_path / "responders.db") as engine:
        await add_everyone(engine)
        await add_therapists(engine)
        async with writing(engine) as connection:
            await add_person(connection, LEAD)
        yield Stage(engine)


async def test_a_therapist_of_the_group_answers_for_its_session(stage: Stage) -> None:
    await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)
    await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)

    assert (await stage.session()).responder_id == RUTH
    assert stage.rooms.told == [("named", SESSION, RUTH)]
    assert stage.audit.entries == [ResponderSet(SESSION, RUTH, True)]
    assert stage.rooms.changes == 1


async def test_who_answers_can_take_it_back(stage: Stage) -> None:
    await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)
    await stage.responders.set_reachable(person(RUTH), SESSION, reachable=False)

    assert (await stage.session()).responder_id is None
    assert stage.rooms.told[-1] == ("named", SESSION, None)
    assert stage.audit.entries[-1] == ResponderSet(SESSION, RUTH, False)


async def test_who_does_not_answer_takes_back_nothing_of_others(stage: Stage) -> None:
    await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)
    async with writing(stage.engine) as connection:
        await add_member(connection, GROUP, OMAR, Role.THERAPIST)

    await stage.responders.set_reachable(person(OMAR), SESSION, reachable=False)

    assert (await stage.session()).responder_id == RUTH


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (person(DANA, ProgramRole.MENTOR), ErrorCode.NOT_ALLOWED),
        (person(ELLIE, ProgramRole.PARTICIPANT), ErrorCode.NOT_ALLOWED),
        (person(OMAR), ErrorCode.NOT_FOUND),
        (person(STRANGER, ProgramRole.PARTICIPANT), ErrorCode.NOT_FOUND),
        (LEAD, ErrorCode.NOT_FOUND),
    ],
)
async def test_nobody_else_answers_for_it(stage: Stage, who: Person, code: ErrorCode) -> None:
    with pytest.raises(DeniedAttempt) as refused:
        await stage.responders.set_reachable(who, SESSION, reachable=True)

    assert (refused.value.code, refused.value.action, refused.value.where) == (code, Action.BE_RESPONDER, SESSION)
    assert (await stage.session()).responder_id is None


async def test_the_clinical_lead_lets_a_session_begin_without_a_responder(stage: Stage) -> None:
    await stage.responders.waive(LEAD, SESSION, WHY)
    await stage.responders.waive(LEAD, SESSION, "again")

    assert (await stage.session()).responder_waived_by == LEAD.id
    assert stage.rooms.told == [("waived", SESSION, LEAD.id)]
    assert stage.audit.entries == [ResponderWaived(SESSION, LEAD.id, WHY)]


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (person(RUTH), ErrorCode.NOT_ALLOWED),
        (person(DANA, ProgramRole.MENTOR), ErrorCode.NOT_ALLOWED),
        (person(OMAR), ErrorCode.NOT_FOUND),
    ],
)
async def test_nobody_else_waives_it(stage: Stage, who: Person, code: ErrorCode) -> None:
    with pytest.raises(DeniedAttempt) as refused:
        await stage.responders.waive(who, SESSION, WHY)

    assert (refused.value.code, refused.value.action, refused.value.where) == (code, Action.OVERRIDE_RESPONDER, SESSION)
    assert (await stage.session()).responder_waived_by is None


async def test_what_is_not_audited_does_not_happen(stage: Stage) -> None:
    stage.audit.broken = True

    with pytest.raises(OSError, match="disk full"):
        await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)
    with pytest.raises(OSError, match="disk full"):
        await stage.responders.waive(LEAD, SESSION, WHY)

    session = await stage.session()
    assert (session.responder_id, session.responder_waived_by) == (None, None)
    assert stage.rooms.told == []


async def test_a_reason_is_sealed_in_the_audit_stream_and_nowhere_else(stage: Stage, tmp_path: Path) -> None:
    await begin_audit(stage.engine)

    await stage.with_audit(Auditor(vault(), FakeClock())).waive(LEAD, SESSION, WHY)

    async with reading(stage.engine) as connection:
        [stored] = [event async for event in read_events(connection, vault(), AUDIT_STREAM)]
    assert entry_of(stored) == ResponderWaived(SESSION, LEAD.id, WHY)
    assert WHY.encode() not in everything_in(tmp_path)


async def test_nobody_answers_for_a_session_that_ended_or_never_was(stage: Stage) -> None:
    with pytest.raises(HoldspaceError) as unknown:
        await stage.responders.waive(LEAD, SessionId("s-none"), WHY)
    async with writing(stage.engine) as connection:
        await end_session(connection, SESSION, START_MS)
    with pytest.raises(HoldspaceError) as ended:
        await stage.responders.set_reachable(person(RUTH), SESSION, reachable=True)

    assert not isinstance(unknown.value, DeniedAttempt), "nothing was there to be denied"
    assert (unknown.value.code, ended.value.code) == (ErrorCode.NOT_FOUND, ErrorCode.SESSION_ENDED)
