"""Scripted pages around the real plane, the real engine and its shell, under virtual time and with seeded chance.

Only sockets, encryption and handshakes are missing, so a run can be compared with another, byte by byte.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, Final, Literal, TypeVar, cast
from unittest.mock import patch

from media.dtls import Certificate
from media.engine.core import EngineCore
from media.engine.interface import Candidate, TransportId
from media.engine.rtp import build as build_rtp
from media.engine.rtp import extension_block
from media.engine.transport import Path
from media.plane import MediaPlane
from media.sdp import parse
from media.shell import SocketEngine
from media.whisper import WHISPER_MID
from protocol.errors import Refused
from protocol.messages import LayersWanted, PicturesResting, SubscribeOffer
from protocol.values import Source
from tests.media.engine.layers import IDS, Simulcast
from tests.media.engine.world import AUDIO, KEYS, OPUS, Client, NullCipher, World
from tests.media.offers import CHROMIUM_OFFER, CHROMIUM_SIMULCAST, answer_to
from tests.simulation.loop import VirtualLoop

ROOMS: Final = ("room", "other")
BEAT_S: Final = 2.5
SOUND_S: Final = 0.06
MONITORS_SOUND_S: Final = 0.043
"""So that it comes before and after each other's."""
PICTURE_S: Final = 0.1
LOUDEST: Final = 2
LEVEL: Final = 2
_PAGES: Final = 1_000
"""Ports of one page."""
_MONITORS: Final = 50_000
_CERTIFICATE: Final = Certificate()

Answers = Literal["good", "rubbish", "none"]
Link = TypeVar("Link", bound=Client)


def _numbered(offer: str) -> str:
    """With the numbers of header extensions that the scripted publisher uses."""
    uris = {"mid": IDS.mid, "ssrc-audio-level": LEVEL, "abs-send-time": 12}
    uris |= {"sdes:rtp-stream-id": IDS.rid, "repaired-rtp-stream-id": IDS.repaired_rid}
    for name, number in uris.items():
        offer = re.sub(rf"a=extmap:\d+ (\S*[:/]{name})\r", rf"a=extmap:{number} \1\r", offer)
    return offer


_HEAD, _SOUND, _PICTURE = re.split("(?=m=audio|m=video)", _numbered(CHROMIUM_SIMULCAST))
_SCREEN = re.split("(?=m=video)", _numbered(CHROMIUM_OFFER))[1].replace("mid:1", "mid:2").replace("100", "300")
CAMERA_OFFER: Final = _HEAD + _SOUND + _PICTURE
SCREEN_OFFER: Final = _HEAD.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + _SOUND + _PICTURE + _SCREEN
VOICE_OFFER: Final = _HEAD.replace("BUNDLE 0 1", "BUNDLE 0") + _SOUND
CAMERA_SOURCES: Final[Mapping[str, Source]] = {"0": Source.MICROPHONE, "1": Source.CAMERA}
SCREEN_SOURCES: Final[Mapping[str, Source]] = {**CAMERA_SOURCES, "2": Source.SCREEN}


class VirtualEngine(SocketEngine):
    """Sends to, and hears from, scripted pages."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._core = EngineCore(Random(seed), NullCipher)

    def start(self, wake: Callable[[], None]) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), wake
        self._candidates = (Candidate("192.0.2.1", 8_081),)
        self._sockets = [cast("Any", None)]
        self._streams = cast("Any", SimpleNamespace())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wake = self._timer = self._streams = None

    def arrive(self, data: bytes, path: Path) -> None:
        """A datagram comes in: after what was due by then, whichever is looked at first."""
        now = asyncio.get_running_loop().time()
        if self._timer is not None and self._timer_at <= now:
            self._flush(now)
        self._receive(data, path, now, now)
        self._flush(now)


class _Bench:
    """What scripted clients of the engine's own tests take for their world; their transport is there already."""

    def __init__(self, stage: Stage, handle: TransportId) -> None:
        self.core = SimpleNamespace(
            add_transport=lambda *_, **__: handle, set_ext_ids=lambda *_: None, add_ingress=lambda _: None
        )
        self.clients = stage.clients
        self._engine = stage.engine

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def deliver(self, data: bytes, path: Path, _arrival: float | None = None) -> None:
        self._engine.arrive(data, path)


