"""Sessions of people who wait: what they may ask, and what a resume brings them."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.errors import ErrorCode
from protocol.ids import MessageId, ParticipantId, RequestId
from protocol.messages import (
    Admit,
    Goodbye,
    Join,
    MoveToLobby,
    PostChat,
    PublishOffer,
    Rejected,
    Remove,
    RestartSubscribe,
    Resume,
    SetView,
    SpeakersChanged,
    SubscribeAnswer,
    SubscribeOffer,
    ViewReplaced,
    Welcome,
)
from protocol.values import Role, Source, TrackInfo
from tests.signaling.stage import ROOM, FakeWebSocket, Stage

ID = RequestId("r1")


@pytest.fixture
async def stage() -> Any:
    stage = Stage()
    await stage.open()
    return stage


def me(ws: FakeWebSocket) -> ParticipantId:
    return ParticipantId(ws.got(Welcome)[0].snapshot.you)


async def knock(stage: Stage) -> FakeWebSocket:
    return await stage.socket(Join(stage.token("Sam", enrolled=False)))


async def dana(stage: Stage) -> FakeWebSocket:
    return await stage.socket(Join(stage.token("Dana", Role.MENTOR)))


async def test_who_knocks_is_welcomed_into_the_lobby_without_media(stage: Stage) -> None:
    sam = await knock(stage)
    assert sam.got(Welcome)[0].snapshot.waiting
    assert ("begin", me(sam)) not in stage.calls.asked


@pytest.mark.parametrize(
    "message",
    [
        PublishOffer(ID, "v=0", {"0": Source.MICROPHONE}),
        RestartSubscribe(ID),
        SetView(ID, ()),
        SubscribeAnswer(1, "v=0"),
    ],
)
async def test_who_waits_can_set_up_no_media(stage: Stage, message: Any) -> None:
    sam = await knock(stage)
    sam.say(message)
    await stage.settle()
    assert sam.got(Rejected)[-1].code is ErrorCode.NOT_ADMITTED
    assert [each for each in stage.calls.asked if each[1] == me(sam)] == []


async def test_who_is_let_in_goes_on_over_the_same_socket(stage: Stage) -> None:
    sam, mentor = await knock(stage), await dana(stage)
    mentor.say(Admit(ID, me(sam)))
    await stage.settle()
    assert not sam.got(ViewReplaced)[-1].snapshot.waiting
    assert ("add", me(sam)) in stage.media.calls
    sam.say(PublishOffer(ID, "v=0", {"0": Source.MICROPHONE}))
    await stage.settle()
    assert ("publish", me(sam), {"0": Source.MICROPHONE}) in stage.calls.asked


async def test_an_offer_from_before_is_not_repeated_to_who_was_moved(stage: Stage) -> None:
    marcus, mentor = await stage.socket(Join(stage.token("Marcus"))), await dana(stage)
    offer = SubscribeOffer(1, "v=0", (TrackInfo("0", me(mentor), Source.CAMERA),), fresh=True)
    stage.endpoint.offer(ROOM, me(marcus), offer)
    token, seq = marcus.got(Welcome)[0].resume_token, marcus.seq
    marcus.drop()
    await stage.settle()
    mentor.say(PostChat(RequestId("c"), MessageId("m"), "Between us"))
    mentor.say(MoveToLobby(ID, me(marcus)))
    await stage.settle()
    again = await stage.socket(Resume(token, seq))
    assert [type(frame) for _, frame in again.frames if _ is not None] == [ViewReplaced]
    assert again.got(SubscribeOffer) == []
    assert again.got(ViewReplaced)[0].snapshot.chat == ()


async def test_who_comes_back_in_meanwhile_resumes_with_the_room_as_it_is(stage: Stage) -> None:
    sam, mentor = await knock(stage), await dana(stage)
    token, seq = sam.got(Welcome)[0].resume_token, sam.seq
    sam.drop()
    await stage.settle()
    mentor.say(Admit(ID, me(sam)))
    await stage.settle()
    mentor.say(PostChat(RequestId("c"), MessageId("m"), "Welcome, Sam"))
    await stage.settle()
    again = await stage.socket(Resume(token, seq))
    (view,) = again.got(ViewReplaced)
    assert [message.text for message in view.snapshot.chat] == ["Welcome, Sam"]
    assert again.seq == 2
    mentor.say(PostChat(RequestId("d"), MessageId("n"), "There you are"))
    await stage.settle()
    assert again.seq == 3


async def test_who_is_removed_hears_why_and_the_link_leads_nowhere(stage: Stage) -> None:
    marcus, mentor = await stage.socket(Join(stage.token("Marcus"))), await dana(stage)
    mentor.say(Remove(ID, me(marcus)))
    await stage.settle()
    assert marcus.got(Goodbye)[-1].code is ErrorCode.REMOVED
    again = await stage.socket(Join(stage.token("Marcus")))
    assert again.got(Welcome) == []
    assert again.got(Goodbye)[-1].code is ErrorCode.REMOVED


async def test_who_waits_hears_of_no_speaker_and_neither_does_who_is_asked_to_wait_again(stage: Stage) -> None:
    """Ids, how many speak, and when: all of it is the room's."""
    ellie, sam, mentor = await stage.join("Ellie"), await knock(stage), await dana(stage)
    stage.endpoint.speakers(ROOM, (me(ellie), me(mentor)))
    await stage.settle()
    assert len(ellie.got(SpeakersChanged)) == 1
    assert sam.got(SpeakersChanged) == []

    mentor.say(MoveToLobby(ID, me(ellie)))
    await stage.settle()
    stage.endpoint.speakers(ROOM, (me(mentor),))
    await stage.settle()
    assert len(ellie.got(SpeakersChanged)) == 1
