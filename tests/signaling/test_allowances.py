"""What a person has used up stays used up, whichever way they come back; and who lives behind a bad network gets in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from protocol.errors import ErrorCode, Next, Unavailable
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, SessionId
from protocol.messages import (
    Ack,
    AskForCover,
    ChatPosted,
    ClientMessage,
    CloseMicrophone,
    CloseScreen,
    EndSession,
    Goodbye,
    Join,
    Leave,
    LobbyJoined,
    MoveToLobby,
    PostChat,
    PublishAnswer,
    PublishOffer,
    React,
    Rejected,
    Remove,
    RestartSubscribe,
    Resume,
    Resumed,
    SetDevices,
    SetListening,
    SetNotAlone,
    StopSharing,
    SubscribeAnswer,
    SubscribeOffer,
    Welcome,
)
from protocol.values import Reaction, Role, Source
from signaling.endpoint import Settings
from signaling.rate import COMINGS_BURST, GOINGS_BURST, MEDIA_BURST, RAW_BURST, Allowance, Allowances, Rates
from tests.fakes import FakeClock
from tests.signaling.stage import ROOM, FakeWebSocket, Stage

CHATS = 5
ELLIE, MARCUS = IdentityId("id-Ellie"), IdentityId("id-Marcus")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(Settings(rates=Rates(chat_per_s=1.0, chat_burst=CHATS)))
    await stage.open()
    yield stage
    await stage.close()


def me(ws: FakeWebSocket) -> ParticipantId:
    return ws.got(Welcome)[0].snapshot.you


async def post(stage: Stage, ws: FakeWebSocket, count: int, prefix: str) -> int:
    """How many of them are posted."""
    before = len(ws.got(Ack))
    for number in range(count):
        ws.say(PostChat(RequestId(f"{prefix}-r{number}"), MessageId(f"{prefix}-{number}"), "hello"))
    await stage.settle()
    return len(ws.got(Ack)) - before


async def test_a_resume_gives_no_fresh_burst(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    posted = await post(stage, ellie, CHATS + 1, "a")
    token = ellie.got(Welcome)[0].resume_token
    for again in range(10):
        seq = ellie.seq
        ellie = await stage.resume(token, seq)
        token = ellie.got(Resumed)[0].resume_token
        posted += await post(stage, ellie, CHATS, f"b{again}")
    assert posted == CHATS
    assert ellie.got(Rejected)[-1].code is ErrorCode.RATE_LIMITED
    stage.clock.advance(1)
    assert await post(stage, ellie, CHATS, "c") == 1


async def test_nor_does_joining_again_or_another_page(stage: Stage) -> None:
    posted = 0
    for again in range(5):
        ellie = await stage.join("Ellie")
        posted += await post(stage, ellie, CHATS, f"a{again}")
    assert posted == CHATS
    marcus = await stage.join("Marcus")
    assert await post(stage, marcus, CHATS, "m") == CHATS
    assert len(marcus.got(ChatPosted)) == CHATS


async def test_to_say_that_one_just_listens_is_told_to_all_and_counts_like_words(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    for number in range(CHATS + 3):
        ellie.say(SetListening(RequestId(f"r{number}"), on=number % 2 == 0))
    await stage.settle()
    assert [each.code for each in ellie.got(Rejected)] == [ErrorCode.RATE_LIMITED] * 3


async def test_whoever_answers_what_they_were_offered_is_never_too_fast(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    for version in range(1, 101):
        stage.endpoint.offer(ROOM, me(ellie), SubscribeOffer(version, "offer", (), fresh=False))
        ellie.say(SubscribeAnswer(version, "answer"))
        await stage.settle()
    assert not ellie.got(Rejected)
    assert [asked for asked in stage.calls.asked if asked[0] == "answer"][-1] == ("answer", me(ellie), 100)
    # They have taken nothing from what a page may publish.
    ellie.say(PublishOffer(RequestId("p"), "offer", {"0": Source.MICROPHONE}))
    await stage.settle()
    assert ellie.got(PublishAnswer)


async def test_an_offer_is_answered_once_and_what_was_not_offered_counts_as_any_frame(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    stage.endpoint.offer(ROOM, me(ellie), SubscribeOffer(1, "offer", (), fresh=True))
    for _ in range(int(Rates().frames_burst) + 1 + 3):
        ellie.say(SubscribeAnswer(1, "answer"))
        await stage.settle()
    assert [each.code for each in ellie.got(Rejected)] == [ErrorCode.RATE_LIMITED] * 3


async def test_a_phone_that_reconnects_every_second_gets_through_for_as_long_as_it_does(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    token = ellie.got(Welcome)[0].resume_token
    for _ in range(300):
        stage.clock.advance(1)
        ellie.drop()
        ellie = await stage.resume(token, ellie.seq)
        token = ellie.got(Resumed)[0].resume_token
    for _ in range(300):
        stage.clock.advance(1)
        ellie.drop()
        ellie = await stage.join("Ellie")


async def test_a_script_that_reconnects_does_not_and_may_come_back_later(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    for _ in range(int(COMINGS_BURST) - 1):
        ellie = await stage.join("Ellie")
    refused = await stage.socket(Join(stage.token("Ellie")))
    assert isinstance(refused.last, Goodbye)
    assert (refused.last.code, refused.last.then) == (ErrorCode.RATE_LIMITED, Next.REJOIN)
    # The page that stands is not touched by it, and its way back opens with time.
    assert ellie.closed_with is None
    stage.clock.advance(1)
    assert isinstance((await stage.resume(ellie.got(Welcome)[0].resume_token, 0)).frames[0][1], Resumed)


async def test_a_resume_that_is_refused_may_join(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    for _ in range(int(COMINGS_BURST) - 1):
        ellie = await stage.join("Ellie")
    token = ellie.got(Welcome)[0].resume_token
    refused = await stage.socket(Resume(token, 0))
    assert isinstance(refused.last, Goodbye)
    assert refused.last.code is ErrorCode.RATE_LIMITED
    stage.clock.advance(2)
    await stage.join("Ellie")


async def test_whoever_knocks_and_leaves_again_and_again_is_soon_kept_out(stage: Stage) -> None:
    dana = await stage.join("Dana", Role.MENTOR)
    for number in range(30):
        ws = await stage.socket(Join(stage.token("Stranger", enrolled=False)))
        if not ws.got(Welcome):
            assert isinstance(ws.last, Goodbye)
            assert ws.last.code is ErrorCode.RATE_LIMITED
            continue
        ws.say(Leave(RequestId(f"r{number}")))
        await stage.settle()
        # Leaving is never refused.
        assert not ws.got(Rejected)
    assert len(dana.got(LobbyJoined)) == GOINGS_BURST
    stage.clock.advance(6)
    ws = await stage.socket(Join(stage.token("Stranger", enrolled=False)))
    assert ws.got(Welcome)


async def test_a_socket_may_send_more_once_it_is_known_who_is_there(stage: Stage) -> None:
    assert (await stage.join("Ellie")).known
    assert not (await stage.socket(Join("no such token"))).known


def test_of_those_who_are_gone_nothing_is_kept_once_it_is_as_if_they_had_never_come() -> None:
    clock = FakeClock()
    allowances = Allowances(clock.monotonic, Rates())
    for number in range(1_000):
        allowances.of(IdentityId(f"id-{number}"), ROOM).came()
    assert len(allowances) == 1_000
    clock.advance(120)
    for number in range(200):
        allowances.of(IdentityId(f"other-{number}"), ROOM)
    assert len(allowances) <= 200


def test_what_a_page_holds_is_not_replaced_by_a_fresh_one() -> None:
    clock = FakeClock()
    allowances = Allowances(clock.monotonic, Rates())
    held = allowances.of(ELLIE, ROOM)
    for number in range(100):
        allowances.of(IdentityId(f"id-{number}"), ROOM)
    assert allowances.of(ELLIE, ROOM) is held
    assert allowances.of(ELLIE, SessionId("other")) is not held
    assert allowances.of(ELLIE, None) is not held
    assert allowances.of(MARCUS, ROOM) is not held


def test_what_was_used_is_kept_though_nobody_holds_it() -> None:
    clock = FakeClock()
    allowances = Allowances(clock.monotonic, Rates())
    for _ in range(int(COMINGS_BURST)):
        allowances.of(ELLIE, ROOM).came()
        for number in range(20):
            allowances.of(IdentityId(f"id-{number}"), ROOM)
    with pytest.raises(Unavailable):
        allowances.of(ELLIE, ROOM).came()


R, WHO = RequestId("r"), ParticipantId("who")
ALWAYS: list[ClientMessage] = [
    Leave(R),
    EndSession(R),
    CloseMicrophone(R, WHO),
    CloseScreen(R, WHO),
    StopSharing(R),
    MoveToLobby(R, WHO),
    Remove(R, WHO),
    AskForCover(R),
    SetDevices(R, microphone=False, camera=True),
    SetNotAlone(R, on=True),
]
SOMETIMES: list[ClientMessage] = [
    SetDevices(R, microphone=True, camera=False, closings=0),
    SetNotAlone(R, on=False),
    PostChat(R, MessageId("m"), "hello"),
    React(R, Reaction.THANK_YOU),
    SetListening(R, on=True),
    PublishOffer(R, "sdp", {"0": Source.MICROPHONE}),
    SubscribeAnswer(1, "sdp"),
    RestartSubscribe(R),
]


def used_up() -> Allowance:
    allowance = Allowance(FakeClock().monotonic, Rates(frames_burst=1, chat_burst=1))
    for message in (*SOMETIMES, *[RestartSubscribe(R)] * int(MEDIA_BURST)):
        try:
            allowance.take(message)
        except Unavailable:
            continue
    return allowance


@pytest.mark.parametrize("message", ALWAYS, ids=lambda each: type(each).__name__)
def test_what_protects_someone_passes_though_all_is_used_up(message: ClientMessage) -> None:
    allowance = used_up()
    for _ in range(200):
        allowance.take(message)


@pytest.mark.parametrize("message", SOMETIMES, ids=lambda each: type(each).__name__)
def test_all_else_waits(message: ClientMessage) -> None:
    with pytest.raises(Unavailable):
        used_up().take(message)


def test_a_reaction_counts_like_words() -> None:
    allowance = Allowance(FakeClock().monotonic, Rates(chat_burst=1))
    allowance.take(React(R, Reaction.THANK_YOU))
    with pytest.raises(Unavailable):
        allowance.take(PostChat(R, MessageId("m"), "hello"))


def test_a_large_frame_counts_as_several() -> None:
    allowance = Allowance(FakeClock().monotonic, Rates())
    assert sum(allowance.arrived(60_000) for _ in range(int(RAW_BURST))) <= RAW_BURST / 30


def test_who_left_again_and_again_is_not_forgotten_before_they_may_come_back() -> None:
    clock = FakeClock()
    allowances = Allowances(clock.monotonic, Rates())
    for _ in range(int(GOINGS_BURST)):
        allowances.of(ELLIE, ROOM).came()
        allowances.of(ELLIE, ROOM).take(Leave(R))
    clock.advance(5)
    for number in range(20):
        allowances.of(IdentityId(f"id-{number}"), ROOM)
    with pytest.raises(Unavailable):
        allowances.of(ELLIE, ROOM).came()
