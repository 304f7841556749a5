"""`holdspace user`, as people type it, in this process."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pyotp.totp import TOTP
from sqlalchemy.ext.asyncio import AsyncEngine

from program.accounts import AccountState, account_by_email
from program.factors import factors_of
from program.people import ProgramRole, find_person
from protocol.errors import ErrorCode, Refused
from server import cli, passwords
from server.auth import Auth, Opening, Stage
from server.letters import Letters
from server.signs_of_life import SignsOfLife
from server.storage.engine import reading, writing
from tests.fakes import FakeClock
from tests.server.identities import identity_of
from tests.server.storage.databases import database

EMAIL, PASSWORD = "lee@example.org", "a walk beside the river"
Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `holdspace` with these arguments on a database of this test; its exit code. The password is typed in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDSPACE__STORAGE__URL", f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("HOLDSPACE_ROOT_KEY", bytes(range(32)).hex())
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))

    def run(*arguments: str, typed: str = PASSWORD) -> int:
        monkeypatch.setattr("sys.argv", ["holdspace", *arguments])
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


def secret_in(said: str) -> str:
    found = re.search(r"Secret: ([A-Z2-7]{32})", said)
    assert found is not None
    return found[1]


async def signs_in(engine: AsyncEngine, word: str, secret: str) -> str:
    """Their secret, after password and code."""
    clock = FakeClock()
    auth = Auth(engine, clock)
    identity = identity_of(engine, clock, auth, "http://127.0.0.1:8080", letters=Letters())
    began = await identity.accounts.sign_in(
        EMAIL, word, device=None, opening=Opening(), may_try=lambda _account, _device: True
    )
    assert began.stage is Stage.FACTOR
    code = TOTP(secret).at(clock.now_ms() // 1000)
    standing = await auth.standing(began.secret)
    return await identity.factors.prove_totp(standing, code, None, lambda _person, _device: True)


def test_the_first_admin_is_made_on_an_empty_machine_and_signs_in(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command("user", "add", EMAIL, "Lee") == 0
    said = capsys.readouterr().out
    assert PASSWORD not in said
    assert len(re.findall(r"^  \w{4}-\w{4}-\w{4}-\w{4}$", said, re.MULTILINE)) == 10

    async def look() -> None:
        async with database(tmp_path / "log.db") as engine:
            secret = await signs_in(engine, PASSWORD, secret_in(said))
            person = await Auth(engine, FakeClock()).who(secret)
            assert (person.display_name, person.roles) == ("Lee", {ProgramRole.ADMIN})

    asyncio.run(look())
    assert command("user", "add", EMAIL, "Lee") == 1
    assert command("audit", "verify") == 0


@pytest.mark.parametrize(
    ("email", "name", "typed"),
    [("no address", "Lee", PASSWORD), (EMAIL, "", PASSWORD), (EMAIL, "Lee", "short"), (EMAIL, "Lee", f"{EMAIL}1")],
)
def test_what_cannot_be_an_account_is_said_and_makes_none(
    command: Command, capsys: pytest.CaptureFixture[str], email: str, name: str, typed: str
) -> None:
    assert command("user", "add", email, name, typed=typed) == 1
    assert "holdspace user:" in capsys.readouterr().err
    assert command("user", "disable", EMAIL) == 1


def test_a_reset_ends_what_was_and_opens_a_disabled_account_again(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command("user", "add", EMAIL, "Lee")
    first = secret_in(capsys.readouterr().out)
    assert command("user", "disable", EMAIL) == 0
    assert command("user", "disable", EMAIL) == 1
    assert command("user", "reset", EMAIL, "--generate") == 0
    said = capsys.readouterr().out
    found = re.search(r"^Password: (\S+)$", said, re.MULTILINE)
    assert found is not None

    async def look() -> None:
        async with database(tmp_path / "log.db") as engine:
            with pytest.raises(Refused) as refused:
                await signs_in(engine, PASSWORD, first)
            assert refused.value.code is ErrorCode.SIGN_IN_FAILED
            assert await signs_in(engine, found[1], secret_in(said))
            async with reading(engine) as connection:
                account = await account_by_email(connection, EMAIL)
                assert account is not None
                assert account.state is AccountState.ACTIVE
                assert len(await factors_of(connection, account.person_id)) == 1
                assert await find_person(connection, account.person_id) is not None

    asyncio.run(look())


def test_a_page_in_a_room_goes_when_its_account_was_disabled_beside_the_server(
    command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command("user", "add", EMAIL, "Lee")

    async def look() -> None:
        async with database(tmp_path / "log.db") as engine:
            auth = Auth(engine, FakeClock())
            async with writing(engine) as connection:
                account = await account_by_email(connection, EMAIL)
                assert account is not None
                await auth.open(connection, account.person_id, Opening())
                [row] = await auth.live(connection, account.person_id)
            ended: list[str] = []
            signs = SignsOfLife(auth, lambda: (row.token_hash,), every_s=60, on_ended=ended.append)
            await signs.tell()
            assert ended == []
            async with writing(engine) as connection:
                await auth.end_all(connection, account.person_id)
            await signs.tell()
            assert ended == [row.token_hash]

    asyncio.run(look())
