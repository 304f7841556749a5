"""What the media plane says to a packet engine, and what it hears back.

An engine owns its socket and every per-packet decision; Python above it never sees RTP. Commands are
small and idempotent, and name things by integer handles; a command on a handle that is gone does
nothing. Events are plain values, drained in batches. Only DTLS datagrams cross as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType, Protocol

TransportId = NewType("TransportId", int)
"""One ICE component with its DTLS association: one RTCPeerConnection of a client."""

OutId = NewType("OutId", int)
"""One egress slot: a constant SSRC towards one client, whatever feeds it."""


class Kind(StrEnum):
    """What an RTP stream carries: Opus or VP8."""

    AUDIO = "audio"
    VIDEO = "video"


class SrtpProfile(StrEnum):
    """Protection profiles (RFC 5764 section 4.1.2, RFC 7714), by their OpenSSL names."""

    AEAD_AES_128_GCM = "SRTP_AEAD_AES_128_GCM"
    AES128_CM_SHA1_80 = "SRTP_AES128_CM_SHA1_80"
    AEAD_AES_256_GCM = "SRTP_AEAD_AES_256_GCM"


@dataclass(frozen=True, slots=True, repr=False)
class SrtpKeys:
    """Keys of one transport, each the master key followed by the master salt. Never printed."""

    profile: SrtpProfile
    receive: bytes
    send: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where clients can reach the engine."""

    host: str
    port: int
    protocol: str = "udp"


@dataclass(frozen=True, slots=True)
class ExtensionIds:
    """Ids of RTP header extensions (RFC 8285) on one transport; 0 is absent."""

    mid: int = 0
    transport_cc: int = 0
    audio_level: int = 0
    rid: int = 0
    repaired_rid: int = 0


@dataclass(frozen=True, slots=True)
class IngressSpec:
    """One m-section of a publisher.

    `ssrcs` and `rtx_ssrcs` are those the SDP names, in step; packets of other SSRCs are bound by their
    mid (RFC 8843 section 9.2).

    `rids` names the layers of a simulcast (RFC 8853), lowest first; packets are bound to them by their rid and
    repaired rid (RFC 8852). Without, there is one layer, whose rid is "".
    """

    transport: TransportId
    mid: str
    kind: Kind
    payload_type: int
    clock_rate: int
    rtx_payload_type: int | None = None
    ssrcs: tuple[int, ...] = ()
    rtx_ssrcs: tuple[int, ...] = ()
    rids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EgressSpec:
    """One m-section (a slot) of a subscriber.

    A `monitor`'s slot is fed from the lowest layer alone and changes nothing for anyone else: no key frame is asked
    for on its behalf, no choice looks at it, its retransmissions come from what is kept anyway, its packets leave after
    everyone else's, and it is counted apart.
    """

    transport: TransportId
    mid: str
    kind: Kind
    ssrc: int
    payload_type: int
    clock_rate: int
    rtx_ssrc: int | None = None
    rtx_payload_type: int | None = None
    monitor: bool = False
    cname: str = ""
    """The name of its source in RTCP (RFC 3550 section 6.5.1), in ASCII; "" is its mid."""


class Feature(StrEnum):
    """What an engine can do beyond the rest; without, policy keeps to a simpler rule."""

    ESTIMATE = "estimate"
    """Estimates how much a subscriber can take."""

    PACING = "pacing"
    TEMPORAL_LAYERS = "temporal_layers"
    """Thins a layer out by leaving temporal layers away."""


# ── events ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DtlsIn:
    """A DTLS datagram from an address that passed an authenticated STUN check for this transport."""

    transport: TransportId
    data: bytes


@dataclass(frozen=True, slots=True)
class Selected:
    """The client's address was chosen, or moved."""

    transport: TransportId


@dataclass(frozen=True, slots=True)
class LayerUp:
    """Packets of a layer arrive."""

    transport: TransportId
    mid: str
    rid: str
    ssrc: int


@dataclass(frozen=True, slots=True)
class LayerDown:
    """A layer's packets ceased; slots that it fed go on with another as soon as its key frame comes."""

    transport: TransportId
    mid: str
    rid: str


@dataclass(frozen=True, slots=True)
class Switched:
    """A video slot's packets come from this layer from now on."""

    out: OutId
    rid: str


@dataclass(frozen=True, slots=True)
class Loss:
    """The share of packets (0 to 1) lost in about the last second, of what one transport should have carried.

    From a publisher: what did not come in. From a subscriber: what it reports; never a monitor.
    """

    transport: TransportId
    share: float
    sent: float = 0.0
    """Octets a second that a subscriber was sent since the last one; 0 where that is not known."""


@dataclass(frozen=True, slots=True)
class Level:
    """How loud an open microphone was: dBov below full scale, 0 loudest, 127 silence (RFC 6464)."""

    transport: TransportId
    mid: str
    below_full_scale: int


