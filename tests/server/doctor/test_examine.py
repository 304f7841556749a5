from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from server.demo import GROUP_NAME, seed
from server.doctor.examine import examine
from server.doctor.finding import Finding, State, broken, look, ok
from server.doctor.report import as_dict, is_sound, table
from tests.fakes import FakeClock
from tests.server.doctor.test_addresses import free_port
from tests.server.storage.databases import database, url_of

ROOT = Path(__file__).parents[3]
PEOPLE = ("Ellie", "Marcus", "Priya", "Dana", "Ruth", GROUP_NAME)


def environment(folder: Path) -> dict[str, str]:
    client = folder / "dist"
    client.mkdir()
    (client / "index.html").touch()
    return {
        "HOLDSPACE__SERVER__PORT": str(free_port()),
        "HOLDSPACE__SERVER__METRICS_PORT": str(free_port()),
        "HOLDSPACE__SERVER__CLIENT_DIR": str(client),
        "HOLDSPACE__MEDIA__PORT": "0",
        "HOLDSPACE__STORAGE__URL": url_of(folder / "h.db"),
    }


async def test_everything_is_looked_at_and_nobody_is_named(tmp_path: Path) -> None:
    async with database(tmp_path / "h.db") as engine:
        await seed(engine, FakeClock())
    found = await examine(None, environment(tmp_path))
    assert is_sound(found), [each for each in found if each.state is State.BROKEN]
    names = [each.name for each in found]
    for wanted in (
        "settings", "listening", "address", "media port", "media addresses", "metrics", "database", "database's pages",
        "database's version", "database's promise", "disk space", "disk speed", "pages", "notice", "clock",
        "monotonic clock", "clock's source", "open files", "UDP buffers",
    ):  # fmt: skip
        assert wanted in names
    said = json.dumps(as_dict(found), ensure_ascii=False)
    assert [name for name in PEOPLE if name in said] == []


async def test_settings_that_cannot_be_read_are_the_only_finding(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[server]\nprot = 1\n")
    (only,) = await examine(tmp_path / "config.toml", {})
    assert only.state is State.BROKEN
    assert "server.prot" in only.found


async def test_storage_url_that_cannot_be_used_stops_no_other_check(tmp_path: Path) -> None:
    found = await examine(None, {**environment(tmp_path), "HOLDSPACE__STORAGE__URL": "nonsense"})
    assert [each.name for each in found if each.state is State.BROKEN] == ["database"]
    assert found[-1].name == "root key"


def test_only_what_is_broken_is_not_sound() -> None:
    fine, odd = ok("a", "fine"), look("b", "odd", "look")
    assert is_sound((fine, odd))
    assert not is_sound((fine, broken("c", "gone", "fetch it")))
    assert as_dict((odd,)) == {
        "ok": True,
        "findings": [{"name": "b", "state": "look at this", "found": "odd", "advice": "look"}],
    }


def test_table_says_verdict_and_what_to_do_and_takes_brackets_as_they_are() -> None:
    out = StringIO()
    findings: tuple[Finding, ...] = (ok("a", "all [red]well[/red]"), broken("c", "gone", "set [server] port"))
    Console(file=out, width=90).print(table(findings))
    said = out.getvalue()
    for words in ("all [red]well[/red]", "broken", "gone", "→ set [server] port"):
        assert words in said


@pytest.mark.parametrize("is_broken", [False, True])
def test_exit_code_tells_whether_something_is_broken(tmp_path: Path, is_broken: bool) -> None:
    given = environment(tmp_path)
    if is_broken:
        (tmp_path / "dist/index.html").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "doctor", "--json"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", **given}, capture_output=True, check=False,
    )  # fmt: skip
    report = cast("dict[str, Any]", json.loads(done.stdout))
    assert (done.returncode, report["ok"]) == ((1, False) if is_broken else (0, True)), done.stderr
    assert not (tmp_path / "h.db").exists(), "looking makes nothing"
