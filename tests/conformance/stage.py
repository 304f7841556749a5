"""Where a script plays: an engine, the time, clients at their addresses, and what each of them got."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field

from media.engine.interface import ExtensionIds, IngressSpec, Kind, OutId, TransportId
from media.engine.transport import Path
from tests.conformance.engine import EngineUnderTest
from tests.conformance.wire import Control, Rtp, Vp8, is_rtcp, read_rtcp, read_rtp, read_vp8, write_check, write_vp8

START = 1_000.0
LOCAL = "203.0.113.1"


class Unmet(Exception):
    """An engine did something else than a script expects."""


@dataclass(slots=True)
class Sent:
    """A packet that a script made."""

    stream: Stream
    packet: Rtp
    raw: bytes
    at: float = 0.0


@dataclass(slots=True)
class Stream:
    """One RTP source of a publisher, and what its next packet carries."""

    client: Client
    mid: str
    kind: Kind
    payload_type: int
    ssrc: int
    seq: int = 0
    ts: int = 0
    pid: int = 0
    pid_bits: int = 15
    tl0: int | None = 0
    rid: str = ""
    rtx_payload_type: int = 0
    rtx_ssrc: int = 0
    rtx_seq: int = 100
    made: int = 0
    named: bool = True
    """Its packets say their mid and rid: browsers stop when they know that they were heard."""

    def extensions(self, level: int | None = None, *, repair: bool = False) -> dict[int, bytes]:
        """What a browser puts into its first packets."""
        ids = self.client.ids
        found: dict[int, bytes] = {}
        if ids.transport_cc:
            self.client.counter = self.client.counter + 1 & 0xFFFF
            found[ids.transport_cc] = struct.pack("!H", self.client.counter)
        if ids.mid and self.named:
            found[ids.mid] = self.mid.encode()
        if level is not None and ids.audio_level:
            found[ids.audio_level] = bytes((level,))
        rid_id = getattr(ids, "repaired_rid" if repair else "rid", 0)
        if self.rid and rid_id and self.named:
            found[rid_id] = self.rid.encode()
        return found

    def packet(self, payload: bytes, *, marker: bool = False, level: int | None = None, padding: int = 0) -> Rtp:
        """The next packet; takes a sequence number."""
        made = Rtp(
            self.payload_type, marker, self.seq & 0xFFFF, self.ts, self.ssrc, self.extensions(level), payload, padding
        )
        self.seq = self.seq + 1 & 0xFFFF
        return made

    def audio(self, level: int | None) -> Rtp:
        """20 ms of sound."""
        self.made += 1
        made = self.packet(b"opus" + struct.pack("!I", self.made), level=level)
        self.ts = self.ts + 960 & 0xFFFFFFFF
        return made

    def picture(self, *, key: bool, parts: int, step: int, tid: int, sync: bool = True) -> list[Rtp]:
        """A picture in so many packets."""
        packets: list[Rtp] = []
        if self.tl0 is not None and tid == 0:
            self.tl0 = self.tl0 + 1 & 0xFF
        for part in range(parts):
            self.made += 1
            first = (0x10 if key else 0x11) if part == 0 else 0x55
            body = bytes((first,)) + struct.pack("!I", self.made)
            head = write_vp8(
                body, start=part == 0, pid=self.pid, pid_bits=self.pid_bits, tl0=self.tl0, tid=tid, sync=sync
            )
            packets.append(self.packet(head, marker=part == parts - 1))
        self.pid = self.pid + 1 & (0x7FFF if self.pid_bits == 15 else 0x7F)
        self.ts = self.ts + step & 0xFFFFFFFF
        return packets

    def again(self, sent: Rtp) -> Rtp:
        """A packet once more, over RTX (RFC 4588)."""
        made = Rtp(
            self.rtx_payload_type,
            sent.marker,
            self.rtx_seq,
            sent.ts,
            self.rtx_ssrc,
            self.extensions(repair=True),
            struct.pack("!H", sent.seq) + sent.payload,
        )
        self.rtx_seq = self.rtx_seq + 1 & 0xFFFF
        return made


@dataclass(slots=True)
class Client:
    """One transport of a client."""

    name: str
    path: Path
    handle: TransportId
    ids: ExtensionIds
    pwd: str
    counter: int = 65_000
    stun: int = 0
    port: int = 0
    """Of its address that the last media came to."""
    control: list[Control] = field(default_factory=list[Control])
    dtls: list[bytes] = field(default_factory=list[bytes])
    reduced: bool = False
    """It takes RTCP feedback without a report and a name before it."""


@dataclass(slots=True)
class Slot:
    """One egress slot, and what came out of it so far."""

    name: str
    client: Client
    mid: str
    kind: Kind
    out: OutId
    ssrc: int
    payload_type: int
    rtx_ssrc: int | None
    rtx_payload_type: int | None
    waiting: deque[tuple[float, Rtp]] = field(default_factory=deque[tuple[float, Rtp]])
    first: tuple[int, int] | None = None
    """Sequence number and timestamp of its first packet ever."""
    highest: int = -1
    """Relative to the first."""
    last: Rtp | None = None
    last_vp8: Vp8 | None = None
    last_at: float = 0.0
    source: Stream | None = None
    shifts: tuple[int, int, int] = (0, 0, 0)
    """Of timestamp, picture id and tl0picidx, against the present source."""


class Stage:
    """The network and the clock around one engine."""

    def __init__(self, engine: EngineUnderTest) -> None:
        self.engine = engine
        self.now = START
        self.clients: dict[str, Client] = {}
        self.tracks: dict[str, IngressSpec] = {}
        self.streams: dict[str, Stream] = {}
        self.slots: dict[str, Slot] = {}
        self.events: list[str] = []
        self.sent = 0
        self.last_check = b""
        self._checks = 0
        self._by_path: dict[Path, Client] = {}

    def add_client(self, name: str, ids: ExtensionIds) -> Client:
        """A transport at an address of its own."""
        path = Path("198.51.100.7", 5_000 + len(self.clients), LOCAL)
        pwd = f"password-of-{name}-which-is-long"
        client = Client(name, path, self.engine.add_transport(f"ufrag{name}", pwd, self.now), ids, pwd)
        self.clients[name] = self._by_path[path] = client
        self.engine.set_ext_ids(client.handle, ids, self.now)
        return client

    def check(self, client: Client, path: Path | None = None, **how: bool) -> None:
        """The client's STUN check."""
        self._checks += 1
        self.last_check = write_check(f"ufrag{client.name}", client.pwd, self._checks, **how)
        self.deliver(self.last_check, path or client.path)

    def move(self, client: Client, path: Path) -> None:
        """From now on that address is the client's, too."""
        self._by_path[path] = client
        client.path = path

    def deliver(self, data: bytes, path: Path) -> None:
        """A datagram reaches the engine."""
        self.engine.receive(data, path, self.now)
        self.flush()

    def flush(self) -> float | None:
        """Takes what the engine has to send and to say."""
        datagrams, due = self.engine.poll(self.now)
        for data, path in datagrams:
            self.sent += 1
            client = self._by_path.get(path)
            if client is None:
                raise Unmet(f"a datagram for {path.host}:{path.port}, who is nobody")
            self._take(client, data, path)
        self.events += [self._told(event) for event in self.engine.drain()]
        return due

    def advance(self, seconds: float) -> None:
        """Time passes; the engine is called when it asked for it."""
        end = self.now + seconds
        for _ in range(100_000):
            due = self.flush()
            if due is None or due > end:
                self.now = end
                self.flush()
                return
            self.now = max(self.now, due)
        raise Unmet("the engine asks to be called again and again without time passing")

    def _take(self, client: Client, data: bytes, path: Path) -> None:
        if data[0] < 4:
            client.stun += 1
        elif data[0] < 64:
            client.dtls.append(data)
        elif is_rtcp(data):
            client.control += read_rtcp(data, reduced=client.reduced)
        else:
            client.port = path.port
            packet = read_rtp(data)
            for slot in self.slots.values():
                if slot.client is client and packet.ssrc in (slot.ssrc, slot.rtx_ssrc):
                    slot.waiting.append((self.now, packet))
                    return
            raise Unmet(f"a packet of SSRC {packet.ssrc} for {client.name}, who has no such slot")

    def _told(self, event: object) -> str:
        """An event in a script's words: its type, then the names of what it is about."""
        words = [type(event).__name__]
        transport = getattr(event, "transport", None)
        out = getattr(event, "out", None)
        mid = getattr(event, "mid", None)
        for level in getattr(event, "levels", ()):
            words += [self._track_name(level.transport, level.mid), str(level.below_full_scale)]
        if mid is not None:
            words.append(self._track_name(transport, mid))
        elif transport is not None:
            words += [client.name for client in self.clients.values() if client.handle == transport]
        if out is not None:
            words += [slot.name for slot in self.slots.values() if slot.out == out]
        rid = getattr(event, "rid", "")
        return " ".join(words + ([rid] if rid else []))

    def _track_name(self, transport: object, mid: str) -> str:
        return next(name for name, spec in self.tracks.items() if (spec.transport, spec.mid) == (transport, mid))


def picture_of(packet: Rtp) -> Vp8:
    """Raises Unmet for a payload that no decoder takes."""
    try:
        return read_vp8(packet.payload)
    except (IndexError, ValueError, struct.error):
        raise Unmet("a VP8 payload that cannot be read") from None
