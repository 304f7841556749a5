"""The only writer of one stream: decides, stores, shows, in one order.

`submit` decides at once, in call order, against the state as of everything decided so far; what must act before it is
stored reaches the stream's owner in that same moment. What is to be stored goes to the log, and lands in the same
order: only then is it part of the state, shown, and acknowledged. When an append fails, everything decided on top of
it is taken back together.

What a stream is about is in its core (pure) and its owner (what follows from it); neither is known here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog

from moderation.decision import Accepted, Rejection
from protocol.errors import ErrorCode
from server.clock import Clock
from server.logs import where_it_failed
from server.storage.log import AppendFailed, Claim, NewEvent, StreamLost

RETRY_S = 1.0
"""After a deadline's event could not be stored."""

LOOK_AGAIN_S = 15.0
"""So often a deadline is looked at by a clock that may be put right."""

_LONG_AGO = -1

_log = structlog.get_logger("streams")

S = TypeVar("S")
C = TypeVar("C")
E = TypeVar("E")
S_contra = TypeVar("S_contra", contravariant=True)
E_contra = TypeVar("E_contra", contravariant=True)


class Log(Protocol):
    """Where a writer stores its stream; see `server.storage.log.EventLog.append`."""

    def append(
        self, stream_id: str, epoch: int, expected_head: int, new_events: Sequence[NewEvent]
    ) -> asyncio.Future[None]:
        """Queues at once; resolves when on disk, fails with AppendFailed."""
        ...


class Timers(Protocol):
    """Calls back later; asyncio's loop is one."""

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back once, after `delay` seconds, unless cancelled."""
        ...


class Core(Protocol[S, C, E]):
    """The pure part of a stream."""

    def decide(self, state: S, command: C, now_ms: int) -> Accepted[E] | Rejection:
        """What a command makes happen."""
        ...

    def evolve(self, state: S, event: E) -> S:
        """The state after an event."""
        ...

    def aftermath(self, state: S, lost: tuple[E, ...]) -> tuple[E, ...]:
        """Ephemeral events that keep what must outlive a failure to store."""
        ...

    def next_deadline(self, state: S, after_ms: int) -> int | None:
        """When passing time next matters later than at `after_ms`, in Unix ms."""
        ...

    def stored_form(self, event: E, now_ms: int) -> NewEvent | None:
        """An event as the log keeps it; None for an ephemeral one."""
        ...

    def passing_time(self) -> C:
        """The command that says that a deadline may have passed."""
        ...

    def must_wait(self, command: C, waiting: Sequence[C]) -> bool:
        """Whether a command asks for more to be stored while too much waits for the disk already."""
        ...


class Owner(Protocol[E_contra, S_contra]):
    """What follows from a stream's events outside of it."""

    def decided(self, events: tuple[E_contra, ...]) -> None:
        """Events were decided and are not stored yet: what must act at once acts now."""
        ...

    def happened(self, event: E_contra, before: S_contra, after: S_contra) -> None:
        """An event is part of the state now, and may be shown."""
        ...

    def settled(self, events: tuple[E_contra, ...]) -> None:
        """All events of one command happened; it is about to be answered."""
        ...

    def answered(self, events: tuple[E_contra, ...]) -> None:
        """A little later: whoever asked has the answer."""
        ...

    def failed(self) -> None:
        """A bug ended this writer."""
        ...


@dataclass(slots=True)
class _Flight(Generic[C, E]):
    """A decided command on its way to the disk."""

    command: C
    decision: Accepted[E]
    reply: asyncio.Future[Accepted[E] | Rejection]
    durable: int
    stored: asyncio.Future[None] | None


