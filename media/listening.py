"""When to say who is heard in a room, and who spoke for how long: `Speakers` on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from media.speakers import Speakers

TALK_EVERY_S: Final = 10.0


class Listening:
    """One room's speakers. What is told is told from the loop, never from inside `hush` or `count_talk`;
    but `count_now` tells before it returns.
    """

    def __init__(self, tell: Callable[[tuple[str, ...]], None], tell_talk: Callable[[Mapping[str, int]], None]) -> None:
        """`tell` hears who speaks.

        `tell_talk`: for how long each did since it was last told, in ms; every 10 s in which anyone did.
        """
        self.speakers = Speakers()
        self._tell = tell
        self._tell_talk = tell_talk
        self._timer: asyncio.Handle | None = None
        self._talk_timer: asyncio.Handle | None = None

    def hear(self, levels: Iterable[tuple[str, int]]) -> None:
        """Takes levels (dB below full scale) by participant."""
        loop = asyncio.get_running_loop()
        self.speakers.hear(levels, loop.time())
        if self._talk_timer is None and self.speakers.talked:
            self._talk_timer = loop.call_later(TALK_EVERY_S, self._talk)
        self._news()

    def hush(self, participant: str) -> None:
        """That person cannot be heard any more."""
        self.speakers.forget(participant)
        self._cancel_news()
        self._timer = asyncio.get_running_loop().call_soon(self._news)

    def count_talk(self) -> None:
        """Says soon who spoke for how long so far, instead of after the ten seconds."""
        if self._talk_timer is not None:
            self._talk_timer.cancel()
            self._talk_timer = asyncio.get_running_loop().call_soon(self._talk)

    def count_now(self) -> None:
        """Says at once who spoke for how long so far."""
        if self._talk_timer is not None:
            self._talk_timer.cancel()
            self._talk()

    def close(self) -> None:
        """Tells nothing any more, until something is heard again."""
        self._cancel_news()
        if self._talk_timer is not None:
            self._talk_timer.cancel()
            self._talk_timer = None

    def _cancel_news(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _news(self) -> None:
        self._cancel_news()
        loop = asyncio.get_running_loop()
        news = self.speakers.news(loop.time())
        if news is not None:
            self._tell(news)
        due = self.speakers.next_due(loop.time())
        if due is not None:
            self._timer = loop.call_at(due, self._news)

    def _talk(self) -> None:
        self._talk_timer = None
        times = self.speakers.take_talk()
        if times:
            self._tell_talk(times)
