from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog

from server.logs import MAX_TOLD, REPEAT_S, Seldom, configure_logging, log_loop_exceptions, where_it_failed


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    levels = {
        name: logger.level
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    }
    yield io.StringIO()
    root.handlers[:] = before
    root.setLevel(level)
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    try:
        {}["Ellie wrote this"]
    except KeyError as error:
        raise ValueError("and Marcus that") from error


def test_log_line_is_json_with_level_time_logger_and_fields(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.stdlib.get_logger("holdspace.room").info("room opened", session_id="s-1")
    [line] = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "room opened", "level": "info", "logger": "holdspace.room", "session_id": "s-1"}


def test_exception_is_logged_by_type_and_place_and_never_by_its_words(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    try:
        fail()
    except ValueError as error:
        structlog.stdlib.get_logger("a").exception("one")
        structlog.stdlib.get_logger("a").error("two", exc_info=error)
        structlog.stdlib.get_logger("a").error("three", **where_it_failed(error))
        logging.getLogger("some.library").exception("four")
    assert [line["event"] for line in lines(stream)] == ["one", "two", "three", "four"]
    for line in lines(stream):
        assert line["error"] == "ValueError from KeyError"
        assert line["at"][-1].split(" ")[1] == "fail"
    assert "Ellie" not in stream.getvalue()
    assert "Marcus" not in stream.getvalue()


def test_less_important_lines_are_left_out(stream: io.StringIO) -> None:
    configure_logging("warning", "json", stream)
    structlog.stdlib.get_logger("a").info("no")
    logging.getLogger("b").info("no")
    structlog.stdlib.get_logger("a").warning("yes")
    assert [line["event"] for line in lines(stream)] == ["yes"]


def test_libraries_do_not_write_what_passes_through_them(stream: io.StringIO) -> None:
    configure_logging("debug", "json", stream)
    for name in ("websockets.server", "aiosqlite", "sqlalchemy.engine", "aiohttp.server"):
        logging.getLogger(name).debug("a secret")
    assert stream.getvalue() == ""


def test_console_is_readable_and_has_no_words_of_exceptions_either(stream: io.StringIO) -> None:
    configure_logging("info", "console", stream)
    try:
        fail()
    except ValueError:
        structlog.stdlib.get_logger("a").exception("something failed")
    assert "something failed" in stream.getvalue()
    assert "Ellie" not in stream.getvalue()


async def test_what_nobody_caught_is_logged_without_its_words(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    loop = asyncio.get_running_loop()
    log_loop_exceptions(loop)
    loop.call_soon(lambda _text: fail(), "Priya said")
    loop.call_exception_handler({"message": "Marcus said"})
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert [line["event"] for line in lines(stream)] == ["nobody caught this"] * 2
    assert lines(stream)[1]["error"] == "ValueError from KeyError"
    assert not any(name in stream.getvalue() for name in ("Ellie", "Marcus", "Priya"))


def test_an_exception_without_its_words_does_not_break_the_log(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.get_logger("t").error("failed", exc_info=(ValueError, None, None))
    structlog.get_logger("t").error("failed", exc_info=ValueError("what Ellie wrote"))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["failed", "failed"]
    assert lines[1]["error"] == "ValueError"
    assert "Ellie" not in stream.getvalue()


class FakeLoop:
    """Takes a handler, and has a time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._handler: Any = None

    def time(self) -> float:
        return self.now

    def set_exception_handler(self, handler: Any) -> None:
        self._handler = handler

    def fails(self, message: str) -> None:
        self._handler(self, {"message": message})


def test_the_same_that_nobody_caught_comes_once_in_a_while(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    loop = FakeLoop()
    log_loop_exceptions(cast("asyncio.AbstractEventLoop", loop))
    for _ in range(10_000):
        loop.fails("socket.accept() out of system resource")
    loop.fails("something else")
    assert len(lines(stream)) == 2
    loop.now = REPEAT_S
    loop.fails("something else")
    assert len(lines(stream)) == 3


def test_what_is_remembered_of_it_is_bounded(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    loop = FakeLoop()
    log_loop_exceptions(cast("asyncio.AbstractEventLoop", loop))
    for number in range(2 * MAX_TOLD):
        loop.fails(f"failed {number}")
    assert len(lines(stream)) == 2 * MAX_TOLD
    loop.fails("failed 0")
    assert len(lines(stream)) == 2 * MAX_TOLD + 1, "the first of so many is forgotten, and told again"


def test_a_bad_request_is_not_quoted(stream: io.StringIO) -> None:
    configure_logging("debug", "json", stream)
    logging.getLogger("holdspace.aiohttp").error("Error handling request: %s", "what Ellie sent")
    assert stream.getvalue() == ""


def test_the_same_warning_of_the_loop_comes_once_in_a_while(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    log = logging.getLogger("asyncio")
    for _ in range(10_000):
        log.warning("socket.send() raised exception.")
    log.warning("something else")
    assert [line["event"] for line in lines(stream)] == ["socket.send() raised exception.", "something else"]


def test_it_comes_again_after_a_while(stream: io.StringIO) -> None:
    now = [0.0]
    seldom = Seldom(lambda: now[0])
    record = logging.LogRecord("asyncio", logging.WARNING, "a.py", 1, "gone", None, None)
    assert [seldom.filter(record), seldom.filter(record)] == [True, False]
    now[0] = REPEAT_S
    assert seldom.filter(record)


def test_what_is_remembered_of_warnings_is_bounded() -> None:
    seldom = Seldom(lambda: 0.0)
    for line in range(3 * MAX_TOLD):
        assert seldom.filter(logging.LogRecord("asyncio", logging.WARNING, "a.py", line, "gone", None, None))
    assert len(seldom) <= MAX_TOLD + 1
