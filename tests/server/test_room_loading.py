"""A room that begins with a snapshot is the room that its whole log tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.ids import SessionId
from protocol.values import Role
from rooms.events import DurableEvent
from rooms.life import DEFAULT_RULES
from rooms.state import EMPTY
from rooms.upcasting import UnknownEvent
from server.hall import Hall
from server.keeper import replay, stored_form
from server.room_loading import SNAPSHOT_VERSION, RoomSnapshots, load_room
from server.storage.log import EventLog, NewEvent, StoredEvent, StoredSnapshot, Synced, Unreadable
from tests.fakes import FakeClock
from tests.rooms.harness import Refusal, RoomHarness
from tests.server.purges import purge_class
from tests.server.secret import vault
from tests.server.storage.databases import database

ROOM = SessionId("session-1")
PEOPLE = {"ana": Role.PARTICIPANT, "ben": Role.PARTICIPANT, "mia": Role.MENTOR, "theo": Role.THERAPIST}
WHO = st.sampled_from(sorted(PEOPLE))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), WHO, st.just("")),
        st.tuples(st.just("leave"), WHO, st.just("")),
        st.tuples(st.just("post"), WHO, st.text(min_size=1, max_size=5)),
        st.tuples(st.sampled_from(["hide", "show"]), st.just("mia"), st.sampled_from(["m1", "m2", "m3"])),
        st.tuples(st.sampled_from(["close_microphone", "allow_microphone"]), st.just("mia"), WHO),
        st.tuples(st.just("devices"), WHO, st.just("")),
        st.tuples(st.just("end"), st.just("mia"), st.just("")),
    ),
    max_size=40,
)


def story(steps: Sequence[tuple[str, str, str]]) -> list[DurableEvent]:
    """What is stored of a room in which this happens."""
    room = RoomHarness()
    for who, role in PEOPLE.items():
        room.enter(who, role)
    for what, who, more in steps:
        try:
            if what == "enter":
                room.enter(who, PEOPLE[who])
            elif what == "devices":
                room.devices(who, microphone=True)
            else:
                getattr(room, what)(who, *([more] if more else []))
        except Refusal:
            continue
    return room.events()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "log.db") as engine:
        yield engine


@pytest.fixture
async def log(engine: AsyncEngine) -> AsyncIterator[EventLog]:
    log = EventLog(engine, FakeClock(), vault())
    await log.start()
    yield log
    await log.stop()


async def append(log: EventLog, stream: str, events: Sequence[DurableEvent]) -> None:
    claim = await log.claim(stream, "room")
    await log.append(stream, claim.epoch, claim.head, [stored_form(event, 0) for event in events])


_streams = iter(range(1_000_000))


@given(steps=STEPS, share=st.floats(0, 1))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
async def test_loading_with_and_without_a_snapshot_gives_the_same_room(
    log: EventLog, steps: Sequence[tuple[str, str, str]], share: float
) -> None:
    stream = f"room-{next(_streams)}"
    events = story(steps)
    cut = max(1, round(len(events) * share))
    await append(log, stream, events[:cut])
    await RoomSnapshots(log).take(stream)
    if events[cut:]:
        await append(log, stream, events[cut:])

    loaded = await load_room(log, stream)

    assert (loaded.from_snapshot, loaded.seq) == (cut, len(events))
    whole = replay(await log.read(stream))
    assert loaded.state == whole
    assert list(loaded.state.people) == list(whole.people)


async def test_snapshot_that_does_not_decode_is_thrown_away(log: EventLog) -> None:
    await append(log, ROOM, story([("post", "ana", "hello")]))
    await log.save_snapshot(ROOM, StoredSnapshot(3, SNAPSHOT_VERSION, b"\xc1"), destroyed_keys=0)
    loaded = await load_room(log, ROOM)
    assert loaded.from_snapshot == 0
    assert [message.text for message in loaded.state.chat] == ["hello"]


async def test_snapshot_of_other_code_is_thrown_away(log: EventLog) -> None:
    await append(log, ROOM, story([]))
    await RoomSnapshots(log).take(ROOM)
    snapshot = await log.find_snapshot(ROOM, SNAPSHOT_VERSION)
    assert snapshot is not None
    await log.save_snapshot(ROOM, StoredSnapshot(snapshot.seq, SNAPSHOT_VERSION ^ 1, snapshot.body), destroyed_keys=0)
    assert (await load_room(log, ROOM)).from_snapshot == 0


async def test_stream_without_events_is_an_empty_room(log: EventLog) -> None:
    loaded = await load_room(log, ROOM)
    assert (loaded.state, loaded.seq, loaded.from_snapshot) == (EMPTY, 0, 0)


async def test_room_whose_chat_was_purged_still_knows_who_was_there(engine: AsyncEngine, log: EventLog) -> None:
    await append(log, ROOM, story([("post", "ana", "hello"), ("hide", "mia", "m1"), ("leave", "ben", "")]))
    await RoomSnapshots(log).take(ROOM)
    before = await load_room(log, ROOM)
    await purge_class(engine, ROOM)
    after = await load_room(log, ROOM)
    assert before.state.chat
    assert len(after.state.chat) == 0
    assert after.state.people == before.state.people
    assert after.from_snapshot == 0


async def test_chat_that_is_purged_while_a_snapshot_is_taken_does_not_come_back_in_it(
    engine: AsyncEngine, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(log, ROOM, story([("post", "ana", "hello")]))
    read = log.read

    async def read_and_then_purged(stream_id: str, after: int = 0) -> list[StoredEvent]:
        found = await read(stream_id, after)
        await purge_class(engine, ROOM)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(log, "read", read_and_then_purged)
        await RoomSnapshots(log).take(ROOM)
    assert await log.find_snapshot(ROOM, SNAPSHOT_VERSION) is None
    await RoomSnapshots(log).take(ROOM)
    loaded = await load_room(log, ROOM)
    assert loaded.from_snapshot == loaded.seq
    assert len(loaded.state.chat) == 0


async def test_event_of_a_newer_version_is_an_error_and_not_skipped(log: EventLog) -> None:
    claim = await log.claim(ROOM, "room")
    await log.append(ROOM, claim.epoch, 0, [NewEvent(1, "chat_written", 99, b"\x80")])
    with pytest.raises(UnknownEvent, match="newer version"):
        await load_room(log, ROOM)


async def test_snapshots_are_due_after_so_many_events_of_rooms_that_are_open(log: EventLog) -> None:
    snapshots = RoomSnapshots(log, every=10)
    snapshots.watch("a", 0)
    snapshots.watch("b", 95)
    assert snapshots.due({"a": 9, "b": 104, "supervision-of-a": 500}) == []
    assert snapshots.due({"a": 11, "b": 105}) == ["a", "b"]
    assert snapshots.due({"a": 12}) == []
    assert snapshots.due({"a": 21}) == ["a"]
    snapshots.unwatch("a")
    assert snapshots.due({"a": 100}) == []


async def test_snapshot_that_cannot_be_taken_disturbs_nobody(log: EventLog) -> None:
    claim = await log.claim(ROOM, "room")
    await log.append(ROOM, claim.epoch, 0, [NewEvent(1, "chat_written", 99, b"\x80")])
    await RoomSnapshots(log).take(ROOM)
    assert await log.find_snapshot(ROOM, SNAPSHOT_VERSION) is None


async def test_reading_an_unreadable_room_says_which_event(log: EventLog, tmp_path: Path) -> None:
    import sqlite3

    await append(log, ROOM, story([("post", "ana", "hello")]))
    connection = sqlite3.connect(tmp_path / "log.db")
    with connection:
        connection.execute("UPDATE payloads SET sealed = zeroblob(70) WHERE seq = 6")
    connection.close()
    with pytest.raises(Unreadable, match="event 6 of session-1"):
        await load_room(log, ROOM)


async def test_open_room_gets_its_snapshot_while_it_runs(tmp_path: Path) -> None:
    from moderation.decision import Accepted
    from program.groups import Group, add_group
    from program.sessions import open_session
    from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId
    from protocol.messages import PostChat
    from rooms.commands import Enter, Requested
    from server.storage.engine import writing
    from server.tokens import JoinTokens
    from tests.room_fakes import FakeMedia, FakeTimers

    async with database(tmp_path / "hall.db") as engine:
        async with writing(engine) as connection:
            await add_group(connection, Group("g", "group", 1))
            await open_session(connection, ROOM, "g", "Tuesday", 1)
        clock = FakeClock()
        halls: list[Hall] = []

        def synced(group: Synced) -> None:
            halls[0].synced(group)

        log = EventLog(engine, clock, vault(), on_synced=synced)
        await log.start()

        def hall() -> Hall:
            return Hall(
                engine, log, JoinTokens(clock, ttl_s=60), FakeMedia(), clock, FakeTimers(),
                arrived=everyone_arrived, away_grace_ms=60_000, rules=DEFAULT_RULES, on_rooms=lambda _count: None,
                on_failed=lambda: None, on_denied=lambda *_: None,
            )  # fmt: skip

        halls.append(hall())
        keeper = await halls[0].room(ROOM)
        ana = ParticipantId("ana")
        await keeper.submit(Enter(ana, IdentityId("i"), "Ana", Role.MENTOR))
        for n in range(450):
            asked = Requested(ana, PostChat(RequestId(f"r{n}"), MessageId(f"m{n}"), f"{n}"))
            assert isinstance(await keeper.submit(asked), Accepted)
        await halls[0].close()
        snapshot = await log.find_snapshot(ROOM, SNAPSHOT_VERSION)
        assert snapshot is not None
        assert snapshot.seq >= 200
        halls[0] = hall()
        again = await halls[0].room(ROOM)
        assert [message.text for message in again.state.chat] == [f"{n}" for n in range(450)]
        await halls[0].close()
        await log.stop()


async def everyone_arrived(*_: object) -> bool:
    return True
