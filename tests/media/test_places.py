from __future__ import annotations

import pytest

from media import places
from media.engine.interface import Candidate
from media.places import Bound, Listen, candidates, hosts_to_bind

OWN = ["192.168.1.4", "2001:db8::4", "127.0.0.1", "::1"]


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "own_addresses", lambda: OWN)


def told(*bound: Bound) -> list[str]:
    return [each.host for each in candidates(bound) if each.protocol == "udp"]


def test_udp_is_told_before_tcp_and_loopback_last_in_each() -> None:
    listen = Listen("*", 8_081)
    assert candidates([Bound(listen, host, 8_081) for host in ("0.0.0.0", "::")]) == tuple(
        Candidate(host, 8_081, protocol) for protocol in ("udp", "tcp") for host in OWN
    )


def test_places_are_told_in_the_order_of_the_settings_and_each_address_once() -> None:
    inside, outside = Listen("192.168.1.4", 8_081), Listen("0.0.0.0", 443, ("203.0.113.9", "auto", "203.0.113.9"))
    assert [
        (each.host, each.port)
        for each in candidates([Bound(outside, "0.0.0.0", 443), Bound(inside, "192.168.1.4", 8_081)])
    ][:4] == [
        ("203.0.113.9", 443),
        ("192.168.1.4", 443),
        ("192.168.1.4", 8_081),
        ("127.0.0.1", 443),
    ]


def test_addresses_given_by_hand_are_told_with_the_socket_of_their_family() -> None:
    both = Listen("*", 0, ("203.0.113.9", "2001:db8::9"))
    found = candidates([Bound(both, "0.0.0.0", 1_111), Bound(both, "::", 2_222)])
    assert [(each.host, each.port) for each in found if each.protocol == "udp"] == [
        ("203.0.113.9", 1_111),
        ("2001:db8::9", 2_222),
    ]


def test_what_another_machine_translates_from_the_other_family_is_told_all_the_same() -> None:
    by_hand = Listen("*", 0, ("203.0.113.9", "2001:db8::9"))
    assert told(Bound(by_hand, "0.0.0.0", 1)) == ["203.0.113.9", "2001:db8::9"]


def test_both_families_are_bound_where_the_machine_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "has_ipv6", lambda: True)
    assert hosts_to_bind("*") == ("0.0.0.0", "::")
    monkeypatch.setattr(places, "has_ipv6", lambda: False)
    assert hosts_to_bind("*") == ("0.0.0.0",)
    assert hosts_to_bind("192.0.2.1") == ("192.0.2.1",)
