"""Offers, and what becomes of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from media.sdp import parse
from media.subscriber import ANSWER_S, SPACING_S
from protocol.errors import ErrorCode, Refused
from protocol.values import Source
from tests.media.offers import CHROMIUM_OFFER, answer_to
from tests.media.stage import ROOM, Stage
from tests.simulation.loop import VirtualLoop


async def test_offers_wait_for_the_answer_and_then_catch_up_in_one(stage: Stage) -> None:
    await stage.join("ann", "ben", "cleo")
    await stage.publish("ann")
    assert stage.count("cleo") == 2
    await stage.publish("ben")
    stage.plane.remove_peer(ROOM, "ann")
    await stage.turn()
    assert stage.count("cleo") == 2  # the second offer is not answered yet
    await stage.agree("cleo")
    assert stage.count("cleo") == 3
    assert {track.participant_id for track in stage.last("cleo").tracks} == {"ben"}
    assert [offer.version for who, offer in stage.offers if who == "cleo"] == [1, 2, 3]
    assert [offer.fresh for who, offer in stage.offers if who == "cleo"] == [True, False, False]


async def test_an_open_slot_is_shut_when_it_passes_to_another_person(stage: Stage) -> None:
    await stage.join("ann", "ben", "cleo")
    for who in ("ann", "ben"):
        stage.gate(who, Source.MICROPHONE, True)
    await stage.publish("ann")
    await stage.agree("cleo")
    assert stage.heard("cleo", "ann") == {"0"}
    stage.plane.remove_peer(ROOM, "ann")
    await stage.publish("ben")
    assert stage.heard("cleo", "ben") == set()
    await stage.agree("cleo")
    assert stage.heard("cleo", "ben") == {"0"}


async def test_a_slot_that_passed_to_another_person_stays_shut_until_the_client_knows(stage: Stage) -> None:
    await stage.join("ann", "ben", "cleo")
    for who in ("ann", "ben"):
        stage.gate(who, Source.MICROPHONE, True)
    await stage.publish("ann")
    stale = stage.last("cleo")
    stage.plane.remove_peer(ROOM, "ann")
    await stage.publish("ben")
    stage.plane.answer(ROOM, "cleo", stale.version, answer_to(stale.sdp))
    assert stage.heard("cleo", "ben") == set()
    await stage.turn()
    await stage.agree("cleo")
    assert stage.heard("cleo", "ben") == {"0"}


async def test_stale_answers_and_answers_of_strangers_are_ignored(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.plane.answer(ROOM, "ann", 1, "v=0\r\nrubbish")
    stage.plane.answer(ROOM, "ann", 7, "rubbish")
    stage.plane.answer(ROOM, "nobody", 1, "rubbish")
    stage.plane.answer("nowhere", "ann", 1, "rubbish")
    await stage.publish("ben")
    with pytest.raises(Refused) as refused:
        stage.plane.answer(ROOM, "ann", stage.last("ann").version, "rubbish")
    assert refused.value.code is ErrorCode.SDP_REJECTED


async def test_an_answer_from_another_certificate_is_refused(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ben")
    offer = stage.last("ann")
    with pytest.raises(Refused):
        stage.plane.answer(ROOM, "ann", offer.version, answer_to(offer.sdp, ":".join(["99"] * 32)))


async def test_sections_are_recycled_when_people_come_and_go(stage: Stage) -> None:
    await stage.join("ann")
    for visit in range(5):
        await stage.join(f"guest{visit}")
        await stage.publish(f"guest{visit}")
        await stage.agree("ann")
        stage.plane.remove_peer(ROOM, f"guest{visit}")
        await stage.turn()
        await stage.agree("ann")
    assert len(parse(stage.last("ann").sdp).sections) == 2


async def test_resubscribing_offers_a_fresh_connection_with_the_next_version(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ben", Source.MICROPHONE, True)
    await stage.publish("ben")
    old = {transport for transport in stage.engine.transports if transport != stage.publishes_on("ben")}
    version = stage.last("ann").version  # outstanding, and never answered
    stage.plane.resubscribe(ROOM, "ann")
    await stage.turn()
    offer = stage.last("ann")
    assert (offer.version, offer.fresh, len(offer.tracks)) == (version + 1, True, 2)
    assert len(old & stage.engine.transports) == 1  # ben's own
    await stage.agree("ann")
    assert stage.heard("ann", "ben") == {"0"}


async def test_a_subscriber_that_fell_silent_is_offered_a_fresh_connection_each_time_it_was_up(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ben", Source.MICROPHONE, True)
    await stage.publish("ben")
    await stage.agree("ann")
    for blackout in (1, 2):
        transport = stage.subscribes_on("ann")
        stage.shake_hands(transport)
        version = stage.last("ann").version
        stage.fall_silent(transport)
        await stage.turn()
        assert transport not in stage.engine.transports
        assert stage.failed == [("ann", "subscribe")] * blackout
        assert (stage.last("ann").version, stage.last("ann").fresh) == (version + 1, True)
        for _ in range(4):  # the network is still away: neither offer nor answer get through
            stage.fall_silent(stage.subscribes_on("ann"))
        await stage.turn()
        assert stage.last("ann").version == version + 1
        await stage.agree("ann")
        assert stage.heard("ann", "ben") == {"0"}


async def test_a_subscriber_that_cannot_connect_is_tried_once_more_and_then_left_to_ask(stage: Stage) -> None:
    await stage.join("ann")
    for _ in range(2):
        stage.fail_handshake(stage.subscribes_on("ann"))
        await stage.turn()
        await stage.agree("ann")
    assert (stage.count("ann"), stage.failed) == (2, [("ann", "subscribe")] * 2)
    assert stage.engine.transports == set()
    stage.plane.resubscribe(ROOM, "ann")
    await stage.turn()
    assert (stage.last("ann").version, stage.last("ann").fresh) == (3, True)


async def test_a_subscriber_that_closes_its_connection_is_left_to_ask(stage: Stage) -> None:
    await stage.join("ann")
    stage.connection(stage.subscribes_on("ann")).endpoint._on_closed(True)
    await stage.turn()
    assert (stage.count("ann"), stage.failed) == (1, [("ann", "subscribe")])


async def test_after_a_refused_answer_a_fresh_connection_is_offered_a_few_times(stage: Stage) -> None:
    await stage.join("ann")
    await stage.join("ben")
    await stage.publish("ben")
    for offers in (2, 3, 4, 5):
        offer = stage.last("ann")
        assert (stage.count("ann"), offer.fresh) == (offers, offers > 2)
        with pytest.raises(Refused):
            stage.plane.answer(ROOM, "ann", offer.version, "rubbish")
        await stage.turn()
    assert stage.count("ann") == 5
    stage.plane.answer(ROOM, "ann", stage.last("ann").version, "rubbish")  # nothing is outstanding
    stage.plane.resubscribe(ROOM, "ann")
    await stage.turn()
    assert stage.count("ann") == 6
    await stage.agree("ann")
    stage.gate("ben", Source.MICROPHONE, True)
    assert stage.heard("ann", "ben") == {"0"}
    assert stage.failed == []


async def test_a_good_answer_forgives_the_bad_ones(stage: Stage) -> None:
    await stage.join("ann", "ben")
    for visit in range(6):
        if visit % 2 == 0:
            await stage.publish("ben")
        else:
            stage.plane.remove_peer(ROOM, "ben")
            stage.plane.add_peer(ROOM, "ben")
            await stage.turn()
        with pytest.raises(Refused):
            stage.plane.answer(ROOM, "ann", stage.last("ann").version, "rubbish")
        await stage.turn()
        assert stage.last("ann").fresh
        await stage.agree("ann")


def in_virtual_time(script: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """Plays it with a plane of its own; what is waited for costs no time."""

    async def play() -> None:
        stage = Stage()
        await stage.plane.start()
        await script(stage)
        await stage.plane.close()
        assert stage.engine.transports == set()

    VirtualLoop().run(play())


def test_an_offer_that_is_never_answered_is_made_afresh_a_few_times() -> None:
    async def script(stage: Stage) -> None:
        stage.plane.add_peer(ROOM, "ann")
        await asyncio.sleep(4 * ANSWER_S - 1)
        assert [(offer.version, offer.fresh) for _, offer in stage.offers] == [(n, True) for n in (1, 2, 3, 4)]
        assert stage.failed == []
        await asyncio.sleep(10 * ANSWER_S)
        assert stage.count("ann") == 4
        assert stage.failed == [("ann", "subscribe")]
        assert stage.engine.transports == set()

    in_virtual_time(script)


def test_the_time_for_an_answer_means_nothing_once_it_came() -> None:
    async def script(stage: Stage) -> None:
        await stage.join("ann")
        await asyncio.sleep(ANSWER_S - 1)
        stage.plane.resubscribe(ROOM, "ann")
        await asyncio.sleep(ANSWER_S - 1)
        assert (stage.count("ann"), stage.failed) == (2, [])

    in_virtual_time(script)


def test_however_many_come_at_once_everyone_else_is_asked_a_few_times_and_knows_all_soon_after() -> None:
    async def script(stage: Stage) -> None:
        people = [f"guest{number}" for number in range(25)]
        await stage.join("ann")
        for who in people:
            await stage.join(who)
            await stage.publish(who)
            # A client on a good network answers within so long, and nobody waits for the others.
            await asyncio.sleep(0.04)
            await stage.agree("ann")
        asked = stage.count("ann") - 1
        await asyncio.sleep(SPACING_S)
        assert len(stage.last("ann").tracks) == 2 * len(people)
        assert asked <= 1 + 25 * 0.04 / 0.2

    in_virtual_time(script)


def test_who_switches_a_picture_on_and_off_without_end_makes_nobody_else_negotiate_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.dtls.HANDSHAKE_TIMEOUT_S", 1_000.0)  # nobody is at the other end

    async def script(stage: Stage) -> None:
        await stage.join("ann", "ben")
        head, sound, _ = re.split("(?=m=audio|m=video)", CHROMIUM_OFFER)
        only_sound = head.replace("BUNDLE 0 1", "BUNDLE 0") + sound
        for number in range(180):  # three a second, as often as anyone may
            if number % 2:
                await stage.publish("ann", only_sound, {"0": Source.MICROPHONE})
            else:
                await stage.publish("ann")
            await stage.agree("ben")
            await asyncio.sleep(1 / 3)
        assert stage.count("ben") <= 1 + 20 + 60 + 1
        await stage.publish("ann")
        for _ in range(2):  # and what is so in the end is known soon
            await asyncio.sleep(1.0)
            await stage.agree("ben")
        assert {track.source for track in stage.last("ben").tracks} == {Source.MICROPHONE, Source.CAMERA}
        await asyncio.sleep(10.0)
        before = stage.count("ben")
        await stage.publish("ann", only_sound, {"0": Source.MICROPHONE})
        assert stage.count("ben") == before + 1
        await stage.agree("ben")
        await stage.publish("ann")
        await asyncio.sleep(SPACING_S + 0.01)
        assert stage.count("ben") == before + 2  # and later nobody is slower for it

    in_virtual_time(script)


def test_who_comes_alone_is_not_kept_waiting_and_neither_is_the_first_offer_of_a_connection() -> None:
    async def script(stage: Stage) -> None:
        began = asyncio.get_running_loop().time()
        await stage.join("ann", "ben")
        await stage.publish("ann")
        await stage.agree("ben")
        assert len(stage.last("ben").tracks) == 2
        stage.plane.resubscribe(ROOM, "ben")
        await stage.turn()
        assert stage.last("ben").fresh
        await stage.agree("ben")
        assert asyncio.get_running_loop().time() == began

    in_virtual_time(script)
