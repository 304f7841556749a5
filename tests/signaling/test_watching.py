"""Sockets that watch: what they send, take and refuse. Supervision is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation.decision import Accepted, Rejection
from protocol.codec import Wire
from protocol.errors import ErrorCode, Refused
from protocol.ids import ConcernId, IdentityId, RequestId, SessionId
from protocol.messages import Ack, Goodbye, Join, Leave, Ping, Rejected, Watch
from protocol.monitoring import Listen
from protocol.supervision import Acknowledge, Handling, Supervised, SupervisedView, Unsupervised, Watching
from protocol.values import SessionStatus, SessionView
from signaling.endpoint import Endpoint, Settings
from signaling.ports import WatchAdmission, Watcher
from signaling.rate import Rates
from tests.fakes import counted
from tests.signaling.stage import FakeWebSocket, Stage

TOKEN = "watch-token-of-ruth"
RUTH = IdentityId("i-ruth")


def view(people: int = 0, session: str = "s1", title: str = "Tuesday") -> SupervisedView:
    return SupervisedView(SessionView(SessionId(session), title, SessionStatus.LOBBY), people)


class FakeSupervision:
    """Keeps who watches; answers as the test says."""

    def __init__(self) -> None:
        self.watchers: list[Watcher] = []
        self.ended: list[Watcher] = []
        self.noted: list[tuple[Any, ...]] = []
        self.sessions: tuple[SupervisedView, ...] = (view(),)
        self.ready = asyncio.Event()
        self.ready.set()
        self.answer: Accepted[Any] | Rejection | Exception = Accepted()

    def admit(self, token: str) -> WatchAdmission:
        if token != TOKEN:
            raise Refused(ErrorCode.TOKEN_INVALID)
        return WatchAdmission(RUTH, "sign-in-of-ruth")

    async def begin(self, watcher: Watcher) -> tuple[SupervisedView, ...]:
        await self.ready.wait()
        self.watchers.append(watcher)
        return self.sessions

    def end(self, watcher: Watcher) -> None:
        self.ended.append(watcher)

    def handle(self, watcher: Watcher, asked: Handling) -> asyncio.Future[Accepted[Any] | Rejection]:
        self.noted.append((watcher.identity_id, asked.session_id, asked.concern_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        done: asyncio.Future[Accepted[Any] | Rejection] = asyncio.get_running_loop().create_future()
        done.set_result(self.answer)
        return done


class WatchStage(Stage):
    """The endpoint, with supervision."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.supervision = FakeSupervision()
        self.endpoint = Endpoint(
            self.hall,
            self.calls,
            self.telemetry,
            new_token=counted("secret"),
            new_id=counted("person"),
            now_ms=self.clock.now_ms,
            monotonic=self.clock.monotonic,
            settings=settings,
            supervision=self.supervision,
        )

    async def watch(self, wire: Wire = Wire.MSGPACK) -> FakeWebSocket:
        return await self.socket(Watch(TOKEN), wire)


@pytest.fixture
async def stage() -> AsyncIterator[WatchStage]:
    stage = WatchStage(Settings())
    await stage.open()
    yield stage
    await stage.close()


def note(request: str = "r1") -> Acknowledge:
    return Acknowledge(RequestId(request), SessionId("s1"), ConcernId("c1"))


@pytest.mark.parametrize("wire", list(Wire))
async def test_who_watches_is_shown_the_sessions_first(stage: WatchStage, wire: Wire) -> None:
    ruth = await stage.watch(wire)

    assert ruth.frames == [(None, Watching((view(),), stage.clock.now_ms(), 5.0))]
    assert [watcher.identity_id for watcher in stage.supervision.watchers] == [RUTH]


async def test_changes_and_ends_follow(stage: WatchStage) -> None:
    ruth = await stage.watch()
    [watcher] = stage.supervision.watchers

    watcher.show(view(1))
    await stage.settle()
    watcher.hide(SessionId("s1"))
    await stage.settle()

    assert [frame for _, frame in ruth.frames[1:]] == [Supervised(view(1)), Unsupervised(SessionId("s1"))]


async def test_of_each_session_only_the_latest_waits_for_a_slow_socket(stage: WatchStage) -> None:
    ruth = await stage.watch()
    [watcher] = stage.supervision.watchers
    ruth.writable.clear()
    watcher.show(view(1))
    await stage.settle()

    for people in range(2, 3_000):
        watcher.show(view(people))
        watcher.show(view(people, "s2"))
    watcher.hide(SessionId("s2"))
    ruth.writable.set()
    await stage.settle()

    assert [frame for _, frame in ruth.frames[1:]] == [
        Supervised(view(1)), Supervised(view(2_999)), Unsupervised(SessionId("s2"))
    ]  # fmt: skip


async def test_a_socket_that_is_too_slow_even_so_is_closed() -> None:
    stage = WatchStage(Settings(max_outbox_bytes=2_000))
    ruth = await stage.watch()
    [watcher] = stage.supervision.watchers
    ruth.writable.clear()

    for number in range(100):
        watcher.show(view(1, f"s{number}", "A long title " * 4))
    ruth.writable.set()
    await stage.settle()

    assert ruth.closed_with == 4507
    assert stage.supervision.ended == [watcher]
    await stage.close()


