"""A sign-in is in use while a page of it is in a room, also when that page asks nothing over HTTP for hours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog
from sqlalchemy.exc import DBAPIError

from server.auth import Auth
from server.logs import where_it_failed

_log = structlog.stdlib.get_logger("holdspace.sign_in")


class SignsOfLife:
    """Tells `Auth` now and then which sign-ins have a page open: one write for all of them.

    Those that were ended meanwhile elsewhere, as by the command line, are told to `on_ended`, for their pages to go.
    """

    def __init__(
        self,
        auth: Auth,
        in_use: Callable[[], Collection[str]],
        *,
        every_s: float,
        on_ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._auth = auth
        self._on_ended = on_ended
        self._in_use = in_use
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run(), name="signs of life")

    async def stop(self) -> None:
        """Ends it. Whoever is in a room now was seen a moment ago."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def tell(self) -> None:
        """Tells once. What cannot be stored now is told the next time."""
        try:
            in_use = self._in_use()
            await self._auth.seen(in_use)
            for each in await self._auth.ended(in_use):
                self._on_ended(each)
        except DBAPIError as error:
            _log.warning("signs of life not stored", **where_it_failed(error))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.tell()
