from __future__ import annotations

from dataclasses import replace

from bench.counting import Delays
from bench.joining import Joins
from bench.media import Found, Step
from bench.media_plot import as_svg
from bench.media_table import as_table, cpu_ratio, memory_of_a_group, share_of_a_group
from bench.scene import FULL, GROUP, LARGE, SMALL, Load, Window
from bench.sides import JANUS, OURS, PACKAGED


def _window(
    side: str, *, cpu: float = 20.0, share: float = 0.2, rss: float = 100.0, kernel: int = 0, late: int = 0
) -> Window:
    return Window(
        side=side,
        people=16,
        seconds=10.0,
        received=10_000,
        counted_by_server=10_000,
        cpu_us_per_packet=cpu,
        server_share=share,
        generator_share=0.1,
        server_drops={},
        server_kernel_drops=kernel,
        lost=0,
        client_kernel_drops=0,
        delays=Delays(10, 1.0, 2.0, 3.0),
        unread=0,
        sent=1_000,
        due=10_000,
        refused=0,
        late=late,
        rss_mb=rss,
        others_share=0.5,
    )


def _found(*steps: Step) -> Found:
    return Found(
        rounds=2,
        window_s=10.0,
        janus="1.1.2",
        ready_s={OURS: [2.0, 3.0], JANUS: [0.1]},
        idle_rss_mb={OURS: [120.0], JANUS: [20.0]},
        steps=list(steps),
        joins=[Joins(OURS, [10.0, 20.0], [30.0, 40.0])],
        load_average=[1.0, 2.0],
    )


def _line(table: str, what: str) -> list[str]:
    return next([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if what in line)


def test_the_ratio_compares_what_was_measured_in_the_same_round() -> None:
    found = _found(
        Step(0, LARGE.name, 0, _window(OURS, cpu=10)),
        Step(1, LARGE.name, 0, _window(OURS, cpu=30)),
        Step(0, LARGE.name, 0, _window(JANUS, cpu=20)),
        Step(1, LARGE.name, 0, _window(JANUS, cpu=20)),
        Step(0, LARGE.name, 0, _window(PACKAGED, cpu=40)),
    )
    ratio = cpu_ratio(found, LARGE)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (1.0, 0.5, 1.5)
    packaged = cpu_ratio(found, LARGE, PACKAGED)
    assert packaged is not None
    assert packaged.median == 0.25
    cells = _line(as_table(found), LARGE.what)
    assert cells[1:] == [
        "20.0 µs (10.0–30.0)",
        "20.0 µs (20.0–20.0)",
        "1.00x (0.50–1.50), of 2",
        "40.0 µs",
        "≤ 1.4x Janus",
        "yes",
    ]


def test_rounds_in_which_the_generator_was_late_do_not_count_unless_all_were() -> None:
    found = _found(
        Step(0, LARGE.name, 0, _window(OURS, cpu=10, late=11)),
        Step(1, LARGE.name, 0, _window(OURS, cpu=30, late=10)),
        Step(0, LARGE.name, 0, _window(JANUS, cpu=20)),
        Step(1, LARGE.name, 0, _window(JANUS, cpu=20)),
    )
    ratio = cpu_ratio(found, LARGE)
    assert ratio is not None
    assert (ratio.median, ratio.count) == (1.5, 1)
    table = as_table(found)
    assert _line(table, "calm windows")[1:3] == ["1 of 2", "2 of 2"]
    assert _line(table, LARGE.what)[1] == "30.0 µs"
    del found.steps[1]
    disturbed = cpu_ratio(found, LARGE)
    assert disturbed is not None
    assert disturbed.median == 0.5


def test_a_server_that_falls_behind_is_told() -> None:
    slow = replace(_window(OURS), received=6_500)
    assert "only 65% in time" in as_table(_found(Step(0, FULL.name, 0, slow)))


def test_without_janus_there_is_no_ratio_and_no_verdict_on_it() -> None:
    found = _found(Step(0, SMALL.name, 0, _window(OURS)))
    assert cpu_ratio(found, SMALL) is None
    assert _line(as_table(found), SMALL.what)[2:] == ["", "", "", "≤ 1.4x Janus", ""]


def test_a_ratio_over_the_target_and_a_dropped_datagram_are_told_as_missed() -> None:
    found = _found(
        Step(0, FULL.name, 0, _window(OURS, cpu=30, kernel=1)), Step(0, FULL.name, 0, _window(JANUS, cpu=20))
    )
    table = as_table(found)
    assert _line(table, FULL.what)[-1] == "NO"
    assert _line(table, "dropped by the server") == [
        "dropped by the server",
        "engine 0, kernel 1",
        "not told, kernel 0",
        "",
        "",
        "0",
        "NO",
    ]


def test_cost_and_memory_of_a_group_are_the_slope_over_all_rounds() -> None:
    steps = [
        Step(number, GROUP.name, groups, _window(OURS, share=0.04 + 0.12 * groups, rss=120 + 5 * groups))
        for number in range(2)
        for groups in range(1, 4)
    ]
    found = _found(*steps)
    share, memory = share_of_a_group(found, OURS), memory_of_a_group(found, OURS)
    assert share is not None
    assert memory is not None
    assert (round(share.slope, 6), round(share.start, 6), round(share.fit, 6)) == (0.12, 0.04, 1.0)
    assert round(memory.slope, 6) == 5
    table = as_table(found)
    assert _line(table, "groups a core")[1] == "8"
    assert _line(table, "memory a participant")[1:] == ["0.50 MiB", "", "", "", "≤ 1.2 MB", "yes"]


def test_joins_and_the_slowest_start_are_told() -> None:
    table = as_table(_found(Step(0, SMALL.name, 0, _window(OURS))))
    assert _line(table, "the first packet")[1] == "p50 10, p95 20 ms (2)"
    assert _line(table, "start → ready")[-1] == "NO"


def test_the_picture_names_every_load_that_was_measured() -> None:
    svg = as_svg(_found(Step(0, SMALL.name, 0, _window(OURS)), Step(0, GROUP.name, 1, _window(OURS))))
    assert SMALL.what in svg
    assert FULL.what not in svg


def test_a_loads_streams_follow_from_who_sends_and_who_receives() -> None:
    load = Load("x", "x", people=5, publishers=3, microphones=2, large=1)
    assert load.sources() == 4 * 5
    # The 2 who are silent and the 2 other publishers.
    assert load.receivers == 4
    assert Load("x", "x", people=5, publishers=3, microphones=3, everyone=False).sources() == 2 * 6
