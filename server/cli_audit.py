"""`holdspace audit`, `keys` and `replay`: for those who run a program and answer for its records."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import ParticipantId, SessionId
from protocol.values import Role
from rooms.upcasting import UnknownEvent
from server.audit import Report, verify
from server.auditing import AUDIT_STREAM, COMMAND_LINE, entry_of
from server.checkpoints import public_hex
from server.cli_ops import ConfigPath, settings_file
from server.clock import SystemClock
from server.config import Config, load_config
from server.endings import EndRefused, ask_for_end
from server.entries import UnknownEntry
from server.housekeeping import PurgeRefused, purge_chat, set_legal_hold
from server.keys import checkpoint_file, load_root_key, make_root_key, root_key_file
from server.replaying import Question, ReplayRefused, seen
from server.storage.engine import StorageError, open_existing, reading
from server.storage.purging import Purged
from server.storage.reading import read_events
from server.storage.vault import Unreadable, Vault

MAX_SHOWN = 50
"""Findings in words; all of them are in the JSON."""

audit = App(name="audit", help="Check the stored logs.")
sessions = App(name="session", help="Sessions, as the server has them.")
keys = App(name="keys", help="The root key, under which stored rooms are encrypted.")


def register(app: App) -> None:
    """Adds these commands."""
    app.command(audit)
    app.command(keys)
    app.command(replay)
    app.command(purge)
    app.command(hold)
    app.command(sessions)


@audit.command(name="verify")
def verify_log(*, config: ConfigPath = None, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Walk every log and every checkpoint. Exit code 0: everything fits; 1: something does not.

    Parameters
    ----------
    as_json
        Print one JSON object with all findings.
    """
    settings = _settings(config)
    root = load_root_key(settings, os.environ)

    async def check() -> Report:
        async with _database(settings) as engine:
            return await verify(engine, Vault(root), root.signing_key().public_key(), checkpoint_file(settings))

    report = asyncio.run(check())
    if as_json:
        print(msgspec.json.encode({"ok": report.ok, **msgspec.to_builtins(report)}).decode())
    else:
        _tell(report)
    sys.exit(0 if report.ok else 1)


@audit.command(name="key")
def public_key(*, config: ConfigPath = None) -> None:
    """Print the public key (Ed25519, hexadecimal) that checkpoints are signed with."""
    print(public_hex(load_root_key(_settings(config), os.environ).signing_key().public_key()))


@audit.command(name="show")
def show_entries(*, config: ConfigPath = None) -> None:
    """Print the audit's entries, one JSON object a line: who did what to whose records, and who tried what."""
    settings = _settings(config)
    vault = Vault(load_root_key(settings, os.environ))

    async def print_all() -> None:
        async with _database(settings) as engine, reading(engine) as connection:
            async for event in read_events(connection, vault, AUDIT_STREAM):
                try:
                    entry = msgspec.to_builtins(entry_of(event))
                except UnknownEntry:
                    entry = {"type": event.type}
                print(msgspec.json.encode({"seq": event.seq, "at_ms": event.at_ms, **(entry or {})}).decode())

    asyncio.run(print_all())


@keys.command(name="new")
def new_key(path: Path | None = None, /, *, config: ConfigPath = None) -> None:
    """Make a root key in a new file that only this user can read.

    Parameters
    ----------
    path
        The file; where the server looks for it unless given.
    """
    file = path or root_key_file(_settings(config))
    root = make_root_key(file)
    print(f"made the root key {root.id} in {file}; keep a copy of it apart from the database")


def replay(
    session: str, *, at: str, role: Annotated[Role, Parameter(name="--as")], participant: str | None = None,
    config: ConfigPath = None,
) -> None:  # fmt: skip
    """Print, as JSON, what someone in a session's room saw at some time. That you looked goes into the audit.

    Parameters
    ----------
    session
        The session's id.
    at
        When: ISO 8601 with an offset (2026-11-24T18:30:00Z), or milliseconds since 1970.
    role
        The viewer's role there.
    participant
        Whose eyes, as the id in that room; needed when several people of that role were there.
    """
    settings = _settings(config)
    question = Question(SessionId(session), _moment(at), role, ParticipantId(participant) if participant else None)
    vault = Vault(load_root_key(settings, os.environ))

    async def look() -> bytes:
        async with _database(settings) as engine:
            return msgspec.json.encode(await seen(engine, vault, SystemClock(), question, by=COMMAND_LINE))

    print(msgspec.json.format(asyncio.run(look())).decode())


