from __future__ import annotations

from dataclasses import replace

from bench.network import Calls, rows

GOOD = Calls(
    bots=3,
    bots_ok=3,
    bot_faults=(),
    load=1.0,
    audio_packets=900,
    audio_lost=100,
    longest_gap_ms=139.1,
    dark_s=30.0,
    back_s=1.6,
    kept_over_dark=True,
    tcp_pair="tcp 10.213.3.1",
    tcp_first_s=0.6,
    ipv6_pair="udp fd21:3::4:1",
    ipv6_first_s=0.5,
    rebound_s=2.9,
    rebound_rejoined=False,
)


def met(calls: Calls) -> list[bool | None]:
    return [row.met for row in rows(calls)]


def test_a_good_run_meets_every_target() -> None:
    assert met(GOOD) == [True] * 6
    assert rows(GOOD)[0].measured == "139 ms; 100 of 1,000 packets lost"


def test_each_thing_that_goes_wrong_is_seen_in_its_row() -> None:
    wrong = [
        replace(GOOD, longest_gap_ms=200.1),
        replace(GOOD, bots_ok=2),
        replace(GOOD, back_s=5.1),
        replace(GOOD, tcp_pair="udp 10.213.3.1"),
        replace(GOOD, ipv6_pair="udp 10.213.4.1"),
        replace(GOOD, rebound_rejoined=True),
    ]
    for place, calls in enumerate(wrong):
        assert met(calls) == [number != place for number in range(6)]
    never = replace(GOOD, longest_gap_ms=-1.0, back_s=-1.0, tcp_first_s=-1.0, ipv6_first_s=-1.0, rebound_s=-1.0)
    assert met(never) == [False, True, False, False, False, False]
    assert met(replace(GOOD, kept_over_dark=False))[2] is False
