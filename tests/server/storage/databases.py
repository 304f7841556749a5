"""Databases for tests: real files, migrated by the real migrations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import open_engine
from server.storage.migrate import migrate


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@asynccontextmanager
async def database(path: Path, *, busy_timeout_ms: int = 5_000) -> AsyncIterator[AsyncEngine]:
    """Migrated and open; closed at the end, so that no thread outlives the test."""
    await migrate(url_of(path))
    engine = open_engine(url_of(path), busy_timeout_ms=busy_timeout_ms)
    try:
        yield engine
    finally:
        await engine.dispose()
