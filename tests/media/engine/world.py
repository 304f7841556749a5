"""An engine under virtual time, with scripted clients on the other side of its datagrams."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from media.engine.core import EngineCore
from media.engine.interface import (
    EgressSpec,
    Event,
    ExtensionIds,
    IngressSpec,
    Kind,
    OutId,
    SrtpKeys,
    SrtpProfile,
)
from media.engine.rtp import RtpPacket, extension_block
from media.engine.rtp import build as build_rtp
from media.engine.rtp import parse as parse_rtp
from media.engine.srtp import CipherFactory
from media.engine.stun import BINDING_REQUEST, ICE_CONTROLLING, USE_CANDIDATE, USERNAME, StunMessage
from media.engine.stun import build as build_stun
from media.engine.stun import parse as parse_stun
from media.engine.transport import Path
from media.engine.vp8 import parse_head

KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"", b"")
IDS = ExtensionIds(mid=1, audio_level=2, transport_cc=3)
AUDIO, VIDEO = "0", "1"
OPUS, VP8, RTX = 111, 96, 97


class NullCipher:
    """Sends in the clear."""

    def __init__(self, keys: SrtpKeys) -> None:
        pass

    def protect(self, packet: bytes) -> bytes | None:
        return packet

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        return packet

    def unprotect(self, packet: bytes) -> bytes | None:
        return packet

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        return packet

    def forget(self, ssrc: int) -> None:
        pass


class World:
    """The engine, the time, and the network between."""

    def __init__(self, seed: int = 7, cipher: CipherFactory = NullCipher) -> None:
        self.now = 1_000.0
        self.core = EngineCore(Random(seed), cipher)
        self.clients: dict[Path, Client] = {}
        self.sent = 0

    def flush(self) -> float | None:
        datagrams, due = self.core.poll(self.now)
        for data, path in datagrams:
            self.sent += 1
            if path in self.clients:
                self.clients[path].take(data)
        return due

    def deliver(self, data: bytes, path: Path, arrival: float | None = None) -> None:
        self.core.receive(data, path, self.now, arrival)
        self.flush()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.flush()) is not None and due <= end:
            self.now = max(self.now, due)
        self.now = end
        self.flush()

    def events(self) -> list[Event]:
        return list(self.core.drain(10_000))


@dataclass(slots=True)
class Seen:
    """A packet as a client got it."""

    at: float
    packet: RtpPacket
    raw: bytes


class Client:
    """One transport of a client."""

    def __init__(self, world: World, port: int, *, monitor: bool = False) -> None:
        self.world = world
        self.path = Path("198.51.100.7", port, "203.0.113.1")
        self.ufrag, self.pwd = f"ufrag{port}", f"password-of-{port}-which-is-long"
        self.handle = world.core.add_transport(self.ufrag, self.pwd, world.now, monitor=monitor)
        self.checks = 0
        self.media: list[Seen] = []
        self.control: list[tuple[float, bytes]] = []
        self.compounds: list[bytes] = []
        self.stun: list[StunMessage] = []
        self.dtls: list[bytes] = []
        world.clients[self.path] = self

    def check(self, path: Path | None = None, *, nominate: bool = True) -> None:
        self.world.deliver(self.make_check(nominate=nominate), path or self.path)

    def make_check(self, *, nominate: bool = True) -> bytes:
        self.checks += 1
        attributes = [(USERNAME, f"{self.ufrag}:them".encode()), (ICE_CONTROLLING, bytes(8))]
        attributes += [(USE_CANDIDATE, b"")] if nominate else []
        return build_stun(BINDING_REQUEST, self.checks.to_bytes(12, "big"), attributes, self.pwd.encode())

    def connect(self) -> None:
        self.check()
        self.key()

    def key(self) -> None:
        self.world.core.set_keys(self.handle, KEYS, self.world.now)
        self.world.flush()

    def send(self, data: bytes, arrival: float | None = None) -> None:
        self.world.deliver(data, self.path, arrival)

    def take(self, data: bytes) -> None:
        if data[0] < 4:
            message = parse_stun(data)
            assert message is not None
            self.stun.append(message)
        elif data[0] < 64:
            self.dtls.append(data)
        elif 192 <= data[1] <= 223:
            self.compounds.append(data)
            self.control += [(self.world.now, packet) for packet in packets_of(data)]
        else:
            packet = parse_rtp(data)
            assert packet is not None
            self.media.append(Seen(self.world.now, packet, data))

    def of(self, ssrc: int) -> list[RtpPacket]:
        return [seen.packet for seen in self.media if seen.packet.ssrc == ssrc]

    def feedback(self, kind: int, form: int) -> list[bytes]:
        return [data for _, data in self.control if data[1] == kind and data[0] & 31 == form]

    @property
    def plis(self) -> list[float]:
        return [at for at, data in self.control if data[1] == 206 and data[0] & 31 == 1]

    @property
    def nacks(self) -> list[int]:
        lost: list[int] = []
        for data in self.feedback(205, 1):
            for at in range(12, len(data), 4):
                base, mask = struct.unpack_from("!HH", data, at)
                lost += [base] + [base + bit + 1 & 0xFFFF for bit in range(16) if mask >> bit & 1]
        return lost


class Publisher(Client):
    """Sends Opus as mid 0 and VP8 as mid 1."""

    def __init__(self, world: World, port: int = 5_000, ssrc: int = 1_000) -> None:
        super().__init__(world, port)
        self.audio_ssrc, self.video_ssrc, self.rtx_ssrc = ssrc, ssrc + 1, ssrc + 2
        self.audio_seq, self.video_seq, self.rtx_seq = 65_500, 65_520, 10
        self.audio_time, self.video_time = 0xFFFFF000, 0xFFFFE000
        self.picture, self.tl0 = 0x7FF0, 250
        self.counter = 65_530
        self.audio_sent = self.video_sent = 0
        core = world.core
        core.set_ext_ids(self.handle, IDS)
        core.add_ingress(IngressSpec(self.handle, AUDIO, Kind.AUDIO, OPUS, 48_000))
        core.add_ingress(IngressSpec(self.handle, VIDEO, Kind.VIDEO, VP8, 90_000, RTX))

    def open(self, mid: str, is_open: bool = True) -> None:
        self.world.core.set_ingress_gate(self.handle, mid, is_open, self.world.now)
        self.world.flush()

    def open_all(self) -> None:
        self.open(AUDIO)
        self.open(VIDEO)

    def extensions(self, mid: str, level: int | None = None) -> bytes:
        self.counter = self.counter + 1 & 0xFFFF
        elements = [(IDS.mid, mid.encode()), (IDS.transport_cc, struct.pack("!H", self.counter))]
        if level is not None:
            elements.append((IDS.audio_level, bytes((level,))))
        return extension_block(elements)

    def audio(self, *, lose: bool = False, level: int = 30) -> None:
        self.audio_seq = self.audio_seq + 1 & 0xFFFF
        self.audio_time = self.audio_time + 960 & 0xFFFFFFFF
        self.audio_sent += 1
        packet = build_rtp(
            OPUS, False, self.audio_seq, self.audio_time, self.audio_ssrc, self.extensions(AUDIO, level), b"opus" * 20
        )
        if not lose:
            self.send(packet)

    def frame(self, *, key: bool = False, parts: int = 1, lose: tuple[int, ...] = ()) -> list[bytes]:
        """One picture in so many packets, of which some are lost on the way. Returns all of them."""
        self.video_time = self.video_time + 9_000 & 0xFFFFFFFF
        self.picture = self.picture + 1 & 0x7FFF
        self.tl0 = self.tl0 + 1 & 0xFF
        packets: list[bytes] = []
        for part in range(parts):
            first = 0x10 if part == 0 else 0
            head = bytes((0x80 | first, 0xE0, 0x80 | self.picture >> 8, self.picture & 0xFF, self.tl0, 0x20))
            body = bytes((0 if key and part == 0 else 1,)) + b"vp8" * 30
            packets.append(self.video_packet(head + body, part == parts - 1))
        for part, packet in enumerate(packets):
            if part not in lose:
                self.send(packet)
        return packets

    def video_packet(self, payload: bytes, marker: bool) -> bytes:
        self.video_seq = self.video_seq + 1 & 0xFFFF
        self.video_sent += 1
        extensions = self.extensions(VIDEO)
        return build_rtp(VP8, marker, self.video_seq, self.video_time, self.video_ssrc, extensions, payload)

    def padding(self) -> None:
        self.send(self.video_packet(b"", False))

    def again(self, packet: bytes) -> None:
        """Sends a packet once more over RTX (RFC 4588)."""
        parsed = parse_rtp(packet)
        assert parsed is not None
        self.rtx_seq = self.rtx_seq + 1 & 0xFFFF
        payload = struct.pack("!H", parsed.sequence) + parsed.payload
        self.send(
            build_rtp(
                RTX,
                parsed.marker,
                self.rtx_seq,
                parsed.timestamp,
                self.rtx_ssrc,
                self.extensions(VIDEO),
                payload,
            )
        )

    def run(self, seconds: float, *, key_first: bool = False) -> None:
        """Audio every 20 ms and a picture every 100 ms."""
        for step in range(round(seconds / 0.02)):
            if step % 5 == 0:
                self.frame(key=key_first and step == 0)
            self.audio()
            self.world.advance(0.02)


class Subscriber(Client):
    """Takes one audio and one video slot."""

    def __init__(self, world: World, port: int = 6_000, ssrc: int = 9_000, *, rtx: bool = True) -> None:
        super().__init__(world, port)
        self.audio_ssrc, self.video_ssrc, self.rtx_ssrc = ssrc, ssrc + 1, ssrc + 2
        core = world.core
        core.set_ext_ids(self.handle, ExtensionIds(mid=4, audio_level=5))
        self.audio_out = core.add_egress(EgressSpec(self.handle, "a0", Kind.AUDIO, ssrc, 111, 48_000))
        self.video_out = core.add_egress(
            EgressSpec(
                self.handle,
                "v0",
                Kind.VIDEO,
                ssrc + 1,
                100,
                90_000,
                self.rtx_ssrc if rtx else None,
                101 if rtx else None,
                cname="the one of the stream",
            )
        )

    def watch(self, publisher: Publisher | None) -> None:
        for out, mid in ((self.audio_out, AUDIO), (self.video_out, VIDEO)):
            self.route(out, publisher, mid)

    def route(self, out: OutId, publisher: Publisher | None, mid: str) -> None:
        self.world.core.route(out, publisher.handle if publisher else None, mid, "", self.world.now)
        self.world.flush()

    def nack(self, *lost: int) -> None:
        pairs = b"".join(struct.pack("!HH", each, 0) for each in lost)
        self.send(struct.pack("!BBHII", 0x81, 205, 2 + len(lost), 77, self.video_ssrc) + pairs)

    def pli(self) -> None:
        self.send(struct.pack("!BBHII", 0x81, 206, 2, 77, self.video_ssrc))

    @property
    def audio(self) -> list[RtpPacket]:
        return self.of(self.audio_ssrc)

    @property
    def video(self) -> list[RtpPacket]:
        return self.of(self.video_ssrc)


def pair(world: World) -> tuple[Publisher, Subscriber]:
    """A publisher with open gates and a subscriber that watches it, both connected."""
    publisher, subscriber = Publisher(world), Subscriber(world)
    publisher.connect()
    subscriber.connect()
    publisher.open_all()
    subscriber.watch(publisher)
    return publisher, subscriber


def packets_of(compound: bytes) -> list[bytes]:
    """The RTCP packets of a datagram."""
    packets: list[bytes] = []
    while compound:
        size = 4 * int.from_bytes(compound[2:4], "big") + 4
        packets.append(compound[:size])
        compound = compound[size:]
    return packets


def assert_seamless(packets: list[RtpPacket]) -> None:
    """Sequence numbers without gap or repetition, timestamps that never go back."""
    for before, after in pairwise(packets):
        assert after.sequence == before.sequence + 1 & 0xFFFF
        assert (after.timestamp - before.timestamp & 0xFFFFFFFF) < 0x80000000


def assert_pictures_follow(packets: list[RtpPacket]) -> None:
    """Picture ids that go up by one a picture, across sources too."""
    heads = [parse_head(packet.payload) for packet in packets if packet.payload and packet.payload[0] & 0x10]
    ids = [head.picture_id for head in heads if head is not None]
    assert len(ids) == len(heads)
    assert all(after == before + 1 & 0x7FFF for before, after in pairwise(ids))
