"""Who gets which picture in a room, as it becomes so: `Allocation` on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from media.allocation import Allocation, Feed, View
from protocol.values import Source


class Pictures:
    """One room's. What is taken away, and what is given, is so when a call returns."""

    def __init__(
        self,
        give: Callable[[str, Feed, str | None], None],
        tell: Callable[[str, Source, tuple[str, ...]], None],
        rest: Callable[[str, tuple[Feed, ...]], None],
    ) -> None:
        """`give` a viewer the layer of a picture by its rid, "" for the lowest, None for nothing.

        `tell` a publisher which layers are needed, and a viewer which pictures `rest`: from the loop, never from inside
        a call.
        """
        self._give = give
        self._tell = tell
        self._rest = rest
        self._allocation = Allocation()
        self._given: dict[str, dict[Feed, str | None]] = {}
        self._told: dict[Feed, tuple[str, ...]] = {}
        self._told_resting: dict[str, tuple[Feed, ...]] = {}
        self._timer: asyncio.Handle | None = None

    def publish(self, feed: Feed, rids: tuple[str, ...]) -> None:
        """A picture is there, or is there anew: its publisher is told what is needed, whatever was told before."""
        self._told.pop(feed, None)
        self._allocation.publish(feed, rids, self._now())
        self._settle()

    def withdraw(self, feed: Feed) -> None:
        """A picture is gone."""
        self._told.pop(feed, None)
        self._allocation.withdraw(feed)
        self._settle()

    def layer(self, feed: Feed, rid: str, *, up: bool) -> None:
        """A layer began to flow, or ceased."""
        self._allocation.layer(feed, rid, up=up)

    def enter(self, viewer: str) -> None:
        """Someone sees the others."""
        self._allocation.enter(viewer, self._now())
        self._settle()

    def leave(self, viewer: str) -> None:
        """A viewer is gone."""
        self._given.pop(viewer, None)
        self._told_resting.pop(viewer, None)
        self._allocation.leave(viewer, self._now())
        self._settle()

    def view(self, viewer: str, view: View) -> None:
        """What a viewer shows now, in place of what was said before."""
        self._allocation.view(viewer, view, self._now())
        self._settle()

    def speak(self, speaking: Sequence[str]) -> None:
        """Who is heard now, the first to have begun first."""
        if self._allocation.speak(speaking, self._now()):
            self._settle()

    def pin(self, pinned: str | None) -> None:
        """Whose camera comes first for everyone who shows it."""
        if self._allocation.pin(pinned, self._now()):
            self._settle()

    def lose(self, viewer: str, share: float, sent: float) -> None:
        """The share (0 to 1) that was lost on the way to a viewer lately, of `sent` octets a second."""
        if self._allocation.lose(viewer, share, self._now(), sent):
            self._settle()

    def allotted(self, viewer: str, feed: Feed) -> str | None:
        """What a viewer is to get of a picture, as `give` says it."""
        return self._allocation.allotted(viewer, feed)

    def close(self) -> None:
        """Tells nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _settle(self) -> None:
        for viewer in self._allocation.viewers():
            given, new = self._given.get(viewer, {}), self._allocation.allotment(viewer)
            self._given[viewer] = new
            for feed, rid in new.items():
                if given.get(feed, "") != rid:
                    self._give(viewer, feed, rid)
        self.close()
        self._timer = asyncio.get_running_loop().call_soon(self._news)

    def _news(self) -> None:
        """From the loop: what is due, and what publishers and viewers are to hear."""
        self._timer = None
        for feed, rids in self._allocation.needed(self._now()).items():
            if self._told.get(feed) != rids:
                self._told[feed] = rids
                self._tell(feed.participant, feed.source, rids)
        for viewer in self._allocation.viewers():
            resting = self._allocation.resting(viewer)
            if resting != self._told_resting.get(viewer, ()):
                self._told_resting[viewer] = resting
                self._rest(viewer, resting)
        due = self._allocation.next_due(self._now())
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        self._allocation.poll(self._now())
        self._settle()
