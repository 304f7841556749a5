"""E-mail to one person, with a link in it. Its sending is waited for by nobody: how long it takes tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage
from typing import Final

import structlog

from server.alerts.way import NotDelivered

MAX_WAITING: Final = 200

SUBJECT: Final = "Your link / Su enlace"
TEXT: Final = """\
Here is your link to Holdspace. It works once, until {until} UTC:

{url}

If you did not ask for it, you need not do anything.

--

Este es su enlace a Holdspace. Sirve una sola vez, hasta {until} UTC:

{url}

Si no lo pidió, no tiene que hacer nada.
"""

Send = Callable[[EmailMessage, Sequence[str]], Awaitable[int]]

_log = structlog.stdlib.get_logger("holdspace.letters")


def letter(to: str, url: str, until: str, sender: str) -> EmailMessage:
    """No word of it says what kind of program it is of."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, SUBJECT
    message.set_content(TEXT.format(url=url, until=until))
    return message


class Letters:
    """Sends letters, where there is a mail server."""

    def __init__(self, send: Send | None = None, sender: str = "") -> None:
        self._send = send
        self._sender = sender
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def can_send(self) -> bool:
        """Whether there is a mail server."""
        return self._send is not None

    def post(self, to: str, url: str, until: str) -> None:
        """Sends it, soon. What does not arrive is logged, without the address, and asked for again by its reader."""
        if self._send is None or len(self._sending) >= MAX_WAITING:
            _log.error("letter not sent", waiting=len(self._sending))
            return
        task = asyncio.create_task(self._attempt(letter(to, url, until, self._sender), to), name="letter")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Sends no more; waits for what is under way no longer than its caller does."""
        if self._sending:
            await asyncio.wait(tuple(self._sending))

    async def _attempt(self, message: EmailMessage, to: str) -> None:
        if self._send is None:
            return
        try:
            refused = await self._send(message, (to,))
        except NotDelivered as error:
            _log.warning("letter not sent", why=str(error))
        else:
            if refused:
                _log.warning("letter not sent", why="its recipient was refused")
