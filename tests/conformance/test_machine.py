"""An engine as a black box: whatever publishers, subscribers and the network do, what comes out is in order."""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media.engine.interface import EgressSpec, ExtensionIds, IngressSpec, Kind
from tests.conformance.engine import factory
from tests.conformance.stage import Sent, Slot, Stage, Stream, picture_of
from tests.conformance.wire import Rtp, write_feedback, write_rtp

PUBLISHERS = st.integers(0, 1)
SOURCES = st.integers(0, 3)
SLOTS = st.integers(0, 5)
TRACKS = ("mic", "cam")
LAYERS = ("low", "high")
PATTERNS = ((0, 0, 0, 0), (0, 1, 0, 1), (0, 2, 1, 2))
"""Of temporal layers."""

SSRC_CHANGES = 5
"""In one run, of one publisher: an engine may refuse more sources than a browser ever has."""

IDS = ExtensionIds(mid=1, audio_level=2, transport_cc=3, rid=4, repaired_rid=5)


@dataclass(slots=True)
class Flow:
    """One RTP source: a whole microphone, or one layer of a camera."""

    stream: Stream
    swallowed: set[int] = field(default_factory=set[int])
    """Extended numbers of padding that came in its place."""
    reached: set[int] = field(default_factory=set[int])
    """Extended numbers of what reached the engine under its own SSRC."""
    number: int = 0
    known: bool = False
    """A packet of it that says its mid and rid has reached the engine."""


@dataclass(slots=True)
class Source:
    """One m-section of a publisher, and what the network did with its packets."""

    flows: list[Flow]
    is_open: bool = False
    opened: int = 0
    """How often its gate was opened: what came in an earlier time of being open may not leave in a later one."""
    held: deque[Sent] = field(default_factory=deque[Sent])
    former: list[Flow] = field(default_factory=list[Flow])
    """Whose SSRC another one followed."""
    changes: int = 0

    @property
    def stream(self) -> Stream:
        return self.flows[0].stream


@dataclass(slots=True)
class Origin:
    """Where a payload came from."""

    source: Source
    flow: Flow
    sent: Sent
    number: int
    came_in: int | None = None
    """The opening during which it reached the engine first; None while it did not."""


@dataclass(slots=True)
class Watched:
    """A slot, and what it got last in the order of its numbers."""

    slot: Slot
    is_open: bool = True
    route: Source | None = None
    top: Rtp | None = None
    top_number: int = 0
    top_flow: Flow | None = None
    top_pid: int = 0
    top_pid_bits: int = 15
    top_tl0: tuple[int, int] = (0, 0)
    """As it was sent, and as it came out."""
    payloads: dict[int, bytes] = field(default_factory=dict[int, bytes])