class Uplink(Simulcast):
    """A microphone and a camera in two layers."""

    def __init__(self, bench: _Bench, port: int) -> None:
        super().__init__(cast("World", bench), port, rids=("q", "f"))
        self.sounds = 0

    def sound(self, level: int) -> None:
        self.sounds += 1
        elements = [(IDS.mid, AUDIO.encode()), (LEVEL, bytes((level,)))]
        self.send(build_rtp(OPUS, False, self.sounds, self.sounds * 960, 77, extension_block(elements), b"opus" * 9))


class Downlink(Client):
    """What a page receives, and what it says of it."""

    def __init__(self, bench: _Bench, port: int) -> None:
        super().__init__(cast("World", bench), port)
        self.ssrcs: tuple[int, ...] = ()
        """Of all its slots but that of whispers."""
        self.whisper: tuple[int, ...] = ()

    def feedback_on(self, kind: int, form: int, more: bytes = b"") -> None:
        for ssrc in self.ssrcs:
            words = 2 + len(more) // 4
            self.send(struct.pack("!BBHII", 0x80 | form, kind, words, 77, ssrc) + more)

    def nack(self) -> None:
        """Of each slot, the last packet and one of long ago; and of what never was."""
        for ssrc in self.ssrcs:
            numbers = [packet.sequence for packet in self.of(ssrc)]
            for lost in {*numbers[-1:], *numbers[-40:-39], 1}:
                self.send(struct.pack("!BBHIIHH", 0x81, 205, 3, 77, ssrc, lost, 3))

    def report(self, share: float) -> None:
        """A receiver report, in one piece, of each slot that something came by, as if that share of it was lost.

        Of a whisper almost all is lost.
        """
        blocks: list[bytes] = []
        for ssrc in (*self.ssrcs, *self.whisper):
            numbers = [packet.sequence for packet in self.of(ssrc)]
            if numbers:
                fraction = round(255 * (0.95 if ssrc in self.whisper else share)) << 24
                blocks.append(struct.pack("!IIIIII", ssrc, fraction, 0x10000 + numbers[-1], 0, 0, 0))
        if blocks:
            self.send(struct.pack("!BBHI", 0x80 | len(blocks), 201, 1 + 6 * len(blocks), 77) + b"".join(blocks))


