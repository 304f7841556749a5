"""What must be true before a server starts on a database: that it holds all that was acknowledged, as far as the
checkpoints outside of it can tell.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, func, inspect, select

from server.checkpoints import last_number
from server.clock import Clock
from server.config import database_file
from server.storage.engine import StorageError, open_existing, reading
from server.storage.schema import checkpoints

_log = structlog.stdlib.get_logger("holdspace.node")

OVERRIDE: Final = "--accept-loss"


async def missing_checkpoints(url: str, outside: Path) -> tuple[int, int]:
    """Number of the newest checkpoint in the file outside, and in the database; 0 where there is none.

    Makes nothing, also where there is no database. Raises StorageError, SQLAlchemyError.
    """
    number = await asyncio.to_thread(last_number, outside)
    file = database_file(url)
    if number == 0 or (file is not None and not file.is_file()):
        return number, 0
    engine = open_existing(url)
    try:
        async with reading(engine) as connection:
            return number, await connection.run_sync(_newest)
    finally:
        await engine.dispose()


async def require_all_checkpoints(url: str, outside: Path, clock: Clock, *, accept_loss: bool) -> None:
    """Refuses a database that is older than the checkpoints outside of it, or empty, unless that is accepted.

    Once it is accepted the file outside, and a journal whose database is gone, are kept under another name.

    Raises:
        StorageError: events are missing that were acknowledged.
    """
    known, held = await missing_checkpoints(url, outside)
    if held >= known:
        return
    if not accept_loss:
        raise StorageError(
            f"the database holds {held or 'no'} checkpoints, and {outside} knows of {known}: what was acknowledged "
            "is missing. Was the database moved, is its disk not mounted, or is this an older copy of it? Put the "
            f"right file back. Only when it is lost for good: holdspace serve {OVERRIDE} goes on with what is here, "
            f"and keeps {outside.name} under another name"
        )
    file = database_file(url)
    aside = [outside]
    if file is not None and not file.exists():
        # A journal without its database would be thrown away, and may hold what was stored last.
        aside += [file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")]
    for path in aside:
        if path.exists():
            path.rename(path.with_name(f"{path.name}.before-{clock.now_ms()}"))
    _log.warning("started on a database that is older than its checkpoints", known=known, held=held)


def _newest(connection: Connection) -> int:
    if not inspect(connection).has_table(checkpoints.name):
        return 0
    return connection.scalar(select(func.max(checkpoints.c.number))) or 0
