"""A client's address changes in a call: it goes on, and nobody else can make it."""

from __future__ import annotations

import pytest

from media.engine import addresses
from media.engine.addresses import LEFT_S
from media.engine.interface import Drop, Selected
from media.engine.transport import MAX_CHECKS, Path, Transport
from tests.media.engine.test_guard import pair
from tests.media.engine.world import Client, World

ELSEWHERE = Path("198.51.100.200", 7_000, "203.0.113.1")
SAME_BUT_TCP = Path("198.51.100.7", 5_000, "203.0.113.1", 1 << 16)


def transport(world: World, client: Client) -> Transport:
    return world.core._transports[client.handle]


def test_a_client_that_never_nominates_again_is_followed_once_its_old_address_is_silent() -> None:
    world = World()
    publisher, subscriber = pair(world)
    for _ in range(2):
        world.advance(LEFT_S / 2 - 0.5)
        subscriber.check(ELSEWHERE, nominate=False)
        assert transport(world, subscriber).path == subscriber.path
    world.advance(1.5)
    subscriber.check(ELSEWHERE, nominate=False)
    world.clients[ELSEWHERE] = subscriber
    publisher.audio()
    assert len(subscriber.audio) == 1


def test_a_second_address_that_is_kept_warm_does_not_move_a_client_whose_first_is_used() -> None:
    world = World()
    _, subscriber = pair(world)
    for _ in range(20):
        world.advance(2.5)
        subscriber.check()
        subscriber.check(ELSEWHERE, nominate=False)
        assert transport(world, subscriber).path == subscriber.path


def test_a_recorded_check_from_elsewhere_moves_nobody() -> None:
    world = World()
    _, subscriber = pair(world)
    recorded = subscriber.make_check()
    world.deliver(recorded, subscriber.path)
    world.deliver(recorded, subscriber.path)  # the network may double it
    before = world.sent
    world.deliver(recorded, ELSEWHERE)
    assert world.sent == before
    assert world.core.stats().dropped[Drop.UNAUTHENTICATED] == 1
    assert not world.core.knows(ELSEWHERE)


def test_what_is_remembered_of_checks_is_bounded() -> None:
    world = World()
    client = Client(world, 5_000)
    for _ in range(3 * MAX_CHECKS):
        client.check()
    assert len(transport(world, client).checks) == MAX_CHECKS


def test_forged_datagrams_from_a_new_address_change_nothing() -> None:
    world = World()
    publisher, subscriber = pair(world)
    forged = bytearray(subscriber.make_check())
    forged[-20] ^= 1
    before = world.sent
    for data in (bytes(forged), b"\x16hello", b"\x80" + bytes(40), b"\x80\xc8" + bytes(40)):
        world.deliver(data, ELSEWHERE)
    assert world.sent == before
    assert transport(world, subscriber).path == subscriber.path
    publisher.audio()
    assert len(subscriber.audio) == 1


def test_the_same_address_by_another_way_is_another_address() -> None:
    world = World()
    _, subscriber = pair(world)
    subscriber.check(SAME_BUT_TCP, nominate=False)
    assert transport(world, subscriber).path == subscriber.path
    subscriber.check(SAME_BUT_TCP)
    assert transport(world, subscriber).path == SAME_BUT_TCP


def test_when_a_connection_ends_the_client_is_sent_to_where_it_was_last_heard() -> None:
    world = World()
    publisher, subscriber = pair(world)
    world.advance(1.0)
    subscriber.check(ELSEWHERE, nominate=False)
    subscriber.check(SAME_BUT_TCP)
    world.core.forget_path(SAME_BUT_TCP)
    world.core.forget_path(SAME_BUT_TCP)
    assert transport(world, subscriber).path == ELSEWHERE
    world.core.forget_path(subscriber.path)
    world.core.forget_path(ELSEWHERE)
    assert transport(world, subscriber).path is None
    publisher.audio()
    subscriber.check(nominate=False)
    publisher.audio()
    assert len(subscriber.audio) == 1


def test_a_recorded_check_moves_nobody_however_long_ago_it_was_made() -> None:
    world = World()
    client = Client(world, 5_000)
    recording = client.make_check()
    world.deliver(recording, client.path)
    for _ in range(1_000):
        client.check()
    world.events()
    world.deliver(recording, client.path._replace(port=6_666))
    assert world.events() == []
    client.check(client.path._replace(port=7_777))
    assert world.events() == [Selected(client.handle)]


def test_whose_checks_can_no_longer_all_be_remembered_stays_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "MAX_ELDER", 64 * 8)
    world = World()
    client = Client(world, 5_000)
    for _ in range(MAX_CHECKS + 65):
        client.check()
    world.events()
    client.check(client.path._replace(port=7_777))
    assert world.events() == []
    client.check()
    assert len(client.stun) == MAX_CHECKS + 66


def test_the_newest_checks_are_remembered_with_where_they_came_from_and_no_more_than_that() -> None:
    world = World()
    client = Client(world, 5_000)
    client.check()
    elsewhere = client.path._replace(port=6_000)
    world.clients[elsewhere] = client
    check = client.make_check(nominate=False)
    world.deliver(check, elsewhere)
    for _ in range(100):
        client.check()
    answered = len(client.stun)
    world.deliver(check, elsewhere)  # it was not heard that we answered
    assert len(client.stun) == answered + 1
    for _ in range(1_000):
        client.check()
    assert len(world.core._transports[client.handle].checks) <= 128
    answered = len(client.stun)
    world.deliver(check, elsewhere)  # nobody repeats a check for so long
    assert len(client.stun) == answered
