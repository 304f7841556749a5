"""How a target says what must hold."""

from __future__ import annotations


class Broken(Exception):
    """A target's claim about an input does not hold."""


def claim(holds: bool, what: str) -> None:
    """Raises Broken with `what` unless it holds; unlike `assert`, under every flag of Python."""
    if not holds:
        raise Broken(what)
