"""An engine in the clear with a publisher, a subscriber and a monitor, small enough to be built for each input."""

from __future__ import annotations

from random import Random
from typing import Final

from fuzz.targets.claims import claim
from media.engine.core import EngineCore
from media.engine.interface import EgressSpec, ExtensionIds, IngressSpec, Kind
from media.engine.stun import BINDING_REQUEST, ICE_CONTROLLING, USE_CANDIDATE, USERNAME, build
from media.engine.transport import Path
from tests.media.engine.world import KEYS, NullCipher

PUBLISHER: Final = Path("198.51.100.7", 5_000, "203.0.113.1")
SUBSCRIBER: Final = Path("2001:db8::7", 6_000, "2001:db8::1")
MONITOR: Final = Path("198.51.100.9", 7_000, "203.0.113.1")
STRANGER: Final = Path("192.0.2.66", 666)
PASSWORD: Final = "password-which-is-long-enough"
START: Final = 1_000.0
MTU: Final = 1_500


def _check(ufrag: str) -> bytes:
    attributes = [(USERNAME, f"{ufrag}:them".encode()), (ICE_CONTROLLING, bytes(8)), (USE_CANDIDATE, b"")]
    return build(BINDING_REQUEST, bytes(12), attributes, PASSWORD.encode())


_PUBLISHER_CHECK: Final = _check("publisher")
_SUBSCRIBER_CHECK: Final = _check("subscriber")
_MONITOR_CHECK: Final = _check("monitor")
# As Chromium chooses them, so that what it really sent can be an input.
_IDS: Final = ExtensionIds(mid=4, transport_cc=3, audio_level=1, rid=10, repaired_rid=11)
MIDS: Final = ("0", "1", "2")
OURS: Final = {9_000: 111, 9_001: 100, 9_002: 101, 9_011: 100, 9_012: 101, 9_021: 100, 9_022: 101}
"""SSRC to payload type of everything that may leave."""


class Plant:
    """A microphone, a camera and one in two layers from PUBLISHER to SUBSCRIBER; the gates are open, keys are set."""

    def __init__(self) -> None:
        core = self.core = EngineCore(Random(1), NullCipher)
        self.now = START
        self.publisher = core.add_transport("publisher", PASSWORD, self.now)
        self.subscriber = core.add_transport("subscriber", PASSWORD, self.now)
        self.monitor = core.add_transport("monitor", PASSWORD, self.now, monitor=True)
        core.set_ext_ids(self.publisher, _IDS)
        for handle in (self.subscriber, self.monitor):
            core.set_ext_ids(handle, ExtensionIds(mid=4, audio_level=5))
        core.add_ingress(IngressSpec(self.publisher, "0", Kind.AUDIO, 111, 48_000))
        core.add_ingress(IngressSpec(self.publisher, "1", Kind.VIDEO, 96, 90_000, 97))
        core.add_ingress(IngressSpec(self.publisher, "2", Kind.VIDEO, 96, 90_000, 97, rids=("l", "h")))
        core.set_audio_group(self.publisher, "0", 1, 1)
        for data, path in ((_PUBLISHER_CHECK, PUBLISHER), (_SUBSCRIBER_CHECK, SUBSCRIBER), (_MONITOR_CHECK, MONITOR)):
            core.receive(data, path, self.now)
        for handle in (self.publisher, self.subscriber, self.monitor):
            core.set_keys(handle, KEYS, self.now)
        self.gates(is_open=True)
        self.audio = core.add_egress(EgressSpec(self.subscriber, "a0", Kind.AUDIO, 9_000, 111, 48_000))
        self.camera = core.add_egress(EgressSpec(self.subscriber, "v0", Kind.VIDEO, 9_001, 100, 90_000, 9_002, 101))
        self.layers = core.add_egress(EgressSpec(self.subscriber, "v1", Kind.VIDEO, 9_011, 100, 90_000, 9_012, 101))
        self.watched = core.add_egress(
            EgressSpec(self.monitor, "v0", Kind.VIDEO, 9_021, 100, 90_000, 9_022, 101, monitor=True)
        )
        for out, mid in ((self.audio, "0"), (self.camera, "1"), (self.layers, "2"), (self.watched, "2")):
            core.route(out, self.publisher, mid, "h", self.now)
        core.poll(self.now)
        core.drain(1_000)

    def gates(self, *, is_open: bool) -> None:
        """Opens or closes all."""
        for mid in MIDS:
            self.core.set_ingress_gate(self.publisher, mid, is_open, self.now)

    def receive(self, data: bytes, path: Path) -> list[tuple[bytes, Path]]:
        """Hands a datagram in and takes what comes of it."""
        self.core.receive(data, path, self.now)
        return self.poll()

    def poll(self) -> list[tuple[bytes, Path]]:
        """What is to be sent now. Claims that it goes to who is known, and fits a datagram."""
        datagrams, due = self.core.poll(self.now)
        claim(due is None or due > self.now, "the engine asks to be called again at once")
        for data, path in datagrams:
            claim(0 < len(data) <= MTU, "a datagram's size")
            claim(path in (PUBLISHER, SUBSCRIBER, MONITOR) or data[0] < 4, "something for a stranger")
        return datagrams


def records(data: bytes, most: int = 64) -> list[tuple[int, bytes]]:
    """An input as steps: a byte that says what, two for the length, and so many bytes (or what is left)."""
    steps: list[tuple[int, bytes]] = []
    at = 0
    while at + 3 <= len(data) and len(steps) < most:
        size = data[at + 1] << 8 | data[at + 2]
        steps.append((data[at], data[at + 3 : at + 3 + size]))
        at += 3 + size
    return steps
