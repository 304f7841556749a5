"""Being on call, over HTTP: by one's own word, handed over when the other accepts, written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from program.people import Person, ProgramRole, add_person
from protocol.ids import IdentityId
from server.entries import OnCallChanged
from server.storage.engine import writing
from tests.fakes import START_MS
from tests.server.flagged import Flagged, Page, flagged
from tests.server.people import DANA, ELLIE, OMAR, RUTH
from tests.server.supervised import until

LEAD = IdentityId("p-lead")
HOUR = 3_600_000


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Flagged]:
    async with flagged(tmp_path) as there:
        yield there


async def rota(page: Page) -> dict[str, Any]:
    status, found, _ = await page.ask("GET", "/on-call")
    assert status == 200
    return found


async def names(page: Page) -> list[str]:
    return [each["name"] for each in (await rota(page))["on_call"]]


async def post(page: Page, path: str = "", body: object = None) -> int:
    return (await page.ask("POST", f"/on-call{path}", body or {}))[0]


async def test_a_therapist_is_on_call_by_their_own_word_until_they_say(there: Flagged) -> None:
    ruth, until_ms = await there.page(RUTH), START_MS + HOUR
    assert await rota(ruth) == {"on_call": [], "therapists": [{"key": key(await rota(ruth)), "name": "Omar"}]}

    assert await post(ruth, body={"until_ms": until_ms}) == 204
    assert (await rota(ruth))["on_call"] == [{"name": "Ruth", "from_ms": START_MS, "until_ms": until_ms, "you": True}]
    assert await post(ruth, body={"until_ms": until_ms + 1}) == 204
    assert [each["until_ms"] for each in (await rota(ruth))["on_call"]] == [until_ms + 1]
    assert await post(ruth, "/end") == 204
    assert await names(ruth) == []
    assert await post(ruth, "/end") == 404
    assert there.node.audit.entries == [
        OnCallChanged(RUTH, "began", until_ms),
        OnCallChanged(RUTH, "began", until_ms + 1),
        OnCallChanged(RUTH, "ended", START_MS),
    ]


async def test_it_ends_by_itself(there: Flagged) -> None:
    ruth = await there.page(RUTH)
    await post(ruth, body={"until_ms": START_MS + HOUR})
    there.node.clock.advance(3_600)
    assert await names(ruth) == []


async def test_who_hands_over_stays_on_call_until_the_other_accepts(there: Flagged) -> None:
    ruth, omar = await there.page(RUTH), await there.page(OMAR)
    await post(ruth, body={"until_ms": START_MS + HOUR})
    assert await post(omar, "/accept") == 404

    assert await post(ruth, "/hand-over", {"to": key(await rota(ruth))}) == 204
    [offered] = (await rota(omar))["on_call"]
    assert (offered["name"], offered["offered"], offered["offered_to_you"]) == ("Ruth", True, True)
    await until("it is known", lambda: there.node.duties._looking is None)
    there.node.clock.advance(60)

    assert await post(omar, "/accept") == 204
    [shift] = (await rota(ruth))["on_call"]
    assert shift == {"name": "Omar", "from_ms": START_MS + 60_000, "until_ms": START_MS + HOUR}
    assert [each.what for each in there.node.audit.entries if isinstance(each, OnCallChanged)] == [
        "began",
        "offered",
        "accepted",
    ]
    await post(ruth, "/hand-over", {"to": key(await rota(ruth))})
    assert await post(ruth, "/hand-over", {"to": "nobody"}) == 404


@pytest.mark.parametrize("who", [DANA, ELLIE])
async def test_nobody_else_is_told_or_can(there: Flagged, who: IdentityId) -> None:
    page = await there.page(who)
    assert (await page.ask("GET", "/on-call"))[0] == 403
    assert await post(page, body={"until_ms": START_MS + HOUR}) == 403
    assert there.denied == [(who, "be_on_call", "")] * 2


async def test_a_clinical_lead_sees_who_is_and_is_not_on_call_themselves(there: Flagged) -> None:
    async with writing(there.node.engine) as connection:
        await add_person(connection, Person(LEAD, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
    page = await there.page(LEAD)
    assert await names(page) == []
    assert await post(page, body={"until_ms": START_MS + HOUR}) == 403


@pytest.mark.parametrize("until_ms", [0, START_MS, START_MS + 8 * 24 * HOUR])
async def test_for_a_time_that_can_be(there: Flagged, until_ms: int) -> None:
    assert await post(await there.page(RUTH), body={"until_ms": until_ms}) == 422


def key(found: dict[str, Any]) -> str:
    return found["therapists"][0]["key"]
