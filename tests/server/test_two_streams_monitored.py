"""Everyone in a room receives the same with a monitor and without: to the last byte. A mentor may be whispered to."""

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
from protocol.ids import IdentityId, MessageId, ParticipantId, RequestId, WhisperId
from protocol.messages import (
    AskForCover,
    Leave,
    PostChat,
    PublishOffer,
    Remove,
    RestartSubscribe,
    SetDevices,
    SetView,
    ViewReplaced,
    Welcome,
    WithdrawCover,
)
from protocol.monitoring import (
    Listen,
    SendWhisper,
    SpeakTo,
    StopListening,
    Whispered,
    WhisperSpeaking,
)
from protocol.values import Role, Source
from server.storage.engine import writing
from server.supervisor import stream_of
from tests.server.flagged import flagged
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION, STRANGER
from tests.server.supervised import Node, RawSocket, Watched, node, settle, until

TURNS = 7
REASON = "Nobody speaks, and I hear somebody cry."
ACTS = ("listen", "break glass", "stop", "look", "whisper", "voice", "speak", "hush", "step in", "go", "come back")


@dataclass
class Run:
    """What could be noticed, and what the monitor got done."""

    frames: dict[str, list[str | bytes]]
    answers: dict[str, list[tuple[int, bytes]]]
    events: list[object]
    appends: list[int]
    media: list[tuple[object, ...]]
    counted: list[object]
    monitored: set[str]


acts = st.tuples(st.integers(1, TURNS), st.sampled_from(ACTS))
"""Before that turn of the evening."""


class Therapist:
    """A desk, used at the wrong times as well."""

    def __init__(self, there: Node, desk: Watched) -> None:
        self.there, self.desk = there, desk
        self.numbers = 0
        self.gone = False

    async def act(self, what: str, mentor: str) -> None:
        there, dana = self.there, ParticipantId(mentor)
        self.numbers += 1
        rid = RequestId(f"o{self.numbers}")
        match what:
            case "listen":
                await there.ask(self.desk, Listen(rid, SESSION))
            case "break glass":
                await there.ask(self.desk, Listen(rid, SESSION, REASON))
            case "stop":
                await there.ask(self.desk, StopListening(rid))
            case "look":
                await there.ask(self.desk, SetView(rid, ()))
                await there.ask(self.desk, RestartSubscribe(RequestId(f"{rid}-again")))
            case "whisper":
                await there.ask(self.desk, SendWhisper(rid, SESSION, dana, WhisperId(rid), "Ask how she slept."))
            case "voice":
                self.desk.say(PublishOffer(rid, "offer", {"0": Source.MICROPHONE}))
                await settle()
            case "speak":
                await there.ask(self.desk, SpeakTo(rid, SESSION, dana))
            case "hush":
                await there.ask(self.desk, SpeakTo(rid, SESSION))
            case "go":
                self.gone = True
                self.desk.drop()
                await settle()
            case _:
                self.gone, self.desk = False, await there.watch(OMAR)


async def evening(folder: Path, done: list[tuple[int, str]]) -> Run:
    async with node(folder) as there, flagged(folder, over=there) as site:
        async with writing(there.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
        pages = {who: await site.page(who) for who in (ELLIE, DANA, RUTH)}
        omar_page = await site.page(OMAR)
        omar = Therapist(there, await there.watch(OMAR))
        answers: dict[str, list[tuple[int, bytes]]] = {who: [] for who in pages}
        seats: dict[IdentityId, str] = {}
        turn = 0

        async def meanwhile() -> None:
            nonlocal turn
            turn += 1
            for when, what in done:
                if when != turn:
                    continue
                if what == "step in":
                    await omar_page.ask("POST", f"/sessions/{SESSION}/step-in", {})
                elif what != "come back" and omar.gone:
                    continue
                else:
                    await omar.act(what, seats[DANA])
            await settle()
            for who, page in pages.items():
                for path in ("/me", f"/sessions/{SESSION}/flags/mine", f"/sessions/{SESSION}/arrival?language=en"):
                    status, _, body = await page.ask("GET", path)
                    answers[who].append((status, body))

        def took(who: IdentityId, ws: RawSocket) -> RawSocket:
            seats[who] = ws.got(Welcome)[0].snapshot.you
            return ws

        ellie = took(ELLIE, await there.join(ELLIE, Role.PARTICIPANT))
        dana = took(DANA, await there.join(DANA, Role.MENTOR))
        ruth = took(RUTH, await there.join(RUTH, Role.THERAPIST))
        sam = took(STRANGER, await there.join(STRANGER, Role.PARTICIPANT, enrolled=False))
        await settle()
        raised = await pages[DANA].flag("f1", kind="flag", severity="concern", about=seats[ELLIE], text="worried")
        assert raised[0] == 200
        await meanwhile()
        await there.ask(ellie, PostChat(RequestId("a1"), MessageId("m1"), "hello"))
        await meanwhile()
        await there.ask(ellie, SetDevices(RequestId("a2"), True, True))
        await meanwhile()
        await there.ask(ruth, AskForCover(RequestId("a3")))
        await there.ask(ruth, WithdrawCover(RequestId("a4")))
        await meanwhile()
        await there.ask(dana, Remove(RequestId("a5"), ParticipantId(seats[STRANGER])))
        await meanwhile()
        await there.ask(ruth, Leave(RequestId("a6")))
        await meanwhile()
        await there.ask(dana, Leave(RequestId("a7")))
        await settle()
        await there.after(120)
        await until(
            "Ellie waits in the lobby", lambda: any(each.snapshot.waiting for each in ellie.got(ViewReplaced)[1:])
        )
        await meanwhile()
        await settle()
        mentors = [
            raw
            for raw, (_, frame) in zip(dana.raw, dana.frames, strict=True)
            if not isinstance(frame, Whispered | WhisperSpeaking)
        ]
        return Run(
            {"ellie": ellie.raw, "dana": mentors, "ruth": ruth.raw, "sam": sam.raw},
            answers,
            list(await there.log.read(SESSION)),
            [len(events) for stream, events in there.log.appends if stream == SESSION],
            there.media.calls,
            list(there.telemetry.commands),
            {each.type for each in await there.log.read(stream_of(SESSION))},
        )


@cache
def without() -> Run:
    with TemporaryDirectory() as folder:
        return asyncio.run(evening(Path(folder), []))


def run(done: list[tuple[int, str]]) -> Run:
    with TemporaryDirectory() as folder:
        found = asyncio.run(evening(Path(folder), done))
    assert found.frames == without().frames
    assert all(len(frames) > 1 for frames in found.frames.values())
    for who, answers in found.answers.items():
        assert answers == without().answers[who], who
    assert found.events == without().events
    assert found.appends == without().appends
    assert found.media == without().media
    assert found.counted == without().counted
    return found


@settings(max_examples=3, deadline=None)
@given(st.lists(acts, min_size=2, max_size=8))
def test_nobody_in_the_room_can_tell_that_a_therapist_listens(done: list[tuple[int, str]]) -> None:
    run(sorted(done, key=lambda each: each[0]))


def test_nor_can_they_of_everything_that_a_monitor_can_do() -> None:
    everything = [
        (1, "listen"), (1, "look"), (1, "whisper"), (1, "voice"), (2, "speak"), (2, "stop"), (2, "break glass"),
        (3, "go"), (3, "come back"), (3, "listen"), (4, "step in"), (5, "listen"), (6, "hush"),
    ]  # fmt: skip

    found = run(everything)

    assert found.monitored >= {"monitoring_began", "monitoring_ended", "whisper_sent", "stepped_in"}
    assert "monitoring_began" not in without().monitored
