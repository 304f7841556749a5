from __future__ import annotations

import pytest

from bench.descriptions import AUDIO_MID, VIDEO_MID, End, publish_offer, read_remote, subscribe_answer
from media.dtls import Fingerprint
from media.engine.interface import Candidate, Kind
from media.negotiation import (
    Local,
    OfferedSlot,
    read_publish_offer,
    read_subscribe_answer,
    write_publish_answer,
    write_subscribe_offer,
)
from protocol.values import Source

DIGEST = ":".join(["AB"] * 32)
CLIENT = End("abcd1234", "0123456789abcdef01234567", f"sha-256 {DIGEST}")
SERVER = Local("ufrag1", "pwd0123456789abcdef012345", Fingerprint("sha-256", DIGEST), [Candidate("127.0.0.1", 9)], 1)


def test_the_server_takes_a_light_clients_publish_offer() -> None:
    offer = read_publish_offer(publish_offer(CLIENT, 11, 22), {AUDIO_MID: Source.MICROPHONE, VIDEO_MID: Source.CAMERA})
    assert offer.ufrag == CLIENT.ufrag
    assert [(track.source, track.ssrcs, track.sending) for track in offer.tracks] == [
        (Source.MICROPHONE, (11,), True),
        (Source.CAMERA, (22,), True),
    ]
    assert (offer.extensions.mid, offer.extensions.audio_level, offer.extensions.transport_cc) == (1, 2, 3)


def test_a_light_client_finds_the_servers_end_in_its_answer() -> None:
    offer = read_publish_offer(publish_offer(CLIENT, 11, 22), {AUDIO_MID: Source.MICROPHONE, VIDEO_MID: Source.CAMERA})
    remote = read_remote(write_publish_answer(offer, SERVER, 1))
    assert (remote.ufrag, remote.pwd, remote.host, remote.port) == (SERVER.ufrag, SERVER.pwd, "127.0.0.1", 9)


def test_a_light_client_receives_exactly_what_is_offered() -> None:
    slots = [
        OfferedSlot("a0", Kind.AUDIO, active=True, ssrc=1, rtx_ssrc=None, stream="seat0"),
        OfferedSlot("v0", Kind.VIDEO, active=False, ssrc=2, rtx_ssrc=3, stream="seat0"),
    ]
    answer = subscribe_answer(CLIENT, write_subscribe_offer(slots, SERVER, 1))
    fingerprint, receiving = read_subscribe_answer(answer)
    assert fingerprint == Fingerprint("sha-256", DIGEST)
    assert receiving == {"a0"}


def test_a_description_without_a_candidate_is_an_error() -> None:
    with pytest.raises(ValueError, match="candidate"):
        read_remote("v=0\r\n")