class Page:
    """One page, of somebody in a room or of a monitor; all its chance is its own."""

    def __init__(self, stage: Stage, name: str, number: int) -> None:
        self.stage, self.name = stage, name
        self._chance = Random(name)
        self._ports = count(_PAGES * number)
        self._offered = count(1)
        self.here = False
        self.awake = True
        self.loud = False
        self.loses = False
        self.answers: Answers = "good"
        self.up: Uplink | None = None
        self.down: Downlink | None = None
        self._beats = 0

    # ── life ──────────────────────────────────────────────────────────────────────────────────

    def arrive(self) -> None:
        """It sends from now on what a page sends unasked."""
        self.here, self.awake, self.answers = True, True, "good"
        self._beats += 1
        sound_s = SOUND_S if self.name in self.stage.pages else MONITORS_SOUND_S
        for tick, period in ((self._beat, BEAT_S), (self._sound, sound_s), (self._picture, PICTURE_S)):
            self._later(tick, period * self._chance.random(), period, self._beats)

    def depart(self) -> None:
        self.here, self.up, self.down = False, None, None

    def _later(self, tick: Callable[[], None], delay: float, period: float, beats: int) -> None:
        asyncio.get_running_loop().call_later(delay, self._tick, tick, period, beats)

    def _tick(self, tick: Callable[[], None], period: float, beats: int) -> None:
        if self.here and beats == self._beats:
            if self.awake:
                tick()
            self._later(tick, period, period, beats)

    def _beat(self) -> None:
        for link in (self.up, self.down):
            if link is not None:
                link.check()
        if self.down is not None and self.down.media:
            self.down.report(0.0)
        if self.up is not None:
            self.up.reports()

    def _sound(self) -> None:
        if self.up is not None:
            self.up.sound(15 + self._chance.randrange(9) if self.loud else 90)

    def _picture(self) -> None:
        if self.up is not None:
            self.up.lose = lambda _: self.loses and self._chance.random() < 0.1
            self.up.capture()

    # ── connections ───────────────────────────────────────────────────────────────────────────

    def offer(self, text: str) -> str:
        """The next publish offer: of another connection each time."""
        return text.replace("qJbS", f"{self.name}{next(self._offered):03}")

    def published(self, answer: str) -> None:
        bench = self._bench(answer)
        if bench is not None:
            self.up = self._connect(answer, Uplink(bench, next(self._ports)))

    def take_offer(self, offer: SubscribeOffer, answer: Callable[[int, str], None]) -> None:
        """Answers it, or does not."""
        if not self.here or not self.awake or self.answers == "none":
            return
        if self.answers == "rubbish":
            self.answers = "good"
            try:
                answer(offer.version, "rubbish")
            except Refused:
                return
        answer(offer.version, answer_to(offer.sdp))
        bench = self._bench(offer.sdp)
        if bench is None:
            return
        if self.down is None or self.down.handle != bench.core.add_transport():
            self.down = self._connect(offer.sdp, Downlink(bench, next(self._ports)))
        sections = parse(offer.sdp).sections
        ssrcs = {section.mid: next(iter(section.ssrcs)) for section in sections}
        self.down.whisper = tuple(ssrc for mid, ssrc in ssrcs.items() if mid == WHISPER_MID)
        self.down.ssrcs = tuple(ssrc for mid, ssrc in ssrcs.items() if mid != WHISPER_MID)

    def _bench(self, description: str) -> _Bench | None:
        handle = self.stage.handle_of(parse(description).sections[0].ufrag)
        return None if handle is None else _Bench(self.stage, handle)

    def _connect(self, description: str, link: Link) -> Link:
        section = parse(description).sections[0]
        link.ufrag, link.pwd = section.ufrag, section.pwd
        link.check()
        self.stage.shake_hands(link.handle)
        return link


