"""Logs: JSON lines (or a console's colors), with ids only. Never names, texts or tokens of people.

An exception is logged as its type and the places it passed through. Its message is left out: it may quote what
somebody wrote.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

MAX_PLACES = 12
REPEAT_S = 10.0
MAX_TOLD = 100


def where_it_failed(error: BaseException) -> dict[str, object]:
    """An exception as fields of a log line: `error` (its type, and its causes') and `at` (innermost place last)."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < 5:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__
    frames = traceback.extract_tb(error.__traceback__)[-MAX_PLACES:]
    places = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": " from ".join(kinds), "at": places}


def configure_logging(
    level: Literal["debug", "info", "warning", "error"], form: Literal["json", "console"], stream: TextIO | None = None
) -> None:
    """Sends structlog's and the standard library's records to one place (stderr unless told otherwise)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exceptions_without_words,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries at debug level write what passes through them.
    for name in ("aiosqlite", "sqlalchemy", "asyncio", "websockets", "aiohttp", "aioice", "aiortc", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("asyncio").filters[:] = [Seldom()]
    # aiohttp words a bad request with its bytes.
    logging.getLogger("holdspace.aiohttp").setLevel(logging.CRITICAL)


class Seldom(logging.Filter):
    """Lets the same words through once in a while. asyncio warns of each write to a peer that has gone: who asks for
    an answer a thousand times and hangs up would write a thousand lines.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._told)

    def filter(self, record: logging.LogRecord) -> bool:
        # By its place in the code: words may hold the numbers of sockets.
        what, now = f"{record.pathname}:{record.lineno} {record.levelno}", self._monotonic()
        if now - self._told.get(what, -REPEAT_S) < REPEAT_S:
            return False
        if len(self._told) > MAX_TOLD:
            self._told.clear()
        self._told[what] = now
        return True


def log_loop_exceptions(loop: asyncio.AbstractEventLoop) -> None:
    """What nobody caught in a task or callback: asyncio itself would log it with its arguments and messages."""

    told: dict[str, float] = {}

    def log(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        fields = where_it_failed(error) if isinstance(error, BaseException) else {}
        # Out of file descriptors, say, the same comes a thousand times a second: once in a while is enough.
        what, now = f"{context.get('message')} {fields}", loop.time()
        if now - told.get(what, -REPEAT_S) < REPEAT_S:
            return
        if len(told) > MAX_TOLD:
            told.clear()
        told[what] = now
        structlog.stdlib.get_logger("holdspace.loop").error("nobody caught this", **fields)

    loop.set_exception_handler(log)


def _exceptions_without_words(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()[1]
    if isinstance(found, BaseException):
        event.update(where_it_failed(found))
    elif isinstance(found, tuple):
        error = cast("tuple[object, BaseException | None, object]", found)[1]
        event.update({} if error is None else where_it_failed(error))
    return event


def _short(filename: str) -> str:
    parts = filename.replace("\\", "/").split("/")
    return "/".join(parts[-3:])