def purge(session: str, *, config: ConfigPath = None) -> None:
    """Destroy what was written in the chat of a session that has ended. It cannot be brought back.

    Parameters
    ----------
    session
        The session's id.
    """
    settings = _settings(config)
    vault = Vault(load_root_key(settings, os.environ))

    async def destroy() -> Purged:
        async with _database(settings) as engine:
            return await purge_chat(engine, vault, SystemClock(), SessionId(session), COMMAND_LINE)

    purged = asyncio.run(destroy())
    print(f"{purged.payloads} events of the chat are destroyed")
    if purged.residue:
        print("the database's journal may still hold them: someone was reading. The server empties it later")


def hold(session: str, *, lift: bool = False, config: ConfigPath = None) -> None:
    """Keep everything of a session (legal hold): nothing of it is purged, on no schedule and by no command.

    Parameters
    ----------
    session
        The session's id.
    lift
        End the hold.
    """
    settings = _settings(config)
    vault = Vault(load_root_key(settings, os.environ))

    async def change() -> bool:
        async with _database(settings) as engine:
            return await set_legal_hold(
                engine, vault, SystemClock(), SessionId(session), hold=not lift, by=COMMAND_LINE
            )

    changed = asyncio.run(change())
    print(f"session {session} is {'not ' if lift else ''}under legal hold{'' if changed else ', as it was before'}")


@sessions.command(name="end")
def end_session(session: str, *, config: ConfigPath = None) -> None:
    """End a session for everyone who is in it. The server does it within seconds, or when it is next started.

    Parameters
    ----------
    session
        The session's id.
    """
    settings = _settings(config)
    vault = Vault(load_root_key(settings, os.environ))

    async def ask() -> None:
        async with _database(settings) as engine:
            await ask_for_end(engine, vault, SystemClock(), SessionId(session), by=COMMAND_LINE)

    asyncio.run(ask())
    print(f"the server ends session {session} within seconds, or when it is next started")


def _settings(path: Path | None) -> Config:
    return load_config(settings_file(path), os.environ)


@asynccontextmanager
async def _database(settings: Config) -> AsyncGenerator[AsyncEngine]:
    engine = open_existing(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
    try:
        yield engine
    except DatabaseError as error:
        # Their messages may quote rows; the kind is enough to go on.
        raise StorageError(
            f"the database cannot be read ({type(error.orig).__name__}): is it of this version?"
        ) from None
    except (EndRefused, PurgeRefused, ReplayRefused, Unreadable, UnknownEvent) as error:
        raise StorageError(str(error)) from None
    finally:
        await engine.dispose()


def _moment(text: str) -> int:
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise StorageError(f"--at: {text!r} is no time like 2026-11-24T18:30:00Z") from None
    if moment.tzinfo is None:
        raise StorageError(f"--at: {text!r} lacks its offset: add Z for UTC, or for example -05:00")
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _tell(report: Report) -> None:
    print(
        f"{report.streams} streams, {report.events} events ({report.purged} of them purged), "
        f"{report.checkpoints} checkpoints, {report.checkpoints_outside} in the file outside"
    )
    for finding in report.findings[:MAX_SHOWN]:
        where = [f"stream {finding.stream}"] if finding.stream is not None else []
        where += [f"event {finding.seq}"] if finding.seq is not None else []
        where += [f"checkpoint {finding.checkpoint}"] if not where and finding.checkpoint is not None else []
        print(f"  {', '.join(where) or 'database'}: {finding.words}")
    if len(report.findings) > MAX_SHOWN:
        print(f"  and {len(report.findings) - MAX_SHOWN} more: see --json")
    print("Everything fits." if report.ok else f"{len(report.findings)} things do not fit.")