class EngineMachine(RuleBasedStateMachine):
    """Two publishers of sound and a picture, one of them in two layers; two subscribers and a monitor."""

    @initialize()
    def begin(self) -> None:
        self.stage = Stage(factory()())
        self.looked_at = self.stage.now
        self.sources: list[Source] = []
        self.watched: list[Watched] = []
        self.origins: dict[bytes, Origin] = {}
        for place in range(2):
            self._publisher(place)
        for place in range(3):
            self._subscriber(place)
        for which in range(4):
            self.gate(which, True)
        for which in range(6):
            self.route(which, which // 2 % 2, False)

    def _publisher(self, place: int) -> None:
        stage = self.stage
        client = stage.add_client(f"p{place}", IDS)
        for mid, (kind, payload_type, rtx) in enumerate(((Kind.AUDIO, 111, None), (Kind.VIDEO, 96, 97))):
            clock = 48_000 if kind is Kind.AUDIO else 90_000
            rids = LAYERS if kind is Kind.VIDEO and place == 1 else ()
            spec = IngressSpec(client.handle, str(mid), kind, payload_type, clock, rtx, rids=rids)
            stage.tracks[f"{TRACKS[mid]}{place}"] = spec
            stage.engine.add_ingress(spec, stage.now)
            flows: list[Flow] = []
            for layer, rid in enumerate(rids or ("",)):
                ssrc = 1_000 + 100 * place + 10 * mid + 2 * layer
                stream = Stream(client, str(mid), kind, payload_type, ssrc, rtx_payload_type=97, rtx_ssrc=ssrc + 1)
                stream.seq, stream.ts, stream.pid, stream.tl0 = 65_500 + layer, 0xFFFF0000 + layer, 32_760, 250
                stream.rid = rid
                stream.made = (4 * place + 2 * mid + layer) << 20  # payloads tell where they come from
                flows.append(Flow(stream))
            self.sources.append(Source(flows))
        stage.check(client)
        stage.engine.set_keys(client.handle, stage.now)

    def _subscriber(self, place: int) -> None:
        stage = self.stage
        client = stage.add_client(f"s{place}", ExtensionIds(mid=4, audio_level=5))
        for kind, payload_type, clock in ((Kind.AUDIO, 111, 48_000), (Kind.VIDEO, 100, 90_000)):
            ssrc = 9_000 + 100 * place + (kind is Kind.VIDEO)
            rtx = (ssrc + 50, 101) if kind is Kind.VIDEO and place != 1 else (None, None)
            spec = EgressSpec(client.handle, kind[0], kind, ssrc, payload_type, clock, *rtx, monitor=place == 2)
            out = stage.engine.add_egress(spec, stage.now)
            slot = Slot(f"{kind}{place}", client, kind[0], kind, out, ssrc, payload_type, *rtx)
            stage.slots[slot.name] = slot
            self.watched.append(Watched(slot))
        stage.check(client)
        stage.engine.set_keys(client.handle, stage.now)

    # ── what happens ──────────────────────────────────────────────────────────────────────────

    @rule(place=PUBLISHERS, fate=st.sampled_from(["comes", "comes", "comes", "held"]), level=st.integers(0, 127))
    def sound(self, place: int, fate: str, level: int) -> None:
        source = self.sources[2 * place]
        self._made(source, source.flows[0], source.stream.audio(level), fate)

    @rule(
        place=PUBLISHERS,
        layer=st.integers(0, 1),
        key=st.booleans(),
        fates=st.lists(st.sampled_from(["comes", "comes", "comes", "held"]), min_size=1, max_size=4),
    )
    def picture(self, place: int, layer: int, key: bool, fates: list[str]) -> None:
        source = self.sources[2 * place + 1]
        flow = source.flows[layer % len(source.flows)]
        packets = flow.stream.picture(key=key, parts=len(fates), step=9_000, tid=0)
        for packet, fate in zip(packets, fates, strict=True):
            self._made(source, flow, packet, fate)

    @rule(
        place=PUBLISHERS,
        pictures=st.integers(1, 8),
        key=st.booleans(),
        lose_each=st.integers(2, 12),
        layers=st.integers(1, 2),
        pattern=st.integers(0, 2),
        restart=st.sampled_from([0, 0, 7, 15]),
    )
    def stretch(
        self, place: int, pictures: int, key: bool, lose_each: int, layers: int, pattern: int, restart: int
    ) -> None:
        """A while of both, on a network that holds each so-manyth packet back, to subscribers who ask again.

        Half-way both may `restart` under other SSRCs, the picture with ids of so many bits.
        """
        sound, camera = self.sources[2 * place], self.sources[2 * place + 1]
        half = pictures // 2
        for turn in range(pictures):
            if restart and turn == half:
                self.other_ssrc(2 * place, 0, 15, 65_530, False)
                self.other_ssrc(2 * place + 1, 0, restart, 65_530, False)
            elif restart and turn > half:
                self.late_of_another_ssrc(2 * place, 0)
                self.late_of_another_ssrc(2 * place + 1, 0)
            for flow in camera.flows[:layers]:
                tid = PATTERNS[pattern][turn % 4]
                for packet in flow.stream.picture(
                    key=key and turn in (0, half), parts=1 + turn % 3, step=9_000, tid=tid
                ):
                    self._made(camera, flow, packet, "held" if flow.number % lose_each == 0 else "comes")
            for _ in range(5):
                flow = sound.flows[0]
                self._made(sound, flow, flow.stream.audio(50), "held" if flow.number % lose_each == 0 else "comes")
                self.stage.advance(0.02)
            self.what_came_out_is_in_order()
        for which in range(6):
            self.nack(which, [1, lose_each])

    @rule(place=PUBLISHERS, layer=st.integers(0, 1))
    def padding(self, place: int, layer: int) -> None:
        source = self.sources[2 * place + 1]
        flow = source.flows[layer % len(source.flows)]
        packet = flow.stream.packet(b"", padding=50)
        flow.number += 1
        flow.swallowed.add(flow.number)
        self.stage.deliver(write_rtp(packet), flow.stream.client.path)

    @rule(
        which=SOURCES,
        layer=st.integers(0, 1),
        pid_bits=st.sampled_from([15, 7]),
        seq=st.sampled_from([1, 30_000, 65_530]),
        back=st.booleans(),
    )
    def other_ssrc(self, which: int, layer: int, pid_bits: int, seq: int, back: bool) -> None:
        """An encoder restarts, or one that had been left goes on after all; what was held of either may yet come."""
        source = self.sources[which]
        if source.changes >= SSRC_CHANGES:
            return
        source.changes += 1
        layer %= len(source.flows)
        before = source.flows[layer]
        again = [flow for flow in source.former if flow.stream.rid == before.stream.rid]
        if back and again:
            source.flows[layer] = again[-1]
            source.former.remove(again[-1])
        else:
            ssrc = 50_000 + 1_000 * which + 2 * source.changes
            stream = replace(before.stream, ssrc=ssrc, rtx_ssrc=ssrc + 1, seq=seq, ts=seq * 65_521, named=True)
            stream.pid, stream.pid_bits, stream.tl0 = seq & 0x7F, pid_bits, seq & 0xFF
            stream.made = (before.stream.made >> 20 << 20) + (source.changes << 16)
            source.flows[layer] = Flow(stream)
        source.former.append(before)

    @rule(which=SOURCES, layer=st.integers(0, 1))
    def late_of_another_ssrc(self, which: int, layer: int) -> None:
        """What still comes of an SSRC whose place was taken does not take it back from one that flows."""
        source = self.sources[which]
        flow = source.flows[layer % len(source.flows)]
        former = [each for each in source.former if each.known and each.stream.rid == flow.stream.rid]
        if former and flow.known:
            self._one_more(source, flow)
            fed = [
                watched for watched in self.watched if watched.top_flow is flow and watched.top_number == flow.number
            ]
            self._one_more(source, former[-1])
            self._one_more(source, flow)
            assert all(watched.top_number == flow.number for watched in fed), "a late packet cut a source off"

    def _one_more(self, source: Source, flow: Flow) -> None:
        video = flow.stream.kind is Kind.VIDEO
        packets = flow.stream.picture(key=False, parts=1, step=9_000, tid=0) if video else [flow.stream.audio(20)]
        self._made(source, flow, packets[0], "comes")
        self.what_came_out_is_in_order()

    @rule(which=SOURCES, layer=st.integers(0, 1), named=st.booleans())
    def names(self, which: int, layer: int, named: bool) -> None:
        source = self.sources[which]
        flow = source.flows[layer % len(source.flows)]
        flow.stream.named = named or not flow.known

    def _made(self, source: Source, flow: Flow, packet: Rtp, fate: str) -> None:
        flow.number += 1
        sent = Sent(flow.stream, packet, write_rtp(packet))
        self.origins[packet.payload[-5:]] = Origin(source, flow, sent, flow.number)
        if fate == "held":
            source.held.append(sent)
            if len(source.held) > 20:
                source.held.popleft()
        else:
            self._arrives(sent, sent.raw)

    def _arrives(self, sent: Sent, raw: bytes) -> None:
        origin = self.origins[sent.packet.payload[-5:]]
        if origin.came_in is None:
            origin.came_in = origin.source.opened if origin.source.is_open else -1
        if int.from_bytes(raw[8:12], "big") == sent.packet.ssrc:
            origin.flow.reached.add(origin.number)
            origin.flow.known |= IDS.mid in sent.packet.extensions
        self.stage.deliver(raw, sent.stream.client.path)

    @rule(which=SOURCES, newest=st.booleans(), over_rtx=st.booleans())
    def late(self, which: int, newest: bool, over_rtx: bool) -> None:
        source = self.sources[which]
        if not source.held:
            return
        sent = source.held.pop() if newest else source.held.popleft()
        if over_rtx and sent.stream.kind is Kind.VIDEO:
            self._arrives(sent, write_rtp(sent.stream.again(sent.packet)))
        else:
            self._arrives(sent, sent.raw)

    @rule(place=PUBLISHERS, back=st.integers(1, 30))
    def probe(self, place: int, back: int) -> None:
        """RTX of something that came already."""
        source = self.sources[2 * place + 1]
        came = [o for o in self.origins.values() if o.source is source and o.came_in is not None]
        if came:
            sent = came[-min(back, len(came))].sent
            self.stage.deliver(write_rtp(sent.stream.again(sent.packet)), sent.stream.client.path)

    @rule(which=SOURCES, is_open=st.booleans())
    def gate(self, which: int, is_open: bool) -> None:
        source = self.sources[which]
        if is_open and not source.is_open:
            source.opened += 1
        source.is_open = is_open
        self.stage.engine.set_ingress_gate(source.stream.client.handle, source.stream.mid, is_open, self.stage.now)
        self.stage.flush()

    @rule(place=PUBLISHERS, group=st.integers(0, 1))
    def group(self, place: int, group: int) -> None:
        stream = self.sources[2 * place].stream
        self.stage.engine.set_audio_group(stream.client.handle, stream.mid, group, 1, self.stage.now)

    @rule(place=PUBLISHERS, always=st.booleans())
    def priority(self, place: int, always: bool) -> None:
        stream = self.sources[2 * place].stream
        self.stage.engine.set_priority(stream.client.handle, stream.mid, always, self.stage.now)

    @rule(which=SLOTS, is_open=st.booleans())
    def egress_gate(self, which: int, is_open: bool) -> None:
        watched = self.watched[which]
        watched.is_open = is_open
        self.stage.engine.set_egress_gate(watched.slot.out, is_open, self.stage.now)
        self.stage.flush()

    @rule(which=SLOTS, to=st.sampled_from([None, 0, 1, 0, 1]), high=st.booleans())
    def route(self, which: int, to: int | None, high: bool) -> None:
        watched = self.watched[which]
        source = None if to is None else self.sources[2 * to + (watched.slot.kind is Kind.VIDEO)]
        watched.route = source
        handle = None if source is None else source.stream.client.handle
        mid = "" if source is None else source.stream.mid
        self.stage.engine.route(watched.slot.out, handle, mid, LAYERS[high], self.stage.now)
        self.stage.flush()

    @rule(which=SLOTS)
    def prime(self, which: int) -> None:
        self.stage.engine.prime_from_cache(self.watched[which].slot.out, self.stage.now)
        self.stage.flush()

    @rule(which=SLOTS, back=st.lists(st.integers(-3, 40), min_size=1, max_size=6))
    def nack(self, which: int, back: list[int]) -> None:
        watched = self.watched[which]
        if watched.top is not None:
            body = b"".join(struct.pack("!HH", watched.top.seq - each & 0xFFFF, 3) for each in back)
            self.stage.deliver(write_feedback(205, 1, watched.slot.ssrc, body), watched.slot.client.path)

    @rule(which=SLOTS)
    def pli(self, which: int) -> None:
        slot = self.watched[which].slot
        self.stage.deliver(write_feedback(206, 1, slot.ssrc), slot.client.path)

    @rule(seconds=st.sampled_from([0.0, 0.003, 0.02, 0.1, 0.7, 3.0]))
    def time(self, seconds: float) -> None:
        self.stage.advance(seconds)

    # ── what holds ────────────────────────────────────────────────────────────────────────────

    @invariant()
    def what_came_out_is_in_order(self) -> None:
        for watched in getattr(self, "watched", ()):
            while watched.slot.waiting:
                _, packet = watched.slot.waiting.popleft()
                self._judge(watched, packet)

    @invariant()
    def little_is_said_unasked(self) -> None:
        if hasattr(self, "stage"):
            passed, self.looked_at = self.stage.now - self.looked_at, self.stage.now
            for client in self.stage.clients.values():
                assert len(client.control) < 40 + 100 * passed, "a storm of RTCP"
                client.control.clear()
            self.stage.events.clear()

    def _judge(self, watched: Watched, packet: Rtp) -> None:
        slot = watched.slot
        repaired = packet.ssrc == slot.rtx_ssrc
        seq, payload = packet.seq, packet.payload
        if repaired:
            seq, payload = struct.unpack_from("!H", payload)[0], payload[2:]
        origin = self.origins[payload[-5:]]
        assert watched.is_open, "a packet through a closed egress gate"
        assert origin.source is watched.route, "a packet of a source that is not routed here"
        assert origin.source.is_open, "a packet of a closed microphone or camera"
        assert origin.came_in == origin.source.opened, "a packet from before the gate was closed"
        assert watched.payloads.setdefault(seq, payload) == payload, "two packets under one number"
        assert packet.marker == origin.sent.packet.marker
        if repaired:
            assert packet.payload_type == 101
            return
        assert packet.payload_type == slot.payload_type
        self._in_order(watched, packet, origin)

    def _in_order(self, watched: Watched, packet: Rtp, origin: Origin) -> None:
        top, flow = watched.top, origin.flow
        video = watched.slot.kind is Kind.VIDEO
        picture = picture_of(packet) if video else None
        if top is not None:
            ahead = packet.seq - top.seq & 0xFFFF
            if ahead == 0 or ahead >= 0x8000:  # a late one, or one again
                return
            between = range(watched.top_number + 1, origin.number)
            gap = len(between) - len(flow.swallowed.union(flow.reached).intersection(between))
            ts_ahead = packet.ts - top.ts & 0xFFFFFFFF
            assert ts_ahead < 0x80000000, "a timestamp went back"
            if watched.top_flow is flow and origin.number > watched.top_number:
                assert ahead == 1 or ahead - 1 <= gap, "a gap that the network did not make"
            else:
                assert ahead == 1, "a gap at a change of source"
                assert picture is None or picture.key, "a new source does not begin with a key frame"
            if picture is not None:
                pid_ahead = picture.pid - watched.top_pid & (
                    0x7F if 7 in (picture.pid_bits, watched.top_pid_bits) else 0x7FFF
                )
                most = 40 + gap if watched.top_flow is flow else 1
                assert 0 <= pid_ahead <= most, "picture ids jump"
                allowed = {1} if picture.key else set[int]()
                sent_tl0 = picture_of(origin.sent.packet).tl0
                assert sent_tl0 is not None
                assert picture.tl0 is not None
                if watched.top_flow is flow:
                    allowed.add(sent_tl0 - watched.top_tl0[0] & 0xFF)
                assert picture.tl0 - watched.top_tl0[1] & 0xFF in allowed, "tl0picidx does not follow"
        else:
            assert picture is None or picture.key, "a slot does not begin with a key frame"
        watched.top, watched.top_number, watched.top_flow = packet, origin.number, flow
        if picture is not None:
            watched.top_pid, watched.top_pid_bits = picture.pid, picture.pid_bits
            watched.top_tl0 = picture_of(origin.sent.packet).tl0 or 0, picture.tl0 or 0


TestEngineMachine = EngineMachine.TestCase
# Each example is a long run: a third of what the profile asks for, and forty steps.
EXAMPLES = settings().max_examples // 3
TestEngineMachine.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, deadline=None)