async def test_ping_and_acknowledge_are_answered(stage: WatchStage) -> None:
    ruth = await stage.watch()

    ruth.say(Ping(RequestId("p1")))
    ruth.say(note())
    await stage.settle()

    assert [frame for _, frame in ruth.frames[1:]] == [Ack(RequestId("p1")), Ack(RequestId("r1"))]
    assert stage.supervision.noted == [(RUTH, SessionId("s1"), ConcernId("c1"))]
    assert stage.telemetry.commands == [("acknowledge", "ok")]


async def test_no_number_tells_that_a_therapist_listens_or_wanted_to(stage: WatchStage) -> None:
    ruth = await stage.watch()
    ruth.say(Listen(RequestId("l1"), SessionId("s1")))
    await stage.settle()
    assert [frame.code for _, frame in ruth.frames[1:] if isinstance(frame, Rejected)] == [ErrorCode.NOT_ALLOWED]
    assert (stage.telemetry.refused, stage.telemetry.commands, stage.telemetry.sent) == ([], [], 0)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Rejection(ErrorCode.NOT_ALLOWED), ErrorCode.NOT_ALLOWED),
        (Refused(ErrorCode.NOT_FOUND), ErrorCode.NOT_FOUND),
        (ZeroDivisionError(), ErrorCode.INTERNAL),
    ],
)
async def test_a_refusal_is_told_and_the_socket_stays(
    stage: WatchStage, answer: Rejection | Exception, code: ErrorCode
) -> None:
    ruth = await stage.watch()
    stage.supervision.answer = answer

    ruth.say(note())
    ruth.say(Ping(RequestId("p1")))
    await stage.settle()

    assert isinstance(ruth.frames[1][1], Rejected)
    assert ruth.frames[1][1].code is code
    assert ruth.last == Ack(RequestId("p1"))


async def test_a_flood_ends_the_socket() -> None:
    stage = WatchStage(Settings(rates=Rates(frames_burst=2)))
    ruth = await stage.watch()

    for number in range(600):
        ruth.say(note(f"r{number}"))
    await stage.settle()
    async with asyncio.timeout(5):
        await ruth.closed.wait()

    assert len(stage.supervision.noted) == 2
    assert ruth.closed_with == 4429
    await stage.close()


@pytest.mark.parametrize("message", [Leave(RequestId("x")), Watch(TOKEN), Join(TOKEN)])
async def test_it_takes_nothing_of_a_room(stage: WatchStage, message: Any) -> None:
    ruth = await stage.watch()

    ruth.say(message)
    await stage.settle()

    assert isinstance(ruth.last, Rejected)
    assert ruth.last.code is ErrorCode.UNEXPECTED
    assert ruth.closed_with is None


async def test_a_room_takes_nothing_of_it(stage: WatchStage) -> None:
    ellie = await stage.join("ellie")

    ellie.say(note())
    ellie.say(Watch(TOKEN))
    await stage.settle()

    assert [frame.code for frame in ellie.got(Rejected)] == [ErrorCode.NOT_ALLOWED, ErrorCode.UNEXPECTED]
    assert stage.supervision.watchers == stage.supervision.noted == []


async def test_a_token_that_is_none_watches_nothing(stage: WatchStage) -> None:
    ws = await stage.socket(Watch("another-token-of-hers"))

    assert isinstance(ws.last, Goodbye)
    assert ws.last.code is ErrorCode.TOKEN_INVALID
    assert stage.supervision.watchers == []


async def test_where_there_is_no_supervision_nobody_watches() -> None:
    stage = Stage()
    ws = await stage.socket(Watch(TOKEN))

    assert isinstance(ws.last, Goodbye)
    assert ws.last.code is ErrorCode.UNEXPECTED
    await stage.close()


async def test_it_ends_with_its_sign_in(stage: WatchStage) -> None:
    ruth = await stage.watch()
    assert stage.endpoint.sign_ins_in_use() == {"sign-in-of-ruth"}
    stage.endpoint.end_sign_in("sign-in-of-somebody-else")
    assert ruth.closed_with is None

    stage.endpoint.end_sign_in("sign-in-of-ruth")
    await stage.settle()

    assert isinstance(ruth.last, Goodbye)
    assert ruth.last.code is ErrorCode.SIGNED_OUT
    assert stage.supervision.ended == stage.supervision.watchers
    assert stage.endpoint.sign_ins_in_use() == frozenset()


async def test_a_sign_in_that_ends_while_sessions_are_looked_up_is_shown_nothing(stage: WatchStage) -> None:
    stage.supervision.ready.clear()
    ruth = await stage.watch()
    stage.endpoint.end_sign_in("sign-in-of-ruth")
    stage.supervision.ready.set()
    await stage.settle()

    assert ruth.got(Watching) == []
    assert isinstance(ruth.last, Goodbye)
    assert len(stage.supervision.ended) == 1


async def test_it_ends_when_the_server_goes_down(stage: WatchStage) -> None:
    ruth = await stage.watch()

    await stage.endpoint.drain()

    assert isinstance(ruth.last, Goodbye)
    assert ruth.last.code is ErrorCode.DRAINING
    assert stage.supervision.ended == stage.supervision.watchers


async def test_a_page_that_is_gone_is_shown_nothing_more(stage: WatchStage) -> None:
    ruth = await stage.watch()
    ruth.drop()
    await stage.settle()

    assert stage.supervision.ended == stage.supervision.watchers
    assert stage.telemetry.sockets == 0
