"""`python -m tests.conformance.capture chromium|firefox OUT`: what a browser really sends, in the clear.

Two pages of the browser meet through the media plane on this machine, one sends and one receives. A cipher that
notes what it deciphers stands in the engine; it also loses some packets, so that there is something to repair.
Sound and pictures are cut to their first bytes: headers, descriptors and what is asked for stay as they were.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

from aiohttp import web

from bench.chromium import chromium
from media.engine import rtp, vp8
from media.engine.core import EngineCore
from media.engine.interface import SrtpKeys
from media.engine.srtp import LibSrtp
from media.negotiation import VP8, VP8_RTX
from media.sdp import parse as parse_sdp
from protocol.values import Source
from tests.conformance.captures import EXTENSION_NAMES, Capture, Packet
from tests.media.browsing import Site

SECONDS = 2.6
LOSE_EACH = 9
SIMULCAST_S = 3.2
RECEIVER_S = 7.0
KEY_AT_S = 1.2
PROBES = 20
_DESCRIBED = ("dependency-descriptor", "generic-frame-descriptor")
"""Chromium leaves picture ids out of VP8 when these extensions were taken, so nobody takes them here either."""

_PREFERENCES = """
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""

_SIMULCAST = """<script>
const media = navigator.mediaDevices, get = media.getUserMedia.bind(media);
media.getUserMedia = (what) => get({ ...what, video: { width: 640, height: 360, frameRate: 10 } });
const add = RTCPeerConnection.prototype.addTransceiver;
RTCPeerConnection.prototype.addTransceiver = function (track, init) {
  const encodings = [
    { rid: "l", scaleResolutionDownBy: 2, maxBitrate: 100000 },
    { rid: "h", maxBitrate: 300000 },
  ];
  return add.call(this, track, track.kind === "video" ? { ...init, sendEncodings: encodings } : init);
};
</script>"""


@dataclass(slots=True)
class Record:
    """What one transport received."""

    began: float
    packets: list[Packet] = field(default_factory=list[Packet])
    video: int = 0


class Noting(LibSrtp):
    """The real cipher; it notes each packet that it deciphers, and loses some of them."""

    records: list[Record]
    video_types: dict[int, int | None]

    def __init__(self, keys: SrtpKeys) -> None:
        super().__init__(keys)
        self._record = Record(time.monotonic())
        self.records.append(self._record)
        self._sent = 0
        self._never = b""

    def unprotect(self, packet: bytes) -> bytes | None:
        plain = super().unprotect(packet)
        if plain is None:
            return None
        lost = False
        if plain[1] & 0x7F in self.video_types:
            self._record.video += 1
            lost = self._record.video % LOSE_EACH == 0
        self._note(plain, lost=lost)
        return None if lost else plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        plain = super().unprotect_rtcp(packet)
        if plain is not None:
            self._note(plain, lost=False)
        return plain

    def _note(self, plain: bytes, *, lost: bool) -> None:
        at = time.monotonic() - self._record.began
        self._record.packets.append(Packet(round(at, 3), plain, lost))

    def protect(self, packet: bytes) -> bytes | None:
        """Loses each so-manyth packet of a picture, and one for good, so that the receiver must ask for a key frame."""
        kind = packet[1] & 0x7F
        if kind == VP8:
            self._sent += 1
            if self._sent == 2 * LOSE_EACH:
                self._never = packet[2:4]
            if self._sent % LOSE_EACH == 0:
                return None
        if kind == VP8_RTX and self._never == rtp_payload(packet)[:2]:
            return None
        return super().protect(packet)


class CaptureSite(Site):
    """Answers so that the browser sends every header extension, and every layer, that it can."""

    def __init__(self, *, simulcast: bool) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.offers: list[str] = []
        self.video_types: dict[int, int | None] = {}
        """The payload type of pictures to that of their RTX."""
        self._head = _SIMULCAST if simulcast else ""
        noting = type("NotingHere", (Noting,), {"records": self.records, "video_types": self.video_types})
        self.engine._core = EngineCore(SystemRandom(), noting)
        self._answer = self.plane.publish
        self.plane.publish = self._publish

    def _publish(self, room: str, participant: str, sdp: str, sources: Mapping[str, Source]) -> str:
        self.offers.append(sdp)
        for section in parse_sdp(sdp).sections:
            codec = section.codec("vp8")
            if codec is not None:
                self.video_types[codec.payload_type] = section.repair_of(codec.payload_type)
        return _everything(sdp, self._answer(room, participant, sdp, sources))

    def ask_for_a_key_frame(self) -> None:
        """As a listener's PLI would."""
        core = self.engine._core
        now = time.monotonic()
        for transport in core._transports.values():
            for track in transport.tracks.values():
                lowest = track.lowest()
                if lowest is not None:
                    lowest.want_key(now)
                    core._arm(transport, transport.next_due())
        self.engine._flush(now)

    async def _page(self, request: web.Request) -> web.Response:
        page = await super()._page(request)
        return web.Response(
            text=(page.text or "").replace("<script>", f"{self._head}<script>", 1), content_type="text/html"
        )


