"""An event loop whose clock jumps to the next timer when nothing is ready. No sockets, no threads, one order."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import Handle, TimerHandle
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

MAX_STEPS = 400_000
"""So many callbacks in one run, and something turns in circles."""


class Process:
    """What dies together. Once it is dead, nothing that was begun in its context runs any more."""

    def __init__(self) -> None:
        self.dead = False
        self.tasks: list[asyncio.Task[Any]] = []


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Hang(AssertionError):
    """Someone waits for what will never come, or nothing ever comes to rest."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """What `AbstractEventLoop` offers beyond this raises NotImplementedError: there is no other world to talk to.

    `steps` counts callbacks, each of which goes on behind one `await` (or is a timer). `crash_at` names the step
    before which `crash` is called.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.crash_at: int | None = None
        self.crash: Callable[[], None] = lambda: None
        self.complaints: list[str] = []
        self.deaths = 0
        """Processes that died so far."""
        self.violation: AssertionError | None = None
        """What did not hold. The run ends before the next step."""
        self._now = 1_000.0
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, TimerHandle]] = []
        self._order = 0
        self._running = False
        self._closed = False

    # ── what asyncio asks of a loop ──────────────────────────────────────────────────────────

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None, **_: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        process = (context.get(PROCESS) if context is not None else None) or PROCESS.get()
        if process is not None:
            process.tasks.append(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Handle:
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> TimerHandle:
        handle = TimerHandle(when, callback, args, self, context)
        self._order += 1
        heapq.heappush(self._timers, (when, self._order, handle))
        return handle

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """A cancelled timer is passed over when it is due."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, AssertionError):
            self.violation = self.violation or error
        if self.deaths and "never retrieved" in str(context.get("message")):
            # Who was to hear of it has died.
            return
        self.complaints.append(f"{context.get('message')}: {context.get('exception')!r} {context.get('task') or ''}")

    # ── running ──────────────────────────────────────────────────────────────────────────────

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs until `main` is done. Raises Hang."""
        with self.current():
            task = self.create_task(main)
            while not task.done():
                self._step()
            return task.result()

    @contextmanager
    def current(self) -> Generator[None]:
        """Code in this block finds the loop running."""
        asyncio.events._set_running_loop(self)  # type: ignore[attr-defined]
        self._running = True
        try:
            yield
        finally:
            self._running = False
            asyncio.events._set_running_loop(None)  # type: ignore[attr-defined]

    def _step(self) -> None:
        if not self._ready:
            self._let_time_pass()
        handle = self._ready.popleft()
        if handle._cancelled:
            return
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Hang("nothing comes to rest")
        if self.crash_at is not None and self.steps >= self.crash_at:
            self.crash_at = None
            self.crash()
        process = handle._context.get(PROCESS)
        if process is None or not process.dead:
            handle._run()
        if self.violation is not None:
            raise self.violation

    def _let_time_pass(self) -> None:
        while True:
            if not self._timers:
                raise Hang("nothing is ready, and nothing is waited for")
            when, _, handle = heapq.heappop(self._timers)
            if not handle._cancelled:
                break
        self._now = max(self._now, when)
        self._ready.append(handle)
        # What is due at the same moment follows in the order in which it was asked for.
        while self._timers and self._timers[0][0] <= self._now:
            _, _, also = heapq.heappop(self._timers)
            if not also._cancelled:
                self._ready.append(also)
