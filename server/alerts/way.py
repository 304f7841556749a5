"""What the ways of telling the contact have in common."""

from __future__ import annotations

from typing import Protocol

from server.alerts.alert import Alert


class NotDelivered(Exception):
    """This time it did not arrive. The message is for logs: in our words, nothing of what the other side said."""


class Way(Protocol):
    """One way of telling the contact."""

    @property
    def name(self) -> str:
        """`webhook` or `mail`: in rows, logs and metrics."""
        ...

    async def deliver(self, alert: Alert) -> str:
        """Tries once, in bounded time; says how it was taken.

        Raises:
            NotDelivered: it did not arrive, as far as one can tell.
        """
        ...
