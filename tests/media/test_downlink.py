"""Ways that lose by themselves, and ways that are too narrow, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, pairwise
from random import Random

import pytest

from media.allocation import Allocation, Feed
from protocol.values import Source, TileSize

BEN, CY = (Feed(who, Source.CAMERA) for who in ("ben", "cy"))
RATES = {"": 19_000.0, "h": 62_500.0, "f": 190_000.0}
SOUND = 6_000.0
PACKET = 700.0

Way = Callable[[float, Random], float]


def loses(share: float) -> Way:
    """Of each packet, by itself, whatever is sent."""

    def lost(sent: float, chance: Random) -> float:
        packets = round(sent / PACKET) + 50
        return sum(chance.random() < share for _ in range(packets)) / packets

    return lost


def carries(octets: float, share: float = 0.0) -> Way:
    """So many octets a second, and not more."""

    def lost(sent: float, chance: Random) -> float:
        narrow = max(0.0, 1 - octets / sent)
        return narrow + (1 - narrow) * loses(share)(sent, chance)

    return lost


class Watching:
    """Ann shows the others, and reports each second."""

    def __init__(self, view: dict[Feed, TileSize], seed: int, rids: tuple[str, ...] = ("q", "h", "f")) -> None:
        self.chance = Random(seed)
        self.allocation = Allocation()
        for feed in (BEN, CY):
            self.allocation.publish(feed, rids, 0.0)
            for rid in rids:
                self.allocation.layer(feed, rid, up=True)
        self.allocation.enter("ann", 0.0)
        self.allocation.view("ann", view, 0.0)
        self.now = 0.0
        self.got: list[dict[Feed, str | None]] = []
        self.shares: list[float] = []

    def sent(self) -> float:
        given = self.allocation.allotment("ann").values()
        return SOUND + sum(RATES[rid] for rid in given if rid is not None)

    def watch(self, way: Way, seconds: int) -> None:
        """What was got in each of these seconds is in `got`, and nothing else."""
        self.got, self.shares = [], []
        for _ in range(seconds):
            self.now += 1.0
            self.got.append(self.allocation.allotment("ann"))
            sent = self.sent()
            self.shares.append(way(sent, self.chance))
            self.allocation.lose("ann", self.shares[-1], self.now, sent)
            self.allocation.poll(self.now)

    def share_of(self, feed: Feed, *rids: str | None) -> float:
        return sum(got[feed] in rids for got in self.got) / len(self.got)


@pytest.mark.parametrize("share", [0.10, 0.12, 0.15, 0.20])
def test_a_way_that_loses_by_itself_keeps_its_only_picture(share: float) -> None:
    rested: list[float] = []
    longest: list[int] = []
    for seed in range(20):
        ann = Watching({BEN: TileSize.SMALL}, seed, rids=())
        ann.watch(loses(share), 240)
        rested.append(ann.share_of(BEN, None))
        longest.append(max(len(list(run)) for rests, run in groupby(got[BEN] is None for got in ann.got) if rests))
    # Chance may look like help, though seldom.
    assert sum(rested) / len(rested) < 0.1
    assert max(rested) < 0.2
    assert sorted(longest)[-4] <= 6


@pytest.mark.parametrize("share", [0.12, 0.15])
def test_a_way_that_loses_by_itself_keeps_the_layers_and_the_thumbnails(share: float) -> None:
    for seed in range(20):
        ann = Watching({BEN: TileSize.LARGE, CY: TileSize.SMALL}, seed)
        ann.watch(loses(share), 240)
        assert ann.share_of(BEN, "f") > 0.85, seed
        assert ann.share_of(CY, "") == 1.0, seed


@pytest.mark.parametrize(("octets", "fits"), [(40_000.0, ""), (100_000.0, "h"), (150_000.0, "h")])
def test_a_narrow_way_gets_the_layer_that_it_carries(octets: float, fits: str) -> None:
    for seed in range(5):
        ann = Watching({BEN: TileSize.LARGE}, seed)
        ann.watch(carries(octets), 20)
        ann.watch(carries(octets), 240)
        assert ann.share_of(BEN, fits) > 0.7
        assert sum(share >= 0.1 for share in ann.shares) < 0.2 * len(ann.shares)


def test_a_narrow_way_that_also_loses_by_itself_gives_up_what_helps_and_nothing_more() -> None:
    for seed in range(10):
        ann = Watching({BEN: TileSize.LARGE, CY: TileSize.SMALL}, seed)
        ann.watch(carries(150_000.0, 0.12), 30)
        ann.watch(carries(150_000.0, 0.12), 240)
        assert ann.share_of(BEN, "h") > 0.6, seed
        assert ann.share_of(CY, None) < 0.1, seed


def test_a_way_that_lost_by_itself_and_becomes_too_narrow_gets_less() -> None:
    for seed in range(10):
        ann = Watching({BEN: TileSize.LARGE}, seed)
        ann.watch(loses(0.15), 60)
        ann.watch(carries(100_000.0, 0.02), 15)
        ann.watch(carries(100_000.0, 0.02), 120)
        assert ann.share_of(BEN, "h", "") > 0.7, seed


def test_where_sound_alone_is_reported_every_five_seconds_the_picture_is_back_after_two_reports() -> None:
    ann = Watching({BEN: TileSize.SMALL}, 1, rids=())
    ann.watch(lambda _sent, _chance: 0.15, 2)
    assert ann.allocation.allotted("ann", BEN) is None
    for at in (7.0, 12.0):
        assert ann.allocation.allotted("ann", BEN) is None
        ann.allocation.lose("ann", 0.15, at, SOUND)
    assert ann.allocation.allotted("ann", BEN) == ""


def test_less_is_tried_again_ever_more_seldom_and_where_half_is_lost_less_stays() -> None:
    ann = Watching({BEN: TileSize.SMALL}, 1, rids=())
    ann.watch(lambda _sent, _chance: 0.15, 1_000)
    begins = [at for at in range(1, 1_000) if ann.got[at][BEN] is None and ann.got[at - 1][BEN] is not None]
    apart = [after - before for before, after in pairwise(begins)]
    assert len(apart) >= 3
    assert all(later > 1.7 * earlier for earlier, later in pairwise(apart))

    ben = Watching({BEN: TileSize.SMALL}, 1, rids=())
    ben.watch(lambda _sent, _chance: 0.5, 100)
    assert ben.share_of(BEN, None) > 0.9
