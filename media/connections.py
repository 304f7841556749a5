"""All peer connections of a node: by transport while they stand, and after that until their goodbyes are said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from media.connection import Connection
from media.dtls import Certificate
from media.engine.interface import PacketEngine, TransportId

Holder = TypeVar("Holder")


@dataclass(frozen=True, slots=True)
class _Standing(Generic[Holder]):
    connection: Connection
    holder: Holder
    on_ended: Callable[[bool], None]


class Connections(Generic[Holder]):
    """`Holder` is whoever a connection belongs to; nothing here looks into it."""

    def __init__(
        self, engine: PacketEngine, certificate: Certificate, chance: Random, *, monitors: bool = False
    ) -> None:
        """`chance` makes up their secrets. `monitors`: of who listens without being in a room."""
        self._engine = engine
        self._certificate = certificate
        self._chance = chance
        self._monitors = monitors
        self._standing: dict[TransportId, _Standing[Holder]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.handshakes_ok = 0
        self.handshakes_failed = 0

    def connect(self, holder: Holder, on_up: Callable[[], None], on_ended: Callable[[bool], None]) -> Connection:
        """A new connection, which its holder has to `end`, also once it was told that it ended by itself.

        `on_ended` is told whether it failed; what was up and is closed now, the client has closed.
        """

        def up() -> None:
            self.handshakes_ok += 1
            if connection.transport in self._standing:
                on_up()

        def ended(was_up: bool) -> None:
            if not was_up:
                self.handshakes_failed += 1
            self._ended(connection.transport, failed=not was_up)

        connection = Connection(self._engine, self._certificate, self._chance, up, ended, monitor=self._monitors)
        self._standing[connection.transport] = _Standing(connection, holder, on_ended)
        return connection

    def end(self, connection: Connection) -> None:
        """Says goodbye. Idempotent."""
        if self._standing.pop(connection.transport, None) is None:
            return
        connection.close()
        task = asyncio.get_running_loop().create_task(connection.endpoint.wait_closed())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def wait_closed(self) -> None:
        """Returns when all goodbyes are said."""
        if self._closing:
            await asyncio.wait(self._closing)

    def holder(self, transport: TransportId) -> Holder | None:
        """Whose connection it is, while it stands."""
        standing = self._standing.get(transport)
        return None if standing is None else standing.holder

    # ── from the engine ───────────────────────────────────────────────────────────────────────

    def feed(self, transport: TransportId, data: bytes) -> None:
        """A DTLS datagram came in."""
        if transport in self._standing:
            self._standing[transport].connection.endpoint.feed(data)

    def silent(self, transport: TransportId) -> None:
        """Nothing came in for a while."""
        # Before it is up, the time for the answer and that for the handshake are what counts.
        if transport in self._standing and self._standing[transport].connection.up:
            self._ended(transport, failed=True)

    def _ended(self, transport: TransportId, *, failed: bool) -> None:
        standing = self._standing.get(transport)
        if standing is not None:
            standing.on_ended(failed)
