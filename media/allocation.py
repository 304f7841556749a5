"""Which layer of whose picture each viewer gets, and which layers nobody needs. Sound takes no part in it.

Only participants are known here: who watches without taking part gets what flows anyway, and is no reason for anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Final, NamedTuple

from media.downlink import Downlink
from protocol.values import Source, TileSize

GRACE_S: Final = 5.0
"""So long a layer goes on that nobody needs any more: a tile that comes and goes does not stop and start it."""

FEW, ONE, LEAST, NONE = -1, -2, -3, -4
"""Below the lowest layer: half of the thumbnails rest; only what is shown large is left; whoever is pinned goes down to
the lowest layer, too; no picture is left.

Whoever speaks is a step behind a viewer's cap: the last to lose a layer, and the first to have it again. Who is pinned
comes after everyone: in no less than the middle layer, as long as any other picture is left.
"""

_LAYER_OF: Final = {TileSize.SMALL: 0, TileSize.MEDIUM: 1, TileSize.LARGE: 2}
_MEDIUM: Final = _LAYER_OF[TileSize.MEDIUM]


class Feed(NamedTuple):
    """Someone's picture: of themselves, or of what they share."""

    participant: str
    source: Source


View = Mapping[Feed, TileSize]
"""What a viewer's page shows, and how large. What is not in it is not on the page."""


class Published:
    """The layers of a picture, lowest first; without simulcast there is one. `up`: which of them flow."""

    __slots__ = ("needed_at", "rids", "up")

    def __init__(self, rids: tuple[str, ...], now: float) -> None:
        self.rids = rids or ("",)
        self.up: set[str] = set()
        self.needed_at = [now] * len(self.rids)
        """When each was needed last; infinity while it is."""

    def flowing(self, layer: int) -> int:
        """The layer that stands in for this one: the best below it that flows."""
        return next((place for place in range(layer, 0, -1) if self.rids[place] in self.up), 0)


