"""That the bench would notice what it looks for; and one short round of it."""

from __future__ import annotations

import pytest

from bench.connection import Identity
from bench.crashes import Crashes, checksum, compare, run
from bench.survivor import Survivor
from protocol.ids import IdentityId, MessageId, ParticipantId, SessionId
from protocol.values import Role, SessionStatus
from rooms.events import ChatWritten, DevicesSet, DurableEvent, Event, MicrophoneShut, ParticipantEntered, SessionOpened
from rooms.evolve import evolve, evolve_all
from rooms.state import EMPTY
from rooms.view import Viewer, snapshot
from tests.rooms.client_model import ClientModel

ELLIE = ParticipantId("ellie")
VIEWER = Viewer(ELLIE, Role.PARTICIPANT)
FIRST, SECOND = MessageId("first"), MessageId("second")
LOG: tuple[DurableEvent, ...] = (
    SessionOpened(1, SessionId("s"), "Tuesday", "", SessionStatus.LIVE),
    ParticipantEntered(2, ELLIE, IdentityId("p-ellie"), "Ellie", Role.PARTICIPANT, waiting=False, expected=True),
    ChatWritten(3, FIRST, ELLIE, "one"),
    ChatWritten(4, SECOND, ELLIE, "two"),
    MicrophoneShut(5, ELLIE, ELLIE),
)


def told(log: tuple[DurableEvent, ...]) -> Survivor:
    """Someone who saw all of that log, and was promised both messages and the closing."""
    person = Survivor(Identity(), "http://127.0.0.1:1", "token", publishes=False, tracks=0)
    person.view = ClientModel(snapshot(evolve_all(EMPTY, log), VIEWER))
    person.posted = {FIRST, SECOND}
    person.settled = {ELLIE: True, FIRST: False}
    return person


@pytest.mark.parametrize(
    ("kept", "lost", "shown_and_lost"),
    [(LOG, 0, 0), (LOG[:4], 1, 0), (LOG[:3], 2, 1), (LOG[:2], 3, 2)],
)
async def test_whatever_of_the_log_is_gone_is_counted(
    kept: tuple[DurableEvent, ...], lost: int, shown_and_lost: int
) -> None:
    found = Crashes()
    person = told(LOG)
    if FIRST not in {each.message_id for each in kept if isinstance(each, ChatWritten)}:
        del person.settled[FIRST]
    compare([person], evolve_all(EMPTY, kept), found)
    assert (found.lost, found.shown_and_lost, found.sound) == (lost, shown_and_lost, lost == 0)
    await person.client.close()


async def test_another_order_on_a_screen_is_told() -> None:
    found = Crashes()
    person = told(LOG)
    compare([person], evolve_all(EMPTY, (*LOG[:2], LOG[3], LOG[2], LOG[4])), found)
    assert found.wrong == ["a screen had another order than the log"]
    await person.client.close()


def test_a_checksum_is_over_what_is_durable() -> None:
    state = evolve_all(EMPTY, LOG)

    def same(event: Event) -> bool:
        return checksum(snapshot(evolve(state, event), VIEWER)) == checksum(snapshot(state, VIEWER))

    assert same(DevicesSet(ELLIE, microphone=False, camera=True))
    assert not same(ChatWritten(6, MessageId("third"), ELLIE, "three"))


async def test_a_crash_under_load_loses_nothing() -> None:
    """One round, about 5 s; `python -m bench crashes` does twenty."""
    found = await run(1, participants=2, publishers=1)
    assert found.sound, found
    assert found.acknowledged > 0
    assert found.views == 3
