from __future__ import annotations

from dataclasses import replace

from bench.lossy import Lossy, rows


def joined(sounds: float, pictures: float) -> dict[str, float]:
    return {
        "clicked": 1_000.0,
        "open": 1_300.0,
        "opens": 1.0,
        "sound": 1_800.0,
        "picture": 1_900.0,
        "sounds": sounds,
        "pictures": pictures,
    }


SEEN = {"frames": 200.0, "freezes": 1.0, "frozen": 0.6, "gaps": 1.0, "longest": 620.0, "rests": 0.0}
GOOD = Lossy([joined(2_000, 2_400)] * 9 + [joined(2_500, 3_000)], [2.0, 9.0], 4.5, [SEEN, SEEN], 3.0)


def test_joins_count_from_the_tap_and_from_the_socket() -> None:
    told = {row.what: row.measured for row in rows(GOOD)}
    assert told["Tap on Join → pictures of all"] == "p50 1400, worst 2000 ms"
    assert told["WebSocket open → sound of all"] == "p50 700, worst 1200 ms"
    assert [row.met for row in rows(GOOD) if row.met is not None] == [True, True, True]


def test_a_join_that_misses_somebody_and_a_storm_of_key_frames_are_seen() -> None:
    deaf = replace(GOOD, joins=[*GOOD.joins, joined(0, 2_000)])
    blind = replace(GOOD, joins=[*GOOD.joins, joined(2_000, 0)])
    storm = replace(GOOD, plis=8.1)
    for place, lossy in enumerate((deaf, blind, storm)):
        met = [row.met for row in rows(lossy) if row.met is not None]
        assert met == [number != place for number in range(3)]


def test_who_never_heard_anything_is_no_reason_to_fail() -> None:
    told = {row.what for row in rows(Lossy([{"clicked": 1.0, "open": 2.0, "opens": 1.0}], [1.0]))}
    assert "Tap on Join → first sound" not in told
