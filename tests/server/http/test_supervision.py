"""The way in for those who watch, and who answers for a session, over a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from program.people import Person, ProgramRole, add_person
from protocol.errors import ErrorCode, HoldspaceError
from protocol.ids import IdentityId
from server.auth import sign_in_id
from server.entries import ResponderSet, ResponderWaived
from server.http import Readiness
from server.http.limits import WAYS_IN_PER_MINUTE
from server.storage.engine import writing
from tests.fakes import START_MS
from tests.server.http.site import JSON, ORIGIN, Site, site
from tests.server.people import DANA, ELLIE, OMAR, RUTH, SESSION, STRANGER, add_therapists


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        await add_therapists(there.engine)
        yield there


async def post(there: Site, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    async with there.client.post(f"{there.url}/api/v1{path}", json=body, headers={"Origin": ORIGIN, **JSON}) as answer:
        return answer.status, {} if answer.status == 204 else await answer.json()


async def test_a_therapist_gets_a_token_to_watch_with(there: Site) -> None:
    await there.sign_in(RUTH)

    status, body = await post(there, "/watch")

    assert (status, set(body)) == (200, {"ws_url", "token", "ice_servers", "expires_at"})
    assert there.watch_tokens.redeem(body["token"]).person_id == RUTH
    with pytest.raises(HoldspaceError):
        there.tokens.redeem(body["token"])


@pytest.mark.parametrize("who", [DANA, ELLIE])
async def test_nobody_else_gets_one(there: Site, who: IdentityId) -> None:
    await there.sign_in(who)

    status, body = await post(there, "/watch")

    assert (status, body["error"]["code"]) == (403, ErrorCode.NOT_ALLOWED)
    assert there.denied == [(who, "watch_sessions", "")]


@pytest.mark.parametrize(
    ("who", "body", "action"),
    [
        (DANA, {"reachable": True}, "be_responder"),
        (STRANGER, {"waive": True, "reason": "let me"}, "override_responder"),
        (OMAR, {"reachable": True}, "be_responder"),
    ],
)
async def test_each_try_to_answer_for_a_session_counts_once(
    there: Site, who: IdentityId, body: dict[str, Any], action: str
) -> None:
    await there.sign_in(who)
    await post(there, f"/sessions/{SESSION}/responder", body)
    assert there.denied == [(who, action, SESSION)]
    await post(there, "/sessions/none/responder", body)
    assert len(there.denied) == 1, "of what is not there, nothing is denied"


async def test_watching_is_asked_for_a_few_times_a_second_and_no_more(there: Site) -> None:
    await there.sign_in(RUTH)
    for _ in range(WAYS_IN_PER_MINUTE):
        assert (await post(there, "/watch"))[0] == 200
    assert (await post(there, "/watch"))[1]["error"]["code"] == ErrorCode.RATE_LIMITED
    there.clock.advance(1)
    assert (await post(there, "/watch"))[0] == 200


async def test_who_may_watch_is_told_so_also_without_a_session_of_their_own(there: Site) -> None:
    lead = IdentityId("p-lead")
    async with writing(there.engine) as connection:
        await add_person(connection, Person(lead, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
    for person, watches in ((lead, True), (ELLIE, False)):
        await there.sign_in(person)
        async with there.client.get(f"{there.url}/api/v1/me") as answer:
            assert (await answer.json())["watches"] is watches


async def test_who_is_not_signed_in_gets_none(there: Site) -> None:
    assert (await post(there, "/watch"))[0] == 401


async def test_no_token_is_given_while_the_server_goes_down(there: Site) -> None:
    await there.sign_in(RUTH)
    there.readiness[0] = Readiness.DRAINING

    assert (await post(there, "/watch"))[1]["error"]["code"] == ErrorCode.DRAINING


async def test_an_unused_token_ends_with_its_sign_in(there: Site) -> None:
    await there.sign_in(RUTH)
    _, body = await post(there, "/watch")
    cookie = next(iter(there.client.cookie_jar)).value

    await post(there, "/sign-out")

    with pytest.raises(HoldspaceError):
        there.watch_tokens.redeem(body["token"])
    assert there.ended == [sign_in_id(cookie)]


async def test_a_therapist_says_to_be_reachable(there: Site) -> None:
    await there.sign_in(RUTH)

    assert await post(there, f"/sessions/{SESSION}/responder", {"reachable": True}) == (204, {})

    assert there.rooms.told == [("named", SESSION, RUTH)]
    assert there.audit.entries == [ResponderSet(SESSION, RUTH, True)]


@pytest.mark.parametrize(("who", "status"), [(DANA, 403), (OMAR, 404)])
async def test_others_may_not_say_so(there: Site, who: IdentityId, status: int) -> None:
    await there.sign_in(who)

    assert (await post(there, f"/sessions/{SESSION}/responder", {"reachable": True}))[0] == status
    assert there.rooms.told == []


async def test_a_therapist_waives_nothing(there: Site) -> None:
    await there.sign_in(RUTH)

    assert (await post(there, f"/sessions/{SESSION}/responder", {"waive": True, "reason": "because"}))[0] == 403
    assert there.audit.entries == []


async def test_a_clinical_lead_waives_it_and_says_why(there: Site) -> None:
    lead = IdentityId("p-lead")
    async with writing(there.engine) as connection:
        await add_person(connection, Person(lead, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
    await there.sign_in(lead)

    why = {"waive": True, "reason": "  the backup is on the phone "}
    assert await post(there, f"/sessions/{SESSION}/responder", why) == (204, {})

    assert there.rooms.told == [("waived", SESSION, lead)]
    assert there.audit.entries == [ResponderWaived(SESSION, lead, "the backup is on the phone")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"waive": False},
        {"waive": True},
        {"waive": True, "reason": "  "},
        {"waive": True, "reason": "x" * 501},
        {"waive": True, "reason": "because", "reachable": True},
        {"reachable": True, "reason": "because"},
        {"reachable": "yes"},
        {"reachable": True, "more": 1},
    ],
)
async def test_it_is_said_in_one_of_two_forms(there: Site, body: dict[str, Any]) -> None:
    await there.sign_in(RUTH)

    status, answer = await post(there, f"/sessions/{SESSION}/responder", body)

    assert (status, answer["error"]["code"]) == (422, ErrorCode.INVALID_FIELD)
    assert there.rooms.told == []


async def test_a_session_by_a_name_that_cannot_be_is_not_there(there: Site) -> None:
    await there.sign_in(RUTH)

    assert (await post(there, "/sessions/%20/responder", {"reachable": True}))[0] == 404
