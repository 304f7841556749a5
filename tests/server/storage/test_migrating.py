"""A database of an older version, with data in it, as the next start leaves it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

import server.storage
from program.consents import ConsentKind, standing
from program.people import Person, ProgramRole, add_person, find_person
from program.sessions import Session, find_session, session_for
from protocol.ids import IdentityId, SessionId
from protocol.values import Role, SessionStatus
from server.storage.engine import StorageError, open_engine, reading, writing
from server.storage.migrate import migrate
from tests.server.storage.databases import url_of

ROWS = """
INSERT INTO people VALUES ('p-1', 'Ellie', 'participant', 1), ('p-2', 'Dana', 'mentor', 2);
INSERT INTO groups VALUES ('g-1', 'Tuesday evening group', 3);
INSERT INTO group_members VALUES ('g-1', 'p-1', 'participant'), ('g-1', 'p-2', 'mentor');
INSERT INTO sessions VALUES ('s-1', 'g-1', 'Tuesday', 'live', 4, NULL), ('s-2', 'g-1', 'Monday', 'ended', 1, 2);
INSERT INTO sign_in_links VALUES ('aa', 'p-1', 5, 1, NULL);
INSERT INTO auth_sessions VALUES ('bb', 'p-2', 1, 2, 3, NULL);
INSERT INTO streams VALUES ('s-1', 'room', 1, 0, x'00', 0);
"""


async def _old(path: Path) -> None:
    """The database that the version before 0003 made, with a row of each kind."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(server.storage.__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")

    engine = open_engine(url_of(path))
    async with writing(engine) as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()
    file = sqlite3.connect(path)
    file.executescript(ROWS)
    file.close()


async def test_everything_is_taken_along_from_0002(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    await _old(path)
    await migrate(url_of(path))
    engine = open_engine(url_of(path))
    async with writing(engine) as connection:
        ellie = IdentityId("p-1")
        assert await find_person(connection, ellie) == Person(ellie, "Ellie", ProgramRole.PARTICIPANT, 1)
        assert await session_for(connection, IdentityId("p-2"), SessionId("s-1")) is Role.MENTOR
        assert await find_session(connection, SessionId("s-2")) == Session(
            SessionId("s-2"), "g-1", "Monday", SessionStatus.ENDED, 1, 2
        )
        assert await standing(connection, ellie, ConsentKind.NOTICE) == [], "everyone is asked"
        await add_person(connection, Person(IdentityId("p-3"), "Lee", ProgramRole.CLINICAL_LEAD, 1))
    file = sqlite3.connect(path)
    counts = {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("sign_in_links", "streams")}
    assert counts == {"sign_in_links": 1, "streams": 1}
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    assert file.execute("SELECT sql FROM sqlite_master WHERE sql LIKE '%alembic_tmp%'").fetchall() == []
    file.close()
    # What refers to people still does, and roles that do not exist are still refused.
    for table, values in (("people", "('p-4', 'X', 'owner', 1)"), ("group_members", "('g-1', 'nobody', 'mentor')")):
        with pytest.raises(IntegrityError):
            async with writing(engine) as connection:
                await connection.exec_driver_sql(f"INSERT INTO {table} VALUES {values}")
    await engine.dispose()


async def test_a_database_whose_rows_refer_to_nothing_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    await _old(path)
    file = sqlite3.connect(path)
    with file:
        file.execute("DELETE FROM people WHERE id = 'p-1'")
    file.close()
    with pytest.raises(StorageError, match="nothing was changed"):
        await migrate(url_of(path))
    engine = open_engine(url_of(path))
    async with reading(engine) as connection:
        found = await connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        assert found.scalar_one() == "0002"
    await engine.dispose()
