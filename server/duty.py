"""Who is on duty: read from rows, answered from memory, so that nothing that decides waits for a disk.

Rows are read when a session's concerns are loaded, when someone says that they changed, and every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moderation.supervision.escalation import Duty, Someone, Waits
from program.on_call import Shift, people_who_are, shifts_after
from program.people import ProgramRole
from program.sessions import Answering, who_answers
from protocol.ids import IdentityId, SessionId
from server.clock import Clock
from server.config import EscalationConfig, time_zone
from server.logs import where_it_failed
from server.storage.engine import reading
from server.stream import Timers

LOOK_EVERY_S: Final = 5.0

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NOBODY: Final = Answering((), ())

_log = structlog.get_logger("supervision")


class Duties:
    """Owns what is known of who is on duty."""

    def __init__(self, engine: AsyncEngine, clock: Clock, timers: Timers, settings: EscalationConfig) -> None:
        self.on_changed: Callable[[], None] = lambda: None
        """Hears that somebody else may be on duty now."""
        self._engine = engine
        self._clock = clock
        self._timers = timers
        self._calendar = Calendar(settings)
        self._waits = Waits(
            crisis=_ms(settings.crisis_s),
            urgent=_ms(settings.urgent_s),
            follow_up=_ms(settings.follow_up_s),
            after_end=_ms(settings.after_end_s),
            glass=_ms(settings.glass_s),
        )
        self._answering: dict[SessionId, Answering] = {}
        self._shifts: list[Shift] = []
        self._leads: tuple[Someone, ...] = ()
        self._alarm: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None
        self._outdated = self._closed = False

    def of(self, session_id: SessionId, engaged: Callable[[IdentityId], bool]) -> Duty:
        """Who could be told now of what happens in that session. `engaged`: whether somebody has an open crisis."""
        known, now_ms = self._answering.get(session_id, _NOBODY), self._clock.now_ms()
        answering = {who for who, _ in known.responder}
        return Duty(
            responder=_people(known.responder),
            backup=tuple(each for each in _people(known.therapists) if each.identity_id not in answering),
            lead=self._leads,
            on_call=self.on_call(),
            engaged=any(engaged(who) for who in answering),
            working_day_ms=self._calendar.next_day_ms(now_ms),
            waits=self._waits,
        )

    def answers(self, person_id: IdentityId, session_id: SessionId) -> bool:
        """Whether that person answers for that session."""
        return any(who == person_id for who, _ in self._answering.get(session_id, _NOBODY).responder)

    def on_call(self) -> tuple[Someone, ...]:
        """Everyone who is on call now."""
        now_ms = self._clock.now_ms()
        found = {each.person_id: each.name for each in self._shifts if each.lasts(now_ms)}
        return _people(tuple(found.items()))

    def is_on_call(self, person_id: IdentityId) -> bool:
        """Whether that person is on call now."""
        return any(each.identity_id == person_id for each in self.on_call())

    def is_lead(self, person_id: IdentityId) -> bool:
        """Whether that person is a clinical lead."""
        return any(each.identity_id == person_id for each in self._leads)

    async def learn(self, session_id: SessionId) -> None:
        """Reads who answers for that session, and goes on to. Raises SQLAlchemyError."""
        self._answering.setdefault(session_id, _NOBODY)
        async with reading(self._engine) as connection:
            await self._read(connection)
        self._look_later()

    def forget(self, session_id: SessionId) -> None:
        """Nobody asks of that session any more."""
        self._answering.pop(session_id, None)

    def outdated(self) -> None:
        """Rows say something else now."""
        self._outdated = True
        if self._looking is None and not self._closed:
            self._looking = asyncio.create_task(self._look(), name="duty")

    async def close(self) -> None:
        """Looks no more."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))

    def _look_later(self) -> None:
        if self._alarm is None and not self._closed:
            self._alarm = self._timers.call_later(LOOK_EVERY_S, self._look_again)

    def _look_again(self) -> None:
        self._alarm = None
        self.outdated()
        self._look_later()

    async def _look(self) -> None:
        try:
            while self._outdated:
                self._outdated = False
                async with reading(self._engine) as connection:
                    await self._read(connection)
        except SQLAlchemyError as error:
            # Whoever was on duty a moment ago is asked.
            _log.warning("duty_not_read", **where_it_failed(error))
        finally:
            self._looking = None

    async def _read(self, connection: AsyncConnection) -> None:
        before = (self._shifts, self._leads, dict(self._answering))
        shifts = await shifts_after(connection, self._clock.now_ms())
        leads = await people_who_are(connection, ProgramRole.CLINICAL_LEAD)
        answering = {each: await who_answers(connection, each) for each in tuple(self._answering)}
        self._shifts, self._leads = shifts, _people(tuple(leads))
        # Meanwhile some may be asked of no more, and others asked of for the first time.
        self._answering = {each: answering.get(each, known) for each, known in self._answering.items()}
        if before != (self._shifts, self._leads, self._answering):
            self.on_changed()


class Calendar:
    """When working days begin."""

    def __init__(self, settings: EscalationConfig) -> None:
        self._zone: tzinfo = time_zone(settings.time_zone)
        self._days = frozenset(_DAYS.index(each) for each in settings.working_days)
        self._starts = time.fromisoformat(settings.day_starts)

    def next_day_ms(self, now_ms: int) -> int:
        """When the next working day begins, later than now (Unix ms)."""
        today = datetime.fromtimestamp(now_ms / 1000, self._zone).date()
        for ahead in range(9):
            day = today + timedelta(days=ahead)
            begins = datetime.combine(day, self._starts, self._zone).astimezone(UTC)
            begins_ms = round(begins.timestamp() * 1000)
            if day.weekday() in self._days and begins_ms > now_ms:
                return begins_ms
        raise ValueError("a week has no working day")


def _people(found: tuple[tuple[IdentityId, str], ...]) -> tuple[Someone, ...]:
    return tuple(Someone(who, name) for who, name in found)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
