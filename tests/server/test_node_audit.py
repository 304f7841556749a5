"""A whole node: what it stores is checkpointed when it stops, and it starts with its own root key only."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from server.app import Node
from server.audit import verify
from server.checkpoints import parse_line
from server.config import Config, MediaConfig, ServerConfig, StorageConfig
from server.keys import RootKey, checkpoint_file
from server.storage.engine import StorageError, open_existing
from server.storage.log import NewEvent
from tests.server.secret import ROOT_KEY, vault


def free_port() -> int:
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        server=ServerConfig(port=free_port(), metrics_port=0, client_dir=str(tmp_path), shutdown_grace_s=2.0),
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{tmp_path}/node.db"),
        media=MediaConfig(port=0, advertise=("127.0.0.1",)),
    )


async def test_what_a_node_stored_is_signed_when_it_stops_and_only_its_root_key_starts_it_again(config: Config) -> None:
    node = Node(config, ROOT_KEY)
    await node.start()
    claim = await node._log.claim("room-1", "room")
    await node._log.append("room-1", claim.epoch, 0, [NewEvent(1, "session_opened", 1, b"x")])
    await node.stop()

    (line,) = checkpoint_file(config).read_bytes().splitlines()
    assert [(head.stream, head.seq) for head in parse_line(line).checkpoint.heads] == [("room-1", 1)]
    engine = open_existing(config.storage.url)
    report = await verify(engine, vault(), ROOT_KEY.signing_key().public_key(), checkpoint_file(config))
    await engine.dispose()
    assert (report.ok, report.events, report.checkpoints_outside) == (True, 1, 1)

    with pytest.raises(StorageError, match="the root key that belongs to this database"):
        await Node(config, RootKey(bytes(32))).start()
