"""With a monitor or without: everyone else gets the same bytes at the same times, and hears the same of everything."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from media.engine.interface import Drop
from media.engine.rtp import parse
from protocol.errors import Refused
from protocol.ids import ParticipantId
from protocol.values import Source, Tile, TileSize
from tests.media.scripted import (
    CAMERA_OFFER,
    CAMERA_SOURCES,
    ROOMS,
    SCREEN_OFFER,
    SCREEN_SOURCES,
    Downlink,
    Page,
    Stage,
    play,
)

EXAMPLES = int(os.environ.get("UNSEEN_EXAMPLES", "12"))
ROOM = ROOMS[0]
PEOPLE = ("ann", "ben", "mel")
MONITOR = "monitor"


class Step(NamedTuple):
    """Who does what; and so long passes until the next."""

    who: str
    what: str
    how: tuple[Any, ...] = ()
    seconds: float = 0.31


def room_of(who: str) -> str:
    return ROOMS[1] if who == "cy" else ROOM


def tiles(*shown: str, size: TileSize = TileSize.LARGE) -> list[Tile]:
    return [Tile(ParticipantId(who), Source.CAMERA, size) for who in shown]


def on_downlink(page: Page, act: Callable[[Downlink], None]) -> None:
    if page.down is not None:
        act(page.down)


def by_a_participant(stage: Stage, who: str, what: str, how: tuple[Any, ...]) -> None:
    plane, page, room = stage.plane, stage.pages[who], room_of(who)
    match what, how:
        case "join", ():
            stage.join(room, who)
        case "leave", ():
            stage.leave(room, who)
        case "gate", (source, is_open):
            plane.set_gate(room, who, source, is_open)
        case "always", (always,):
            plane.set_priority(room, who, always)
        case "pin", (pinned,):
            plane.set_pinned(room, who if pinned else None)
        case "awake" | "loud" | "loses" | "answers", (value,):
            setattr(page, what, value)
        case "layers", (rids,):
            stage.send_layers(who, rids)
        case "nack", ():
            on_downlink(page, Downlink.nack)
        case "pli", ():
            on_downlink(page, lambda down: down.feedback_on(206, 1))
        case "report", (share,):
            on_downlink(page, lambda down: down.report(share))
        case _ if page.here:
            match what, how:
                case "screen", ():
                    stage.publish(room, who, SCREEN_OFFER, SCREEN_SOURCES)
                case "camera", ():
                    stage.publish(room, who, CAMERA_OFFER, CAMERA_SOURCES)
                case "view", (shown, size):
                    plane.view(room, who, tiles(*shown, size=size))
                case "again", ():
                    plane.resubscribe(room, who)
                case "headphones", (on,):
                    plane.set_headphones(room, who, on)
                case _:
                    raise AssertionError(what)
        case _:
            pass  # no page, nothing that it could ask for


def by_the_monitor(stage: Stage, what: str, how: tuple[Any, ...]) -> None:
    plane, page = stage.plane, stage.monitor
    match what, how:
        case "add", ():
            stage.add_monitor()
        case "listen", (room,):
            plane.listen("theo", room)
        case "view", (shown,):
            plane.view_monitor("theo", tiles(*shown))
        case "again", ():
            plane.resubscribe_monitor("theo")
        case "speak_up", ():
            stage.speak_up()
        case "speak_to", (who,):
            plane.speak_to("theo", ROOM, who)
        case "remove", ():
            plane.remove_monitor("theo")  # and its page sends on
        case "awake" | "loud" | "answers", (value,):
            setattr(page, what, value)
        case "nack", ():
            on_downlink(page, Downlink.nack)
        case "pli", ():
            on_downlink(page, lambda down: down.feedback_on(206, 1))
        case "fir", ():
            on_downlink(page, lambda down: down.feedback_on(206, 4, bytes(8)))
        case "remb", ():
            on_downlink(page, lambda down: down.feedback_on(206, 15, b"REMB\x01\x00\x00\x01" + bytes(4)))
        case "bye", ():
            on_downlink(page, lambda down: down.send(b"\x81\xcb\x00\x01\x00\x00\x00\x4d"))
        case "report", (share,):
            on_downlink(page, lambda down: down.report(share))
        case "rubbish", (data,):
            on_downlink(page, lambda down: down.send(data))
        case _:
            raise AssertionError(what)


def take(stage: Stage, step: Step) -> None:
    try:
        if step.who == MONITOR:
            by_the_monitor(stage, step.what, step.how)
        else:
            by_a_participant(stage, step.who, step.what, step.how)
    except Refused as refused:
        if step.who != MONITOR:
            stage.note("refused", refused.code)


def perform(steps: Sequence[Step], *, monitored: bool) -> Stage:
    def nothing() -> None:
        pass

    def script(stage: Stage) -> list[tuple[Callable[[], None], float]]:
        return [
            (partial(take, stage, step) if monitored or step.who != MONITOR else nothing, step.seconds)
            for step in steps
        ]

    return play(script)


def opening() -> list[Step]:
    """Three people, one of them a mentor, who see and hear each other; and one in another room."""
    steps = [Step(who, "join", (), 0.07) for who in (*PEOPLE, "cy")]
    for who in (*PEOPLE, "cy"):
        steps += [Step(who, "gate", (source, True), 0.01) for source in (Source.MICROPHONE, Source.CAMERA)]
        steps += [Step(who, "view", (PEOPLE, TileSize.SMALL), 0.01)]
    return [*steps, Step("ben", "loud", (True,), 1.5)]


def assert_unseen(steps: Sequence[Step]) -> Stage:
    """Returns the run with the monitor."""
    steps = [*opening(), *steps]
    with_monitor, without = perform(steps, monitored=True), perform(steps, monitored=False)
    for number, (one, other) in enumerate(zip_longest(with_monitor.others, without.others)):
        assert one == other, f"the first difference is number {number}"
    assert with_monitor.late
    assert with_monitor.plane.stats().dropped_fault == with_monitor.engine.monitor_stats().dropped[Drop.FAULT] == 0
    assert without.engine.monitor_stats().datagrams_in == 0
    return with_monitor


def test_everything_that_a_monitor_can_do_in_one_run() -> None:
    steps = [
        Step(MONITOR, "add"),
        Step(MONITOR, "listen", (ROOM,)),
        Step("ann", "loses", (True,), 1.0),
        *(Step(MONITOR, what) for what in ("nack", "pli", "fir", "remb")),
        Step(MONITOR, "report", (0.5,), 1.1),
        Step(MONITOR, "report", (0.5,), 1.1),
        Step("ann", "loses", (False,), 5.5),
        Step(MONITOR, "view", (("ann",),)),
        Step("ann", "gate", (Source.CAMERA, False)),
        Step("ann", "gate", (Source.CAMERA, True)),
        Step("mel", "headphones", (True,)),
        Step(MONITOR, "speak_up"),
        Step(MONITOR, "speak_to", ("mel",)),
        Step(MONITOR, "loud", (True,), 1.5),
        *(Step("mel", "report", (0.0,), 1.1) for _ in range(3)),
        *(Step(who, "loud", (loud,), 1.3) for who, loud in (("ben", False), ("ann", True), ("ann", False))),
        Step("ben", "screen"),
        Step("ben", "gate", (Source.SCREEN, True)),
        Step("ann", "leave"),
        Step("ann", "join", (), 1.0),
        Step(MONITOR, "listen", (ROOMS[1],)),
        *(Step("cy", "gate", (source, False)) for source in (Source.MICROPHONE, Source.CAMERA)),
        Step("cy", "leave"),
        Step("ben", "layers", (("f",),), 2.0),
        Step(MONITOR, "listen", (ROOM,), 1.0),
        Step("ben", "report", (0.3,), 1.1),
        Step("ben", "report", (0.3,), 1.1),
        Step(MONITOR, "speak_to", (None,)),
        Step(MONITOR, "answers", ("rubbish",)),
        Step(MONITOR, "again"),
        Step(MONITOR, "awake", (False,), 17.0),
        Step(MONITOR, "awake", (True,)),
        Step(MONITOR, "remove", (), 1.0),
        *(Step(MONITOR, what) for what in ("nack", "pli", "bye")),
        Step("ann", "leave", (), 1.0),
    ]
    stage = assert_unseen(steps)
    assert sorted(stage.failed) == ["publish", "subscribe"]  # it slept
    packets = [packet for packet in map(parse, stage.whispered) if packet is not None]
    assert len(packets) > 20
    apart = stage.engine.monitor_stats()
    assert apart.packets_forwarded > 500
    assert apart.packets_resent > 0
    assert apart.plis_in > 0


others = st.sampled_from(PEOPLE)
flag = st.booleans()
pause = st.sampled_from((0.003, 0.053, 0.31, 1.13, 2.57))
source = st.sampled_from((Source.MICROPHONE, Source.CAMERA, Source.SCREEN))
shown = st.lists(others, unique=True, max_size=3).map(tuple)
size = st.sampled_from(TileSize)
share = st.sampled_from((0.0, 0.05, 0.3, 0.9))
answers = st.sampled_from(("good", "rubbish", "none"))
nothing = st.just(())


def steps(who: st.SearchStrategy[str], choices: dict[str, st.SearchStrategy[tuple[Any, ...]]]) -> Any:
    return st.one_of(*(st.builds(Step, who, st.just(what), how, pause) for what, how in choices.items()))


by_people = steps(
    others,
    {
        "join": nothing,
        "leave": nothing,
        "gate": st.tuples(source, flag),
        "always": st.tuples(flag),
        "pin": st.tuples(flag),
        "awake": st.tuples(flag),
        "loud": st.tuples(flag),
        "loses": st.tuples(flag),
        "layers": st.tuples(st.sampled_from((("q",), ("f",), ("q", "f")))),
        "answers": st.tuples(answers),
        "nack": nothing,
        "pli": nothing,
        "report": st.tuples(share),
        "screen": nothing,
        "camera": nothing,
        "view": st.tuples(shown, size),
        "again": nothing,
    },
)
by_monitor = steps(
    st.just(MONITOR),
    {
        "add": nothing,
        "listen": st.tuples(st.sampled_from((*ROOMS, ROOM, None))),
        "view": st.tuples(shown),
        "again": nothing,
        "speak_up": nothing,
        "speak_to": st.tuples(st.sampled_from(("mel", "mel", "ann", None))),
        "remove": nothing,
        "awake": st.tuples(flag),
        "loud": st.tuples(flag),
        "answers": st.tuples(answers),
        "nack": nothing,
        "pli": nothing,
        "fir": nothing,
        "remb": nothing,
        "bye": nothing,
        "report": st.tuples(share),
        "rubbish": st.tuples(st.binary(min_size=1, max_size=30)),
    },
)
wearing = st.builds(Step, st.just("mel"), st.just("headphones"), st.tuples(st.sampled_from((True, True, False))), pause)
listening = [Step(MONITOR, "add"), Step("mel", "headphones", (True,)), Step(MONITOR, "listen", (ROOM,))]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(by_monitor, by_people, by_monitor, wearing), min_size=4, max_size=25))
def test_whatever_a_monitor_and_everyone_else_do(sequence: list[Step]) -> None:
    assert_unseen([*listening, *sequence])