class Stage:
    """People in two rooms, and a monitor."""

    def __init__(self) -> None:
        self.engine = VirtualEngine(5)
        self.clients: dict[Path, Client] = {}
        self.others: list[tuple[float, str, Any]] = []
        """All that anyone but the monitor gets or is told of, in its order; a whisper aside."""
        self.whispered: list[bytes] = []
        self.late = True
        """What leaves on a monitor's account left after everything else, each time."""
        self._whispers: set[int] = set()
        self.pages = {who: Page(self, who, 10 + place) for place, who in enumerate(("ann", "ben", "mel", "cy"))}
        self.monitor = Page(self, "theo", _MONITORS // _PAGES)
        self.failed: list[str] = []
        self.plane = MediaPlane(
            self.engine,
            on_offer=self._offered,
            on_speakers=lambda room, who: self.note("speakers", room, who),
            on_talk=lambda room, times: self.note("talk", room, dict(times)),
            on_pictures=self._pictures,
            on_failed=self._failed,
            chance=Random(1),
            monitors_chance=Random(2),
        )
        poll = self.engine._core.poll

        def polled(now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
            datagrams, due = poll(now)
            apart = [self._is_apart(data, path) for data, path in datagrams]
            self.late = self.late and apart == sorted(apart)
            return datagrams, due

        self.engine._core.poll = polled  # type: ignore[method-assign]

    def note(self, what: str, *about: Any) -> None:
        self.others.append((asyncio.get_running_loop().time(), what, about))

    def _is_apart(self, data: bytes, path: Path) -> bool:
        return path.port >= _MONITORS or self._is_whisper(data)

    def _is_whisper(self, data: bytes) -> bool:
        at = 4 if 192 <= data[1] <= 223 else 8
        return data[0] >= 128 and int.from_bytes(data[at : at + 4], "big") in self._whispers

    def sent(self, _socket: Any, data: bytes, path: Path) -> None:
        """In place of `udp.send`."""
        if self._is_whisper(data):
            self.whispered.append(data)
        elif path.port < _MONITORS:
            self.note("datagram", path, data)
        client = self.clients.get(path)
        if client is not None:
            client.take(data)

    def handle_of(self, ufrag: str) -> TransportId | None:
        transports = self.engine._core._transports.values()
        return next((transport.id for transport in transports if transport.ufrag == ufrag), None)

    def shake_hands(self, handle: TransportId) -> None:
        for connections in (self.plane._connections, self.plane._monitors.connections):
            standing = connections._standing.get(handle)
            if standing is not None and not standing.connection.up:
                standing.connection._keys(KEYS)

    # ── what the plane says ───────────────────────────────────────────────────────────────────

    def _offered(self, room: str, who: str, offer: SubscribeOffer) -> None:
        self.note("offer", room, who, offer)
        for section in parse(offer.sdp).sections:
            if section.mid == WHISPER_MID:
                self._whispers |= set(section.ssrcs)
        self.pages[who].take_offer(offer, lambda version, sdp: self.plane.answer(room, who, version, sdp))

    def _pictures(self, room: str, who: str, frame: LayersWanted | PicturesResting) -> None:
        self.note("pictures", room, who, frame)
        up = self.pages[who].up
        if isinstance(frame, LayersWanted) and up is not None:
            up.active = set(frame.rids)

    def _failed(self, room: str, who: str, end: str) -> None:
        self.note("failed", room, who, end)
        if end == "publish":
            self.pages[who].up = None

    # ── what people do ────────────────────────────────────────────────────────────────────────

    def join(self, room: str, who: str) -> None:
        page = self.pages[who]
        if not page.here:
            page.arrive()
            self.plane.add_peer(room, who, mentor=who == "mel")
            self.publish(room, who, CAMERA_OFFER, CAMERA_SOURCES)

    def publish(self, room: str, who: str, offer: str, sources: Mapping[str, Source]) -> None:
        page = self.pages[who]
        if page.here:
            page.published(self.plane.publish(room, who, page.offer(offer), sources))

    def send_layers(self, who: str, rids: Sequence[str]) -> None:
        """Only these, until it is told otherwise."""
        up = self.pages[who].up
        if up is not None:
            up.active = set(rids)

    def leave(self, room: str, who: str) -> None:
        self.pages[who].depart()
        self.plane.remove_peer(room, who)

    # ── what the monitor does ─────────────────────────────────────────────────────────────────

    def add_monitor(self) -> None:
        self.monitor.arrive()
        self.plane.add_monitor("theo", self._offered_to_monitor, self.failed.append)

    def _offered_to_monitor(self, offer: SubscribeOffer) -> None:
        self.monitor.take_offer(offer, lambda version, sdp: self.plane.answer_monitor("theo", version, sdp))

    def speak_up(self) -> None:
        answer = self.plane.publish_monitor("theo", self.monitor.offer(VOICE_OFFER), {"0": Source.MICROPHONE})
        self.monitor.published(answer)


def play(script: Callable[[Stage], Sequence[tuple[Callable[[], None], float]]]) -> Stage:
    """Plays steps, each with the time until the next one."""
    loop = VirtualLoop()
    clock = SimpleNamespace(monotonic=loop.time, time=loop.time)
    with patch("media.plane.Certificate", lambda: _CERTIFICATE), patch("media.dtls.HANDSHAKE_TIMEOUT_S", 1e6):
        stage = Stage()

        async def run() -> None:
            await stage.plane.start()
            for step, seconds in script(stage):
                step()
                stage.note("stats", stage.plane.stats())
                await asyncio.sleep(seconds)
            await stage.plane.close()
            for page in (*stage.pages.values(), stage.monitor):
                page.depart()

        sockets = patch("media.shell.time", clock), patch("media.udp.send", stage.sent)
        with sockets[0], sockets[1], patch("media.publication.LOUDEST", LOUDEST):
            loop.run(run())
    assert not loop.complaints
    assert stage.others
    return stage
