"""Passkeys as second factors, over HTTP, with an authenticator in software."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from program.people import ProgramRole
from tests.server.authenticators import Authenticator
from tests.server.http.site import ORIGIN, Site, site
from tests.server.http.test_accounts import API, EMAIL, RUTH, add_staff, code_of, get, password, post

HERE = ORIGIN.replace("127.0.0.1", "localhost")
ELSEWHERE = "https://holdspace.example.net"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        await add_staff(there, RUTH, "Ruth", EMAIL, ProgramRole.THERAPIST)
        yield there


async def enrol(there: Site, key: Authenticator) -> tuple[int, Any]:
    await password(there)
    _, options = await post(there, f"{API}/passkeys/begin")
    return await post(there, f"{API}/passkeys", {"credential": key.make(options), "label": "Laptop"})


async def asked(there: Site) -> Any:
    assert await password(there) == (200, {"then": "factor"})
    return (await post(there, f"{API}/factor/passkey"))[1]


async def test_a_passkey_is_set_up_and_finishes_signing_in(there: Site) -> None:
    key = Authenticator(HERE)
    status, done = await enrol(there, key)
    assert (status, len(done["recovery_codes"])) == (200, 10)
    [shown] = (await get(there, API))[1]["factors"]
    assert (shown["kind"], shown["label"]) == ("passkey", "Laptop")
    for _ in range(2):
        options = await asked(there)
        assert await post(there, f"{API}/factor", {"passkey": key.sign(options)}) == (200, {"name": "Ruth"})
        assert (await get(there, "/api/v1/me"))[0] == 200


async def test_what_was_signed_once_is_not_taken_again(there: Site) -> None:
    key = Authenticator(HERE)
    await enrol(there, key)
    signed = key.sign(await asked(there))
    assert (await post(there, f"{API}/factor", {"passkey": signed}))[0] == 200
    await asked(there)
    assert code_of((await post(there, f"{API}/factor", {"passkey": signed}))[1]) == "factor_refused"


async def test_a_copy_whose_counter_is_behind_is_not_taken(there: Site) -> None:
    key = Authenticator(HERE)
    await enrol(there, key)
    await post(there, f"{API}/factor", {"passkey": key.sign(await asked(there))})
    copy = Authenticator(HERE, counter=0, id=key.id, key=key.key)
    assert (await post(there, f"{API}/factor", {"passkey": copy.sign(await asked(there))}))[0] == 401


async def test_a_passkey_that_counts_nothing_works_each_time(there: Site) -> None:
    key = Authenticator(HERE, counts=False)
    await enrol(there, key)
    for _ in range(2):
        assert (await post(there, f"{API}/factor", {"passkey": key.sign(await asked(there))}))[0] == 200


async def test_another_key_another_page_and_no_question_are_refused(there: Site) -> None:
    key = Authenticator(HERE)
    await enrol(there, key)
    forged = Authenticator(HERE, id=key.id)
    assert (await post(there, f"{API}/factor", {"passkey": forged.sign(await asked(there))}))[0] == 401
    elsewhere = Authenticator(ELSEWHERE, id=key.id, key=key.key, counter=5)
    assert (await post(there, f"{API}/factor", {"passkey": elsewhere.sign(await asked(there))}))[0] == 401
    unasked = key.sign({"rpId": "localhost", "challenge": "AAAA"})
    assert (await post(there, f"{API}/factor", {"passkey": unasked}))[0] == 401
    for strange in ({}, [], "x", {"id": 1}, {**unasked, "response": 3}):
        await asked(there)
        assert (await post(there, f"{API}/factor", {"passkey": strange}))[0] == 401


async def test_a_passkey_made_on_a_page_elsewhere_is_not_taken(there: Site) -> None:
    status, refused = await enrol(there, Authenticator(ELSEWHERE))
    assert (status, code_of(refused)) == (401, "factor_refused")
    assert (await get(there, API))[1]["stage"] == "enrol"


async def test_a_question_is_answered_within_five_minutes(there: Site) -> None:
    key = Authenticator(HERE)
    await enrol(there, key)
    options = await asked(there)
    there.clock.advance(300)
    assert (await post(there, f"{API}/factor", {"passkey": key.sign(options)}))[0] == 401


async def test_ones_passkey_is_not_anothers(there: Site) -> None:
    key = Authenticator(HERE)
    await enrol(there, key)
    await add_staff(there, type(RUTH)("p-lee"), "Lee", "lee@example.org", ProgramRole.ADMIN)
    await password(there, email="lee@example.org")
    _, options = await post(there, f"{API}/passkeys/begin")
    assert code_of((await post(there, f"{API}/passkeys", {"credential": key.make(options)}))[1]) == "conflict"
