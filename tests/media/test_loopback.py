"""Two aiortc clients through the whole plane: our descriptions, ICE, DTLS, SRTP and forwarding, without a browser."""

from __future__ import annotations

import asyncio
import fractions

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from media.plane import MediaPlane
from media.shell import SocketEngine
from protocol.messages import SubscribeOffer
from protocol.values import Source


class Picture(MediaStreamTrack):
    """A grey picture ten times a second."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(0.1)
        frame = av.VideoFrame(320, 180, "yuv420p")
        frame.pts, frame.time_base = self._number * 9_000, fractions.Fraction(1, 90_000)
        self._number += 1
        return frame


async def test_one_client_sees_and_hears_another() -> None:
    offers: asyncio.Queue[SubscribeOffer] = asyncio.Queue()
    plane = MediaPlane(
        SocketEngine(),
        on_offer=lambda _room, who, offer: offers.put_nowait(offer) if who == "ben" else None,
        on_speakers=lambda _room, _who: None,
    )
    await plane.start()
    for source in Source:
        plane.set_gate("room", "ann", source, True)
    plane.add_peer("room", "ann")

    sender = RTCPeerConnection()
    sender.addTransceiver(AudioStreamTrack(), "sendonly")
    sender.addTransceiver(Picture(), "sendonly")
    await sender.setLocalDescription(await sender.createOffer())
    sources = {
        str(transceiver.mid): Source.MICROPHONE if transceiver.kind == "audio" else Source.CAMERA
        for transceiver in sender.getTransceivers()
    }
    answer = plane.publish("room", "ann", sender.localDescription.sdp, sources)
    await sender.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    plane.add_peer("room", "ben")
    receiver = RTCPeerConnection()
    tracks: dict[str, MediaStreamTrack] = {}
    receiver.on("track", lambda track: tracks.setdefault(track.kind, track))
    offer = await offers.get()
    assert {track.source for track in offer.tracks} == {Source.MICROPHONE, Source.CAMERA}
    await receiver.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    await receiver.setLocalDescription(await receiver.createAnswer())
    plane.answer("room", "ben", offer.version, receiver.localDescription.sdp)

    async with asyncio.timeout(20):
        picture = await tracks["video"].recv()
        sound = await tracks["audio"].recv()
    assert isinstance(picture, av.VideoFrame)
    assert (picture.width, picture.height) == (320, 180)
    assert isinstance(sound, av.AudioFrame)
    assert sound.sample_rate == 48_000
    stats = plane.stats()
    assert (stats.handshakes_ok, stats.handshakes_failed) == (2, 0)
    assert stats.dropped_srtp_failed == 0

    await receiver.close()
    await sender.close()
    await plane.close()
