"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The verdict, in words that are shown."""

    OK = "ok"
    LOOK = "look at this"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's verdict.

    Attributes:
        name: what was looked at.
        found: what is the case. Never holds a person's name, a text or a secret.
        advice: what to do; empty when there is nothing to do.
    """

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Finding:
    """As it should be."""
    return Finding(name, State.OK, found)


def look(name: str, found: str, advice: str) -> Finding:
    """It works, or may work; someone should know."""
    return Finding(name, State.LOOK, found, advice)


def broken(name: str, found: str, advice: str) -> Finding:
    """With this the server does not start, or people cannot meet."""
    return Finding(name, State.BROKEN, found, advice)
