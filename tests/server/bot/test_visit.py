"""Bots against a whole node on real sockets. The slow part of these tests is real media: see each one's bound."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from protocol.values import Source
from server.app import Node
from server.bot.visit import run_bot
from server.config import Config, MediaConfig, ServerConfig, StorageConfig
from server.demo import Links, demo_links, seed
from tests.server.secret import ROOT_KEY


@dataclass
class Running:
    node: Node
    links: Links


def _free_port() -> int:
    """Below the range that outgoing connections of other programs are given at any moment."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    config = Config(
        server=ServerConfig(port=_free_port(), metrics_port=0, client_dir=str(tmp_path), shutdown_grace_s=2.0),
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{tmp_path}/bot.db"),
        media=MediaConfig(port=0, advertise=("127.0.0.1",)),
    )
    node = Node(config, ROOT_KEY)
    await node.start()
    try:
        people = await seed(node.engine, node.clock)
        yield Running(node, await demo_links(node.auth, people, config.base_url(), lan=False))
    finally:
        await node.stop()


async def test_two_bots_hear_and_see_each_other(running: Running) -> None:
    """Takes about 5 s: they really encode, send, receive and decode."""
    async with asyncio.timeout(15):
        ellie, dana = await asyncio.gather(
            run_bot(running.links.participants[0], seconds=4), run_bot(running.links.mentor, seconds=4)
        )
    for bot, other in ((ellie, dana), (dana, ellie)):
        assert bot.words == ""
        assert bot.ok
        assert bot.join_ms is not None
        assert bot.first_audio_ms is not None
        assert bot.first_video_ms is not None
        assert set(bot.tracks) == {(other.participant_id, Source.MICROPHONE), (other.participant_id, Source.CAMERA)}
        # 50 packets of sound and 12 pictures a second, for the 3 s at least that both were there.
        packets = {source: track.packets for (_, source), track in bot.tracks.items()}
        assert packets[Source.MICROPHONE] > 100
        assert packets[Source.CAMERA] > 24
        assert all(track.lost == 0 for track in bot.tracks.values())
        assert bot.events["welcome"] == 1


async def test_a_bot_that_only_listens_publishes_nothing_and_is_content(running: Running) -> None:
    async with asyncio.timeout(10):
        report = await run_bot(running.links.participants[0], publish="none", seconds=0.2)
    assert report.ok
    assert report.as_dict()["tracks"] == []
    assert report.events["publish_answer"] == 0
    assert (report.first_audio_ms, report.first_video_ms) == (None, None)


async def test_stopping_a_bot_leaves_the_room_politely(running: Running) -> None:
    stop = asyncio.Event()
    visiting = asyncio.create_task(run_bot(running.links.participants[0], publish="none", seconds=60, stop=stop))
    await _until_inside(running, 1)
    stop.set()
    async with asyncio.timeout(10):
        report = await visiting
    assert report.ok
    assert report.events["goodbye"] == 1
    assert _inside(running) == 0


async def test_a_goodbye_ends_the_visit_with_its_code(running: Running) -> None:
    visiting = asyncio.create_task(run_bot(running.links.participants[0], publish="none", seconds=60))
    await _until_inside(running, 1)
    second = await run_bot(running.links.participants[0], publish="none", seconds=0.2)
    async with asyncio.timeout(10):
        first = await visiting
    assert (first.ok, first.error) == (False, "replaced")
    assert second.ok


async def test_a_link_that_was_never_made_is_refused_in_plain_words(running: Running) -> None:
    report = await run_bot(f"{running.links.base_url}/join#{'x' * 43}", publish="none")
    assert (report.ok, report.error) == (False, "link_invalid")
    assert "link has ended" in report.words


async def test_a_file_that_cannot_be_played_is_named() -> None:
    report = await run_bot("http://127.0.0.1:1/join#token", publish="/nonexistent/talk.webm")
    assert report.error == "bad_media"
    assert "/nonexistent/talk.webm" in report.words


def _inside(running: Running) -> float:
    return running.node.metrics.registry.get_sample_value("holdspace_participants") or 0


async def _until_inside(running: Running, count: int) -> None:
    async with asyncio.timeout(10):
        while _inside(running) != count:
            await asyncio.sleep(0.01)  # nobody tells when someone came in; a busy loop would starve the database thread
