"""When a person may be in no room any more: their presence ends at once, everywhere, and may begin anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protocol.errors import ErrorCode, meaning
from protocol.ids import IdentityId
from protocol.messages import Goodbye, Join, ParticipantLeft, Welcome
from protocol.values import LeaveReason, Role
from signaling.ports import Admission
from tests.signaling.stage import FakeWebSocket, Stage

ELLIE = IdentityId("id-Ellie")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    await stage.open()
    yield stage
    await stage.close()


def here(stage: Stage, name: str) -> bool:
    """Whether that person is in the room, or has a place kept."""
    return any(person.identity_id == f"id-{name}" for person in stage.keeper.state.present())


def code(ws: FakeWebSocket) -> ErrorCode:
    assert isinstance(ws.last, Goodbye)
    return ws.last.code


async def test_a_person_whose_presence_ends_is_out_at_once_and_others_see_an_ordinary_leave(stage: Stage) -> None:
    ellie, marcus = await stage.join("Ellie"), await stage.join("Marcus")
    who = ellie.got(Welcome)[0].snapshot.you
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    await stage.settle()
    assert code(ellie) is ErrorCode.CONSENT_REVOKED
    assert ellie.closed_with == meaning(ErrorCode.CONSENT_REVOKED).close
    assert ("end", who) in stage.calls.asked
    [left] = marcus.got(ParticipantLeft)
    assert (left.participant_id, left.reason) == (who, LeaveReason.LEFT)
    assert marcus.closed_with is None


async def test_nothing_can_be_resumed_afterwards_and_a_new_join_begins_anew(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    token = ellie.got(Welcome)[0].resume_token
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    await stage.settle()
    assert code(await stage.resume(token, 0)) is ErrorCode.RESYNC
    again = await stage.join("Ellie")
    assert again.closed_with is None


async def test_a_place_that_is_kept_without_a_connection_ends_too(stage: Stage) -> None:
    ellie = await stage.join("Ellie")
    ellie.drop()
    await stage.settle()
    assert here(stage, "Ellie")
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    await stage.settle()
    assert not here(stage, "Ellie")


async def test_a_join_that_is_being_stored_lets_nobody_in(stage: Stage) -> None:
    stage.log.hold = True
    ellie = await stage.socket(Join(stage.token("Ellie")))
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    stage.log.hold = False
    stage.log.sync()
    await stage.settle()
    assert code(ellie) is ErrorCode.CONSENT_REVOKED
    assert ellie.got(Welcome) == []
    assert not here(stage, "Ellie")


async def test_a_join_whose_token_is_being_looked_at_lets_nobody_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, go_on = asyncio.Event(), asyncio.Event()
    redeem = stage.hall.redeem

    async def slowly(token: str) -> Admission:
        admission = await redeem(token)
        looked.set()
        await go_on.wait()
        return admission

    monkeypatch.setattr(stage.hall, "redeem", slowly)
    ellie = await stage.socket(Join(stage.token("Ellie")))
    await looked.wait()
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    go_on.set()
    await stage.settle()
    assert code(ellie) is ErrorCode.CONSENT_REVOKED
    assert not here(stage, "Ellie")


async def test_one_persons_end_is_nobody_elses(stage: Stage) -> None:
    marcus, dana = await stage.join("Marcus"), await stage.join("Dana", Role.MENTOR)
    stage.endpoint.end_person(ELLIE, ErrorCode.CONSENT_REVOKED)
    await stage.settle()
    assert (marcus.closed_with, dana.closed_with) == (None, None)
    assert here(stage, "Marcus")
    assert here(stage, "Dana")
