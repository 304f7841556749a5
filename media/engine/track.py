"""One m-section of a publisher: its layers, whom they feed, and which of them serves a wish best."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from media.engine.budget import Budget
from media.engine.cache import PictureCache
from media.engine.interface import IngressSpec
from media.engine.key_frames import KeyRequests

if TYPE_CHECKING:
    from media.engine.egress import Slot
    from media.engine.ingress import Layer
    from media.engine.selection import AudioGroup

_STALLED_PICTURES: Final = 5
"""A layer that missed so many pictures of another one, and is overdue itself, is not sent any more."""

_FORMER: Final = 16


class Track:
    """Closed until its gate is opened."""

    __slots__ = (
        "always",
        "budget",
        "cache",
        "former",
        "group",
        "keys",
        "layers",
        "loud",
        "loud_at",
        "open",
        "passes",
        "slots",
        "spec",
    )

    def __init__(self, spec: IngressSpec) -> None:
        self.spec = spec
        self.open = False
        self.budget = Budget(spec.kind)
        self.layers: dict[str, Layer] = {}
        """By rid, in the order in which they came."""
        self.former: deque[int] = deque(maxlen=_FORMER)
        """SSRCs whose place another one took."""
        self.slots: list[Slot] = []
        self.keys = KeyRequests()
        self.cache = PictureCache()
        self.group: AudioGroup | None = None
        self.always = False
        self.passes = True
        """Whether the last packet of a microphone that competes with others was let through."""
        self.loud = 0.0
        """How loud it was at `loud_at`, in dB above the faintest level there is."""
        self.loud_at = 0.0

    def lowest(self) -> Layer | None:
        """The lowest layer that flows; failing that, the lowest there is."""
        return self.choose("")

    def choose(self, want: str) -> Layer | None:
        """The best flowing layer up to `want`, else the lowest one above; failing all, one that does not flow."""
        layers = self.layers
        if len(layers) < 2:
            return next(iter(layers.values()), None)
        order = self.spec.rids
        place = order.index(want) if want in order else 0
        for rid in (*reversed(order[: place + 1]), *order[place + 1 :]):
            layer = layers.get(rid)
            if layer is not None and layer.up:
                return layer
        return next((layers[rid] for rid in order if rid in layers), None)

    def aim(self) -> None:
        """The layers have changed: each slot may be served better, or worse."""
        for slot in self.slots:
            slot.aim()

    def stalled(self, layer: Layer, now: float) -> list[Layer]:
        """Which layers have ceased, as a picture of this one shows that is complete now."""
        found: list[Layer] = []
        layer.behind = 0
        for other in self.layers.values():
            if other is not layer and other.up:
                other.behind += 1
                if other.behind >= _STALLED_PICTURES and now - other.last_at >= other.patience:
                    found.append(other)
        return found

    def hush(self) -> None:
        """It does not pass any more, for whatever reason: what comes later follows on what was sent last."""
        if self.passes:
            self.passes = False
            for slot in self.slots:
                slot.pause()

    def reopen(self) -> None:
        """What was sent before, and comes only now, is not passed on: what it belongs to was not, either."""
        self.open = True
        for layer in self.layers.values():
            layer.before = layer.highest

    def close(self) -> None:
        """Nothing that came before may be sent any more, retransmissions included."""
        self.open = False
        self.keys.clear()
        self.cache.clear()
        if self.group is not None:
            self.group.silence(self)
        for layer in self.layers.values():
            layer.forget()
        for slot in self.slots:
            slot.pause()
