"""Brings alerts to the contact: each by each way, again and again, until it has arrived or is a day old.

An alert is stored before its first try, so that a restart goes on with it. A disk that is slow or fails holds nothing
up: then it is sent all the same, and stored as soon as that works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from protocol.ids import ConcernId, SessionId
from protocol.supervision import Severity, Step
from protocol.values import Millis
from server.alerts.alert import Alert, alert_id
from server.alerts.book import Book, Errand
from server.alerts.way import NotDelivered, Way
from server.clock import Clock
from server.logs import where_it_failed
from server.stream import Timers

FIRST_S: Final = 5.0
LONGEST_S: Final = 15 * 60.0
STORE_S: Final = 2.0
"""So long the first try waits for the row."""
GRACE_S: Final = 2.0
"""So long a stop waits for tries that are under way."""
REPEATS_AT_ONCE: Final = 4
"""Of what has failed before, for each way. What is new never waits for these."""

_log = structlog.stdlib.get_logger("holdspace.alerts")

Key = tuple[str, str]


def pause_s(tries: int, chance: float) -> float:
    """How long to wait after so many failed tries: twice as long each time, 5 s to 15 min. `chance` (0 to 1) spreads
    them, so that what failed together does not come back together."""
    longest = min(LONGEST_S, FIRST_S * 2.0 ** min(tries, 20))
    return max(FIRST_S, longest * (1 + chance) / 2)


class Alerts:
    """Owns what is on its way to the contact."""

    def __init__(
        self,
        ways: Sequence[Way],
        book: Book,
        clock: Clock,
        timers: Timers,
        *,
        chance: Callable[[], float],
        on_outcome: Callable[[str, str], None] = lambda _way, _outcome: None,
        store_s: float = STORE_S,
        grace_s: float = GRACE_S,
    ) -> None:
        """`on_outcome` hears of each try: the way, and `delivered`, `failed` or `given_up`."""
        self._ways = {way.name: way for way in ways}
        self._book = book
        self._clock = clock
        self._timers = timers
        self._chance = chance
        self._on_outcome = on_outcome
        self._store_s = store_s
        self._grace_s = grace_s
        self._errands: dict[Key, Errand] = {}
        self._unmarked: dict[Key, Errand] = {}
        self._arrived: dict[Key, Millis] = {}
        self._alarms: dict[Key, asyncio.TimerHandle] = {}
        self._repeats = {way.name: asyncio.Semaphore(REPEATS_AT_ONCE) for way in ways}
        self._trying: set[asyncio.Task[None]] = set()
        self._storing: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._closed = False

    async def start(self) -> None:
        """Goes on with what had not arrived. Raises SQLAlchemyError, OSError."""
        for errand in await self._book.read(self._clock.now_ms()):
            if errand.done_ms is not None:
                self._arrived[errand.key] = errand.alert.expires_ms
            elif errand.way in self._ways and errand.key not in self._errands:
                self._errands[errand.key] = errand
                self._try_at(errand)
        if self._errands:
            _log.warning("alerts of before the restart", waiting=len(self._errands))

    def escalated(
        self,
        session_id: SessionId,
        concern_id: ConcernId,
        step: Step,
        number: int,
        at_ms: Millis,
        severity: Severity,
        since_ms: Millis,
    ) -> None:
        """As supervision says it: a concern has reached the contact for the `number`th time. See `send`."""
        alert = Alert(alert_id(session_id, concern_id, at_ms), severity, since_ms, at_ms, number)
        _log.info("alert", alert=alert.id, session=session_id, concern=concern_id, step=step.value, number=number)
        self.send(alert)

    def send(self, alert: Alert) -> None:
        """Tells the contact, by every way; returns at once and never raises. The same alert again is no other one."""
        now_ms = self._clock.now_ms()
        self._arrived = {key: expires for key, expires in self._arrived.items() if expires > now_ms}
        errands = [Errand(alert, way, now_ms) for way in self._ways]
        new = [each for each in errands if each.key not in self._errands and each.key not in self._arrived]
        if not self._ways:
            _log.error("nobody outside is told: no way is set", alert=alert.id)
        if not new:
            return
        if now_ms >= alert.expires_ms:
            # After a restart, all that a stream has ever told are told again.
            _log.info("alert too old to be sent", alert=alert.id)
            return
        if self._closed:
            _log.error("alert not sent: stopping", alert=alert.id)
            return
        self._errands.update((each.key, each) for each in new)
        self._begin(self._trying, self._first(new))

    def waiting(self) -> dict[str, float]:
        """How many have not arrived, and how many rows are behind."""
        unstored = sum(not each.stored for each in (*self._errands.values(), *self._unmarked.values()))
        return {"waiting": float(len(self._errands)), "unstored": float(unstored)}

    async def close(self) -> None:
        """Stops. What has not arrived is tried again after the next start."""
        self._closed = True
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()
        if self._trying:
            await asyncio.wait(self._trying, timeout=self._grace_s)
        trying = tuple(self._trying)
        for task in trying:
            task.cancel()
        if trying:
            await asyncio.wait(trying)
        if self._storing:
            await asyncio.wait(self._storing)
        await self._store()

    async def _first(self, errands: list[Errand]) -> None:
        """Stores new errands, in so far as that does not take too long, and begins."""
        storing = self._begin(self._storing, self._store())
        # Not cut off: it may still be stored while the first try is under way.
        await asyncio.wait((storing,), timeout=self._store_s)
        for errand in errands:
            if not self._closed:
                self._begin(self._trying, self._try(errand))

    async def _try(self, errand: Errand) -> None:
        way = self._ways[errand.way]
        try:
            if errand.tries:
                async with self._repeats[errand.way]:
                    how = await way.deliver(errand.alert)
            else:
                how = await way.deliver(errand.alert)
        except NotDelivered as failed:
            self._failed(errand, {"why": str(failed)})
        except Exception as error:
            # A bug in a way must not end the tries.
            self._failed(errand, where_it_failed(error))
        else:
            self._delivered(errand, how)
        if not errand.stored:
            self._begin(self._storing, self._store())

    def _delivered(self, errand: Errand, how: str) -> None:
        self._on_outcome(errand.way, "delivered")
        _log.info("alert delivered", alert=errand.alert.id, way=errand.way, how=how, tries=errand.tries + 1)
        errand.done_ms, errand.stored = self._clock.now_ms(), False
        del self._errands[errand.key]
        self._arrived[errand.key] = errand.alert.expires_ms
        self._unmarked[errand.key] = errand

    def _failed(self, errand: Errand, why: dict[str, object]) -> None:
        errand.tries += 1
        pause = pause_s(errand.tries, self._chance())
        errand.due_ms = self._clock.now_ms() + round(pause * 1000)
        told = {"alert": errand.alert.id, "way": errand.way, "tries": errand.tries, **why}
        if errand.due_ms >= errand.alert.expires_ms:
            del self._errands[errand.key]
            self._on_outcome(errand.way, "given_up")
            _log.error("alert given up", **told)
            return
        self._on_outcome(errand.way, "failed")
        _log.warning("alert not delivered", again_in_s=round(pause), **told)
        errand.stored = False
        self._try_at(errand)

    def _try_at(self, errand: Errand) -> None:
        if self._closed:
            return
        wait_s = max(0, errand.due_ms - self._clock.now_ms()) / 1000
        self._alarms[errand.key] = self._timers.call_later(wait_s, lambda: self._try_now(errand))

    def _try_now(self, errand: Errand) -> None:
        self._alarms.pop(errand.key, None)
        self._begin(self._trying, self._try(errand))

    async def _store(self) -> None:
        """Stores whatever is not stored as it is. What fails is tried again with the next change."""
        async with self._writing:
            now_ms = self._clock.now_ms()
            known = (*self._errands.values(), *self._unmarked.values())
            errands = [each for each in known if not each.stored and each.alert.expires_ms > now_ms]
            self._unmarked = {key: each for key, each in self._unmarked.items() if each in errands}
            if not errands:
                return
            # They may go on while this is written; then they are written again.
            written = [(each, each.tries, each.done_ms) for each in errands]
            try:
                await self._book.save(errands, now_ms)
            except (SQLAlchemyError, OSError) as error:
                _log.error("alerts not stored", alerts=[each.alert.id for each in errands], **where_it_failed(error))
                return
            for errand, tries, done_ms in written:
                errand.stored = (errand.tries, errand.done_ms) == (tries, done_ms)
            self._unmarked = {key: each for key, each in self._unmarked.items() if not each.stored}

    def _begin(self, kind: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name="alerts")
        kind.add(task)
        task.add_done_callback(kind.discard)
        return task
