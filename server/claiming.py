"""A stream of the log that is claimed in the background: whoever writes it need not wait for a disk to begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from server.logs import where_it_failed
from server.storage.log import AppendFailed, Claim, EventLog, NewEvent, StreamMoved

_log = structlog.get_logger("streams")


class ClaimedStream:
    """Appends to one stream; what is appended before it is claimed waits for that. Implements `server.stream.Log`."""

    def __init__(
        self,
        log: EventLog,
        stream_id: str,
        kind: str,
        head: int,
        *,
        also: Callable[[Connection], None],
        on_settled: Callable[[], None],
    ) -> None:
        """`head`: as it was read. `also`: what is stored together with each claim. `on_settled` hears of the end of
        each try. Begins to claim it."""
        self._log = log
        self._stream_id = stream_id
        self._kind = kind
        self._head = head
        self._also = also
        self._on_settled = on_settled
        self._claim: Claim | None = None
        self._waiting: list[tuple[int, Sequence[NewEvent], asyncio.Future[None]]] = []
        self._claiming: asyncio.Task[None] | None = None
        self._begin()

    @property
    def busy(self) -> bool:
        """Whether it is being claimed now."""
        return self._claiming is not None

    @property
    def epoch(self) -> int:
        """Of the claim; 0 when it is not claimed."""
        return 0 if self._claim is None else self._claim.epoch

    def append(
        self,
        stream_id: str,
        epoch: int,  # noqa: ARG002 - a port's signature; it is known here only
        expected_head: int,
        new_events: Sequence[NewEvent],
    ) -> asyncio.Future[None]:
        """See `server.storage.log.EventLog.append`."""
        if self._claim is not None:
            return self._log.append(stream_id, self._claim.epoch, expected_head, new_events)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((expected_head, new_events, done))
        self._begin()
        return done

    async def close(self) -> None:
        """Waits for a claim that is under way."""
        if self._claiming is not None:
            await asyncio.wait((self._claiming,))

    def _begin(self) -> None:
        if self._claiming is None:
            self._claiming = asyncio.create_task(self._try(), name="claim")

    async def _try(self) -> None:
        try:
            claim = await self._log.claim(self._stream_id, self._kind, self._also)
        except (SQLAlchemyError, OSError, ValueError, RuntimeError) as error:
            _log.warning("not_claimed", stream=self._stream_id, **where_it_failed(error))
            self._fail(AppendFailed(self._stream_id))
        else:
            # Someone else may have appended since it was read: then it is to be read again.
            if claim.head == self._head:
                self._claim = claim
                self._go_on()
            else:
                self._fail(StreamMoved(self._stream_id))
        finally:
            self._claiming = None
            self._fail(AppendFailed(self._stream_id))
            self._on_settled()

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, []
        for head, events, done in waiting:
            self.append(self._stream_id, 0, head, events).add_done_callback(
                lambda stored, done=done: _pass_on(stored, done)
            )

    def _fail(self, why: AppendFailed) -> None:
        waiting, self._waiting = self._waiting, []
        for _, _, done in waiting:
            if not done.done():
                done.set_exception(why)


class NoStream:
    """In place of a stream that cannot be read: what is told is held in memory."""

    epoch = 0
    busy = False

    def append(
        self,
        stream_id: str,
        epoch: int,  # noqa: ARG002 - a port's signature
        expected_head: int,  # noqa: ARG002
        new_events: Sequence[NewEvent],  # noqa: ARG002
    ) -> asyncio.Future[None]:
        """Fails."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_exception(AppendFailed(stream_id))
        return done

    async def close(self) -> None:
        """Nothing is under way."""


def _pass_on(stored: asyncio.Future[None], done: asyncio.Future[None]) -> None:
    if done.done():
        return
    if stored.cancelled():
        done.cancel()
    elif (error := stored.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(None)
