"""The rows of alerts: what is still to be sent, and what has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.supervision import Severity
from protocol.values import Millis
from server.alerts.alert import EXPIRES_MS, Alert
from server.storage.engine import reading, writing
from server.storage.schema import alerts


@dataclass(slots=True)
class Errand:
    """One alert by one way.

    Attributes:
        tries: how many failed.
        due_ms: when the next one is.
        done_ms: when it arrived.
        stored: whether its row is as it is.
    """

    alert: Alert
    way: str
    due_ms: Millis
    tries: int = 0
    done_ms: Millis | None = None
    stored: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Of its row."""
        return (self.alert.id, self.way)


class Book:
    """Reads and writes them. Every method raises SQLAlchemyError or OSError when the database fails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, now_ms: Millis) -> list[Errand]:
        """What is not too old to be sent, arrived or not; the newest first."""
        wanted = select(alerts).where(alerts.c.at_ms > now_ms - EXPIRES_MS).order_by(alerts.c.at_ms.desc())
        async with reading(self._engine) as connection:
            found = await connection.execute(wanted)
            return [
                Errand(
                    Alert(row.id, Severity(row.severity), row.since_ms, row.at_ms, row.attempt),
                    row.way,
                    row.due_ms,
                    row.tries,
                    row.done_ms,
                    stored=True,
                )
                for row in found
            ]

    async def save(self, errands: Sequence[Errand], now_ms: Millis) -> None:
        """Stores them as they are, and strikes out what is too old."""
        async with writing(self._engine) as connection:
            await connection.execute(delete(alerts).where(alerts.c.at_ms <= now_ms - EXPIRES_MS))
            for errand in errands:
                where = (alerts.c.id == errand.alert.id) & (alerts.c.way == errand.way)
                state = {"tries": errand.tries, "due_ms": errand.due_ms, "done_ms": errand.done_ms}
                changed = await connection.execute(update(alerts).where(where).values(**state))
                if changed.rowcount == 0:
                    await connection.execute(insert(alerts).values(**_fixed(errand), **state))


def _fixed(errand: Errand) -> dict[str, object]:
    alert = errand.alert
    if alert.severity is None:
        raise ValueError("a test is not kept")
    return {
        "id": alert.id,
        "way": errand.way,
        "severity": alert.severity.value,
        "since_ms": alert.since_ms,
        "at_ms": alert.at_ms,
        "attempt": alert.attempt,
    }
