"""Alerts arrive: each by each way, over failures, restarts and disks that take nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from protocol.ids import ConcernId, SessionId
from protocol.supervision import Severity, Step
from server.alerts.alert import EXPIRES_MS, Alert, alert_id
from server.alerts.book import Book, Errand
from server.alerts.delivering import FIRST_S, LONGEST_S, REPEATS_AT_ONCE, Alerts, pause_s
from server.alerts.guard import Guard
from server.alerts.way import NotDelivered
from server.alerts.webhook import Webhook
from server.metrics import Metrics
from server.storage.engine import reading
from server.storage.schema import alerts
from tests.fakes import START_MS, FakeClock
from tests.room_fakes import FakeTimers
from tests.server.alerts.receivers import Receiver, listening
from tests.server.storage.databases import database


def alert(number: int = 7, at_ms: int = START_MS) -> Alert:
    made = alert_id(SessionId("s-tuesday"), ConcernId("c-1"), number)
    return Alert(made, Severity.CRISIS, at_ms - 60_000, at_ms)


class FakeWay:
    """Fails while it is `down`; hangs while it is `stuck`; breaks while it is `buggy`; takes turns if it `dawdles`."""

    def __init__(self, name: str = "webhook") -> None:
        self.name = name
        self.down = self.buggy = self.dawdles = False
        self.stuck: asyncio.Event | None = None
        self.tried: list[str] = []
        self.arrived: list[str] = []
        self.at_once = self.most_at_once = 0

    async def deliver(self, alert: Alert) -> str:
        self.tried.append(alert.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.stuck is not None:
                await self.stuck.wait()
            for _ in range(50 if self.dawdles else 0):
                await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        if self.buggy:
            raise KeyError("Ellie Sample")
        if self.down:
            raise NotDelivered("status 503")
        self.arrived.append(alert.id)
        return "status 204"


class FailingBook(Book):
    """Fails while it is `failing`; hangs while it is `stuck`, or once it has written, while it is `slow`."""

    failing = False
    stuck: asyncio.Event | None = None
    slow: asyncio.Event | None = None

    async def save(self, errands: Sequence[Errand], now_ms: int) -> None:
        if self.stuck is not None:
            await self.stuck.wait()
        if self.failing:
            raise OperationalError("insert", {}, OSError("disk full"))
        await super().save(errands, now_ms)
        if self.slow is not None:
            await self.slow.wait()


class Post:
    """Alerts, with everything around them in the test's hands."""

    def __init__(self, engine: AsyncEngine, *ways: Any, store_s: float = 60.0) -> None:
        self.engine = engine
        self.store_s = store_s
        self.clock = FakeClock()
        self.ways = ways
        self.metrics = Metrics()
        self.restart()

    def restart(self) -> None:
        """A new process on the same database; the old one is not asked."""
        self.timers = FakeTimers()
        self.book = FailingBook(self.engine)
        self.alerts = Alerts(
            self.ways,
            self.book,
            self.clock,
            self.timers,
            chance=lambda: 1.0,
            on_outcome=self.metrics.alert_tried,
            store_s=self.store_s,
            grace_s=0.01,
        )

    async def settle(self, *, hanging: int = 0) -> None:
        """Until nothing is under way any more, apart from so many tries that hang."""
        while tasks := self.alerts._trying | self.alerts._storing:
            if hanging == len(tasks) == sum(way.at_once for way in self.ways if isinstance(way, FakeWay)):
                return
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=0.01)

    async def send(self, *sent: Alert) -> None:
        for each in sent:
            self.alerts.send(each)
        await self.settle()

    async def pass_time(self) -> float:
        """To the next try, and through it; how long that took, in seconds."""
        wait_s = min(self.timers.delays())
        self.clock.advance(wait_s)
        for timer, (delay, callback) in list(self.timers.pending.items()):
            del self.timers.pending[timer]
            if delay <= wait_s:
                callback()
            else:
                self.timers.call_later(delay - wait_s, callback)
        await self.settle()
        return wait_s

    async def rows(self) -> list[Any]:
        async with reading(self.engine) as connection:
            return list(await connection.execute(select(alerts).order_by(alerts.c.at_ms, alerts.c.way)))

    def counted(self, outcome: str, way: str = "webhook") -> float:
        found = self.metrics.registry.get_sample_value("holdspace_alert_tries_total", {"way": way, "outcome": outcome})
        return found or 0.0


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "a.db", busy_timeout_ms=100) as opened:
        yield opened


async def test_it_is_sent_once_by_each_way(engine: AsyncEngine) -> None:
    hook, mail = FakeWay(), FakeWay("mail")
    post = Post(engine, hook, mail)
    await post.send(alert())
    assert (hook.arrived, mail.arrived, post.timers.delays()) == ([alert().id], [alert().id], [])
    assert [(row.way, row.done_ms) for row in await post.rows()] == [("mail", START_MS), ("webhook", START_MS)]
    assert (post.counted("delivered"), post.counted("delivered", "mail")) == (1, 1)
    assert post.alerts.waiting() == {"waiting": 0, "unstored": 0}


