"""Signing in as staff, over HTTP: password, second factor, sign-ins; and what guessing brings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pyotp.totp import TOTP
from sqlalchemy import update
from yarl import URL

from program.account_tables import accounts as account_rows
from program.accounts import Account, AccountState, add_account
from program.people import Person, ProgramRole, add_person
from protocol.ids import IdentityId
from server.auditing import AUDIT_STREAM, entry_of
from server.auth import sign_in_id
from server.entries import AccountChanged, Entry, FactorChanged, StaffSignedIn
from server.http.limits import TRIES_PER_ACCOUNT
from server.storage.engine import reading, writing
from server.storage.reading import read_events
from tests.fakes import START_MS
from tests.server.http.site import Site, site
from tests.server.secret import vault

RUTH, EMAIL, PASSWORD = IdentityId("p-ruth"), "ruth@example.org", "a walk beside the river"
API = "/api/v1/account"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        await add_staff(there, RUTH, "Ruth", EMAIL, ProgramRole.THERAPIST)
        yield there


async def add_staff(there: Site, who: IdentityId, name: str, email: str, role: ProgramRole) -> None:
    hashed = await there.identity.passwords.hash(PASSWORD)
    async with writing(there.engine) as connection:
        await add_person(connection, Person(who, name, role, START_MS))
        await add_account(connection, Account(who, email, True, hashed, AccountState.ACTIVE, START_MS))


async def post(
    there: Site, path: str, body: dict[str, Any] | None = None, client: aiohttp.ClientSession | None = None
) -> tuple[int, Any]:
    async with (client or there.client).post(f"{there.url}{path}", json=body or {}) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def get(there: Site, path: str, client: aiohttp.ClientSession | None = None) -> tuple[int, Any]:
    async with (client or there.client).get(f"{there.url}{path}") as answer:
        return answer.status, await answer.json()


def code_of(body: Any) -> str:
    return str(body["error"]["code"])


def now_code(there: Site, secret: str) -> str:
    return TOTP(secret).at(there.clock.now_ms() // 1000)


async def password(
    there: Site, *, email: str = EMAIL, word: str = PASSWORD, client: aiohttp.ClientSession | None = None
) -> tuple[int, Any]:
    return await post(there, f"{API}/sign-in", {"email": email, "password": word}, client)


async def enrol(there: Site, *, email: str = EMAIL) -> tuple[str, list[str]]:
    """Signs in, sets a TOTP up; its secret, and recovery codes. The clock has gone on by then."""
    assert await password(there, email=email) == (200, {"then": "enrol"})
    _, begun = await post(there, f"{API}/totp")
    status, done = await post(there, f"{API}/totp/confirm", {"code": now_code(there, begun["secret"])})
    assert status == 200
    there.clock.advance(60)
    return begun["secret"], done["recovery_codes"]


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def audit(there: Site) -> list[Entry]:
    async with reading(there.engine) as connection:
        found = [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]
    return [entry for entry in found if entry is not None]


async def test_without_a_second_factor_staff_may_only_set_one_up(there: Site) -> None:
    assert await password(there) == (200, {"then": "enrol"})
    status, refused = await get(there, "/api/v1/me")
    assert (status, code_of(refused)) == (403, "factor_missing")
    assert (await get(there, API))[1]["stage"] == "enrol"
    assert code_of((await get(there, f"{API}/sign-ins"))[1]) == "factor_missing"


async def test_password_and_code_sign_in_and_are_in_the_audit(there: Site) -> None:
    secret, codes = await enrol(there)
    assert len(set(codes)) == 10
    assert (await get(there, "/api/v1/me"))[1]["name"] == "Ruth"
    assert await password(there) == (200, {"then": "factor"})
    assert code_of((await get(there, "/api/v1/me"))[1]) == "factor_needed"
    # Whoever has the password alone sets no other factor up beside the one there is.
    assert code_of((await post(there, f"{API}/totp"))[1]) == "factor_needed"
    assert await post(there, f"{API}/factor", {"totp": now_code(there, secret)}) == (200, {"name": "Ruth"})
    assert (await get(there, "/api/v1/me"))[1]["roles"] == ["therapist"]
    assert await audit(there) == [
        FactorChanged(RUTH, "added", "totp", RUTH),
        FactorChanged(RUTH, "codes", "recovery", RUTH),
        StaffSignedIn(RUTH, "totp"),
        StaffSignedIn(RUTH, "totp"),
    ]


async def test_a_code_is_taken_once(there: Site) -> None:
    secret, _ = await enrol(there)
    code = now_code(there, secret)
    for expected in (200, 401):
        assert (await password(there))[0] == 200
        assert (await post(there, f"{API}/factor", {"totp": code}))[0] == expected


async def test_an_older_code_is_not_taken_after_a_newer_one(there: Site) -> None:
    secret, _ = await enrol(there)
    older = now_code(there, secret)
    there.clock.advance(30)
    await password(there)
    assert (await post(there, f"{API}/factor", {"totp": now_code(there, secret)}))[0] == 200
    await password(there)
    assert code_of((await post(there, f"{API}/factor", {"totp": older}))[1]) == "factor_refused"


async def test_a_recovery_code_is_taken_once_however_it_is_written(there: Site) -> None:
    _, codes = await enrol(there)
    written = codes[0].lower().replace("-", " ")
    for expected in (200, 401):
        await password(there)
        assert (await post(there, f"{API}/factor", {"recovery": written}))[0] == expected
    await password(there)
    assert (await post(there, f"{API}/factor", {"recovery": codes[1]}))[0] == 200
    assert (await get(there, API))[1]["recovery_codes_left"] == 8


async def test_new_recovery_codes_end_the_old_ones(there: Site) -> None:
    _, codes = await enrol(there)
    _, renewed = await post(there, f"{API}/recovery-codes")
    await password(there)
    assert (await post(there, f"{API}/factor", {"recovery": codes[0]}))[0] == 401
    assert (await post(there, f"{API}/factor", {"recovery": renewed["recovery_codes"][0]}))[0] == 200


async def test_after_five_wrong_codes_it_begins_with_the_password_again(there: Site) -> None:
    secret, _ = await enrol(there)
    await password(there)
    told = [code_of((await post(there, f"{API}/factor", {"totp": "000000"}))[1]) for _ in range(5)]
    assert told == ["factor_refused"] * 4 + ["signed_out"]
    assert (await post(there, f"{API}/factor", {"totp": now_code(there, secret)}))[0] == 401


async def test_the_last_factor_stays(there: Site) -> None:
    await enrol(there)
    [factor] = (await get(there, API))[1]["factors"]
    assert code_of((await post(there, f"{API}/factors/{factor['id']}/remove"))[1]) == "conflict"


async def test_half_a_sign_in_ends_after_ten_minutes(there: Site) -> None:
    secret, _ = await enrol(there)
    await password(there)
    there.clock.advance(600)
    assert code_of((await post(there, f"{API}/factor", {"totp": now_code(there, secret)}))[1]) == "signed_out"


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org", "no address", "off@example.org", "new@example.org"])
async def test_nothing_tells_whether_there_is_such_an_account(there: Site, email: str) -> None:
    await add_staff(there, IdentityId("p-off"), "Off", "off@example.org", ProgramRole.MENTOR)
    await add_staff(there, IdentityId("p-new"), "New", "new@example.org", ProgramRole.MENTOR)
    async with writing(there.engine) as connection:
        rows = update(account_rows)
        await connection.execute(rows.where(account_rows.c.person_id == "p-off").values(state="disabled"))
        await connection.execute(
            rows.where(account_rows.c.person_id == "p-new").values(state="invited", password_hash=None)
        )
    before = there.identity.passwords.checks
    told = [await password(there, email=email, word=f"wrong {n}") for n in range(TRIES_PER_ACCOUNT + 1)]
    assert [(status, code_of(body)) for status, body in told] == [
        *[(401, "sign_in_failed")] * TRIES_PER_ACCOUNT,
        (429, "rate_limited"),
    ]
    assert there.identity.passwords.checks - before == TRIES_PER_ACCOUNT


async def test_the_right_password_of_a_disabled_account_is_answered_like_a_wrong_one(there: Site) -> None:
    async with writing(there.engine) as connection:
        await connection.execute(update(account_rows).values(state="disabled"))
    assert code_of((await password(there))[1]) == "sign_in_failed"


async def test_a_flood_of_guesses_does_not_keep_the_owner_out_of_a_browser_they_know(there: Site) -> None:
    secret, _ = await enrol(there)
    async with browser() as attacker:
        told = [(await password(there, word=f"wrong {n}", client=attacker))[0] for n in range(40)]
        assert told.count(401) == TRIES_PER_ACCOUNT
        # The right one is of no use to whoever guesses on.
        assert (await password(there, client=attacker))[0] == 429
        assert await password(there) == (200, {"then": "factor"})
        assert (await post(there, f"{API}/factor", {"totp": now_code(there, secret)}))[0] == 200


async def test_a_flood_of_codes_does_not_keep_the_owner_out_either(there: Site) -> None:
    secret, _ = await enrol(there)
    async with browser() as thief:
        told: list[str] = []
        for _ in range(3):
            assert (await password(there, client=thief))[0] == 200
            told = [code_of((await post(there, f"{API}/factor", {"totp": "000000"}, thief))[1]) for _ in range(5)]
        assert told == ["rate_limited"] * 5
        # A cookie of one's own making is not one that is known.
        thief.cookie_jar.update_cookies({"holdspace_device": "made-up"}, URL(f"{there.url}{API}/factor"))
        assert code_of((await post(there, f"{API}/factor", {"totp": "000000"}, thief))[1]) == "rate_limited"
    await password(there)
    assert (await post(there, f"{API}/factor", {"totp": now_code(there, secret)}))[0] == 200


async def test_sign_ins_are_listed_and_ended_one_by_one_and_all(there: Site) -> None:
    secret, _ = await enrol(there)
    async with browser() as other, browser() as third:
        for each in (other, third):
            there.clock.advance(60)
            await password(there, client=each)
            await post(there, f"{API}/factor", {"totp": now_code(there, secret)}, each)
        shown = (await get(there, f"{API}/sign-ins", other))[1]["sign_ins"]
        assert [each["this"] for each in shown] == [False, True, False]
        assert len({each["id"] for each in shown}) == 3
        assert (await post(there, f"{API}/sign-ins/{shown[0]['id']}/end", {}, other))[0] == 204
        assert (await get(there, "/api/v1/me", third))[0] == 401
        assert (await get(there, "/api/v1/me", other))[0] == 200
        assert (await post(there, f"{API}/sign-ins/end", {"others_only": True}, other))[0] == 204
        assert (await get(there, "/api/v1/me"))[0] == 401
        assert (await post(there, f"{API}/sign-ins/end", {}, other))[0] == 204
        assert (await get(there, "/api/v1/me", other))[0] == 401


async def test_somebody_elses_sign_in_is_not_there(there: Site) -> None:
    await add_staff(there, IdentityId("p-lee"), "Lee", "lee@example.org", ProgramRole.MENTOR)
    await enrol(there)
    [mine] = (await get(there, f"{API}/sign-ins"))[1]["sign_ins"]
    await enrol(there, email="lee@example.org")
    assert (await post(there, f"{API}/sign-ins/{mine['id']}/end"))[0] == 404


async def test_on_a_shared_device_the_idle_time_is_short_and_the_browser_stays_unknown(there: Site) -> None:
    secret, _ = await enrol(there)
    async with browser() as library:
        await post(there, f"{API}/sign-in", {"email": EMAIL, "password": PASSWORD, "shared": True}, library)
        await post(there, f"{API}/factor", {"totp": now_code(there, secret)}, library)
        assert (await get(there, "/api/v1/me", library))[1]["shared"] is True
        assert {each.key for each in library.cookie_jar} == {"holdspace"}
        there.clock.advance(900)
        assert (await get(there, "/api/v1/me", library))[0] == 401
    assert (await get(there, "/api/v1/me"))[0] == 200


async def test_whoever_forgot_their_password_is_written_to_and_nobody_else(there: Site) -> None:
    await enrol(there)
    for email in ("Ruth@Example.org", "nobody@example.org"):
        assert (await post(there, f"{API}/link", {"email": email}))[0] == 204
    await there.identity.accounts.settled()
    [letter] = there.letters
    assert letter["To"] == EMAIL
    token = letter.get_content().partition("/accept#")[2].split()[0]
    assert code_of((await post(there, f"{API}/accept", {"token": token, "password": "ruth"}))[1]) == "password_weak"
    new = {"token": token, "password": "another walk entirely"}
    # The second factor is still asked for: a mailbox alone is not enough.
    async with browser() as new_browser:
        assert await post(there, f"{API}/accept", new, new_browser) == (200, {"then": "factor"})
        assert code_of((await post(there, f"{API}/accept", new, new_browser))[1]) == "link_invalid"
    # All other sign-ins ended, with their pages.
    assert (await get(there, "/api/v1/me"))[0] == 401
    assert there.ended
    assert code_of((await password(there))[1]) == "sign_in_failed"
    assert AccountChanged(RUTH, "accepted", RUTH) in await audit(there)


async def test_the_secret_of_half_a_sign_in_is_not_that_of_the_whole(there: Site) -> None:
    secret, _ = await enrol(there)
    await password(there)
    half = {each.key: each.value for each in there.client.cookie_jar}["holdspace"]
    await post(there, f"{API}/factor", {"totp": now_code(there, secret)})
    whole = {each.key: each.value for each in there.client.cookie_jar}["holdspace"]
    assert sign_in_id(half) != sign_in_id(whole)
    async with browser() as other, other.get(f"{there.url}/api/v1/me", cookies={"holdspace": half}) as answer:
        assert answer.status == 401
