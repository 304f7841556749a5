from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from server import checkpoints as checkpoints_module
from server.checkpoints import Checkpointer, Head, SignedCheckpoint, append_lines, last_number, line_hash, parse_line
from server.keys import RootKey
from server.storage.engine import reading
from tests.fakes import START_MS
from tests.server.audited import Audited, audited
from tests.server.secret import ROOT_KEY


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Audited]:
    async with audited(tmp_path) as it:
        yield it


def written(it: Audited) -> list[SignedCheckpoint]:
    return [parse_line(line) for line in it.file.read_bytes().splitlines()]


async def links(it: Audited) -> dict[tuple[str, int], str]:
    async with reading(it.engine) as connection:
        found = await connection.execute(text("SELECT stream_id, seq, link FROM events"))
        return {(stream, seq): link.hex() for stream, seq, link in found}


async def test_checkpoint_names_the_heads_that_moved_and_the_one_before(it: Audited) -> None:
    of, (one, two) = await links(it), written(it)
    assert one.checkpoint.heads == (Head("a", 2, of["a", 2]), Head("b", 2, of["b", 2]))
    assert two.checkpoint.heads == (Head("a", 5, of["a", 5]),)
    assert (one.checkpoint.number, two.checkpoint.number) == (1, 2)
    assert (one.checkpoint.at_ms, two.checkpoint.at_ms) == (START_MS + 60_000, START_MS + 120_000)
    assert one.checkpoint.previous == ""
    assert two.checkpoint.previous == line_hash(one.line())


async def test_database_and_file_hold_the_same_lines(it: Audited) -> None:
    async with reading(it.engine) as connection:
        stored = [
            bytes(line) for [line] in await connection.execute(text("SELECT line FROM checkpoints ORDER BY number"))
        ]
    assert it.file.read_bytes() == b"".join(line + b"\n" for line in stored)
    assert stat.S_IMODE(it.file.stat().st_mode) == 0o600


async def test_only_the_signing_key_signs(it: Audited) -> None:
    one, two = written(it)
    key, other = ROOT_KEY.signing_key().public_key(), RootKey(bytes(32)).signing_key().public_key()
    assert one.is_signed_by(key)
    assert two.is_signed_by(key)
    assert not one.is_signed_by(other)
    assert not msgspec.structs.replace(one, signature=two.signature).is_signed_by(key)
    assert not msgspec.structs.replace(one, signature="zz").is_signed_by(key)


async def test_no_checkpoint_is_made_while_nothing_changes(it: Audited) -> None:
    assert await it.checkpointer.checkpoint() is not None
    assert await it.checkpointer.checkpoint() is None
    assert len(written(it)) == 3


async def test_many_streams_take_several_checkpoints_at_once(it: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints_module, "MAX_HEADS", 2)
    for n in range(5):
        await it.write(f"room-{n}", "one")
    await it.checkpoint()
    assert [len(each.checkpoint.heads) for each in written(it)[2:]] == [2, 2, 2]
    assert (await it.verify()).ok


async def test_file_that_could_not_be_written_catches_up(it: Audited) -> None:
    whole = it.file.read_bytes()
    it.file.unlink()
    it.file.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        await it.checkpoint()
    it.file.rmdir()
    await it.write("a", "six")
    await it.checkpoint()
    assert it.file.read_bytes().startswith(whole)
    assert [each.checkpoint.number for each in written(it)] == [1, 2, 3, 4]
    assert (await it.verify()).ok


@pytest.mark.parametrize("cut", [1, 40, -1])
async def test_half_a_line_from_a_crash_is_followed_by_the_whole(it: Audited, cut: int) -> None:
    first, second = it.file.read_bytes().splitlines()
    it.file.write_bytes(first + b"\n" + second[:cut])
    assert last_number(it.file) == 1
    assert (await it.verify()).ok
    await it.checkpoint()
    assert it.file.read_bytes().startswith(first + b"\n" + second[:cut] + b"\n" + second + b"\n")
    assert last_number(it.file) == 3
    assert (await it.verify()).ok


def test_lines_are_only_ever_added(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "c.jsonl"
    append_lines(path, [b"1", b"2"])
    append_lines(path, [b"3"])
    assert path.read_bytes() == b"1\n2\n3\n"


async def test_the_last_checkpoint_is_made_at_the_stop(it: Audited) -> None:
    await it.checkpointer.start()
    await it.write("b", "four")
    await it.checkpointer.stop()
    assert written(it)[-1].checkpoint.heads == (Head("b", 4, (await links(it))["b", 4]),)


async def test_checkpoints_are_made_again_and_again_and_a_failure_ends_nothing(it: Audited) -> None:
    often = Checkpointer(it.engine, it.clock, ROOT_KEY.signing_key(), it.file, every_s=0.001)
    whole = it.file.read_bytes()
    it.file.unlink()
    it.file.mkdir()
    await often.start()
    await it.write("b", "four")
    it.file.rmdir()
    async with asyncio.timeout(10):
        while not (it.file.exists() and (found := written(it)) and found[-1].checkpoint.heads[0].seq == 4):
            await asyncio.sleep(0)
    await often.stop()
    assert it.file.read_bytes().startswith(whole)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"\xff", b'{"checkpoint":{},"signature":""}'])
def test_what_is_no_checkpoint_is_not_taken_for_one(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_line(line)


async def test_a_line_that_is_written_differently_is_not_taken_for_one(it: Audited) -> None:
    line = written(it)[0].line()
    with pytest.raises(ValueError, match="canonical"):
        parse_line(line.replace(b",", b", ", 1))
