"""Whom a flag concerns, and everyone else in the room, receives the same with flags and without: to the last byte."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from program.groups import add_member
from program.sessions import name_responder
from protocol.ids import IdentityId, MessageId
from protocol.messages import AskForCover, Leave, PostChat, Remove, SetDevices, ViewReplaced, Welcome, WithdrawCover
from protocol.supervision import Acknowledge
from protocol.values import Role
from server.storage.engine import writing
from server.supervisor import stream_of
from tests.server.flagged import Page, flagged
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION, STRANGER
from tests.server.supervised import RawSocket, node, settle, until

TURNS = 8
RAISERS = {ELLIE: ("report", "help", "check_on_me"), DANA: ("flag", "report", "left_upset")}


@dataclass(frozen=True)
class Flag:
    """Raised before that turn of the evening."""

    turn: int
    by: IdentityId
    kind: str
    about: IdentityId
    severity: str
    acknowledged: bool


@dataclass
class Run:
    """What could be noticed."""

    frames: dict[str, list[str | bytes]]
    answers: dict[str, list[tuple[int, bytes]]]
    events: list[object]
    appends: list[int]
    media: list[tuple[object, ...]]


@st.composite
def flags(draw: st.DrawFn) -> Flag:
    by = draw(st.sampled_from(list(RAISERS)))
    return Flag(
        draw(st.integers(1, TURNS - 1)),
        by,
        draw(st.sampled_from(RAISERS[by])),
        draw(st.sampled_from([ELLIE, DANA, RUTH, STRANGER])),
        draw(st.sampled_from(["note", "concern", "urgent", "crisis"])),
        draw(st.booleans()),
    )


async def evening(folder: Path, raised: list[Flag]) -> Run:
    async with node(folder) as there, flagged(folder, over=there) as site:
        async with writing(there.engine) as connection:
            await name_responder(connection, SESSION, OMAR)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
        omar = await there.watch(OMAR)
        pages: dict[IdentityId, Page] = {who: await site.page(who) for who in (ELLIE, DANA)}
        # Peers and those concerned look as well; what they raised themselves they may see, and nobody else.
        lookers = {who: await site.page(who) for who in (ELLIE, DANA, RUTH) if all(each.by != who for each in raised)}
        answers: dict[str, list[tuple[int, bytes]]] = {who: [] for who in lookers}
        seats: dict[IdentityId, str] = {}
        turn = 0

        async def meanwhile() -> None:
            nonlocal turn
            for number, each in enumerate(raised):
                about = seats.get(each.about, "")
                if each.turn != turn:
                    continue
                status, _ = await pages[each.by].flag(
                    f"f{number}", kind=each.kind, severity=each.severity, about=about, text="worried"
                )
                assert status == 200
                if each.acknowledged and omar.concerns():
                    concern = omar.concerns()[0]
                    await there.ask(omar, Acknowledge(there.rid(), SESSION, concern.id, len(concern.flags)))
            turn += 1
            for who, page in lookers.items():
                for path in ("/me", f"/sessions/{SESSION}/flags/mine", f"/sessions/{SESSION}/arrival?language=en"):
                    status, _, body = await page.ask("GET", path)
                    answers[who].append((status, body))

        def took(who: IdentityId, ws: RawSocket) -> RawSocket:
            seats[who] = ws.got(Welcome)[0].snapshot.you
            return ws

        await meanwhile()
        ellie = took(ELLIE, await there.join(ELLIE, Role.PARTICIPANT))
        dana = took(DANA, await there.join(DANA, Role.MENTOR))
        ruth = took(RUTH, await there.join(RUTH, Role.THERAPIST))
        sam = took(STRANGER, await there.join(STRANGER, Role.PARTICIPANT, enrolled=False))
        await settle()
        await meanwhile()
        await there.ask(ellie, PostChat("a1", MessageId("m1"), "hello"))  # type: ignore[arg-type]
        await meanwhile()
        await there.ask(ellie, SetDevices("a2", True, True))  # type: ignore[arg-type]
        await meanwhile()
        await there.ask(ruth, AskForCover("a3"))  # type: ignore[arg-type]
        await meanwhile()
        await there.ask(ruth, WithdrawCover("a4"))  # type: ignore[arg-type]
        await meanwhile()
        await there.ask(dana, Remove("a5", seats[STRANGER]))  # type: ignore[arg-type]
        await meanwhile()
        await there.ask(ruth, Leave("a6"))  # type: ignore[arg-type]
        await there.ask(dana, Leave("a7"))  # type: ignore[arg-type]
        await settle()
        await there.after(120)
        await until(
            "Ellie waits in the lobby", lambda: any(each.snapshot.waiting for each in ellie.got(ViewReplaced)[1:])
        )
        await meanwhile()
        await settle()
        stored = [each.type for each in await there.log.read(stream_of(SESSION))]
        assert stored.count("flag_raised") == len(raised)
        return Run(
            {"ellie": ellie.raw, "dana": dana.raw, "ruth": ruth.raw, "sam": sam.raw},
            answers,
            list(await there.log.read(SESSION)),
            [len(events) for stream, events in there.log.appends if stream == SESSION],
            there.media.calls,
        )


@cache
def without() -> Run:
    with TemporaryDirectory() as folder:
        return asyncio.run(evening(Path(folder), []))


@settings(max_examples=3, deadline=None)
@given(st.lists(flags(), min_size=1, max_size=4))
def test_nobody_in_the_room_can_tell_that_someone_was_flagged(raised: list[Flag]) -> None:
    with TemporaryDirectory() as folder:
        found = asyncio.run(evening(Path(folder), raised))

    assert found.frames == without().frames
    assert all(len(frames) > 1 for frames in found.frames.values())
    for who, answers in found.answers.items():
        assert answers == without().answers[who], who
    assert found.events == without().events
    assert found.appends == without().appends
    assert found.media == without().media
