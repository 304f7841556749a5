"""What becomes of a command, in any stream."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from moderation.permissions import Action
from protocol.errors import ErrorCode

E = TypeVar("E")


class Accepted(Struct, Generic[E], frozen=True):
    """The command stands; `events` is empty when it had taken effect before."""

    events: tuple[E, ...] = ()


class Rejection(Struct, frozen=True):
    """The command is refused. `denied`: what the actor is not permitted to do, for the audit."""

    code: ErrorCode
    detail: str = ""
    denied: Action | None = None


NOTHING: Final[Accepted[Any]] = Accepted()
NOT_FOUND: Final = Rejection(ErrorCode.NOT_FOUND)


def denied(action: Action) -> Rejection:
    """The refusal of something that the actor may not do."""
    return Rejection(ErrorCode.NOT_ALLOWED, denied=action)