@dataclass(frozen=True, slots=True)
class Levels:
    """The loudest moment of each open microphone since the last such event, about every 100 ms."""

    at: float
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing authentic came from a transport for `seconds`; repeated while it stays so."""

    transport: TransportId
    seconds: float


Event = DtlsIn | Selected | LayerUp | LayerDown | Switched | Loss | Levels | Silent


class Drop(StrEnum):
    """Why a datagram or packet went no further."""

    MALFORMED = "malformed"
    UNKNOWN_ADDRESS = "unknown_address"
    UNAUTHENTICATED = "unauthenticated"
    ADDRESS_IN_USE = "address_in_use"
    DTLS_OVERFLOW = "dtls_overflow"
    NO_KEYS = "no_keys"
    TOO_MANY_SOURCES = "too_many_sources"
    SRTP_FAILED = "srtp_failed"
    UNBOUND = "unbound"
    DUPLICATE = "duplicate"
    PADDING = "padding"
    GATE_CLOSED = "gate_closed"
    NOT_CHOSEN = "not_chosen"
    TOO_MUCH = "too_much"
    TOO_LONG = "too_long"
    SEND_BLOCKED = "send_blocked"
    FAULT = "fault"


@dataclass(slots=True)
class EngineStats:
    """Counters since the start, and present sizes."""

    datagrams_in: int = 0
    datagrams_out: int = 0
    packets_in: int = 0
    packets_forwarded: int = 0
    packets_resent: int = 0
    nacks_in: int = 0
    nacks_out: int = 0
    plis_in: int = 0
    plis_out: int = 0
    feedback_out: int = 0
    transports: int = 0
    dropped: dict[Drop, int] = field(default_factory=lambda: dict.fromkeys(Drop, 0))


class PacketEngine(Protocol):
    """A packet engine. All calls come from one thread, inside one running asyncio loop."""

    @property
    def features(self) -> frozenset[Feature]:
        """What this engine can do beyond the rest."""
        ...

    def start(self, wake: Callable[[], None]) -> None:
        """Opens the socket; `wake` is called when events wait to be drained. Raises OSError."""
        ...

    def close(self) -> None:
        """Closes the socket and forgets everything."""
        ...

    def candidates(self) -> Sequence[Candidate]:
        """Where clients reach this engine, best first."""
        ...

    def add_transport(self, ufrag: str, pwd: str, *, monitor: bool = False) -> TransportId:
        """A transport that answers STUN checks for this user name fragment and password.

        All that a `monitor`'s sends leaves after everyone else's, all that it does is counted apart, for as long as
        something of it may still arrive; its microphone has no level.
        """
        ...

    def remove_transport(self, transport: TransportId) -> None:
        """Forgets a transport with its ingress and egress."""
        ...

    def send_dtls(self, transport: TransportId, data: bytes) -> None:
        """Sends a DTLS datagram to the client's present address, if there is one yet."""
        ...

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        """Gives the SRTP keys; egress that waits starts with a recent key frame, if there is one."""
        ...

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds) -> None:
        """Says which header extensions a transport uses."""
        ...

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool) -> None:
        """Whether RTCP feedback may be sent alone (RFC 5506). At first it may not, and is part of a compound packet."""
        ...

    def add_ingress(self, spec: IngressSpec) -> None:
        """Takes packets of one m-section. Its gate is closed until it is opened. Repeating it updates."""
        ...

    def remove_ingress(self, transport: TransportId, mid: str) -> None:
        """Takes no more packets of that m-section."""
        ...

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool) -> None:
        """A closed gate forwards nothing, from this call on, retransmissions included."""
        ...

    def refresh(self, transport: TransportId, mid: str) -> None:
        """Asks for a key frame of a picture whose gate is open, as for somebody who will be fed from it soon."""
        ...

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int = 4) -> None:
        """Lets a microphone compete with the others of its `group` (a room): only the loudest of them pass.

        `loudest` is how many; what was said last for a group counts. Closed gates do not take part, levels are those
        that the packets carry, and who begins to speak louder than one of those passing passes with that very packet.
        Group 0, as at first: it competes with nobody and passes. Lost when the m-section is removed.
        """
        ...

    def set_priority(self, transport: TransportId, mid: str, always: bool) -> None:
        """A microphone with priority always passes, beside the loudest of its group. Its gate counts as ever."""
        ...

    def add_egress(self, spec: EgressSpec) -> OutId:
        """A slot towards a subscriber; nothing flows until it is routed. Its gate is open."""
        ...

    def remove_egress(self, out: OutId) -> None:
        """Forgets a slot."""
        ...

    def route(self, out: OutId, source: TransportId | None, mid: str = "", want: str = "") -> None:
        """Feeds a slot from a publisher's m-section, or from nothing.

        `want` is the rid of the highest layer that is wanted; "" is the lowest. A slot starts on the lowest layer that
        flows and goes up half a second later at the earliest, each change at a key frame, which the engine asks
        for. While `want` does not flow, the best flowing layer below stands in, and failing that the lowest above.
        """
        ...

    def prime_from_cache(self, out: OutId) -> None:
        """Shows a video slot at once what its source kept: a moving picture, up to now, without asking the publisher.

        Kept is temporal layer 0 of the lowest layer since its last key frame, at most 12 s and bounded in bytes.
        It is sent within a moment, its timestamps compressed to just before live, and then what is live follows.
        Does nothing for a slot that is live, or closed, or whose source keeps nothing (a closed gate keeps nothing).
        """
        ...

    def set_egress_gate(self, out: OutId, is_open: bool) -> None:
        """A closed egress gate sends nothing to that one listener."""
        ...

    def drain(self, limit: int = 256) -> Sequence[Event]:
        """Takes up to `limit` waiting events."""
        ...

    def stats(self) -> EngineStats:
        """A copy of the counters: of everything but monitors."""
        ...

    def monitor_stats(self) -> EngineStats:
        """The same of monitors alone."""
        ...
