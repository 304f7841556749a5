from __future__ import annotations

import pytest

from protocol.errors import (
    ErrorCode,
    HoldspaceError,
    Next,
    ProtocolError,
    Refused,
    Unavailable,
    code_of_close,
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


@pytest.mark.parametrize("code", ErrorCode)
def test_a_close_code_leads_back_to_its_one_code(code: ErrorCode) -> None:
    assert code_of_close(meaning(code).close) is code


@pytest.mark.parametrize("close", [1000, 1001, 1006, 4999])
def test_a_close_that_is_not_ours_has_no_code(close: int) -> None:
    assert code_of_close(close) is None


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
