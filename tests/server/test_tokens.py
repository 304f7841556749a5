from __future__ import annotations

import re

import pytest

from protocol.errors import ErrorCode, HoldspaceError
from protocol.ids import CLIENT_ID_PATTERN, IdentityId, SessionId
from protocol.values import Role
from server.tokens import MAX_PER_PERSON, JoinGrant, JoinTokens, new_id, new_token
from tests.fakes import FakeClock, counted


def grant(person: str, session: str = "s-1", role: Role = Role.PARTICIPANT) -> JoinGrant:
    return JoinGrant(IdentityId(person), SessionId(session), role, f"sign-in-of-{person}")


def refusal(tokens: JoinTokens, token: str) -> ErrorCode:
    with pytest.raises(HoldspaceError) as caught:
        tokens.redeem(token)
    return caught.value.code


def test_token_gives_what_it_was_issued_for_and_works_once() -> None:
    tokens = JoinTokens(FakeClock(), counted("token"))
    issued = tokens.issue(grant("p", role=Role.MENTOR))
    assert tokens.redeem(issued.token) == grant("p", role=Role.MENTOR)
    assert refusal(tokens, issued.token) is ErrorCode.TOKEN_INVALID


def test_token_ends_after_its_time_whatever_the_wall_clock_does() -> None:
    clock = FakeClock()
    tokens = JoinTokens(clock, counted("token"), ttl_s=60)
    first, second = tokens.issue(grant("p")), tokens.issue(grant("q"))
    assert first.expires_at_ms == clock.now_ms() + 60_000
    clock.step_wall(7_200)
    clock.advance(59.9)
    assert tokens.redeem(first.token).person_id == "p"
    clock.step_wall(-7_200)
    clock.advance(0.1)
    assert refusal(tokens, second.token) is ErrorCode.TOKEN_INVALID
    assert len(tokens) == 0


def test_unknown_token_is_refused() -> None:
    assert refusal(JoinTokens(FakeClock()), "never-issued-token") is ErrorCode.TOKEN_INVALID


def test_token_may_not_live_longer_than_a_minute() -> None:
    with pytest.raises(ValueError, match="at most 60 s"):
        JoinTokens(FakeClock(), ttl_s=61)


def test_one_person_holds_a_few_unused_tokens_and_the_oldest_gives_way() -> None:
    tokens = JoinTokens(FakeClock(), counted("token"))
    issued = [tokens.issue(grant("p")).token for _ in range(MAX_PER_PERSON + 1)]
    assert len(tokens) == MAX_PER_PERSON
    assert refusal(tokens, issued[0]) is ErrorCode.TOKEN_INVALID
    assert tokens.redeem(issued[1]) == tokens.redeem(issued[-1])


def test_what_they_are_for_does_not_matter_to_that() -> None:
    tokens = JoinTokens(FakeClock(), counted("token"), cap=20)
    for number in range(1_000):
        tokens.issue(grant("p", f"check-{number}"))
    assert len(tokens) == MAX_PER_PERSON
    last = tokens.issue(grant("p", "s-1")).token
    assert tokens.redeem(tokens.issue(grant("q")).token).person_id == "q", "there is room for others"
    assert tokens.redeem(last).session_id == "s-1"


def test_what_is_over_ends_its_tokens_and_no_others() -> None:
    tokens = JoinTokens(FakeClock(), counted("token"))
    mine, other, theirs = (tokens.issue(grant(*each)).token for each in (("p", "s-1"), ("p", "s-2"), ("q", "s-1")))
    tokens.revoke_session(IdentityId("p"), SessionId("s-1"))
    tokens.revoke_session(IdentityId("nobody"), SessionId("s-1"))
    assert refusal(tokens, mine) is ErrorCode.TOKEN_INVALID
    assert (tokens.redeem(other).session_id, tokens.redeem(theirs).person_id) == ("s-2", "q")


def test_unused_tokens_are_bounded_in_all_and_there_is_room_again_later() -> None:
    clock = FakeClock()
    tokens = JoinTokens(clock, counted("token"), cap=3)
    for person in "abc":
        tokens.issue(grant(person))
    with pytest.raises(HoldspaceError) as caught:
        tokens.issue(grant("d"))
    assert caught.value.code is ErrorCode.OVERLOADED
    clock.advance(60)
    tokens.issue(grant("d"))
    assert len(tokens) == 1


def test_signing_out_ends_a_persons_tokens_and_nobody_elses() -> None:
    tokens = JoinTokens(FakeClock(), counted("token"))
    mine = [tokens.issue(grant("p", session)).token for session in ("s-1", "s-2")]
    other = tokens.issue(grant("q")).token
    tokens.revoke("sign-in-of-p")
    assert [refusal(tokens, token) for token in mine] == [ErrorCode.TOKEN_INVALID] * 2
    assert tokens.redeem(other).person_id == "q"


def test_secrets_and_ids_are_distinct_and_safe_in_urls() -> None:
    made = {new_token() for _ in range(100)} | {new_id() for _ in range(100)}
    assert len(made) == 200
    assert all(re.match(CLIENT_ID_PATTERN, one) for one in made)
    assert all(len(new_token()) >= 43 for _ in range(10))
