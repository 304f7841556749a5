"""Sessions over fake sockets, with the real endpoint and the real keeper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protocol.codec import Wire
from protocol.errors import ErrorCode, Next, Refused, meaning
from protocol.ids import MessageId, ParticipantId, RequestId
from protocol.messages import (
    Ack,
    AllowMicrophone,
    ChatPosted,
    CloseMicrophone,
    DevicesChanged,
    EndSession,
    Goodbye,
    HideChat,
    Join,
    LayersWanted,
    Leave,
    ParticipantJoined,
    ParticipantLeft,
    Ping,
    PostChat,
    PresenceChanged,
    PublishAnswer,
    PublishOffer,
    Rejected,
    RestartSubscribe,
    Resume,
    Resumed,
    SessionEnded,
    SetDevices,
    SetView,
    SpeakersChanged,
    SubscribeAnswer,
    SubscribeOffer,
    Welcome,
)
from protocol.values import MAX_TILES, Role, Source, Tile, TileSize
from rooms.state import Participant, RoomState
from signaling.endpoint import Settings
from signaling.rate import Rates
from tests.signaling.stage import HOST, ROOM, FakeWebSocket, Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.open()
    yield stage
    await stage.close()


def chat(text: str, message: str = "m1", request: str = "") -> PostChat:
    return PostChat(RequestId(request or f"r-{message}"), MessageId(message), text)


def you(ws: FakeWebSocket) -> ParticipantId:
    return ws.got(Welcome)[0].snapshot.you


@pytest.mark.parametrize("wire", list(Wire))
async def test_joining_gives_a_snapshot_then_frames_from_one(stage: Stage, wire: Wire) -> None:
    ellie = await stage.join("Ellie", wire=wire)
    welcome = ellie.got(Welcome)[0]
    assert [p.name for p in welcome.snapshot.participants] == ["Host", "Ellie"]
    assert welcome.ping_every_s == 5.0
    marcus = await stage.join("Marcus")
    ellie.say(chat("hello"))
    await stage.settle()
    assert [(seq, type(f)) for seq, f in ellie.frames[1:]] == [
        (1, ParticipantJoined),
        (2, ChatPosted),
        (None, Ack),
    ]
    assert [(seq, type(f)) for seq, f in marcus.frames[1:]] == [(1, ChatPosted)]
    assert ("begin", you(ellie)) in stage.calls.asked


async def test_a_token_works_once(stage: Stage) -> None:
    token = stage.token("Ellie")
    await stage.socket(Join(token))
    second = await stage.socket(Join(token))
    assert second.last == Goodbye(ErrorCode.TOKEN_INVALID, meaning(ErrorCode.TOKEN_INVALID).text, Next.REJOIN)
    assert second.closed_with == meaning(ErrorCode.TOKEN_INVALID).close


async def test_who_did_not_join_hears_and_learns_nothing(stage: Stage) -> None:
    stranger = await stage.socket(chat("let me in"))
    assert stranger.last == Goodbye(ErrorCode.UNEXPECTED, meaning(ErrorCode.UNEXPECTED).text, Next.REJOIN)
    silent = await stage.socket()
    await stage.join("Ellie")
    assert silent.frames == []


async def test_a_socket_that_says_nothing_is_closed() -> None:
    stage = Stage(Settings(first_frame_s=0.01))
    await stage.open()
    ws = await stage.socket()
    await asyncio.wait_for(ws.closed.wait(), 2)
    assert ws.closed_with == meaning(ErrorCode.TOKEN_INVALID).close
    await stage.close()


async def test_a_lost_socket_is_replaced_and_nothing_is_missed(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    ellie.say(chat("before", "m1"))
    await stage.settle()
    seq = marcus.seq
    marcus.drop()
    await stage.settle()
    assert ellie.got(PresenceChanged)[-1] == PresenceChanged(you(marcus), connected=False)
    ellie.say(chat("meanwhile", "m2"))
    ellie.say(SetDevices(RequestId("r2"), microphone=True, camera=False))
    await stage.settle()
    back = await stage.resume(marcus.got(Welcome)[0].resume_token, seq)
    assert isinstance(back.frames[0][1], Resumed)
    assert [(s, f.message.text) for s, f in back.frames if isinstance(f, ChatPosted)] == [(seq + 1, "meanwhile")]
    assert DevicesChanged(you(ellie), microphone=True, camera=False) in [f for _, f in back.frames]
    assert ellie.got(PresenceChanged)[-1] == PresenceChanged(you(marcus), connected=True)
    ellie.say(chat("after", "m3"))
    await stage.settle()
    assert back.frames[-1][0] == seq + 2


async def test_what_was_hidden_meanwhile_is_not_repeated_by_a_resume(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    dana = await stage.join("Dana", Role.MENTOR)
    seq = marcus.seq
    marcus.drop()
    await stage.settle()
    ellie.say(chat("my number is 555", "m1"))
    await stage.settle()
    dana.say(HideChat(RequestId("r1"), MessageId("m1")))
    await stage.settle()
    back = await stage.resume(marcus.got(Welcome)[0].resume_token, seq)
    assert [f.message.text for f in back.got(ChatPosted)] == [""]
    assert [f.message.hidden for f in back.got(ChatPosted)] == [True]


async def test_a_resume_token_works_once(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    token = ellie.got(Welcome)[0].resume_token
    back = await stage.resume(token, 0)
    assert back.got(Resumed)[0].resume_token != token
    assert ellie.closed_with == meaning(ErrorCode.REPLACED).close
    again = await stage.resume(token, 0)
    assert again.last == Goodbye(ErrorCode.RESYNC, meaning(ErrorCode.RESYNC).text, Next.REJOIN)


async def test_a_resume_with_a_seq_from_the_future_is_a_resync(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, 99)
    assert isinstance(back.last, Goodbye)
    assert back.last.code is ErrorCode.RESYNC


async def test_what_a_page_shows_is_handed_on_and_a_large_list_is_refused(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    tiles = (Tile(ParticipantId("dana"), Source.CAMERA, TileSize.LARGE),)
    ellie.say(SetView(RequestId("v1"), tiles))
    ellie.say(SetView(RequestId("v2"), tiles * (MAX_TILES + 1)))
    await stage.settle()
    assert ellie.got(Ack) == [Ack(RequestId("v1"))]
    assert [one.code for one in ellie.got(Rejected)] == [ErrorCode.INVALID_FIELD]
    assert [asked for asked in stage.calls.asked if asked[0] == "view"] == [("view", you(ellie), tiles)]


async def test_the_latest_word_on_needed_layers_is_said_again_after_a_resume(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    for rids in (("q", "f"), ("q",)):
        stage.endpoint.pictures(ROOM, you(ellie), LayersWanted(Source.CAMERA, rids))
    stage.endpoint.pictures(ROOM, you(ellie), LayersWanted(Source.SCREEN, ("f",)))
    await stage.settle()
    latest = [LayersWanted(Source.CAMERA, ("q",)), LayersWanted(Source.SCREEN, ("f",))]
    assert ellie.got(LayersWanted)[-2:] == latest
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, 0)
    assert back.got(LayersWanted) == latest
    stage.endpoint.pictures(ROOM, ParticipantId("nobody"), LayersWanted(Source.CAMERA, ("q",)))


async def test_a_socket_that_is_given_up_before_it_said_anything_takes_nobodys_place(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    token, seq = ellie.got(Welcome)[0].resume_token, ellie.seq
    ellie.drop()
    given_up = await stage.socket()
    back = await stage.resume(token, seq)
    given_up.drop()
    await stage.settle()
    assert isinstance(back.frames[0][1], Resumed)
    assert back.closed_with is None
    assert marcus.got(PresenceChanged)[-1] == PresenceChanged(you(ellie), connected=True)


async def test_an_unanswered_offer_is_offered_again_after_a_resume(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    offer = SubscribeOffer(1, "sdp", (), fresh=True)
    stage.endpoint.offer(ROOM, you(ellie), offer)
    await stage.settle()
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, 0)
    assert offer in back.got(SubscribeOffer)
    back.say(SubscribeAnswer(1, "answer"))
    await stage.settle()
    assert ("answer", you(ellie), 1) in stage.calls.asked
    again = await stage.resume(back.got(Resumed)[0].resume_token, 0)
    assert again.got(SubscribeOffer) == []


async def test_a_second_tab_of_one_person_takes_over(stage: Stage) -> None:
    first = await stage.join("Ellie")
    first.say(SetDevices(RequestId("r1"), microphone=True, camera=True))
    await stage.settle()
    second = await stage.join("Ellie")
    assert first.last == Goodbye(ErrorCode.REPLACED, meaning(ErrorCode.REPLACED).text, Next.STOP)
    assert you(second) == you(first)
    assert len(second.got(Welcome)[0].snapshot.participants) == 2
    assert stage.media.open == set(), "the new page opens its own devices, or does not"


async def test_leaving_is_acknowledged_and_ends_the_session(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    ellie.say(Leave(RequestId("bye")))
    await stage.settle()
    assert ellie.got(Ack) == [Ack(RequestId("bye"))]
    assert ellie.last == Goodbye(ErrorCode.LEFT, meaning(ErrorCode.LEFT).text, Next.STOP)
    assert marcus.got(ParticipantLeft)[0].participant_id == you(ellie)
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, 0)
    assert isinstance(back.last, Goodbye)
    again = await stage.join("Ellie")
    assert you(again) == you(ellie), "the same person keeps the place"


async def test_who_signs_out_leaves_every_room_at_once(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    stage.endpoint.end_sign_in("sign-in-of-Ellie")
    await stage.settle()
    assert isinstance(ellie.last, Goodbye)
    assert ellie.last.code is ErrorCode.SIGNED_OUT
    assert ("end", you(ellie)) in stage.calls.asked
    assert marcus.got(ParticipantLeft)[0].participant_id == you(ellie)
    assert marcus.closed_with is None


async def test_the_mentor_ends_the_session_for_everyone(stage: Stage) -> None:
    ellie, dana = await stage.join("Ellie"), await stage.join("Dana", Role.MENTOR)
    ellie.say(EndSession(RequestId("r1")))
    await stage.settle()
    assert ellie.got(Rejected)[0].code is ErrorCode.NOT_ALLOWED
    dana.say(EndSession(RequestId("r1")))
    await stage.settle()
    assert dana.got(Ack) == [Ack(RequestId("r1"))]
    for ws in (ellie, dana):
        assert ws.got(SessionEnded) == [SessionEnded()]
        assert ws.last == Goodbye(ErrorCode.SESSION_ENDED, meaning(ErrorCode.SESSION_ENDED).text, Next.STOP)
    late = await stage.socket(Join(stage.token("Marcus")))
    assert isinstance(late.last, Goodbye)
    assert late.last.code is ErrorCode.SESSION_ENDED


async def test_a_message_sent_twice_is_posted_once_and_acknowledged_twice(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    ellie.say(chat("hello", request="r1"))
    ellie.say(chat("hello", request="r2"))
    await stage.settle()
    assert [ack.id for ack in ellie.got(Ack)] == ["r1", "r2"]
    assert len(marcus.got(ChatPosted)) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1", ErrorCode.MALFORMED),
        (b"\x00" * 70_000, ErrorCode.TOO_LARGE),
        (b"\x91" * 100 + b"\xc0", ErrorCode.TOO_DEEP),
        (b"\x81\xa4type\xa4nope", ErrorCode.UNKNOWN_TYPE),
        (b"\x82\xa4type\xa4ping\xa2id\x01", ErrorCode.INVALID_FIELD),
        (b"\x82\xa4type\xa4join\xa5token\xb0" + b"x" * 16, ErrorCode.UNEXPECTED),
    ],
)
async def test_a_bad_frame_gets_one_stable_code_and_the_session_goes_on(
    stage: Stage, data: bytes, code: ErrorCode
) -> None:
    ellie = await stage.join("Ellie")
    ellie.to_server.put_nowait(data)
    ellie.say(Ping(RequestId("still-here")))
    await stage.settle()
    assert [r.code for r in ellie.got(Rejected)] == [code]
    assert ellie.got(Ack) == [Ack(RequestId("still-here"))]
    assert stage.telemetry.refused == [code]


async def test_a_bug_in_one_frame_is_answered_and_the_session_goes_on(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    ellie.say(PublishOffer(RequestId("r1"), "bug", {"0": Source.CAMERA}))
    ellie.say(Ping(RequestId("r2")))
    await stage.settle()
    assert ellie.got(Rejected) == [Rejected(RequestId("r1"), ErrorCode.INTERNAL, meaning(ErrorCode.INTERNAL).text)]
    assert ellie.got(Ack) == [Ack(RequestId("r2"))]


async def test_media_set_up_passes_through(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    ellie.say(PublishOffer(RequestId("r1"), "offer", {"0": Source.MICROPHONE}))
    ellie.say(PublishOffer(RequestId("r2"), "bad", {}))
    ellie.say(RestartSubscribe(RequestId("r3")))
    await stage.settle()
    assert ellie.got(PublishAnswer) == [PublishAnswer(RequestId("r1"), "answer")]
    assert ellie.got(Rejected)[0].code is ErrorCode.SDP_REJECTED
    assert ("publish", you(ellie), {"0": Source.MICROPHONE}) in stage.calls.asked
    assert ("resubscribe", you(ellie)) in stage.calls.asked
    stage.endpoint.speakers(ROOM, (you(ellie),))
    await stage.settle()
    assert ellie.frames[-1] == (None, SpeakersChanged((you(ellie),)))


async def test_who_sends_too_much_waits_but_may_always_mute_and_leave() -> None:
    stage = Stage(Settings(rates=Rates(frames_per_s=1, frames_burst=2, chat_per_s=1, chat_burst=2)))
    await stage.open()
    ellie = await stage.join("Ellie")
    for n in range(4):
        ellie.say(chat("hello", f"m{n}", f"c{n}"))
        ellie.say(SetDevices(RequestId(f"on{n}"), microphone=True, camera=n % 2 == 0))
    ellie.say(SetDevices(RequestId("off"), microphone=False, camera=False))
    await stage.settle()
    assert [r.id for r in ellie.got(Rejected)] == ["c2", "on2", "c3", "on3"]
    assert {r.code for r in ellie.got(Rejected)} == {ErrorCode.RATE_LIMITED}
    assert Ack(RequestId("off")) in ellie.got(Ack)
    stage.clock.advance(1)
    ellie.say(chat("hello", "m2", "c2"))
    ellie.say(chat("hello", "m2", "c2-again"))
    ellie.say(Leave(RequestId("bye")))
    await stage.settle()
    assert Ack(RequestId("c2")) not in ellie.got(Ack), "a repetition is answered as before"
    assert Ack(RequestId("c2-again")) in ellie.got(Ack)
    assert Ack(RequestId("bye")) in ellie.got(Ack)
    await stage.close()


@pytest.mark.parametrize("data", [b"\xc1", b"\xc1" * 60_000])
async def test_a_flood_of_bad_frames_ends_its_own_connection(stage: Stage, data: bytes) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    for _ in range(100):
        ellie.to_server.put_nowait(data)
        await stage.settle()
    assert isinstance(ellie.last, Goodbye)
    assert ellie.last.code is ErrorCode.RATE_LIMITED
    assert len(ellie.got(Rejected)) < 60
    assert marcus.closed_with is None


async def test_a_request_repeated_after_a_resume_is_answered_as_before_and_not_done_again(stage: Stage) -> None:
    marcus = await stage.join("Marcus")
    dana, ruth = await stage.join("Dana", Role.MENTOR), await stage.join("Ruth", Role.THERAPIST)
    allow = AllowMicrophone(RequestId("allow"), you(marcus))
    dana.say(CloseMicrophone(RequestId("close"), you(marcus)))
    dana.say(allow)
    await stage.settle()
    ruth.say(CloseMicrophone(RequestId("close"), you(marcus)))
    await stage.settle()
    back = await stage.resume(dana.got(Welcome)[0].resume_token, dana.seq)
    back.say(allow)
    await stage.settle()
    assert back.got(Ack) == [Ack(RequestId("allow"))]
    assert stage.keeper.state.people[you(marcus)].shut, "what another mentor closed meanwhile stays closed"


async def test_an_older_word_that_could_not_be_stored_does_not_undo_a_newer_one_by_being_repeated(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    on = SetDevices(RequestId("on"), microphone=False, camera=True)
    off = SetDevices(RequestId("off"), microphone=False, camera=False)
    stage.log.hold = True
    marcus.say(chat("waits for the disk"))
    await stage.settle()
    ellie.say(on)
    await stage.settle()
    stage.log.fail()
    stage.log.hold = False
    await stage.settle()
    ellie.say(off)
    await stage.settle()
    ellie.drop()
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, ellie.seq)
    for again in (on, off):
        back.say(again)
    await stage.settle()
    assert [reply.code for reply in back.got(Rejected)] == [ErrorCode.NOT_SAVED]
    assert stage.media.open == set()


async def test_who_leaves_by_one_page_while_another_comes_in_does_not_stay_as_a_ghost(stage: Stage) -> None:
    dana = await stage.join("Dana", Role.MENTOR)
    ellie = await stage.join("Ellie")
    stage.log.hold = True
    ellie.say(chat("waits for the disk"))
    await stage.settle()
    other_page = await stage.join_without_waiting("Dana", Role.MENTOR)
    dana.say(Leave(RequestId("bye")))
    await stage.settle()
    stage.log.sync(1)
    await stage.settle()
    stage.log.hold = False
    stage.log.sync()
    await stage.settle()
    assert other_page.closed_with == meaning(ErrorCode.LEFT).close
    assert stage.keeper.state.here(you(dana)) is None


async def test_what_a_page_turned_on_while_the_next_one_came_in_after_its_leave_is_off(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    stage.log.hold = True
    ellie.say(Leave(RequestId("bye")))
    await stage.settle()
    next_page = await stage.join_without_waiting("Ellie")
    ellie.say(SetDevices(RequestId("on"), microphone=True, camera=True))
    await stage.settle()
    stage.log.sync(1)
    await stage.settle()
    stage.log.hold = False
    stage.log.sync()
    await stage.settle()
    assert len(next_page.got(Welcome)) == 1
    assert stage.keeper.state.people[you(ellie)].microphone is False
    assert stage.media.open == set()


async def test_what_a_replaced_page_still_says_does_not_count(stage: Stage) -> None:
    first = await stage.join("Ellie")
    marcus = await stage.join("Marcus")
    first.deaf = True
    second = await stage.join("Ellie")
    first.say(SetDevices(RequestId("r1"), microphone=True, camera=True))
    first.say(chat("from the old page"))
    await stage.settle()
    assert stage.media.open == set()
    assert marcus.got(ChatPosted) == []
    assert second.closed_with is None


async def test_a_slow_disk_does_not_leave_a_ghost_of_someone_who_gave_up(stage: Stage) -> None:
    stage.log.hold = True
    ellie = await stage.socket(Join(stage.token("Ellie")))
    ellie.drop()
    await stage.settle()
    stage.log.hold = False
    stage.log.sync()
    await stage.settle()
    assert [person.connected for person in guests(stage.keeper.state)] == [False]
    stage.clock.advance(61)
    stage.timers.fire()
    await stage.settle()
    assert present(stage.keeper.state) == set()


async def test_a_join_outlasts_a_disk_that_is_slower_than_the_first_frame_may_be() -> None:
    stage = Stage(Settings(first_frame_s=0.01))
    await stage.open()
    stage.log.hold = True
    ellie = await stage.socket(Join(stage.token("Ellie")))
    await asyncio.sleep(0.05)
    stage.log.sync()
    await stage.settle()
    assert len(ellie.got(Welcome)) == 1
    await stage.close()


async def test_who_came_back_while_the_disk_was_slow_is_connected(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    stage.log.hold = True
    marcus = await stage.join_without_waiting("Marcus")
    back = await stage.resume(ellie.got(Welcome)[0].resume_token, 0)
    ellie.drop()  # the old socket ends while the resume still waits behind Marcus
    await stage.settle()
    stage.log.sync()
    await stage.settle()
    assert isinstance(back.frames[0][1], Resumed)
    assert {person.connected for person in stage.keeper.state.present()} == {True}
    assert len(marcus.got(Welcome)) == 1


async def test_sign_ins_in_use_are_those_with_a_page_connected(stage: Stage) -> None:
    await stage.join("Ellie")
    marcus = await stage.join("Marcus")
    assert stage.endpoint.sign_ins_in_use() == {"sign-in-of-Ellie", "sign-in-of-Marcus"}
    marcus.drop()
    await stage.settle()
    assert stage.endpoint.sign_ins_in_use() == {"sign-in-of-Ellie"}


async def test_a_sign_in_that_ends_while_its_join_is_on_the_way_lets_nobody_in(stage: Stage) -> None:
    stage.log.hold = True
    ellie = await stage.socket(Join(stage.token("Ellie")))
    stage.endpoint.end_sign_in("sign-in-of-Ellie")
    stage.log.hold = False
    stage.log.sync()
    await stage.settle()
    assert isinstance(ellie.last, Goodbye)
    assert ellie.last.code is ErrorCode.SIGNED_OUT
    assert ellie.got(Welcome) == []
    assert present(stage.keeper.state) == set()


async def test_who_signs_out_is_out_at_once_even_when_that_cannot_be_stored(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    stage.log.hold = True
    stage.endpoint.end_sign_in("sign-in-of-Ellie")
    await stage.settle()
    assert ellie.closed_with == meaning(ErrorCode.SIGNED_OUT).close
    assert ("end", you(ellie)) in stage.calls.asked
    stage.log.fail()
    await stage.settle()
    stage.log.hold = False
    marcus.say(chat("Where is Ellie?"))
    await stage.settle()
    assert ellie.got(ChatPosted) == []
    stage.clock.advance(61)
    stage.timers.fire()
    await stage.settle()
    assert present(stage.keeper.state) == {you(marcus)}


async def test_a_room_that_fails_while_someone_joins_keeps_nothing_of_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise Refused(ErrorCode.NOT_FOUND)

    monkeypatch.setattr(stage.keeper, "attach", refuse)
    ellie = await stage.socket(Join(stage.token("Ellie")))
    assert isinstance(ellie.last, Goodbye)
    assert ellie.last.code is ErrorCode.NOT_FOUND
    assert [person.connected for person in guests(stage.keeper.state)] == [False]
    stage.endpoint.speakers(ROOM, ())
    await stage.settle()
    assert ellie.got(SpeakersChanged) == []


async def test_a_slow_socket_is_closed_to_resume_and_loses_nothing() -> None:
    stage = Stage(Settings(max_outbox_bytes=20_000))
    await stage.open()
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    marcus.writable.clear()
    for n in range(30):
        ellie.say(chat("x" * 1_500, f"m{n}", f"r{n}"))
        await stage.settle()
    marcus.writable.set()
    await stage.settle()
    assert marcus.closed_with == meaning(ErrorCode.TOO_SLOW).close
    assert meaning(ErrorCode.TOO_SLOW).then is Next.RESUME
    assert len(marcus.got(ChatPosted)) < 30
    assert len(ellie.got(ChatPosted)) == 30
    await stage.close()


async def test_draining_says_goodbye_and_keeps_every_place(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    await stage.endpoint.drain()
    assert ellie.last == Goodbye(ErrorCode.DRAINING, meaning(ErrorCode.DRAINING).text, Next.REJOIN)
    late = await stage.socket(Join(stage.token("Marcus")))
    assert isinstance(late.last, Goodbye)
    assert late.last.code is ErrorCode.DRAINING
    assert present(stage.keeper.state) == {you(ellie)}
    assert stage.telemetry.sockets == 0


@pytest.mark.parametrize("last", [Leave(RequestId("l1")), EndSession(RequestId("l1"))])
async def test_who_goes_while_that_cannot_be_stored_does_not_stay_as_connected(
    stage: Stage, last: Leave | EndSession
) -> None:
    dana = await stage.join("Dana", Role.MENTOR)
    stage.log.hold = True
    dana.say(last)
    await stage.settle()
    dana.drop()
    await stage.settle()
    stage.log.fail()
    await stage.settle()
    person = stage.keeper.state.here(you(dana))
    assert person is not None
    assert not person.connected


async def test_what_could_not_be_stored_is_never_acknowledged(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    stage.log.hold = True
    ellie.say(chat("hello"))
    await stage.settle()
    assert ellie.got(Ack) == []
    stage.log.fail()
    await stage.settle()
    assert ellie.got(Rejected)[0].code is ErrorCode.NOT_SAVED
    assert ellie.got(Ack) == []
    assert marcus.got(ChatPosted) == []
    assert ("post_chat", "not_saved") in stage.telemetry.commands


async def test_resume_after_the_place_was_given_up_is_a_resync(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    ellie.drop()
    await stage.settle()
    stage.clock.advance(61)
    stage.timers.fire()
    await stage.settle()
    back = await stage.socket(Resume(ellie.got(Welcome)[0].resume_token, 0))
    assert isinstance(back.last, Goodbye)
    assert back.last.code is ErrorCode.RESYNC
    assert present(stage.keeper.state) == set()


def guests(state: RoomState) -> list[Participant]:
    """Everyone who is present beside the host."""
    return [person for person in state.present() if person.id != HOST]


def present(state: RoomState) -> set[ParticipantId]:
    return {person.id for person in guests(state)}


async def test_a_peer_that_does_not_read_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signaling.socket.CLOSE_WITHIN_S", 0.01)
    stage = Stage()
    await stage.open()
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    marcus.writable.clear()
    ellie.say(chat("hello"))
    await stage.settle()
    await asyncio.wait_for(stage.endpoint.drain(), 2)
    assert isinstance(ellie.last, Goodbye)
    await stage.close()