def _sections(text: str) -> list[list[str]]:
    return [("m=" + part).strip().split("\r\n") for part in text.split("\r\nm=")[1:]]


def _everything(offer: str, answer: str) -> str:
    """The answer, with all extensions and layers that were offered."""
    offered = {
        next((line for line in section if line.startswith("a=mid:")), ""): section for section in _sections(offer)
    }
    lines = answer.partition("\r\nm=")[0].split("\r\n")
    for section in _sections(answer):
        lines += section
        mid = next((line for line in section if line.startswith("a=mid:")), "")
        if section[0].split(" ")[1] == "0":
            continue
        for line in offered[mid]:
            layers = re.match(r"a=(rid:\S+|simulcast:) ?send(.*)", line)
            if line.startswith("a=extmap:"):
                uri = line.split(" ")[1]
                taken = any(uri in each for each in section) or any(each in uri for each in _DESCRIBED)
                if not taken and "/recvonly" not in line:
                    lines.append(line.replace("/sendonly", "/recvonly"))
            elif layers and "a=simulcast" not in "".join(section):
                lines.append(line.replace("send", "recv"))
    return "\r\n".join(lines) + "\r\n"


@asynccontextmanager
async def firefox(url: str) -> AsyncGenerator[None]:
    """Firefox with a fresh profile, at that page."""
    with tempfile.TemporaryDirectory() as profile:
        (Path(profile) / "user.js").write_text(_PREFERENCES)
        process = await asyncio.create_subprocess_exec(
            os.environ.get("FIREFOX", "firefox-esr"),
            *("--headless", "--no-remote", "--profile", profile, url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def record(browser: str, *, simulcast: bool) -> CaptureSite:
    """Runs one sender and one receiver until both have been up for a while."""
    site = CaptureSite(simulcast=simulcast)
    await site.start()
    room = f"http://127.0.0.1:{site.port}/?room=room"
    sender, receiver = f"{room}&me=sender", f"{room}&me=receiver&listen"
    try:
        if browser == "chromium":
            async with chromium() as running:
                for url in (sender, receiver):
                    await (await (await running.new_context()).new_page()).goto(url)
                await _enough(site, simulcast=simulcast)
        else:
            async with firefox(receiver), firefox(sender):
                await _enough(site, simulcast=simulcast)
    finally:
        await site.stop()
    return site


async def _enough(site: CaptureSite, *, simulcast: bool) -> None:
    longest, listened = (SIMULCAST_S, 0.0) if simulcast else (SECONDS, RECEIVER_S)
    asked = False
    async with asyncio.timeout(60):
        while not _long(site.records, longest, sends=True) or not _long(site.records, listened, sends=False):
            await asyncio.sleep(0.1)
            if simulcast and not asked and _long(site.records, KEY_AT_S, sends=True):
                asked = True
                site.ask_for_a_key_frame()


def _long(records: list[Record], seconds: float, *, sends: bool) -> bool:
    return any(each.packets[-1].at >= seconds for each in records if each.packets and (each.video > 0) == sends)


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


def cut(plain: bytes, video: int | None, rtx: int | None) -> bytes:
    """The packet with its payload cut to what an engine reads: the descriptor, a byte, and two that tell it apart."""
    if 192 <= plain[1] <= 223:
        return plain
    packet = rtp.parse(plain)
    if packet is None:
        return plain
    end = len(plain) - (plain[-1] if plain[0] & 0x20 else 0)
    start = end - len(packet.payload)
    padding = b"\0\0\0\x04" if plain[0] & 0x20 else b""
    if not packet.payload:
        return plain[:start] + padding
    kept, mark = 1, plain[2:4]
    if packet.payload_type in (video, rtx):
        skip = 2 if packet.payload_type == rtx else 0
        mark = packet.payload[:2] if skip else mark  # RTX repeats what went under another number
        head = vp8.parse_head(packet.payload[skip:])
        kept += skip + (head.size if head is not None else 0)
    return plain[:start] + packet.payload[:kept] + mark + padding


def shape(site: CaptureSite, record: Record, keep: Callable[[Packet, int], bool], title: str) -> Capture:
    """A record as a capture, of the packets that `keep` wants, by packet and SSRC."""
    sections = parse_sdp(site.offers[0]).sections
    capture = Capture(title)
    video = rtx = None
    for section in sections:
        for uri, number in section.extensions.items():
            if uri in EXTENSION_NAMES:
                capture.extensions[EXTENSION_NAMES[uri]] = number
        codec = section.codec("opus" if section.kind == "audio" else "vp8")
        assert codec is not None
        repair = section.repair_of(codec.payload_type) if section.kind == "video" else None
        if section.kind == "video":
            video, rtx = codec.payload_type, repair
        rids = re.findall(r"a=rid:(\S+) send", "\n".join(_sections(site.offers[0])[sections.index(section)]))
        capture.tracks[section.mid] = (section.kind, codec.payload_type, repair, tuple(rids))
    kept: list[Packet] = []
    probes = 0
    lost = {packet.data[2:4] for packet in record.packets if packet.lost}
    for packet in record.packets:
        payload = b"" if 192 <= packet.data[1] <= 223 else rtp_payload(packet.data)
        probe = packet.data[1] & 0x7F == rtx and payload[:2] not in lost
        probes += probe
        if keep(packet, _ssrc(packet.data)) and (not probe or probes <= PROBES):
            kept.append(packet)
    began = kept[0].at
    capture.packets = [Packet(round(p.at - began, 3), cut(p.data, video, rtx), p.lost) for p in kept]
    return capture


def rtp_payload(plain: bytes) -> bytes:
    """The payload of an RTP packet, without its padding."""
    packet = rtp.parse(plain)
    return packet.payload if packet is not None else b""


def _ssrc(plain: bytes) -> int:
    at = 4 if 192 <= plain[1] <= 223 else 8
    return int.from_bytes(plain[at : at + 4], "big")


def captures(site: CaptureSite, browser: str, version: str, *, simulcast: bool) -> dict[str, Capture]:
    """Name to capture."""
    sender = max((each for each in site.records if each.video), key=lambda each: len(each.packets))
    audio = {_ssrc(p.data) for p in sender.packets if _is_audio(site, p.data)}
    made: dict[str, Capture] = {}
    if simulcast:
        made[f"{browser}-simulcast"] = shape(
            site,
            sender,
            lambda packet, ssrc: ssrc not in audio and packet.at < SIMULCAST_S,
            f"{version}: one camera in two layers",
        )
        return made
    made[f"{browser}-camera"] = shape(
        site,
        sender,
        lambda packet, ssrc: ssrc not in audio and packet.at < SECONDS,
        f"{version}: one camera, 320x180, each {LOSE_EACH}th packet lost on the way",
    )
    made[f"{browser}-microphone"] = shape(
        site,
        sender,
        lambda packet, ssrc: ssrc in audio and packet.at < 1.6,
        f"{version}: one microphone",
    )
    receiver = max((each for each in site.records if not each.video), key=lambda each: len(each.packets))
    made[f"{browser}-receiver"] = shape(
        site,
        receiver,
        lambda packet, _: packet.at < RECEIVER_S,
        f"{version}: what a receiver says, to which each {LOSE_EACH}th packet is lost",
    )
    return made


def _is_audio(site: CaptureSite, plain: bytes) -> bool:
    kind = plain[1] & 0x7F
    return not 192 <= plain[1] <= 223 and kind not in site.video_types and kind not in site.video_types.values()


async def main() -> None:
    """Writes the captures."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.capture", description=__doc__)
    parser.add_argument("browser", choices=("chromium", "firefox"))
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent / "captures")
    parser.add_argument("--simulcast", action="store_true", help="two layers instead of one")
    given = parser.parse_args()
    program = (
        os.environ.get("CHROMIUM", "chromium")
        if given.browser == "chromium"
        else os.environ.get("FIREFOX", "firefox-esr")
    )
    asking = await asyncio.create_subprocess_exec(program, "--version", stdout=subprocess.PIPE)
    told, _ = await asking.communicate()
    version = re.sub(r"(\w+ \w*? ?\d+)\..*", r"\1", told.decode().strip())
    site = await record(given.browser, simulcast=given.simulcast)
    given.out.mkdir(parents=True, exist_ok=True)
    kind = "simulcast" if given.simulcast else "camera"
    (given.out / f"{given.browser}-{kind}.sdp").write_text(site.offers[0], newline="")
    for name, capture in captures(site, given.browser, version, simulcast=given.simulcast).items():
        path = given.out / f"{name}.txt"
        path.write_text(capture.write())
        print(f"{path}: {len(capture.packets)} packets, {path.stat().st_size} bytes")


if __name__ == "__main__":
    asyncio.run(main())
