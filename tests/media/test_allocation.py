"""Who gets which picture, in virtual time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media.allocation import GRACE_S, Allocation, Feed, View
from media.downlink import HOLD_S
from protocol.values import Source, TileSize

SMALL, MEDIUM, LARGE = TileSize.SMALL, TileSize.MEDIUM, TileSize.LARGE
ANN, BEN, CY, DEE = (Feed(who, Source.CAMERA) for who in ("ann", "ben", "cy", "dee"))
SCREEN = Feed("ann", Source.SCREEN)
THREE = ("q", "h", "f")


def room(*viewers: str, rids: tuple[str, ...] = THREE) -> Allocation:
    """Four cameras whose layers all flow."""
    allocation = Allocation()
    for feed in (ANN, BEN, CY, DEE):
        allocation.publish(feed, rids, 0.0)
        for rid in rids:
            allocation.layer(feed, rid, up=True)
    for viewer in viewers:
        allocation.enter(viewer, 0.0)
    return allocation


def lose(allocation: Allocation, viewer: str, share: float, since: float, until: float) -> None:
    """Reports each second."""
    at = since
    while at <= until:
        allocation.poll(at)
        allocation.lose(viewer, share, at)
        at += 1.0
    allocation.poll(until)


def test_a_page_that_has_said_nothing_gets_everyone_in_the_lowest_layer() -> None:
    allocation = room("ann")
    assert allocation.allotment("ann") == {ANN: "", BEN: "", CY: "", DEE: ""}
    assert allocation.allotted("ann", Feed("not yet", Source.CAMERA)) == ""


def test_a_large_tile_gets_the_highest_layer_a_thumbnail_the_lowest_and_what_is_not_shown_nothing() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE, CY: MEDIUM, DEE: SMALL, Feed("gone", Source.CAMERA): LARGE}, 1.0)
    assert allocation.allotment("ann") == {ANN: None, BEN: "f", CY: "h", DEE: ""}
    allocation.view("ann", {}, 2.0)
    assert set(allocation.allotment("ann").values()) == {None}


def test_of_two_layers_all_but_a_thumbnail_gets_the_upper_and_of_one_there_is_nothing_to_choose() -> None:
    for rids, upper in ((("q", "f"), "f"), ((), "")):
        allocation = room("ann", rids=rids)
        allocation.view("ann", {BEN: LARGE, CY: MEDIUM, DEE: SMALL}, 1.0)
        assert allocation.allotment("ann") == {ANN: None, BEN: upper, CY: upper, DEE: ""}


def test_two_seconds_of_loss_take_one_layer_from_the_large_tile_and_nothing_from_the_thumbnails() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE, CY: SMALL}, 0.0)
    assert not allocation.lose("ann", 0.15, 1.0)
    assert allocation.lose("ann", 0.10, 2.0)
    assert allocation.allotment("ann") == {ANN: None, BEN: "h", CY: "", DEE: None}


def test_one_bad_second_or_reports_far_apart_change_nothing() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    for at, share in ((1.0, 0.15), (2.0, 0.0), (3.0, 0.19), (4.0, 0.0), (5.0, 0.5), (20.0, 0.5)):
        assert not allocation.lose("ann", share, at)
    assert allocation.allotted("ann", BEN) == "f"
    assert not allocation.lose("nobody", 1.0, 1.0)


def test_where_loss_goes_on_thumbnails_rest_last_and_the_largest_after_them() -> None:
    allocation = room("ann")
    allocation.publish(SCREEN, (), 0.0)
    allocation.view("ben", {}, 0.0)  # not here: nothing comes of it
    allocation.enter("ben", 0.0)
    allocation.view("ben", {CY: SMALL, DEE: SMALL, SCREEN: LARGE, ANN: MEDIUM}, 0.0)
    steps: list[dict[Feed, str | None]] = [allocation.allotment("ben")]
    steps += [allocation.allotment("ben") for at in range(1, 30) if allocation.lose("ben", 0.3, float(at))]
    rest: dict[Feed, str | None] = {BEN: None}
    assert steps == [
        rest | {ANN: "h", CY: "", DEE: "", SCREEN: ""},
        rest | {ANN: "", CY: "", DEE: "", SCREEN: ""},
        rest | {ANN: None, CY: "", DEE: "", SCREEN: ""},
        rest | {ANN: None, CY: None, DEE: None, SCREEN: ""},
        rest | {ANN: None, CY: None, DEE: None, SCREEN: None},
    ]


def test_whoever_speaks_is_the_last_to_lose_a_layer_and_their_thumbnail_the_last_to_rest() -> None:
    allocation = room("ann")
    allocation.view("ann", {CY: LARGE, BEN: LARGE, DEE: SMALL}, 0.0)
    assert allocation.speak(("ben",), 0.0)
    steps = [
        tuple(allocation.allotted("ann", feed) for feed in (CY, BEN, DEE))
        for at in range(1, 30)
        if allocation.lose("ann", 0.3, float(at))
    ]
    assert steps == [("h", "f", ""), ("", "h", ""), ("", "", ""), (None, "", None), (None, None, None)]

    allocation.poll(100.0)
    assert allocation.allotment("ann") == {ANN: None, BEN: "", CY: None, DEE: None}

    few = room("ann")
    few.view("ann", {BEN: SMALL, CY: SMALL, DEE: SMALL}, 0.0)
    few.speak(("dee",), 0.0)
    assert [few.lose("ann", 0.3, at) for at in (1.0, 2.0)] == [False, True]
    assert few.allotment("ann") == {ANN: None, BEN: "", CY: None, DEE: ""}


def test_who_speaks_alone_on_the_page_loses_layers_as_anyone() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    allocation.speak(("ben",), 0.0)
    assert allocation.allotted("ann", BEN) == "f", "what is not lost gives nobody more than they show"
    lose(allocation, "ann", 0.2, 1.0, 2.0)
    assert allocation.allotted("ann", BEN) == "h"


def test_the_speaker_is_who_began_until_they_pause_and_another_goes_on() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE, CY: LARGE}, 0.0)
    lose(allocation, "ann", 0.2, 1.0, 2.0)
    got: list[tuple[str | None, str | None]] = []
    for speaking in (("ben",), ("ben", "cy"), ("cy",), (), ("ben", "cy"), ("ben",)):
        allocation.speak(speaking, 3.0)
        got.append((allocation.allotted("ann", BEN), allocation.allotted("ann", CY)))
    ben, cy = ("f", "h"), ("h", "f")
    assert got == [ben, ben, cy, cy, cy, ben]
    allocation.leave("ben", 4.0)
    assert allocation.allotted("ann", BEN) == "h"
    assert "f" in allocation.needed(4.0)[CY], "a layer that goes to another may come back"


def test_a_shared_screen_goes_after_whoever_speaks_beside_it() -> None:
    allocation = room("dee")
    allocation.publish(SCREEN, (), 0.0)
    allocation.view("dee", {SCREEN: LARGE, BEN: SMALL, CY: SMALL}, 0.0)
    allocation.speak(("cy",), 0.0)
    steps = [
        {feed for feed, rid in allocation.allotment("dee").items() if rid is not None}
        for at in range(1, 10)
        if allocation.lose("dee", 0.3, float(at))
    ]
    assert steps == [{SCREEN, CY}, {SCREEN}, set()]


def test_a_layer_that_does_not_flow_is_none_to_give_up() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    allocation.layer(BEN, "f", up=False)
    lose(allocation, "ann", 0.2, 1.0, 2.0)
    assert allocation.allotted("ann", BEN) == ""


def test_ten_good_seconds_give_a_layer_back_and_a_bad_one_makes_them_begin_anew() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    lose(allocation, "ann", 0.2, 1.0, 2.0)
    lose(allocation, "ann", 0.0, 3.0, 8.0)
    allocation.lose("ann", 0.2, 9.0)
    lose(allocation, "ann", 0.0, 10.0, 18.9)
    assert allocation.allotted("ann", BEN) == "h"
    assert allocation.next_due(18.9) == 9.0 + HOLD_S
    allocation.poll(9.0 + HOLD_S)
    assert allocation.allotted("ann", BEN) == "f"
    assert allocation.next_due(60.0) is None


def test_where_a_little_is_always_lost_it_takes_twice_as_long_and_everything_comes_back() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    lose(allocation, "ann", 0.2, 1.0, 2.0)
    lose(allocation, "ann", 0.09, 3.0, 2 * HOLD_S - 1)
    assert allocation.allotted("ann", BEN) == "h"
    lose(allocation, "ann", 0.09, 2 * HOLD_S, 2 * HOLD_S + 2)
    assert allocation.allotted("ann", BEN) == "f"


def test_after_a_bad_spell_every_picture_comes_back_on_a_way_that_always_loses_some() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE, CY: SMALL, DEE: SMALL}, 0.0)
    whole = allocation.allotment("ann")
    lose(allocation, "ann", 0.12, 1.0, 12.0)
    assert allocation.resting("ann") == (BEN, CY, DEE)
    lose(allocation, "ann", 0.05, 13.0, 13.0 + 12 * HOLD_S)
    assert allocation.allotment("ann") == whole
    assert allocation.resting("ann") == ()


def test_what_a_page_does_not_show_does_not_rest() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: SMALL}, 0.0)
    assert allocation.resting("ann") == ()
    lose(allocation, "ann", 0.12, 1.0, 12.0)
    assert allocation.resting("ann") == (BEN,)
    allocation.view("ann", {}, 13.0)
    assert allocation.resting("ann") == ()


def test_what_was_given_back_and_did_not_last_is_given_back_later_next_time() -> None:
    allocation = room("ann")
    allocation.view("ann", {BEN: LARGE}, 0.0)
    waits: list[float] = []
    now = 0.0
    for _ in range(5):
        lose(allocation, "ann", 0.2, now + 1, now + 2)
        now += 2
        assert allocation.allotted("ann", BEN) == "h"
        due = allocation.next_due(now + GRACE_S)
        assert due is not None
        waits.append(due - now)
        allocation.poll(due)
        assert allocation.allotted("ann", BEN) == "f"
        now = due
    assert waits == [10, 20, 40, 80, 80]
    now += 100
    lose(allocation, "ann", 0.2, now + 1, now + 2)
    assert allocation.next_due(now + 2 + GRACE_S) == now + 12


def test_a_layer_is_needed_while_anyone_shows_it_and_a_moment_longer_and_the_lowest_always() -> None:
    allocation = room("ann", "ben")
    assert allocation.needed(0.0)[ANN] == THREE, "a publisher begins with all"
    assert allocation.needed(GRACE_S)[ANN] == ("q",)
    allocation.view("ben", {ANN: LARGE}, 10.0)
    assert allocation.needed(10.0)[ANN] == THREE
    assert allocation.needed(100.0)[ANN] == THREE
    assert allocation.next_due(100.0) is None
    allocation.view("ben", {ANN: MEDIUM}, 100.0)
    assert allocation.needed(104.9)[ANN] == THREE
    assert allocation.next_due(104.0) == 105.0
    assert allocation.needed(105.0)[ANN] == ("q", "h")
    allocation.leave("ben", 110.0)
    assert allocation.needed(115.0)[ANN] == ("q",)


def test_nobody_makes_their_own_layers_needed_and_a_single_layer_is_not_spoken_of() -> None:
    allocation = room("ann")
    allocation.publish(SCREEN, (), 0.0)
    allocation.view("ann", {ANN: LARGE, SCREEN: LARGE}, 1.0)
    assert allocation.needed(10.0)[ANN] == ("q",)
    assert SCREEN not in allocation.needed(10.0)
    allocation.withdraw(ANN)
    allocation.layer(ANN, "q", up=True)
    assert ANN not in allocation.needed(10.0)


VIEWERS = ("ann", "ben", "cy")
FEEDS = (ANN, BEN, SCREEN, DEE)
views = st.dictionaries(st.sampled_from(FEEDS), st.sampled_from(TileSize))


class Rooms(RuleBasedStateMachine):
    """Whatever people show, lose and publish, in any order."""

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.allocation = Allocation()
        self.rids: dict[Feed, tuple[str, ...]] = {}
        self.views: dict[str, View | None] = {}
        self.lossy: set[str] = set()

    @rule(feed=st.sampled_from(FEEDS), rids=st.sampled_from([(), ("q", "f"), THREE]))
    def publish(self, feed: Feed, rids: tuple[str, ...]) -> None:
        self.rids[feed] = rids
        self.allocation.publish(feed, rids, self.now)

    @rule(feed=st.sampled_from(FEEDS))
    def withdraw(self, feed: Feed) -> None:
        self.rids.pop(feed, None)
        self.allocation.withdraw(feed)

    @rule(feed=st.sampled_from(FEEDS), rid=st.sampled_from(THREE), up=st.booleans())
    def layer(self, feed: Feed, rid: str, up: bool) -> None:
        self.allocation.layer(feed, rid, up=up)

    @rule(viewer=st.sampled_from(VIEWERS))
    def enter(self, viewer: str) -> None:
        if viewer not in self.views:
            self.views[viewer] = None
            self.allocation.enter(viewer, self.now)

    @rule(viewer=st.sampled_from(VIEWERS))
    def leave(self, viewer: str) -> None:
        self.views.pop(viewer, None)
        self.lossy.discard(viewer)
        self.allocation.leave(viewer, self.now)

    @rule(viewer=st.sampled_from(VIEWERS), view=views)
    def show(self, viewer: str, view: View) -> None:
        if viewer in self.views:
            self.views[viewer] = view
        self.allocation.view(viewer, view, self.now)

    @rule(viewer=st.sampled_from(VIEWERS), share=st.sampled_from([0.0, 0.01, 0.05, 0.15, 0.9]))
    def lose(self, viewer: str, share: float) -> None:
        before = self.allocation.allotment(viewer)
        if share >= 0.05:
            self.lossy.add(viewer)
        changed = self.allocation.lose(viewer, share, self.now)
        assert changed == (self.allocation.allotment(viewer) != before)
        for feed, rid in self.allocation.allotment(viewer).items():
            assert self.place(feed, rid) <= self.place(feed, before[feed]), "loss never gives anyone more"

    @rule(speaking=st.lists(st.sampled_from(VIEWERS), unique=True))
    def speak(self, speaking: list[str]) -> None:
        before = self.allocation.allotment("ann")
        changed = self.allocation.speak(speaking, self.now)
        assert changed or self.allocation.allotment("ann") == before

    @rule(seconds=st.sampled_from([0.5, 1.0, 6.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.allocation.poll(self.now)

    @rule()
    def be_well(self) -> None:
        """With time and no loss, everyone gets what they show."""
        for _ in range(20):
            self.now += 81.0
            self.allocation.poll(self.now)
        self.lossy.clear()
        assert self.allocation.next_due(self.now) is None

    def place(self, feed: Feed, rid: str | None) -> int:
        return -1 if rid is None else 0 if rid == "" else self.rids[feed].index(rid)

    @invariant()
    def nobody_gets_more_than_they_show(self) -> None:
        for viewer, view in self.views.items():
            allotment = self.allocation.allotment(viewer)
            assert allotment.keys() == self.rids.keys()
            for feed, rid in allotment.items():
                size = SMALL if view is None else view.get(feed)
                most = -1 if size is None else (SMALL, MEDIUM, LARGE).index(size)
                fitting = min(most, max(len(self.rids[feed]), 1) - 1)
                assert self.place(feed, rid) <= fitting
                if viewer not in self.lossy:
                    assert self.place(feed, rid) == fitting

    @invariant()
    def what_anyone_else_gets_is_sent_and_the_lowest_always(self) -> None:
        needed = self.allocation.needed(self.now)
        assert needed.keys() == {feed for feed, rids in self.rids.items() if rids}
        for feed, rids in needed.items():
            assert rids == self.rids[feed][: len(rids)]
            assert rids
        for viewer in self.views:
            for feed, rid in self.allocation.allotment(viewer).items():
                if rid and feed.participant != viewer:
                    assert rid in needed[feed]

    @invariant()
    def what_nobody_gets_is_paused_after_the_grace(self) -> None:
        later = self.allocation.needed(self.now + GRACE_S)
        for feed, rids in later.items():
            got = {
                self.place(feed, self.allocation.allotment(viewer)[feed])
                for viewer in self.views
                if viewer != feed.participant
            }
            assert len(rids) == 1 + max([0, *got])


TestRooms = Rooms.TestCase
TestRooms.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_who_is_pinned_is_never_below_the_middle_layer_not_even_as_a_thumbnail_and_only_where_they_are_shown() -> None:
    allocation = room("ann", "ben", "cy")
    allocation.view("ann", {BEN: SMALL, CY: SMALL}, 0.0)
    allocation.view("ben", {CY: SMALL}, 0.0)
    assert allocation.pin("ben", 1.0)
    assert not allocation.pin("ben", 1.0)
    assert allocation.allotment("ann") == {ANN: None, BEN: "h", CY: "", DEE: None}
    assert allocation.allotment("ben") == {ANN: None, BEN: None, CY: "", DEE: None}
    assert allocation.allotted("cy", BEN) == "h", "whose page said nothing yet shows everyone"
    assert allocation.needed(1.0)[BEN] == ("q", "h", "f")
    assert allocation.needed(60.0)[BEN] == ("q", "h")
    allocation.view("ann", {BEN: LARGE}, 2.0)
    assert allocation.allotted("ann", BEN) == "f"
    assert allocation.pin(None, 3.0)
    assert allocation.allotted("cy", BEN) == ""


def test_who_is_pinned_loses_a_layer_and_rests_after_everyone_else_whoever_speaks_or_shares() -> None:
    allocation = room("ann")
    allocation.publish(SCREEN, (), 0.0)
    allocation.speak(["dee"], 0.0)
    allocation.pin("cy", 0.0)
    allocation.view("ann", {SCREEN: LARGE, DEE: LARGE, BEN: SMALL, CY: LARGE}, 0.0)
    steps: list[tuple[str | None, ...]] = []
    for second in range(40):
        if allocation.lose("ann", 0.5, float(second)):
            given = allocation.allotment("ann")
            steps.append((given[CY], given[DEE], given[BEN], given[SCREEN]))
    assert steps == [
        ("f", "h", "", ""),
        ("h", "", "", ""),
        ("h", None, None, None),
        ("", None, None, None),
        (None, None, None, None),
    ]
    lose(allocation, "ann", 0.0, 40.0, 40.0 + 12 * HOLD_S)
    assert allocation.allotment("ann") == {ANN: None, BEN: "", CY: "f", DEE: "f", SCREEN: ""}


def test_to_the_pinned_themselves_their_own_picture_keeps_no_place_from_others() -> None:
    allocation = room("ann")
    allocation.view("ann", {ANN: LARGE, BEN: LARGE, CY: SMALL}, 0.0)
    unpinned = room("ann")
    unpinned.view("ann", {ANN: LARGE, BEN: LARGE, CY: SMALL}, 0.0)
    allocation.pin("ann", 0.0)
    for second in range(20):
        assert allocation.lose("ann", 0.5, float(second)) == unpinned.lose("ann", 0.5, float(second))
        assert allocation.allotment("ann") == unpinned.allotment("ann")
