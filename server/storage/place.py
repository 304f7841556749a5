"""Where the database's file is: whether what is open is still what a restart would find.

A file that is moved away or replaced goes on working for whoever has it open. What is stored in it then is lost for
all who come after, and was acknowledged all the same.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError

_log = structlog.stdlib.get_logger("holdspace.storage")

_GONE: Final = "the database file was moved away or replaced"


class Place:
    """Of one SQLite file. To look costs one system call."""

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()
        self._opened: tuple[int, int] | None = None
        self._told = False

    def opened(self) -> None:
        """The file was opened, and made if it was not there: from now on it must be this one."""
        if self._opened is None:
            self._opened = self._now()

    @property
    def holds(self) -> bool:
        """Whether the file that was opened is where it was."""
        return self._opened is None or self._now() == self._opened

    def check(self) -> None:
        """Raises OperationalError when it is not: nothing may be stored, and no new file be made in its place."""
        if self.holds:
            self._told = False
            return
        if not self._told:
            self._told = True
            _log.critical("the database file is not where it was: nothing is stored until it is back")
        raise OperationalError("", None, sqlite3.OperationalError(_GONE))

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
