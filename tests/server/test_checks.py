"""Checks over the real endpoint, with fake sockets, media and timers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from moderation.decision import NOT_FOUND, Rejection
from protocol.errors import ErrorCode, HoldspaceError, Refused
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, SessionId
from protocol.messages import (
    Ack,
    CloseMicrophone,
    DevicesChanged,
    EndSession,
    Goodbye,
    Join,
    Leave,
    PostChat,
    PublishAnswer,
    PublishOffer,
    Rejected,
    Resume,
    SetDevices,
    Welcome,
)
from protocol.values import Role, Source
from rooms.commands import Enter, LoseConnection
from server.checks import LONGEST_S, MYSELF, Checks, HallWithChecks
from signaling.endpoint import Endpoint, Settings
from signaling.ports import Admission, Room
from tests.fakes import FakeClock, counted
from tests.room_fakes import FakeMedia, FakeTimers
from tests.signaling.stage import FakeCalls, FakeTelemetry, FakeWebSocket

ELLIE, MARCUS = IdentityId("ellie"), IdentityId("marcus")
UNOPENED_S = 60.0
TOKEN = "token-0123456789"


class EmptyHall:
    """No rooms; a token that names its check."""

    def __init__(self) -> None:
        self.admissions: dict[str, Admission] = {}

    async def redeem(self, token: str) -> Admission:
        try:
            return self.admissions.pop(token)
        except KeyError:
            raise Refused(ErrorCode.TOKEN_INVALID) from None

    async def room(self, session_id: SessionId) -> Room:
        raise Refused(ErrorCode.NOT_FOUND, session_id)


class Stage:
    def __init__(self) -> None:
        self.media, self.timers, self.hall, self.calls = FakeMedia(), FakeTimers(), EmptyHall(), FakeCalls()
        self.checks = Checks(self.media, self.timers, counted("id"), unopened_s=UNOPENED_S, on_over=self._over, cap=3)
        self.clock = FakeClock()
        self.endpoint = Endpoint(
            HallWithChecks(self.hall, self.checks),
            self.calls,
            FakeTelemetry(),
            new_token=counted("secret"),
            new_id=counted("person"),
            now_ms=self.clock.now_ms,
            monotonic=self.clock.monotonic,
            settings=Settings(),
        )
        self.serving: set[asyncio.Task[None]] = set()
        self.over: list[tuple[IdentityId, SessionId]] = []

    def _over(self, person: IdentityId, check: SessionId) -> None:
        self.over.append((person, check))

    async def socket(self, first: Join | Resume) -> FakeWebSocket:
        ws = FakeWebSocket()
        self.serving.add(asyncio.create_task(self.endpoint.handle(ws, ws.wire)))
        ws.say(first)
        await self.settle()
        return ws

    async def enter(self, check: SessionId, person: IdentityId = ELLIE) -> FakeWebSocket:
        self.hall.admissions[TOKEN] = Admission(check, person, "Ellie", Role.PARTICIPANT, True, "sign-in")
        return await self.socket(Join(TOKEN))

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    for task in made.serving:
        task.cancel()
    await asyncio.gather(*made.serving, return_exceptions=True)


def refused(stage: Stage, person: IdentityId) -> ErrorCode:
    with pytest.raises(HoldspaceError) as error:
        stage.checks.begin(person)
    return error.value.code


async def test_whose_check_is_replaced_or_over_is_told_so_that_its_way_in_ends(stage: Stage) -> None:
    begun = [stage.checks.begin(ELLIE) for _ in range(3)]
    assert stage.over == [(ELLIE, begun[0])]
    ws = await stage.enter(begun[2])
    ws.drop()
    await stage.settle()
    assert stage.over == [(ELLIE, begun[0]), (ELLIE, begun[2])]


async def test_a_check_is_a_room_of_one_person(stage: Stage) -> None:
    ws = await stage.enter(stage.checks.begin(ELLIE))
    [welcome] = ws.got(Welcome)
    assert [person.id for person in welcome.snapshot.participants] == [welcome.snapshot.you]
    assert welcome.snapshot.chat == ()
    assert ("begin", welcome.snapshot.you) in stage.calls.asked
    ws.say(PublishOffer(RequestId("p1"), "offer", {"0": Source.MICROPHONE}))
    await stage.settle()
    assert ws.got(PublishAnswer) == [PublishAnswer(RequestId("p1"), "answer")]


async def test_gates_follow_what_the_person_says(stage: Stage) -> None:
    ws = await stage.enter(stage.checks.begin(ELLIE))
    assert stage.media.open == set()
    ws.say(SetDevices(RequestId("d1"), microphone=True, camera=True))
    await stage.settle()
    assert stage.media.open == {(MYSELF, Source.MICROPHONE), (MYSELF, Source.CAMERA)}
    ws.say(SetDevices(RequestId("d2"), microphone=True, camera=False))
    await stage.settle()
    assert stage.media.open == {(MYSELF, Source.MICROPHONE)}
    assert [ack.id for ack in ws.got(Ack)] == ["d1", "d2"]
    assert ws.got(DevicesChanged)[-1] == DevicesChanged(MYSELF, microphone=True, camera=False)


async def test_nothing_else_can_be_done_in_a_check(stage: Stage) -> None:
    ws = await stage.enter(stage.checks.begin(ELLIE))
    ws.say(PostChat(RequestId("c1"), MessageId("m1"), "Hello"))
    ws.say(CloseMicrophone(RequestId("c2"), ParticipantId("someone")))
    ws.say(EndSession(RequestId("c3")))
    ws.say(Join(TOKEN))
    await stage.settle()
    assert [answer.code for answer in ws.got(Rejected)] == [ErrorCode.NOT_ALLOWED] * 3 + [ErrorCode.UNEXPECTED]
    assert len(stage.checks) == 1


async def test_nobody_else_comes_into_a_check(stage: Stage) -> None:
    check = stage.checks.begin(ELLIE)
    ellie = await stage.enter(check)
    marcus = await stage.enter(check, MARCUS)
    assert marcus.got(Welcome) == []
    assert marcus.got(Goodbye)[0].code is ErrorCode.NOT_FOUND
    assert ellie.closed_with is None


async def test_a_stranger_who_comes_first_neither_enters_nor_ends_the_check(stage: Stage) -> None:
    check = stage.checks.begin(ELLIE)
    assert (await stage.enter(check, MARCUS)).got(Welcome) == []
    assert (await stage.enter(check)).got(Welcome) != []


async def test_a_check_ends_with_its_socket_and_cannot_be_resumed(stage: Stage) -> None:
    check = stage.checks.begin(ELLIE)
    ws = await stage.enter(check)
    ws.say(SetDevices(RequestId("d1"), microphone=True, camera=True))
    await stage.settle()
    ws.drop()
    await stage.settle()
    assert len(stage.checks) == 0
    assert ("close",) in stage.media.calls
    assert stage.timers.pending == {}
    again = await stage.socket(Resume(ws.got(Welcome)[0].resume_token, 0))
    assert again.got(Goodbye)[0].code is ErrorCode.RESYNC
    assert (await stage.enter(check)).got(Goodbye)[0].code is ErrorCode.NOT_FOUND


async def test_who_leaves_is_told_so_and_the_check_is_over(stage: Stage) -> None:
    ws = await stage.enter(stage.checks.begin(ELLIE))
    ws.say(Leave(RequestId("l1")))
    await stage.settle()
    assert ws.got(Goodbye)[0].code is ErrorCode.LEFT
    assert len(stage.checks) == 0
    assert ("close",) in stage.media.calls


async def test_a_check_ends_after_three_minutes_at_most(stage: Stage) -> None:
    check = stage.checks.begin(ELLIE)
    assert stage.timers.delays() == [UNOPENED_S]
    ws = await stage.enter(check)
    assert stage.timers.delays() == [LONGEST_S]
    assert LONGEST_S <= 180
    stage.timers.fire()
    await stage.settle()
    assert ws.got(Goodbye)[0].code is ErrorCode.SESSION_ENDED
    assert len(stage.checks) == 0
    assert ("close",) in stage.media.calls


async def test_a_check_that_nobody_enters_ends(stage: Stage) -> None:
    check = stage.checks.begin(ELLIE)
    stage.timers.fire()
    assert len(stage.checks) == 0
    assert (await stage.enter(check)).got(Goodbye)[0].code is ErrorCode.NOT_FOUND


async def test_a_check_ends_with_the_sign_in(stage: Stage) -> None:
    ws = await stage.enter(stage.checks.begin(ELLIE))
    stage.endpoint.end_sign_in("sign-in")
    await stage.settle()
    assert ws.got(Goodbye)[0].code is ErrorCode.SIGNED_OUT
    assert len(stage.checks) == 0


async def test_a_person_has_two_checks_at_a_time_at_most(stage: Stage) -> None:
    first = await stage.enter(stage.checks.begin(ELLIE))
    await stage.enter(stage.checks.begin(ELLIE))
    assert refused(stage, ELLIE) is ErrorCode.OVERLOADED
    stage.checks.begin(MARCUS)
    first.drop()
    await stage.settle()
    stage.checks.begin(ELLIE)


async def test_a_check_that_was_never_entered_makes_way_for_a_newer_one(stage: Stage) -> None:
    checks = [stage.checks.begin(ELLIE) for _ in range(3)]
    assert stage.checks.room(checks[0]) is None
    assert len(stage.checks) == 2


async def test_a_node_has_room_for_so_many_checks(stage: Stage) -> None:
    for number in range(3):
        stage.checks.begin(IdentityId(f"person-{number}"))
    assert refused(stage, ELLIE) is ErrorCode.OVERLOADED


async def test_a_check_that_is_over_takes_no_more_commands(stage: Stage) -> None:
    room = stage.checks.room(stage.checks.begin(ELLIE))
    assert room is not None
    await room.submit(Enter(MYSELF, ELLIE, "Ellie", Role.PARTICIPANT))
    await room.submit(LoseConnection(MYSELF, 1))
    assert await room.submit(Enter(MYSELF, ELLIE, "Ellie", Role.PARTICIPANT)) == NOT_FOUND
    assert isinstance(await room.submit(LoseConnection(MYSELF, 1)), Rejection)