class StreamWriter(Generic[S, C, E]):
    """Owns one stream's state."""

    def __init__(
        self,
        stream_id: str,
        core: Core[S, C, E],
        owner: Owner[E, S],
        state: S,
        claim: Claim,
        log: Log,
        clock: Clock,
        timers: Timers,
        *,
        steady: bool = True,
    ) -> None:
        """`state` and `claim` are as read from the log.

        `steady`: time goes on as it went when this began, whatever the clock's time is found to be since. Without, it
        is the clock's, and so are deadlines.
        """
        self._stream_id = stream_id
        self._core = core
        self._owner = owner
        self._committed = state
        self._pending = state
        self._epoch = claim.epoch
        self._head = self._landed = claim.head
        self._log = log
        self._clock = clock
        self._timers = timers
        self._flights: deque[_Flight[C, E]] = deque()
        self._landing: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._over = False
        self._steady = steady
        self._epoch_ms = clock.now_ms() - round(clock.monotonic() * 1000)

    @property
    def committed(self) -> S:
        """The state as stored: what may be shown."""
        return self._committed

    @property
    def pending(self) -> S:
        """The state as decided: what the next command is decided upon."""
        return self._pending

    @property
    def head(self) -> int:
        """seq of the newest event that is part of `committed`."""
        return self._landed

    @property
    def over(self) -> bool:
        """Whether this writer takes no more commands."""
        return self._over

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the disk."""
        return bool(self._flights)

    def retire(self) -> None:
        """Takes no more commands."""
        self._over = True
        self._stop_alarm()

    async def close(self) -> None:
        """Waits until everything decided has landed, and stops the clock."""
        while self._landing is not None:
            await self._landing
        self._stop_alarm()

    def submit(self, command: C) -> asyncio.Future[Accepted[E] | Rejection]:
        """Decides at once, in call order; the answer comes when its events are stored.

        The future never fails: errors are answers, too (NOT_SAVED, OVERLOADED, ROOM_FAILED).
        """
        reply: asyncio.Future[Accepted[E] | Rejection] = asyncio.get_running_loop().create_future()
        if self._over:
            reply.set_result(Rejection(ErrorCode.ROOM_FAILED))
            return reply
        if self._flights and self._core.must_wait(command, [flight.command for flight in self._flights]):
            reply.set_result(Rejection(ErrorCode.OVERLOADED))
            return reply
        try:
            self._submit(command, reply)
        except Exception as bug:
            self._fail(bug, reply)
        return reply

    def now_ms(self) -> int:
        """Wall time; a `steady` one as of the start, moved on by the monotonic clock: steps of the wall clock change no
        deadline."""
        if not self._steady:
            return self._clock.now_ms()
        return self._epoch_ms + round(self._clock.monotonic() * 1000)

    def _submit(self, command: C, reply: asyncio.Future[Accepted[E] | Rejection]) -> None:
        now_ms = self.now_ms()
        decision = self._core.decide(self._pending, command, now_ms)
        if isinstance(decision, Rejection):
            reply.set_result(decision)
            return
        for event in decision.events:
            self._pending = self._core.evolve(self._pending, event)
        self._owner.decided(decision.events)
        forms = (self._core.stored_form(event, now_ms) for event in decision.events)
        durable = [form for form in forms if form is not None]
        flight = _Flight(command, decision, reply, len(durable), self._append(durable) if durable else None)
        if flight.stored is None and not self._flights:
            self._land(flight)
            return
        self._flights.append(flight)
        # A deadline does not wait for a disk that is stuck.
        self._set_alarm()
        if self._landing is None:
            self._landing = asyncio.create_task(self._land_all(), name="stream writer")

    def _append(self, durable: list[NewEvent]) -> asyncio.Future[None]:
        head, self._head = self._head, self._head + len(durable)
        return self._log.append(self._stream_id, self._epoch, head, durable)

    # ── landing, in order ────────────────────────────────────────────────────────────────────

    async def _land_all(self) -> None:
        try:
            while self._flights:
                flight = self._flights[0]
                try:
                    if flight.stored is not None:
                        await flight.stored
                except AppendFailed as error:
                    self._take_back(error)
                    continue
                self._land(flight)
                self._flights.popleft()
        except Exception as bug:
            self._fail(bug)
        finally:
            self._landing = None

    def _land(self, flight: _Flight[C, E]) -> None:
        events = flight.decision.events
        self._happen(events)
        self._landed += flight.durable
        self._owner.settled(events)
        _answer(flight.reply, flight.decision)
        if events:
            # Replies are callbacks of the future: they go out before what follows from them.
            asyncio.get_running_loop().call_soon(self._answered, events)
        self._set_alarm()

    def _happen(self, events: tuple[E, ...]) -> None:
        for event in events:
            before, self._committed = self._committed, self._core.evolve(self._committed, event)
            self._owner.happened(event, before, self._committed)

    def _answered(self, events: tuple[E, ...]) -> None:
        try:
            self._owner.answered(events)
        except Exception as bug:
            self._fail(bug)

    # ── when storing fails ───────────────────────────────────────────────────────────────────

    def _take_back(self, error: AppendFailed) -> None:
        """The first flight was not stored: nothing decided on top of it holds.

        Those behind it cannot have been stored either, since each names the head that it follows. When the stream
        is lost (another owns it, or nobody knows what became of the append), it is loaded again.
        """
        lost = tuple(self._flights)
        self._flights.clear()
        for flight in lost[1:]:
            if flight.stored is not None:
                flight.stored.add_done_callback(_heard)
        _log.error("not_saved", stream=self._stream_id, commands=len(lost), why=type(error).__name__)
        for flight in lost:
            _answer(flight.reply, Rejection(ErrorCode.NOT_SAVED))
        if isinstance(error, StreamLost):
            raise RuntimeError("the stream has another owner, or is not as expected") from error  # noqa: TRY004
        self._head = self._landed
        kept = self._core.aftermath(
            self._committed, tuple(event for flight in lost for event in flight.decision.events)
        )
        self._pending = self._committed
        for event in kept:
            self._pending = self._core.evolve(self._pending, event)
        self._happen(kept)
        self._owner.settled(kept)
        # What passing time itself could not store is tried again in a while. What others decided and lost may have
        # stood before a deadline that has passed meanwhile, and must not put it off.
        tried = any(flight.command == self._core.passing_time() for flight in lost)
        self._set_alarm(again=tried)

    def _fail(self, bug: Exception, reply: asyncio.Future[Any] | None = None) -> None:
        """A bug: this writer ends here, and its stream is loaded again from its log when it is asked for."""
        if self._over:
            return
        self._over = True
        _log.error("stream_failed", stream=self._stream_id, **where_it_failed(bug))
        for flight in self._flights:
            if flight.stored is not None:
                flight.stored.add_done_callback(_heard)
        for waiting in (reply, *(flight.reply for flight in self._flights)):
            if waiting is not None:
                _answer(waiting, Rejection(ErrorCode.ROOM_FAILED))
        self._flights.clear()
        self._stop_alarm()
        self._owner.failed()

    # ── deadlines ────────────────────────────────────────────────────────────────────────────

    def _set_alarm(self, *, again: bool = False) -> None:
        """`again`: what is due by now was tried, and is tried again in a while; what is due sooner than that is not put
        off by it."""
        self._stop_alarm()
        if self._over:
            return
        now_ms = self.now_ms()
        deadline = self._core.next_deadline(self._pending, now_ms if again else _LONG_AGO)
        delays = [] if deadline is None else [max(0.0, (deadline - now_ms) / 1000)]
        if again and self._core.next_deadline(self._pending, _LONG_AGO) is not None:
            delays.append(RETRY_S)
        if delays:
            if not self._steady:
                # The clock may be put right meanwhile.
                delays.append(LOOK_AGAIN_S)
            self._alarm = self._timers.call_later(min(delays), self._on_deadline)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _on_deadline(self) -> None:
        self._alarm = None
        self.submit(self._core.passing_time())


def _answer(reply: asyncio.Future[Any], decision: Accepted[Any] | Rejection) -> None:
    if not reply.done():
        reply.set_result(decision)


def _heard(stored: asyncio.Future[None]) -> None:
    """Hears a failure that was answered already, so that asyncio does not report it as forgotten."""
    if not stored.cancelled():
        stored.exception()
