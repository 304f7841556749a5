from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.client import ClientFailed
from protocol.errors import ErrorCode
from protocol.ids import RequestId
from protocol.messages import PresenceChanged, PublishOffer, Rejected, Resume, Resumed, SubscribeAnswer
from protocol.values import Source
from tests.bad_days.running import Place, place

MEGABYTE = 1_048_576


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path) as there, there.node():
        for person in there.people:
            await person.sign_in()
            await person.come_in()
        yield there


@pytest.mark.parametrize(
    "sdp", ["hello", "v=0\r\n", "v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 50, "v=0\r\n" + "x" * 30_000]
)
async def test_nonsense_as_sdp_is_refused_and_the_room_and_the_next_offer_do_not_mind(there: Place, sdp: str) -> None:
    ellie, marcus, _ = there.people
    with pytest.raises(ClientFailed) as caught:
        await ellie.request(PublishOffer(RequestId("nonsense"), sdp, {"0": Source.MICROPHONE}))
    assert caught.value.code == ErrorCode.SDP_REJECTED
    await ellie.say(SubscribeAnswer(1, sdp))
    await ellie.until(lambda: any(each.id == "" for each in ellie.got(Rejected)))
    assert ellie.got(Rejected)[-1].code is ErrorCode.SDP_REJECTED
    await ellie.write("still here")
    await marcus.until(lambda: "still here" in repr(marcus.frames))
    await ellie.publish()


async def test_a_frame_that_is_too_long_is_refused_and_the_next_one_is_taken(there: Place) -> None:
    ellie = there.people[0]
    await ellie.send_bytes(b"x" * 100_000)
    await ellie.until(lambda: bool(ellie.got(Rejected)))
    assert ellie.got(Rejected)[-1].code is ErrorCode.TOO_LARGE
    await ellie.write("still here")


async def test_a_frame_of_a_megabyte_ends_its_connection_and_the_place_is_kept(there: Place) -> None:
    ellie, marcus, _ = there.people
    you, token, seq = ellie.welcome.snapshot.you, ellie.welcome.resume_token, ellie.seq
    await ellie.send_bytes(b"x" * MEGABYTE)
    assert await ellie.closed_with() == 1009
    await marcus.until(lambda: PresenceChanged(you, connected=False) in marcus.got(PresenceChanged))
    await marcus.write("said meanwhile")

    await ellie.connect_again(Resume(token, seq))
    await ellie.until(lambda: bool(ellie.got(Resumed)) and "said meanwhile" in repr(ellie.frames))
    await marcus.until(lambda: PresenceChanged(you, connected=True) in marcus.got(PresenceChanged))
    await ellie.write("back again")
