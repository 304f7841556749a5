"""The engine under test: what the scripts need of one, and the adapter of ours.

A second engine plugs in by another class with these methods; `CONFORMANCE_ENGINE=module:factory` names it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from random import Random
from typing import Protocol, cast

from media.engine.core import EngineCore
from media.engine.interface import (
    EgressSpec,
    Event,
    ExtensionIds,
    IngressSpec,
    OutId,
    SrtpKeys,
    SrtpProfile,
    TransportId,
)
from media.engine.transport import Path
from tests.media.engine.world import NullCipher

NO_KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"", b"")
"""With a cipher that does nothing, these say only that media may flow."""


class EngineUnderTest(Protocol):
    """Commands of `PacketEngine` under virtual time, datagrams in and out. RTP and RTCP are in the clear.

    `now` never goes back. Nothing may happen by itself between two calls, and nothing may depend on chance other
    than the first sequence number, timestamp, picture id and tl0picidx of a slot.
    """

    patience_s: float
    """How long a packet may be held back (a pacer's quantum); 0 for an engine that forwards at once."""

    def receive(self, datagram: bytes, path: Path, now: float) -> None: ...

    def poll(self, now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        """Datagrams to send, and when to call again at the latest."""
        ...

    def drain(self) -> Sequence[Event]: ...

    def add_transport(self, ufrag: str, pwd: str, now: float) -> TransportId: ...
    def remove_transport(self, transport: TransportId, now: float) -> None: ...
    def send_dtls(self, transport: TransportId, data: bytes, now: float) -> None: ...
    def set_keys(self, transport: TransportId, now: float) -> None: ...
    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds, now: float) -> None: ...
    def set_reduced_rtcp(self, transport: TransportId, allowed: bool, now: float) -> None: ...
    def add_ingress(self, spec: IngressSpec, now: float) -> None: ...
    def remove_ingress(self, transport: TransportId, mid: str, now: float) -> None: ...
    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool, now: float) -> None: ...
    def add_egress(self, spec: EgressSpec, now: float) -> OutId: ...
    def remove_egress(self, out: OutId, now: float) -> None: ...
    def set_egress_gate(self, out: OutId, is_open: bool, now: float) -> None: ...
    def route(self, out: OutId, source: TransportId | None, mid: str, want: str, now: float) -> None: ...
    def prime_from_cache(self, out: OutId, now: float) -> None: ...
    def refresh(self, transport: TransportId, mid: str, now: float) -> None: ...
    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int, now: float) -> None: ...
    def set_priority(self, transport: TransportId, mid: str, always: bool, now: float) -> None: ...


class PythonEngine:
    """The reference."""

    patience_s = 0.0

    def __init__(self, seed: int = 7) -> None:
        self.core = EngineCore(Random(seed), NullCipher)

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        self.core.receive(datagram, path, now)

    def poll(self, now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        return self.core.poll(now)

    def drain(self) -> Sequence[Event]:
        return self.core.drain(10_000)

    def add_transport(self, ufrag: str, pwd: str, now: float) -> TransportId:
        return self.core.add_transport(ufrag, pwd, now)

    def remove_transport(self, transport: TransportId, now: float) -> None:
        self.core.remove_transport(transport)

    def send_dtls(self, transport: TransportId, data: bytes, now: float) -> None:
        self.core.send_dtls(transport, data)

    def set_keys(self, transport: TransportId, now: float) -> None:
        self.core.set_keys(transport, NO_KEYS, now)

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds, now: float) -> None:
        self.core.set_ext_ids(transport, ids)

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool, now: float) -> None:
        self.core.set_reduced_rtcp(transport, allowed)

    def add_ingress(self, spec: IngressSpec, now: float) -> None:
        self.core.add_ingress(spec)

    def remove_ingress(self, transport: TransportId, mid: str, now: float) -> None:
        self.core.remove_ingress(transport, mid)

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool, now: float) -> None:
        self.core.set_ingress_gate(transport, mid, is_open, now)

    def add_egress(self, spec: EgressSpec, now: float) -> OutId:
        return self.core.add_egress(spec)

    def remove_egress(self, out: OutId, now: float) -> None:
        self.core.remove_egress(out)

    def set_egress_gate(self, out: OutId, is_open: bool, now: float) -> None:
        self.core.set_egress_gate(out, is_open, now)

    def route(self, out: OutId, source: TransportId | None, mid: str, want: str, now: float) -> None:
        self.core.route(out, source, mid, want, now)

    def prime_from_cache(self, out: OutId, now: float) -> None:
        self.core.prime_from_cache(out, now)

    def refresh(self, transport: TransportId, mid: str, now: float) -> None:
        self.core.refresh(transport, mid, now)

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int, now: float) -> None:
        self.core.set_audio_group(transport, mid, group, loudest)

    def set_priority(self, transport: TransportId, mid: str, always: bool, now: float) -> None:
        self.core.set_priority(transport, mid, always)


def factory() -> Callable[[], EngineUnderTest]:
    """Makes the engine that `CONFORMANCE_ENGINE=module:factory` names, or else ours."""
    named = os.environ.get("CONFORMANCE_ENGINE")
    if named is None:
        return PythonEngine
    module, _, name = named.partition(":")
    return cast("Callable[[], EngineUnderTest]", getattr(import_module(module), name))
