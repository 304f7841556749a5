"""When to say who is heard in a room: `Speakers` on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from media.speakers import Speakers


class Listening:
    """One room's speakers. `tell` is called with the news from the loop, never from inside `hush`."""

    def __init__(self, tell: Callable[[tuple[str, ...]], None]) -> None:
        self.speakers = Speakers()
        self._tell = tell
        self._timer: asyncio.Handle | None = None

    def hear(self, levels: Iterable[tuple[str, int]]) -> None:
        """Takes levels (dB below full scale) by participant."""
        self.speakers.hear(levels, asyncio.get_running_loop().time())
        self._news()

    def hush(self, participant: str) -> None:
        """That person cannot be heard any more."""
        self.speakers.forget(participant)
        self.close()
        self._timer = asyncio.get_running_loop().call_soon(self._news)

    def close(self) -> None:
        """Tells nothing any more, until something is heard again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _news(self) -> None:
        self.close()
        loop = asyncio.get_running_loop()
        news = self.speakers.news(loop.time())
        if news is not None:
            self._tell(news)
        due = self.speakers.next_due(loop.time())
        if due is not None:
            self._timer = loop.call_at(due, self._news)
