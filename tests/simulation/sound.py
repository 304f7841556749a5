"""The media plane of a simulated server: the real packet engine, without the handshakes in front of it.

Two DTLS handshakes a visit cost more than all the rest of a run. So this stands in for `media.plane`: it gives each
visit its transports in the engine core, keys them at once, and passes gates on as the plane does: they belong to the
room, and are remembered for who has nothing published yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from media.engine.core import EngineCore
from media.engine.interface import (
    EgressSpec,
    ExtensionIds,
    IngressSpec,
    Kind,
    OutId,
    SrtpKeys,
    SrtpProfile,
    TransportId,
)
from media.engine.rtp import build, extension_block
from media.engine.stun import BINDING_REQUEST, ICE_CONTROLLING, USE_CANDIDATE, USERNAME
from media.engine.stun import build as build_stun
from media.engine.transport import Path
from media.negotiation import kind_of
from protocol.values import Source, Tile
from tests.media.engine.world import NullCipher
from tests.simulation.loop import VirtualLoop

KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"", b"")
MIDS = {source: str(place) for place, source in enumerate(Source)}
OPUS, VP8 = 111, 96

Heard = tuple[str, Source]


@dataclass
class _Visit:
    """One participant's connection: what they publish goes in, what they are sent comes out."""

    who: str
    transport: TransportId
    path: Path
    ssrc: int
    """Of the first source; the others follow."""
    sequence: int = 0
    slots: dict[Heard, OutId] = field(default_factory=dict[Heard, OutId])


@dataclass
class _Room:
    visits: dict[str, _Visit] = field(default_factory=dict[str, _Visit])
    open: set[Heard] = field(default_factory=set[Heard])


class Sound:
    """`server.keeper.MediaPlane` and `signaling.ports.Calls` over an `EngineCore`."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self._core = EngineCore(Random(seed), NullCipher)
        self._rooms: dict[str, _Room] = {}
        self._places: dict[Path, str] = {}
        self._numbers = 0

    # ── what the server asks ─────────────────────────────────────────────────────────────────

    def begin(self, room: str, participant: str, *, mentor: bool) -> None:
        self.end(room, participant)
        self.add_peer(room, participant, mentor=mentor)

    def add_peer(self, room: str, participant: str, *, mentor: bool = False) -> None:
        if participant in self.visitors(room):
            return
        known = self._rooms.setdefault(room, _Room())
        visit = self._visit(participant)
        for source, mid in MIDS.items():
            self._core.set_ingress_gate(visit.transport, mid, (participant, source) in known.open, self._loop.time())
            for other in known.visits.values():
                self._route(other, visit, source)
                self._route(visit, other, source)
        known.visits[participant] = visit

    def end(self, room: str, participant: str) -> None:
        known = self._rooms.get(room)
        visit = known.visits.pop(participant, None) if known is not None else None
        if known is None or visit is None:
            return
        self._core.remove_transport(visit.transport)
        del self._places[visit.path]
        for other in known.visits.values():
            for source in MIDS:
                self._core.remove_egress(other.slots.pop((participant, source)))

    remove_peer = end

    def close_room(self, room: str) -> None:
        for participant in tuple(self._rooms.get(room, _Room()).visits):
            self.end(room, participant)
        self._rooms.pop(room, None)

    def set_gate(self, room: str, participant: str, source: Source, open: bool) -> None:
        known = self._rooms.setdefault(room, _Room())
        (known.open.add if open else known.open.discard)((participant, source))
        visit = known.visits.get(participant)
        if visit is not None:
            self._core.set_ingress_gate(visit.transport, MIDS[source], open, self._loop.time())

    def set_priority(self, room: str, participant: str, always: bool) -> None:
        pass  # simulated microphones compete with nobody

    def set_pinned(self, room: str, participant: str | None) -> None:
        pass  # simulated pages show everything

    def count_talk(self, room: str) -> None:
        pass  # simulated sound has no levels

    def publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        raise NotImplementedError("simulated clients publish from the start")

    def view(self, room: str, participant: str, tiles: Sequence[Tile]) -> None:
        raise NotImplementedError("simulated pages show everything")

    def answer(self, room: str, participant: str, version: int, sdp: str) -> None:
        raise NotImplementedError("simulated clients are offered nothing")

    def resubscribe(self, room: str, participant: str) -> None:
        raise NotImplementedError("simulated clients are offered nothing")

    # ── what the simulation asks ─────────────────────────────────────────────────────────────

    def visitors(self, room: str) -> list[str]:
        """Who has a connection."""
        return list(self._rooms.get(room, _Room()).visits)

    def say(self, room: str, who: str, source: Source) -> set[str]:
        """That participant's client sends a packet, whether or not it may; who receives it."""
        visit = self._rooms[room].visits[who]
        visit.sequence += 1
        mark = f"{who} {source}".encode()
        ssrc = visit.ssrc + int(MIDS[source])
        if kind_of(source) is Kind.AUDIO:
            extensions = extension_block([(1, MIDS[source].encode()), (2, b"\x1e")])
            packet = build(OPUS, False, visit.sequence, visit.sequence * 960, ssrc, extensions, mark)
        else:
            extensions = extension_block([(1, MIDS[source].encode())])
            # Each a whole key frame (RFC 7741 section 4.2), so that there is nothing to wait for.
            head = bytes(
                (0x90, 0xE0, 0x80 | visit.sequence >> 8 & 0x7F, visit.sequence & 0xFF, visit.sequence & 0xFF, 0x20)
            )
            packet = build(VP8, True, visit.sequence, visit.sequence * 9_000, ssrc, extensions, head + b"\0" + mark)
        self._core.receive(packet, visit.path, self._loop.time())
        return {self._places[path] for data, path in self._flush() if mark in data}

    def _visit(self, participant: str) -> _Visit:
        self._numbers += 1
        name, secret = f"ufrag{self._numbers}", f"password-of-{self._numbers:010d}"
        now, core = self._loop.time(), self._core
        path = Path("198.51.100.7", self._numbers, "203.0.113.1")
        transport = core.add_transport(name, secret, now)
        check = [(USERNAME, f"{name}:them".encode()), (ICE_CONTROLLING, bytes(8)), (USE_CANDIDATE, b"")]
        core.receive(build_stun(BINDING_REQUEST, bytes(range(12)), check, secret.encode()), path, now)
        core.set_keys(transport, KEYS, now)
        core.set_ext_ids(transport, ExtensionIds(mid=1, audio_level=2))
        for source, mid in MIDS.items():
            audio = kind_of(source) is Kind.AUDIO
            core.add_ingress(
                IngressSpec(transport, mid, kind_of(source), OPUS if audio else VP8, 48_000 if audio else 90_000)
            )
        self._flush()
        self._places[path] = participant
        return _Visit(participant, transport, path, self._numbers * 1_000)

    def _route(self, to: _Visit, publisher: _Visit, source: Source) -> None:
        self._numbers += 1
        audio = kind_of(source) is Kind.AUDIO
        spec = EgressSpec(
            to.transport,
            f"s{self._numbers}",
            kind_of(source),
            1_000_000 + self._numbers,
            OPUS if audio else VP8,
            48_000 if audio else 90_000,
        )
        out = to.slots[publisher.who, source] = self._core.add_egress(spec)
        self._core.route(out, publisher.transport, MIDS[source], "", self._loop.time())

    def _flush(self) -> list[tuple[bytes, Path]]:
        return self._core.poll(self._loop.time())[0]
