"""When working days begin, and who is on duty, as rows say it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from moderation.supervision.escalation import Someone, Waits
from program.groups import add_member
from program.on_call import add_shift
from program.people import Person, ProgramRole, add_person
from program.sessions import name_responder
from protocol.ids import IdentityId
from protocol.values import Role
from server.config import EscalationConfig
from server.duty import Calendar, Duties
from server.storage.engine import writing
from tests.fakes import START_MS, FakeClock
from tests.room_fakes import FakeTimers
from tests.server.people import GROUP, OMAR, RUTH, SESSION, add_everyone, add_therapists
from tests.server.storage.databases import database
from tests.server.supervised import settle, until

NEW_YORK = EscalationConfig(time_zone="America/New_York", day_starts="08:30")


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("settings", "now", "begins"),
    [
        (EscalationConfig(), ms("2026-11-24T08:59:59"), ms("2026-11-24T09:00")),
        (EscalationConfig(), ms("2026-11-24T09:00"), ms("2026-11-25T09:00")),
        (EscalationConfig(), ms("2026-11-27T20:00"), ms("2026-11-30T09:00")),
        (EscalationConfig(working_days=("Sun",)), ms("2026-11-29T09:00"), ms("2026-12-06T09:00")),
        # A Monday there, while it is Tuesday in UTC.
        (NEW_YORK, ms("2026-11-24T02:00"), ms("2026-11-24T08:30", "America/New_York")),
        # The clocks go forward in between.
        (NEW_YORK, ms("2026-03-06T20:00", "America/New_York"), ms("2026-03-09T08:30", "America/New_York")),
    ],
)
def test_a_note_waits_for_the_next_working_day(settings: EscalationConfig, now: int, begins: int) -> None:
    assert Calendar(settings).next_day_ms(now) == begins


async def test_duty_follows_the_rows(tmp_path: Path) -> None:
    lead, clock, timers = IdentityId("p-lead"), FakeClock(), FakeTimers()
    changes: list[int] = []
    async with database(tmp_path / "duty.db") as engine:
        await add_everyone(engine)
        await add_therapists(engine)
        duties = Duties(engine, clock, timers, EscalationConfig(crisis_s=30))
        duties.on_changed = lambda: changes.append(1)
        await duties.learn(SESSION)
        assert duties.of(SESSION, lambda _: False).backup == (Someone(RUTH, "Ruth"),)

        async with writing(engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
            await add_person(connection, Person(lead, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
            await add_shift(connection, "later", OMAR, clock.now_ms() + 60_000, clock.now_ms() + 120_000)
        timers.fire()
        await until("it was read", lambda: len(changes) == 2)
        duty = duties.of(SESSION, lambda who: who == RUTH)
        assert duty.responder == (Someone(RUTH, "Ruth"),)
        assert duty.backup == (Someone(OMAR, "Omar"),)
        assert duty.lead == (Someone(lead, "Lee"),)
        assert (duty.on_call, duty.engaged, duty.waits) == ((), True, Waits(crisis=30_000))
        assert duty.working_day_ms > clock.now_ms()
        assert duties.is_lead(lead)

        clock.advance(60)
        assert duties.of(SESSION, lambda _: False).on_call == (Someone(OMAR, "Omar"),)
        assert duties.is_on_call(OMAR)
        clock.advance(60)
        assert not duties.is_on_call(OMAR)

        duties.forget(SESSION)
        assert duties.of(SESSION, lambda _: False).responder == ()
        await settle()
        await duties.close()
