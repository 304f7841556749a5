from __future__ import annotations

import pytest

from protocol.errors import (
    ErrorCode,
    HoldspaceError,
    Next,
    ProtocolError,
    Refused,
    Unavailable,
    meaning,
    raise_for,
)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_words_a_status_and_a_close_code_of_the_private_range(code: ErrorCode) -> None:
    means = meaning(code)
    assert means.text.endswith(".")
    assert 400 <= means.http < 600
    assert 4000 <= means.close <= 4999
    assert means.then in Next


def test_no_two_codes_share_a_close_code() -> None:
    assert len({meaning(code).close for code in ErrorCode}) == len(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_its_exception(code: ErrorCode) -> None:
    error = raise_for(code, "$.field")
    assert (error.code, error.detail) == (code, "$.field")
    assert str(error) == f"{code}: $.field"
    assert type(error) is not HoldspaceError


@pytest.mark.parametrize(
    ("code", "branch"),
    [
        (ErrorCode.MALFORMED, ProtocolError),
        (ErrorCode.NOT_ALLOWED, Refused),
        (ErrorCode.NOT_SAVED, Unavailable),
    ],
)
def test_the_exception_is_of_the_right_branch(code: ErrorCode, branch: type[HoldspaceError]) -> None:
    assert isinstance(raise_for(code), branch)
    assert str(raise_for(code)) == code
