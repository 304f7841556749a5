"""A bot's two peer connections, by aiortc.

Private name used of aiortc (pinned exactly): `RTCRtpReceiver._handle_rtp_packet`, each receiver's door. Standing in
it, the bot counts packets per track, and lets the receiver decode only until its first frame: that one proves that
the sound or picture is whole, and all further decoding would cost much and prove nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, Protocol, cast

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.contrib.media import MediaPlayer
from aiortc.mediastreams import MediaStreamError
from av.error import FFmpegError

from protocol.messages import SubscribeOffer
from protocol.values import IceServer, Mid, Source, TrackInfo
from server.bot.report import BotFault, BotReport
from server.bot.synthetic import Picture, Tone

_RTX: Final = re.compile(r"^a=rtpmap:(\d+) rtx/", re.MULTILINE)
_CANDIDATES: Final = re.compile(r"^a=(?:candidate:|end-of-candidates).*\n", re.MULTILINE)
_SOURCES: Final = {"audio": Source.MICROPHONE, "video": Source.CAMERA}


class _Packet(Protocol):
    """What is read of aiortc's RtpPacket."""

    payload_type: int
    sequence_number: int
    payload: bytes


def tracks_to_publish(publish: str) -> list[MediaStreamTrack]:
    """What to send: `synthetic`, `none`, or the tracks of a media file, which starts again at its end.

    Raises:
        BotFault: bad_media.
    """
    match publish:
        case "none":
            return []
        case "synthetic":
            return [Tone(), Picture()]
        case path:
            try:
                player = MediaPlayer(path, loop=True)
            except (FFmpegError, OSError) as error:
                raise BotFault("bad_media", f"{path} cannot be played: {error}") from None
            tracks = [track for track in (player.audio, player.video) if track is not None]
            if not tracks:
                raise BotFault("bad_media", f"{path} has neither sound nor picture.")
            return tracks


class Publishing:
    """The publish connection: the bot offers, the server answers."""

    def __init__(self, tracks: list[MediaStreamTrack], ice_servers: tuple[IceServer, ...]) -> None:
        self._connection = _connection(ice_servers)
        self._tracks = tracks
        self._transceivers = [self._connection.addTransceiver(track, direction="sendonly") for track in tracks]

    @property
    def connected(self) -> bool:
        """Whether packets can flow."""
        return self._connection.connectionState == "connected"

    async def offer(self) -> tuple[str, dict[Mid, Source]]:
        """The offer, and what each m-section carries."""
        await self._connection.setLocalDescription()
        sources = {cast("str", each.mid): _SOURCES[each.kind] for each in self._transceivers}
        return self._connection.localDescription.sdp, sources

    async def take_answer(self, sdp: str) -> None:
        """Takes the server's answer; connects in the background.

        Raises:
            BotFault: media_failed, it cannot be understood.
        """
        await _set_remote(self._connection, "answer", sdp)

    async def close(self) -> None:
        """Ends connection and tracks."""
        await self._connection.close()
        for track in self._tracks:
            track.stop()


class Subscribing:
    """The subscribe connection: the server offers, the bot answers; a fresh offer begins a new connection."""

    def __init__(self, report: BotReport, ice_servers: tuple[IceServer, ...], elapsed_ms: Callable[[], float]) -> None:
        self._report = report
        self._ice_servers = ice_servers
        self._elapsed_ms = elapsed_ms
        self._connection: RTCPeerConnection | None = None
        self._began_at = 0.0
        self._carried: dict[str, TrackInfo] = {}
        self._resent: frozenset[int] = frozenset()
        self._listeners: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether packets can flow."""
        return self._connection is not None and self._connection.connectionState == "connected"

    def failed(self, within_s: float) -> bool:
        """Whether the connection that there is does not stand, `within_s` and more after its offer."""
        return self._connection is not None and not self.connected and monotonic() - self._began_at >= within_s

    async def answer(self, offer: SubscribeOffer) -> str:
        """The answer to an offer.

        Raises:
            BotFault: media_failed, it cannot be understood.
        """
        connection = self._connection
        if offer.fresh or connection is None:
            await self.close()
            connection = _connection(self._ice_servers)
            connection.on("track", self._heard_of)
            self._connection, self._began_at = connection, monotonic()
        self._carried = {track.mid: track for track in offer.tracks}
        self._resent = frozenset(int(found) for found in _RTX.findall(offer.sdp))
        await _set_remote(connection, "offer", _with_candidates_everywhere(offer.sdp))
        await connection.setLocalDescription()
        return connection.localDescription.sdp

    async def close(self) -> None:
        """Ends the connection."""
        for listener in self._listeners:
            listener.cancel()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _heard_of(self, track: MediaStreamTrack) -> None:
        connection = self._connection
        if connection is None:
            return
        transceiver = next(each for each in connection.getTransceivers() if each.receiver.track is track)
        proven = asyncio.Event()
        self._stand_in_the_door(transceiver, proven)
        listener = asyncio.ensure_future(self._wait_for_frame(track, proven))
        self._listeners.add(listener)
        listener.add_done_callback(self._listeners.discard)

    async def _wait_for_frame(self, track: MediaStreamTrack, proven: asyncio.Event) -> None:
        with contextlib.suppress(MediaStreamError):
            await track.recv()
            proven.set()
            self._report.first_frame(track.kind, self._elapsed_ms)

    def _stand_in_the_door(self, transceiver: RTCRtpTransceiver, proven: asyncio.Event) -> None:
        receiver: Any = transceiver.receiver
        go_on = receiver._handle_rtp_packet  # noqa: SLF001

        async def handle(packet: _Packet, arrival_time_ms: int) -> None:
            self._count(transceiver, packet)
            if not proven.is_set():
                await go_on(packet, arrival_time_ms=arrival_time_ms)

        receiver._handle_rtp_packet = handle  # noqa: SLF001

    def _count(self, transceiver: RTCRtpTransceiver, packet: _Packet) -> None:
        carried = self._carried.get(transceiver.mid or "")
        if carried is None:
            return
        received = self._report.received(carried.participant_id, carried.source)
        received.heard(monotonic())
        stream = received.stream(transceiver)
        if packet.payload_type in self._resent and len(packet.payload) >= 2:
            stream.add_again(int.from_bytes(packet.payload[:2]), len(packet.payload) - 2)
        else:
            stream.add(packet.sequence_number, len(packet.payload))


def _connection(ice_servers: tuple[IceServer, ...]) -> RTCPeerConnection:
    servers = [RTCIceServer(list(each.urls), each.username or None, each.credential or None) for each in ice_servers]
    # An explicit list, also when it is empty: without one aiortc asks a public STUN server.
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def _with_candidates_everywhere(sdp: str) -> str:
    """The offer with the candidates of its first section in each one.

    aiortc takes those of the last section that shares a transport, also when it has none, and then waits for some for
    ever. That befalls an offer with several sections of one kind: that to whoever comes when two others are there.
    """
    session, *sections = re.split(r"(?m)^(?=m=)", sdp)
    candidates = "".join(_CANDIDATES.findall(sections[0])) if sections else ""
    return session + "".join(_CANDIDATES.sub("", section) + candidates for section in sections)


async def _set_remote(connection: RTCPeerConnection, kind: str, sdp: str) -> None:
    try:
        await connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
    except Exception as error:
        # aiortc's parser answers what it cannot read with AssertionError, KeyError and others.
        raise BotFault(
            "media_failed", f"The server's session description cannot be used ({type(error).__name__}: {error})."
        ) from error
