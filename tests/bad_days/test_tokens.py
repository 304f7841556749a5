from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.errors import ErrorCode, Next, meaning
from protocol.messages import Join, Resume, Resumed
from tests.bad_days.running import Place, place
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def there(tmp_path: Path, clock: FakeClock) -> AsyncIterator[Place]:
    async with place(tmp_path) as there, there.node(clock):
        dana = there.people[2]
        await dana.sign_in()
        await dana.come_in()
        yield there


async def test_a_join_token_that_was_used_lets_nobody_in_and_says_how_to_go_on(there: Place) -> None:
    ellie, marcus, _ = there.people
    await ellie.sign_in()
    token = await ellie.join_token()
    await ellie.connect_again(Join(token))
    await ellie.until(lambda: bool(ellie.frames))

    await marcus.connect_again(Join(token))
    assert await marcus.closed_with() == meaning(ErrorCode.TOKEN_INVALID).close
    assert (marcus.goodbye().code, marcus.goodbye().then) == (ErrorCode.TOKEN_INVALID, Next.REJOIN)
    assert len(marcus.frames) == 1
    await ellie.write("nobody came")
    assert len(ellie.welcome.snapshot.participants) == 2


async def test_a_join_token_that_is_a_minute_old_lets_nobody_in(there: Place, clock: FakeClock) -> None:
    ellie = there.people[0]
    await ellie.sign_in()
    token = await ellie.join_token()
    clock.advance(60)
    await ellie.connect_again(Join(token))
    assert await ellie.closed_with() == meaning(ErrorCode.TOKEN_INVALID).close
    assert ellie.goodbye().then is Next.REJOIN
    await ellie.come_in()


async def test_a_resume_token_that_was_used_is_sent_to_join_again(there: Place) -> None:
    ellie = there.people[0]
    await ellie.sign_in()
    await ellie.come_in()
    used = ellie.welcome.resume_token
    await ellie.connect_again(Resume(used, 0))
    await ellie.until(lambda: bool(ellie.got(Resumed)))
    await ellie.connect_again(Resume(used, 0))
    await ellie.closed_with()
    assert (ellie.goodbye().code, ellie.goodbye().then) == (ErrorCode.RESYNC, Next.REJOIN)
