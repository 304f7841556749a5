from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from protocol.errors import ErrorCode, Refused
from server.auth import Auth, sign_in_id
from server.signs_of_life import SignsOfLife
from server.storage.engine import reading
from tests.fakes import FakeClock, counted
from tests.server.people import DANA, ELLIE, add_everyone
from tests.server.storage.databases import database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "auth.db") as engine:
        await add_everyone(engine)
        yield engine


@pytest.fixture
def auth(engine: AsyncEngine, clock: FakeClock) -> Auth:
    return Auth(engine, clock, counted("secret"), idle_timeout_s=3_600, max_age_s=86_400)


async def refusal(attempt: Awaitable[object]) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        await attempt
    return caught.value.code


async def test_link_signs_its_person_in(auth: Auth) -> None:
    signed_in = await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))
    assert signed_in.person.id == ELLIE
    assert (await auth.who(signed_in.secret)).id == ELLIE


async def test_link_works_once(auth: Auth) -> None:
    link = await auth.make_link(ELLIE, ttl_s=60)
    await auth.sign_in(link)
    assert await refusal(auth.sign_in(link)) is ErrorCode.LINK_INVALID


async def test_link_that_two_devices_open_at_once_signs_in_one_of_them(auth: Auth) -> None:
    link = await auth.make_link(ELLIE, ttl_s=60)
    results = await asyncio.gather(*[auth.sign_in(link) for _ in range(4)], return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1


async def test_reusable_link_works_again_until_it_ends(auth: Auth, clock: FakeClock) -> None:
    link = await auth.make_link(ELLIE, ttl_s=60, reusable=True)
    first, second = await auth.sign_in(link), await auth.sign_in(link)
    assert first.secret != second.secret
    clock.advance(60)
    assert await refusal(auth.sign_in(link)) is ErrorCode.LINK_INVALID


async def test_link_ends_at_its_time(auth: Auth, clock: FakeClock) -> None:
    link = await auth.make_link(ELLIE, ttl_s=60)
    clock.advance(59.999)
    await auth.sign_in(link)
    late = await auth.make_link(ELLIE, ttl_s=60)
    clock.advance(60)
    assert await refusal(auth.sign_in(late)) is ErrorCode.LINK_INVALID


@pytest.mark.parametrize("link", ["", "unknown", "x" * 129, "\ud800"])
async def test_link_that_never_was_is_refused(auth: Auth, link: str) -> None:
    assert await refusal(auth.sign_in(link)) is ErrorCode.LINK_INVALID


async def test_session_ends_when_idle_for_too_long(auth: Auth, clock: FakeClock) -> None:
    secret = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    clock.advance(3_599)
    await auth.who(secret)
    clock.advance(3_599)
    await auth.who(secret)
    clock.advance(3_600)
    assert await refusal(auth.who(secret)) is ErrorCode.SIGNED_OUT


async def test_session_ends_at_its_greatest_age_however_busy_it_is(auth: Auth, clock: FakeClock) -> None:
    secret = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    for _ in range(47):
        clock.advance(1_800)
        await auth.who(secret)
    clock.advance(1_800)
    assert await refusal(auth.who(secret)) is ErrorCode.SIGNED_OUT


async def test_signing_out_ends_this_session_only(auth: Auth) -> None:
    here = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    there = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    await auth.sign_out(here)
    await auth.sign_out(here)
    await auth.sign_out(None)
    assert await refusal(auth.who(here)) is ErrorCode.SIGNED_OUT
    assert (await auth.who(there)).id == ELLIE


async def test_a_person_who_opens_another_link_of_theirs_goes_on_with_the_sign_in_that_stands(auth: Auth) -> None:
    first = await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))
    again = await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60), first.secret)
    assert again.secret == first.secret
    other = await auth.sign_in(await auth.make_link(DANA, ttl_s=60), first.secret)
    assert other.secret != first.secret
    await auth.sign_out(first.secret)
    for present in (first.secret, "unknown", "x" * 129):
        fresh = await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60), present)
        assert fresh.secret != present


@pytest.mark.parametrize("secret", [None, "", "unknown", "x" * 129])
async def test_cookie_that_never_was_is_signed_out(auth: Auth, secret: str | None) -> None:
    assert await refusal(auth.who(secret)) is ErrorCode.SIGNED_OUT


async def test_no_secret_is_stored(auth: Auth, engine: AsyncEngine) -> None:
    link = await auth.make_link(ELLIE, ttl_s=60)
    secret = (await auth.sign_in(link)).secret
    async with reading(engine) as connection:
        for table in ("sign_in_links", "auth_sessions"):
            stored = str((await connection.execute(text(f"SELECT * FROM {table}"))).all())
            assert link not in stored
            assert secret not in stored


async def test_a_sign_in_whose_page_is_in_a_room_is_not_idle(auth: Auth, clock: FakeClock) -> None:
    """The page asks nothing over HTTP for two hours; the limit is one."""
    here = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    away = (await auth.sign_in(await auth.make_link(DANA, ttl_s=60))).secret
    signs = SignsOfLife(auth, lambda: (sign_in_id(here), "never-made"), every_s=60)
    for _ in range(4):
        clock.advance(1_800)
        await signs.tell()
    assert (await auth.who(here)).id == ELLIE
    assert await refusal(auth.who(away)) is ErrorCode.SIGNED_OUT


async def test_no_sign_of_life_brings_back_what_has_ended(auth: Auth, clock: FakeClock) -> None:
    out = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    idle = (await auth.sign_in(await auth.make_link(DANA, ttl_s=60))).secret
    await auth.sign_out(out)
    clock.advance(3_600)
    await auth.seen((sign_in_id(out), sign_in_id(idle)))
    for secret in (out, idle):
        assert await refusal(auth.who(secret)) is ErrorCode.SIGNED_OUT


async def test_signs_of_life_are_told_again_and_again_and_cost_nothing_while_nobody_is_there(
    auth: Auth, engine: AsyncEngine
) -> None:
    asked = asyncio.Event()

    def nobody() -> tuple[str, ...]:
        asked.set()
        return ()

    signs = SignsOfLife(auth, nobody, every_s=0.001)
    signs.start()
    for _ in range(2):
        await asked.wait()
        asked.clear()
    await signs.stop()
    await signs.stop()


async def test_more_sign_ins_than_fit_in_one_statement_are_all_seen(auth: Auth, clock: FakeClock) -> None:
    secret = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
    clock.advance(3_599)
    await auth.seen([f"other-{number}" for number in range(1_200)] + [sign_in_id(secret)])
    clock.advance(3_599)
    assert (await auth.who(secret)).id == ELLIE


async def test_a_disk_that_takes_nothing_signs_nobody_out_and_keeps_nobody_from_reading(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with database(tmp_path / "locked.db", busy_timeout_ms=20) as engine:
        await add_everyone(engine)
        auth = Auth(engine, clock, counted("secret"), idle_timeout_s=3_600)
        secret = (await auth.sign_in(await auth.make_link(ELLIE, ttl_s=60))).secret
        signs = SignsOfLife(auth, lambda: (sign_in_id(secret),), every_s=60)
        clock.advance(1_800)
        other = sqlite3.connect(tmp_path / "locked.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with structlog.testing.capture_logs() as logged:
            assert (await auth.who(secret)).id == ELLIE
            await signs.tell()
        assert [entry["log_level"] for entry in logged] == ["warning", "warning"]
        other.execute("ROLLBACK")
        other.close()
        await signs.tell()
        clock.advance(3_599)
        assert (await auth.who(secret)).id == ELLIE