async def test_its_row_is_there_before_the_first_try(engine: AsyncEngine) -> None:
    seen: list[int] = []

    class Looking(FakeWay):
        async def deliver(self, alert: Alert) -> str:
            seen.append(len(await post.rows()))
            return await super().deliver(alert)

    post = Post(engine, Looking())
    await post.send(alert())
    assert seen == [1]


async def test_it_is_tried_until_the_receiver_is_up_and_later_each_time(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    await post.send(alert())
    waited = [await post.pass_time() for _ in range(9)]
    assert waited == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert (len(hook.tried), hook.arrived, set(hook.tried)) == (10, [], {alert().id})
    hook.down = False
    await post.pass_time()
    assert (hook.arrived, post.timers.delays(), post.counted("failed")) == ([alert().id], [], 10)


@given(tries=st.integers(1, 10_000), chance=st.floats(0, 1))
def test_a_pause_is_of_5_s_to_15_min(tries: int, chance: float) -> None:
    assert FIRST_S <= pause_s(tries, chance) <= LONGEST_S
    assert pause_s(tries, chance) <= pause_s(tries + 1, 1.0)
    assert pause_s(1, 1.0) == 2 * FIRST_S


async def test_it_is_given_up_when_it_is_a_day_old(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    with capture_logs() as logs:
        await post.send(alert())
        while post.timers.delays():
            await post.pass_time()
    assert EXPIRES_MS - 900_000 <= post.clock.now_ms() - START_MS < EXPIRES_MS
    assert post.counted("given_up") == 1
    assert logs[-1]["event"] == "alert given up"
    assert post.alerts.waiting()["waiting"] == 0


async def test_a_restart_goes_on_with_it_under_the_same_id(engine: AsyncEngine) -> None:
    hook, mail = FakeWay(), FakeWay("mail")
    hook.down = True
    post = Post(engine, hook, mail)
    await post.send(alert())
    for _ in range(3):
        await post.pass_time()
    await post.alerts.close()
    hook.tried.clear()
    post.clock.advance(30.0)
    post.restart()
    await post.alerts.start()
    # Where it was: the pause goes on, and is not begun anew.
    assert post.timers.delays() == [50.0]
    hook.down = False
    await post.pass_time()
    assert (hook.arrived, mail.arrived) == ([alert().id], [alert().id])
    post.restart()
    await post.alerts.start()
    assert post.timers.delays() == []


async def test_a_crash_in_the_middle_of_the_first_try_loses_nothing(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.stuck = asyncio.Event()
    post = Post(engine, hook)
    post.alerts.send(alert())
    await post.settle(hanging=1)
    crashed = post.alerts
    hook.stuck = None
    post.restart()
    await post.alerts.start()
    await post.pass_time()
    assert hook.arrived == [alert().id]
    await crashed.close()


async def test_the_same_alert_again_is_not_sent_again(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.send(alert(), alert())
    await post.send(alert())
    assert hook.tried == [alert().id]
    # Nor after a restart, when its stream is read again and tells of it once more.
    post.restart()
    await post.alerts.start()
    await post.send(alert())
    assert hook.tried == [alert().id]


async def test_a_restart_knows_what_arrived_although_nothing_can_be_stored(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.send(alert())
    post.restart()
    await post.alerts.start()
    post.book.failing = True
    await post.send(alert())
    assert hook.tried == [alert().id]


async def test_what_supervision_says_becomes_an_alert(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    told = (SessionId("s-tuesday"), ConcernId("c-1"), Step.CONTACT, 7, START_MS, Severity.CRISIS, START_MS - 60_000)
    post.alerts.escalated(*told)
    await post.settle()
    assert hook.arrived == [alert(START_MS).id]
    [row] = await post.rows()
    assert (row.severity, row.since_ms, row.at_ms, row.attempt) == ("crisis", START_MS - 60_000, START_MS, 7)


async def test_another_event_is_another_alert(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.send(alert(7), alert(8))
    assert set(hook.arrived) == {alert(7).id, alert(8).id}


async def test_a_way_that_hangs_holds_up_neither_the_other_nor_what_is_new(engine: AsyncEngine) -> None:
    hook, mail = FakeWay(), FakeWay("mail")
    hook.stuck = asyncio.Event()
    post = Post(engine, hook, mail)
    for number in range(20):
        post.alerts.send(alert(number))
    await post.settle(hanging=20)
    assert (len(hook.tried), len(mail.arrived)) == (20, 20)
    hook.stuck.set()
    await post.settle()


async def test_what_failed_before_comes_back_a_few_at_a_time(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    await post.send(*(alert(number) for number in range(20)))
    hook.down, hook.most_at_once, hook.dawdles = False, 0, True
    await post.pass_time()
    assert len(hook.arrived) == 20
    assert hook.most_at_once == REPEATS_AT_ONCE


async def test_it_is_sent_although_it_cannot_be_stored_and_stored_as_soon_as_it_can(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    post.book.failing = True
    await post.send(alert(1))
    assert hook.arrived == [alert(1).id]
    assert await post.rows() == []
    post.book.failing = False
    await post.send(alert(2))
    assert {row.id for row in await post.rows() if row.done_ms} == {alert(1).id, alert(2).id}


async def test_while_nothing_can_be_stored_it_is_tried_on_and_a_stop_stores_it(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    post.book.failing = True
    await post.send(alert())
    await post.pass_time()
    assert len(hook.tried) == 2
    assert post.alerts.waiting() == {"waiting": 1, "unstored": 1}
    post.book.failing = False
    await post.alerts.close()
    assert [(row.tries, row.done_ms) for row in await post.rows()] == [(2, None)]


async def test_a_disk_that_hangs_does_not_hold_it_up(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook, store_s=0.01)
    post.book.stuck = asyncio.Event()
    post.alerts.send(alert())
    while not hook.arrived:
        await asyncio.wait(post.alerts._trying | post.alerts._storing, return_when=asyncio.FIRST_COMPLETED, timeout=1)
    assert await post.rows() == []
    post.book.stuck.set()
    await post.settle()
    assert [row.done_ms for row in await post.rows()] == [START_MS]


async def test_what_changes_while_it_is_written_is_written_again(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down, hook.stuck = True, asyncio.Event()
    post = Post(engine, hook, store_s=0.01)
    post.book.slow = asyncio.Event()
    post.alerts.send(alert())
    while not await post.rows():
        await asyncio.sleep(0)
    hook.stuck.set()
    while not post.timers.delays():
        await asyncio.sleep(0.001)
    assert [row.tries for row in await post.rows()] == [0]
    post.book.slow.set()
    await post.settle()
    assert [row.tries for row in await post.rows()] == [1]


async def test_a_bug_in_a_way_is_a_failed_try_and_its_words_are_not_logged(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.buggy = True
    post = Post(engine, hook)
    with capture_logs() as logs:
        await post.send(alert())
    assert any(entry.get("error") == "KeyError" for entry in logs)
    assert "Ellie" not in str(logs)
    hook.buggy = False
    await post.pass_time()
    assert hook.arrived == [alert().id]


async def test_an_alert_of_yesterday_is_not_sent(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.send(alert(at_ms=START_MS - EXPIRES_MS))
    assert hook.tried == []


async def test_rows_go_when_they_are_a_day_old(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.send(alert(1))
    post.clock.advance(EXPIRES_MS / 1000)
    later = alert(2, post.clock.now_ms())
    await post.send(later)
    assert [row.id for row in await post.rows()] == [later.id]


async def test_what_a_restart_finds_too_old_is_not_sent(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    await post.send(alert())
    post.clock.advance(EXPIRES_MS / 1000)
    post.restart()
    await post.alerts.start()
    assert post.timers.delays() == []


async def test_a_way_that_is_not_set_any_more_is_not_tried(engine: AsyncEngine) -> None:
    mail = FakeWay("mail")
    mail.down = True
    post = Post(engine, FakeWay(), mail)
    await post.send(alert())
    post.ways = post.ways[:1]
    post.restart()
    await post.alerts.start()
    assert post.timers.delays() == []


async def test_without_any_way_it_says_that_nobody_is_told(engine: AsyncEngine) -> None:
    post = Post(engine)
    with capture_logs() as logs:
        await post.send(alert())
    assert [(entry["log_level"], entry["alert"]) for entry in logs] == [("error", alert().id)]


async def test_after_a_stop_nothing_is_sent(engine: AsyncEngine) -> None:
    hook = FakeWay()
    post = Post(engine, hook)
    await post.alerts.close()
    await post.send(alert())
    assert (hook.tried, await post.rows()) == ([], [])


async def test_a_stop_ends_tries_that_hang(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.stuck = asyncio.Event()
    post = Post(engine, hook)
    post.alerts.send(alert())
    await post.settle(hanging=1)
    await post.alerts.close()
    assert (post.alerts._trying, hook.at_once) == (set(), 0)
    assert [(row.tries, row.done_ms) for row in await post.rows()] == [(0, None)]


async def test_logs_hold_ids_only(engine: AsyncEngine) -> None:
    hook = FakeWay()
    hook.down = True
    post = Post(engine, hook)
    with capture_logs() as logs:
        await post.send(alert())
        hook.down = False
        await post.pass_time()
    assert [(entry["event"], entry["alert"], entry["way"]) for entry in logs] == [
        ("alert not delivered", alert().id, "webhook"),
        ("alert delivered", alert().id, "webhook"),
    ]


@pytest.mark.parametrize("misses", [1, 3])
async def test_a_real_receiver_that_was_down_gets_it_with_one_id(engine: AsyncEngine, misses: int) -> None:
    receiver = Receiver()
    async with listening(receiver):
        pass
    hook = Webhook(receiver.url, (bytes(32),), Guard(allow_private=True), FakeClock(), look_at="https://a/")
    post = Post(engine, hook)
    await post.send(alert())
    for _ in range(misses - 1):
        await post.pass_time()
    assert (receiver.requests, post.counted("failed")) == ([], misses)
    await post.alerts.close()
    post.restart()
    await post.alerts.start()
    async with listening(receiver):
        await post.pass_time()
    assert [posted.headers["webhook-id"] for posted in receiver.requests] == [alert().id]
    assert post.timers.delays() == []
