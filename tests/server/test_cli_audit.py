"""The commands as people type them, in this process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from program.groups import Group, add_group
from program.sessions import end_session, open_session
from protocol.ids import SessionId
from server import cli
from server.config import Config
from server.keeper import stored_form
from server.keys import RootKey
from server.storage.engine import writing
from server.storage.log import EventLog, NewEvent
from server.storage.vault import Vault
from tests.fakes import START_MS, FakeClock
from tests.rooms.harness import RoomHarness
from tests.server.storage.databases import database

SECRET = bytes(range(1, 33))
ROOM = SessionId("session-1")
Command = Callable[..., int]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `holdspace` with these arguments on a database of this test; its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDSPACE__STORAGE__URL", f"sqlite+aiosqlite:///{tmp_path / 'log.db'}")
    monkeypatch.setenv("HOLDSPACE_ROOT_KEY", SECRET.hex())

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["holdspace", *arguments])
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return run


def fill(folder: Path) -> None:
    """A room in which Ana wrote at START_MS + 5 s."""

    async def write() -> None:
        room = RoomHarness(hosted=False)
        room.host("mia")
        room.enter("ana")
        room.post("ana", "hello", "m1")
        async with database(folder / "log.db") as engine:
            log = EventLog(engine, FakeClock(), Vault(RootKey(SECRET)))
            await log.start()
            claim = await log.claim(ROOM, "room")
            stored = [stored_form(event, START_MS + n * 1_000) for n, event in enumerate(room.events())]
            await log.append(ROOM, claim.epoch, 0, stored)
            await log.stop()

    asyncio.run(write())


def test_verify_says_that_everything_fits(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert command("audit", "verify") == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 streams, 6 events (0 of them purged), 0 checkpoints, 0 in the file outside",
        "Everything fits.",
    ]


def test_verify_says_what_does_not_fit_and_fails(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    connection = sqlite3.connect(tmp_path / "log.db")
    with connection:
        connection.execute("DELETE FROM events WHERE seq = 3")
        connection.execute("DELETE FROM payloads WHERE seq = 3")
    connection.close()
    assert command("audit", "verify") == 1
    out = capsys.readouterr().out
    assert "  stream session-1, event 3: events 3 to 3 are missing" in out
    assert "1 things do not fit." in out
    assert command("audit", "verify", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [(each["kind"], each["stream"], each["seq"]) for each in told["findings"]] == [("gap", "session-1", 3)]


def test_where_there_is_no_database_none_is_made(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("audit", "verify") == 2
    assert "there is no database" in capsys.readouterr().err
    assert not (tmp_path / "log.db").exists()


def test_a_file_that_is_no_database_of_this_version_is_told_in_plain_words(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.db").write_bytes(b"")
    assert command("audit", "verify") == 2
    assert "is it of this version?" in capsys.readouterr().err
    assert command("replay", "s", "--at", "1", "--as", "mentor") == 2


def test_audit_key_prints_the_public_key(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("audit", "key") == 0
    expected = RootKey(SECRET).signing_key().public_key().public_bytes_raw().hex()
    assert capsys.readouterr().out.strip() == expected


@pytest.mark.parametrize(
    "at", [str(START_MS + 5_000), "2026-01-01T00:00:05Z", "2026-01-01T01:00:05+01:00", "2025-12-31T19:00:05.000-05:00"]
)
def test_replay_prints_what_someone_saw(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], at: str
) -> None:
    fill(tmp_path)
    assert command("replay", ROOM, "--at", at, "--as", "mentor") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["at_ms"], told["seq"], told["participant"], told["role"]) == (START_MS + 5_000, 6, "mia", "mentor")
    assert [message["text"] for message in told["snapshot"]["chat"]] == ["hello"]


def test_replay_of_a_moment_before_shows_less(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    arguments = ("replay", ROOM, "--at", str(START_MS + 4_999), "--as", "participant", "--participant", "ana")
    assert command(*arguments) == 0
    assert json.loads(capsys.readouterr().out)["snapshot"]["chat"] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere", "--at", "1", "--as", "mentor"), "there is no room of a session nowhere"),
        ((ROOM, "--at", "soon", "--as", "mentor"), "'soon' is no time like"),
        ((ROOM, "--at", "2026-01-01T00:00:03", "--as", "mentor"), "lacks its offset"),
        ((ROOM, "--at", "2026-01-02T00:00:00Z", "--as", "mentor", "--participant", "zoe"), "zoe was not in that room"),
    ],
)
def test_replay_says_why_there_is_nothing_to_show(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    fill(tmp_path)
    assert command("replay", *arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_replay_with_another_root_key_shows_nothing(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setenv("HOLDSPACE_ROOT_KEY", "00" * 32)
    assert command("replay", ROOM, "--at", str(START_MS + 9_000), "--as", "mentor") == 2
    captured = capsys.readouterr()
    assert "wrapped by another root key" in " ".join(captured.err.split())
    assert "hello" not in captured.out + captured.err


def test_keys_new_makes_a_key_once_and_does_not_print_it(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("keys", "new") == 0
    file = tmp_path / "log.db.root-key"
    secret = file.read_text().strip()
    assert secret not in capsys.readouterr().out
    assert command("keys", "new") == 2
    assert file.read_text().strip() == secret
    assert command("keys", "new", str(tmp_path / "other")) == 0
    assert (tmp_path / "other").read_text().strip() != secret


def test_serve_without_a_root_key_is_refused_and_makes_none(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDSPACE_ROOT_KEY")
    assert command("serve") == 2
    assert "there is no root key" in capsys.readouterr().err
    assert not (tmp_path / "log.db.root-key").exists()


def test_the_demo_makes_a_root_key_once_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOLDSPACE_ROOT_KEY", raising=False)
    settings = Config()
    monkeypatch.setattr(cli, "root_key_file", lambda _settings: tmp_path / "demo.root-key")
    monkeypatch.setattr("server.keys.root_key_file", lambda _settings: tmp_path / "demo.root-key")
    made = cli._root_key(settings, demo=True)
    assert "Made a root key for the demo" in capsys.readouterr().out
    assert cli._root_key(settings, demo=True).id == made.id
    assert capsys.readouterr().out == ""


# ── the audit's own entries ──────────────────────────────────────────────────────────────────


def shown(command: Command, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert command("audit", "show") == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def with_session(folder: Path, *, ended: bool) -> None:
    """The row of the room that `fill` writes."""

    async def write() -> None:
        async with database(folder / "log.db") as engine, writing(engine) as connection:
            await add_group(connection, Group("g", "a group", 1))
            await open_session(connection, ROOM, "g", "Tuesday", 1)
            if ended:
                await end_session(connection, ROOM, 2)

    asyncio.run(write())


def test_every_look_into_the_past_is_written_down(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    assert shown(command, capsys) == []
    assert command("replay", ROOM, "--at", str(START_MS + 9_000), "--as", "mentor") == 0
    assert command("replay", ROOM, "--at", str(START_MS + 9_000), "--as", "mentor", "--participant", "zoe") == 2
    [entry] = shown(command, capsys)
    assert entry.pop("at_ms") != START_MS
    assert entry == {
        "seq": 1,
        "type": "room_replayed",
        "session": ROOM,
        "by": "command line",
        "role": "mentor",
        "participant": "mia",
        "looked_at_ms": START_MS + 9_000,
    }
    assert command("audit", "verify") == 0


def test_a_look_that_cannot_be_written_down_shows_nothing(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    connection = sqlite3.connect(tmp_path / "log.db")
    with connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")
    connection.close()
    assert command("replay", ROOM, "--at", str(START_MS + 9_000), "--as", "mentor") == 2
    assert "hello" not in capsys.readouterr().out


def test_purge_destroys_the_chat_of_a_session_that_has_ended_unless_it_is_held(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    with_session(tmp_path, ended=True)
    assert command("hold", ROOM) == 0
    assert command("hold", ROOM) == 0
    assert "under legal hold, as it was before" in capsys.readouterr().out
    assert command("purge", ROOM) == 2
    assert "is under legal hold" in " ".join(capsys.readouterr().err.split())
    assert command("hold", ROOM, "--lift") == 0
    assert command("purge", ROOM) == 0
    assert "1 events of the chat are destroyed" in capsys.readouterr().out
    assert command("audit", "verify") == 0
    assert [{**entry, "at_ms": 0, **({"keys": 1} if "keys" in entry else {})} for entry in shown(command, capsys)] == [
        {"seq": 1, "at_ms": 0, "type": "legal_hold_set", "session": ROOM, "hold": True, "by": "command line"},
        {"seq": 2, "at_ms": 0, "type": "legal_hold_set", "session": ROOM, "hold": False, "by": "command line"},
        {
            "seq": 3,
            "at_ms": 0,
            "type": "chat_purged",
            "session": ROOM,
            "by": "command line",
            "payloads": 1,
            "stream": ROOM,
            "retention": "chat",
            "keys": 1,
        },
    ]
    assert command("replay", ROOM, "--at", str(START_MS + 9_000), "--as", "mentor") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["purged"], told["snapshot"]["chat"]) == (1, [])


def test_a_live_session_is_not_purged(command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    with_session(tmp_path, ended=False)
    assert command("purge", ROOM) == 2
    assert "is live" in capsys.readouterr().err
    assert command("hold", "nowhere") == 2
    assert shown(command, capsys) == []


def test_an_entry_of_a_newer_version_is_shown_by_its_type(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)

    async def write() -> None:
        async with database(tmp_path / "log.db") as engine:
            log = EventLog(engine, FakeClock(), Vault(RootKey(SECRET)))
            await log.start()
            claim = await log.claim("audit:program", "audit")
            await log.append("audit:program", claim.epoch, 0, [NewEvent(5, "moon_seen", 9, b'{"type":"moon_seen"}')])
            await log.stop()

    asyncio.run(write())
    assert shown(command, capsys) == [{"seq": 1, "at_ms": 5, "type": "moon_seen"}]


def test_a_session_is_told_to_end_and_that_is_written_down(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    with_session(tmp_path, ended=False)
    assert command("session", "end", ROOM) == 0
    assert f"ends session {ROOM} within seconds" in capsys.readouterr().out
    assert command("session", "end", "nowhere") == 2
    assert "there is no session nowhere" in capsys.readouterr().err
    [entry] = shown(command, capsys)
    assert (entry["type"], entry["session"], entry["by"]) == ("session_end_asked", ROOM, "command line")
    assert command("audit", "verify") == 0