class Allocation:
    """One room's. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._feeds: dict[Feed, Published] = {}
        self._views: dict[str, View] = {}
        self._downlinks: dict[str, Downlink] = {}
        self._speaker: str | None = None
        """Who speaks, or else spoke last: a pause is no reason for a key frame."""
        self._pinned: str | None = None

    # ── what is so ────────────────────────────────────────────────────────────────────────────

    def publish(self, feed: Feed, rids: tuple[str, ...], now: float) -> None:
        """A picture is there, or is there anew; all its layers are taken to be sent."""
        self._feeds[feed] = Published(rids, now)
        self._need(now)

    def withdraw(self, feed: Feed) -> None:
        """A picture is gone."""
        self._feeds.pop(feed, None)

    def layer(self, feed: Feed, rid: str, *, up: bool) -> None:
        """A layer began to flow, or ceased."""
        published = self._feeds.get(feed)
        if published is not None:
            (published.up.add if up else published.up.discard)(rid)

    def enter(self, viewer: str, now: float) -> None:
        """Someone who sees the others, each in the lowest layer until they say what they show."""
        self._downlinks[viewer] = Downlink(now)
        self._need(now)

    def leave(self, viewer: str, now: float) -> None:
        """A viewer is gone."""
        self._downlinks.pop(viewer, None)
        self._views.pop(viewer, None)
        if self._speaker == viewer:
            self._speaker = None
        self._need(now)

    def speak(self, speaking: Sequence[str], now: float) -> bool:
        """Who is heard now, the first to have begun first. Whether that changes who counts as the speaker.

        Someone who falls in does not take it from who goes on.
        """
        if not speaking or self._speaker in speaking:
            return False
        self._speaker = speaking[0]
        self._need(now)
        return True

    def pin(self, pinned: str | None, now: float) -> bool:
        """Whose camera comes first for everyone who shows it: who signs. Whether that is new."""
        if pinned == self._pinned:
            return False
        self._pinned = pinned
        self._need(now)
        return True

    def view(self, viewer: str, view: View, now: float) -> None:
        """What a viewer shows now, the most important first, in place of what was said before."""
        if viewer in self._downlinks:
            self._views[viewer] = view
            self._need(now)

    def lose(self, viewer: str, share: float, now: float, sent: float = 0.0) -> bool:
        """What a viewer reports as lost, of sound and pictures together; 0 to 1. Whether something changes for it.

        `sent`: octets a second of the same time; 0 where that is not known.
        """
        downlink = self._downlinks.get(viewer)
        if downlink is None:
            return False
        due = downlink.hear(share, sent, now)
        if downlink.judge(now):
            self._need(now)
            return True
        if not due:
            return False
        before = self._flowing(viewer, downlink.cap)
        cap = self._most - 1 if downlink.cap is None else downlink.cap
        while cap > NONE:
            cap -= 1
            if self._flowing(viewer, cap) != before:
                downlink.sink(cap, now)
                self._need(now)
                return True
        downlink.bear(now)
        return False

    def poll(self, now: float) -> None:
        """Takes the steps up that are due."""
        for viewer, downlink in self._downlinks.items():
            at = downlink.rises_at()
            if at is None or now < at:
                continue
            before, cap = self._allot(viewer, downlink.cap), downlink.cap
            while cap is not None and self._allot(viewer, cap) == before:
                cap = cap + 1 if cap + 1 < self._most - 1 else None
            downlink.rise(cap, now)
        self._need(now)

    def next_due(self, now: float) -> float | None:
        """When to poll next, and to look again at what is needed; None while nothing waits."""
        due = [at for at in (downlink.rises_at() for downlink in self._downlinks.values()) if at is not None]
        for published in self._feeds.values():
            due += [at + GRACE_S for at in published.needed_at[1:] if now < at + GRACE_S < inf]
        return min(due, default=None)

    # ── what follows ──────────────────────────────────────────────────────────────────────────

    def allotted(self, viewer: str, feed: Feed) -> str | None:
        """The rid of the layer that a viewer is to get, "" for the lowest; None: not now."""
        return self._rid(feed, self._allot(viewer, self._cap(viewer)).get(feed, 0))

    def allotment(self, viewer: str) -> dict[Feed, str | None]:
        """The same for all pictures."""
        return {feed: self._rid(feed, layer) for feed, layer in self._allot(viewer, self._cap(viewer)).items()}

    def resting(self, viewer: str) -> tuple[Feed, ...]:
        """The pictures on a viewer's page that do not come, because their way takes no more."""
        now, free = (self._allot(viewer, cap) for cap in (self._cap(viewer), None))
        return tuple(feed for feed, layer in free.items() if layer is not None and now[feed] is None)

    def viewers(self) -> Iterable[str]:
        """Everyone who sees the others."""
        return self._downlinks.keys()

    def needed(self, now: float) -> dict[Feed, tuple[str, ...]]:
        """The layers that are to be sent, of all pictures that have several: the lowest always, and all up to the
        highest that somebody needs, or needed a moment ago.
        """
        return {
            feed: tuple(
                rid
                for place, rid in enumerate(published.rids)
                if place == 0 or max(published.needed_at[place:]) + GRACE_S > now
            )
            for feed, published in self._feeds.items()
            if len(published.rids) > 1
        }

    def _rid(self, feed: Feed, layer: int | None) -> str | None:
        return None if layer is None else self._feeds[feed].rids[layer] if layer > 0 else ""

    def _cap(self, viewer: str) -> int | None:
        downlink = self._downlinks.get(viewer)
        return None if downlink is None else downlink.cap

    @property
    def _most(self) -> int:
        """How many layers the picture with the most of them has."""
        return max((len(published.rids) for published in self._feeds.values()), default=1)

    def _allot(self, viewer: str, cap: int | None) -> dict[Feed, int | None]:
        """The layer of each picture, under that cap; own pictures are nothing to oneself, unless echoed."""
        view = self._views.get(viewer)
        sizes = view if view is not None else dict.fromkeys(self._feeds, TileSize.SMALL)
        shown = [feed for feed in sizes if feed in self._feeds]
        # Oneself is nothing to oneself, and keeps no place from others.
        pinned = Feed(self._pinned, Source.CAMERA) if self._pinned not in (None, viewer) else None
        if cap is not None and cap < 0:
            shown = _fewer(sorted(shown, key=self._dispensable), sizes, cap, pinned)
        allotted: dict[Feed, int | None] = dict.fromkeys(self._feeds)
        for feed in shown:
            layer = _LAYER_OF[sizes[feed]]
            if feed == pinned:
                layer = max(layer, _MEDIUM) if cap is None or cap >= 0 else _MEDIUM if cap > LEAST else 0
            elif cap is not None:
                layer = min(layer, max(0, cap + (feed == self._spoken)))
            allotted[feed] = min(layer, len(self._feeds[feed].rids) - 1)
        return allotted

    @property
    def _spoken(self) -> Feed | None:
        return None if self._speaker is None else Feed(self._speaker, Source.CAMERA)

    def _dispensable(self, feed: Feed) -> bool:
        return feed.source is Source.CAMERA and feed != self._spoken

    def _flowing(self, viewer: str, cap: int | None) -> dict[Feed, int | None]:
        """What really flows of it."""
        allotted = self._allot(viewer, cap)
        return {
            feed: None if layer is None else self._feeds[feed].flowing(layer)
            for feed, layer in allotted.items()
            if feed.participant != viewer
        }

    def _need(self, now: float) -> None:
        """Notes what is needed from now on."""
        needed = {
            (feed, layer)
            for viewer, downlink in self._downlinks.items()
            for feed, layer in self._allot(viewer, downlink.cap).items()
            if layer and feed.participant != viewer
        }
        for feed, published in self._feeds.items():
            for layer, at in enumerate(published.needed_at):
                if (feed, layer) in needed:
                    published.needed_at[layer] = inf
                elif at == inf:
                    published.needed_at[layer] = now


def _fewer(shown: list[Feed], sizes: View, cap: int, pinned: Feed | None) -> list[Feed]:
    """The pictures that are left. Who is pinned goes last, before them what is shown large, or shared; then what comes
    first in `shown`.
    """
    main = [feed for feed in shown if sizes[feed] is TileSize.LARGE or feed.source is Source.SCREEN or feed == pinned]
    if cap == FEW:
        thumbnails = [feed for feed in shown if feed not in main]
        return main + thumbnails[: (len(thumbnails) + 1) // 2]
    return sorted(main or shown, key=lambda feed: feed != pinned)[:1] if cap > NONE else []
