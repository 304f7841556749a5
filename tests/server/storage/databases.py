"""Databases for tests: real files, migrated by the real migrations."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from server.storage.engine import open_engine
from server.storage.migrate import migrate


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


_migrated: list[bytes] = []


@asynccontextmanager
async def database(path: Path, *, busy_timeout_ms: int = 5_000) -> AsyncGenerator[AsyncEngine]:
    """Migrated and open; closed at the end, so that no thread outlives the test. Migrated once, then copied."""
    if not _copied_to(path):
        await migrate(url_of(path))
        _migrated[:] = _migrated or [_content(path)]
    engine = open_engine(url_of(path), busy_timeout_ms=busy_timeout_ms)
    try:
        yield engine
    finally:
        await engine.dispose()


def _copied_to(path: Path) -> bool:
    if not _migrated or path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_migrated[0])
    return True


def _content(path: Path) -> bytes:
    return path.read_bytes()
