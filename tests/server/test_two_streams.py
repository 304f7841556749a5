"""What therapists do cannot be noticed in a room: with them and without, it is the same to the last byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from program.groups import add_member
from program.sessions import name_responder
from protocol.ids import MessageId, SessionId
from protocol.messages import (
    AskForCover,
    Leave,
    PostChat,
    Remove,
    Resume,
    SessionChanged,
    SetDevices,
    ViewReplaced,
    Welcome,
    WithdrawCover,
)
from protocol.values import Role
from server.storage.engine import writing
from server.storage.log import StoredEvent
from server.storage.schema import streams
from server.supervisor import stream_of
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION, STRANGER
from tests.server.supervised import Node, RawSocket, Watched, node, settle, until


@dataclass
class Run:
    """What could be noticed of one run."""

    frames: dict[str, list[str | bytes]]
    events: list[StoredEvent]
    appends: list[int]
    media: list[tuple[object, ...]]


async def run(folder: Path, *, watched: bool) -> Run:
    """An evening with everything that supervision hears of; therapists watch and take note at every turn, or none."""
    async with node(folder) as there:
        async with writing(there.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
        watching: list[Watched] = []

        async def meanwhile() -> None:
            if not watched:
                return
            watching.append(await there.watch(RUTH if len(watching) % 2 else OMAR))
            for page in watching:
                for concern in page.concerns():
                    if not concern.acknowledged:
                        await there.acknowledge(page, concern)
            if len(watching) == 4:
                watching[0].drop()
            await there.look_again()

        await meanwhile()
        ellie = await there.join(ELLIE, Role.PARTICIPANT)
        await meanwhile()
        dana = await there.join(DANA, Role.MENTOR)
        await settle()
        sam = await there.join(STRANGER, Role.PARTICIPANT, enrolled=False)
        await meanwhile()
        await there.ask(ellie, PostChat(there.rid(), MessageId("m1"), "hello"))
        await there.ask(ellie, SetDevices(there.rid(), True, True))
        await there.ask(dana, AskForCover(there.rid()))
        await meanwhile()
        await there.ask(dana, WithdrawCover(there.rid()))
        await meanwhile()
        dana.drop()
        await settle()
        await there.after(1.5)
        await meanwhile()
        back = RawSocket()
        there.serve(back, Resume(dana.got(Welcome)[0].resume_token, dana.seq))
        await until("Dana is back", lambda: bool(back.frames))
        await settle()
        await meanwhile()
        await there.ask(back, Remove(there.rid(), sam.got(Welcome)[0].snapshot.you))
        await meanwhile()
        await there.ask(back, PostChat(there.rid(), MessageId("m2"), "welcome"))
        await there.ask(back, Leave(there.rid()))
        await there.after(120)
        await until("Ellie waits in the lobby", lambda: any(f.snapshot.waiting for f in ellie.got(ViewReplaced)[1:]))
        await meanwhile()
        await there.after(600)
        await until("the lobby is late", lambda: any(f.session.late for f in ellie.got(SessionChanged)))
        await meanwhile()
        await settle()
        if watched:
            # The run without is worth nothing if this one did nothing.
            assert len(watching) == 10
            notes = [each.type for each in await there.log.read(stream_of(SESSION))].count("concern_acknowledged")
            assert notes >= 3
        return Run(
            {"ellie": ellie.raw, "dana": dana.raw, "sam": sam.raw, "dana again": back.raw},
            await there.log.read(SESSION),
            [len(events) for stream, events in there.log.appends if stream == SESSION],
            there.media.calls,
        )


async def test_a_rooms_frames_events_and_commits_are_the_same_with_watchers_and_without(tmp_path: Path) -> None:
    without = await run(tmp_path / "without", watched=False)
    watched = await run(tmp_path / "watched", watched=True)

    for who, frames in without.frames.items():
        assert watched.frames[who] == frames, who
    assert all(len(frames) > 1 for frames in without.frames.values())
    assert watched.events == without.events
    assert watched.appends == without.appends
    assert watched.media == without.media


async def test_to_watch_opens_no_room_and_writes_nothing_of_one(tmp_path: Path) -> None:
    async with node(tmp_path) as there:
        await there.watch(RUTH)
        await settle()

        assert await there.log.read(SESSION) == []
        assert there.hall.participants() == 0
        assert there.media.calls == []
        assert await rooms_opened(there, SESSION) == 0


async def rooms_opened(there: Node, session_id: SessionId) -> int:
    """How often the room's stream was claimed."""
    async with there.engine.connect() as connection:
        claims = select(func.coalesce(func.sum(streams.c.epoch), 0)).where(streams.c.id == session_id)
        return int((await connection.execute(claims)).scalar_one())
