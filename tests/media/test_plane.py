"""Rooms, publishers and gates, over an engine without packets."""

from __future__ import annotations

import asyncio

import pytest

from media.engine.interface import Level, Levels
from media.sdp import Direction, parse
from protocol.errors import ErrorCode, Refused
from protocol.values import Source
from tests.media.offers import CHROMIUM_OFFER
from tests.media.stage import ROOM, SHARING, SHARING_OFFER, SOURCES, Stage


async def test_a_peer_is_offered_a_connection_before_anyone_publishes(stage: Stage) -> None:
    stage.plane.add_peer(ROOM, "ann")
    stage.plane.add_peer(ROOM, "ann")
    assert stage.offers == []  # never from inside the call
    await stage.turn()
    ((who, offer),) = stage.offers
    assert (who, offer.version, offer.fresh, offer.tracks) == ("ann", 1, True, ())
    assert [section.direction for section in parse(offer.sdp).sections] == [Direction.INACTIVE, Direction.INACTIVE]


async def test_a_newcomer_is_offered_all_tracks_in_the_first_offer(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.publish("ben")
    stage.plane.add_peer(ROOM, "cleo")
    await stage.turn()
    assert stage.count("cleo") == 1
    offer = stage.last("cleo")
    assert {(track.participant_id, track.source) for track in offer.tracks} == {
        (who, source) for who in ("ann", "ben") for source in SOURCES.values()
    }
    directions = {section.mid: section.direction for section in parse(offer.sdp).sections}
    assert all(directions[track.mid] is Direction.SENDONLY for track in offer.tracks)


async def test_everyone_else_hears_a_publisher_once_the_gate_is_open_and_the_offer_answered(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    stage.gate("ann", Source.MICROPHONE, True)
    assert stage.heard("ben", "ann") == set()  # the client does not know the slot yet
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"0"}
    stage.gate("ann", Source.CAMERA, True)
    assert stage.heard("ben", "ann") == {"0", "1"}
    assert stage.heard("ann", "ann") == set()


async def test_only_who_asked_for_an_echo_receives_their_own_tracks(stage: Stage) -> None:
    stage.plane.add_peer(ROOM, "ann", echo=True)
    stage.plane.add_peer(ROOM, "ben")
    await stage.turn()
    for who in ("ann", "ben"):
        await stage.agree(who)
        await stage.publish(who)
        for source in Source:
            stage.gate(who, source, True)
    for who in ("ann", "ben"):
        await stage.agree(who)
    assert stage.heard("ann", "ann") == {"0", "1"}
    assert stage.heard("ben", "ben") == set()
    stage.gate("ann", Source.CAMERA, False)
    assert stage.heard("ann", "ann") == {"0"}
    stage.plane.resubscribe(ROOM, "ann")
    await stage.turn()
    await stage.agree("ann")
    assert stage.heard("ann", "ann") == {"0"}


async def test_an_echo_is_closed_until_its_gate_is_opened(stage: Stage) -> None:
    stage.plane.add_peer(ROOM, "ann", echo=True)
    await stage.turn()
    await stage.agree("ann")
    await stage.publish("ann")
    await stage.agree("ann")
    assert stage.heard("ann", "ann") == set()


async def test_a_check_counts_as_no_room_and_no_peer(stage: Stage) -> None:
    await stage.join("ann")
    stage.plane.add_peer("check", "me", echo=True)
    await stage.turn()
    assert (stage.plane.stats().rooms, stage.plane.stats().peers, stage.plane.stats().checks) == (1, 1, 1)
    stage.plane.close_room("check")
    assert (stage.plane.stats().rooms, stage.plane.stats().peers, stage.plane.stats().checks) == (1, 1, 0)


async def test_gates_are_remembered_for_what_is_not_published_yet_and_for_who_comes_back(stage: Stage) -> None:
    stage.gate("ann", Source.MICROPHONE, True)
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"0"}
    stage.plane.remove_peer(ROOM, "ann")
    stage.plane.add_peer(ROOM, "ann")
    await stage.publish("ann")
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"0"}
    stage.gate("ann", Source.MICROPHONE, False)
    assert stage.heard("ben", "ann") == set()
    stage.plane.remove_peer(ROOM, "ann")
    stage.plane.add_peer(ROOM, "ann")
    await stage.publish("ann")
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == set()


async def test_a_closed_room_has_forgotten_its_gates(stage: Stage) -> None:
    stage.gate("ann", Source.MICROPHONE, True)
    stage.plane.close_room(ROOM)
    stage.plane.close_room(ROOM)
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == set()


async def test_sound_and_picture_of_one_person_share_a_stream(stage: Stage) -> None:
    await stage.join("ann", "ben", "cleo")
    await stage.publish("ben", CHROMIUM_OFFER, {"1": Source.CAMERA})
    await stage.publish("cleo")
    await stage.publish("ben")
    await stage.agree("ann")
    offer = stage.last("ann")
    streams: dict[str, str] = {}
    for block in offer.sdp.split("m=")[1:]:
        streams[block.split("a=mid:")[1].split()[0]] = block.split("a=msid:")[1].split()[0]
    by_person: dict[str, set[str]] = {}
    for track in offer.tracks:
        by_person.setdefault(track.participant_id, set()).add(streams[track.mid])
    assert {who: len(found) for who, found in by_person.items()} == {"ben": 1, "cleo": 1}
    assert by_person["ben"] != by_person["cleo"]


async def test_publishing_again_on_the_same_connection_renegotiates(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ann", Source.CAMERA, True)
    await stage.publish("ann")
    transport = stage.publishes_on("ann")
    await stage.agree("ben")
    without = CHROMIUM_OFFER.replace("a=sendonly\r\na=msid:- 1b2c", "a=inactive\r\na=msid:- 1b2c")
    answer = await stage.publish("ann", without)
    assert stage.publishes_on("ann") == transport
    assert parse(answer).sections[1].direction is Direction.INACTIVE
    assert (transport, "1") not in stage.engine.ingress
    assert [track.source for track in stage.last("ben").tracks] == [Source.MICROPHONE]


async def test_publishing_with_another_ufrag_replaces_the_connection_without_a_new_offer(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ann", Source.MICROPHONE, True)
    await stage.publish("ann")
    await stage.agree("ben")
    old, offers = stage.publishes_on("ann"), stage.count("ben")
    await stage.publish("ann", CHROMIUM_OFFER.replace("qJbS", "other"))
    assert stage.publishes_on("ann") != old
    assert old not in stage.engine.transports
    assert stage.count("ben") == offers
    assert stage.heard("ben", "ann") == {"0"}


async def test_a_refused_offer_changes_nothing(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    before = (stage.publishes_on("ann"), set(stage.engine.transports), dict(stage.engine.ingress))
    with pytest.raises(Refused):
        stage.plane.publish(ROOM, "ann", "v=0\r\n", SOURCES)
    assert before == (stage.publishes_on("ann"), set(stage.engine.transports), dict(stage.engine.ingress))


async def test_who_is_not_there_cannot_publish(stage: Stage) -> None:
    for call in (
        lambda: stage.plane.publish(ROOM, "nobody", CHROMIUM_OFFER, SOURCES),
        lambda: stage.plane.resubscribe(ROOM, "nobody"),
    ):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.code is ErrorCode.NOT_FOUND
    stage.plane.remove_peer(ROOM, "nobody")


async def test_rooms_do_not_hear_each_other(stage: Stage) -> None:
    await stage.join("ann")
    stage.plane.add_peer("other room", "ben")
    await stage.publish("ann")
    await stage.turn()
    assert stage.last("ben").tracks == ()
    assert stage.count("ben") == 1


async def test_a_publisher_that_falls_silent_is_taken_away_and_told(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.agree("ben")
    stage.shake_hands(stage.publishes_on("ann"))
    stage.fall_silent(stage.publishes_on("ann"))
    await stage.turn()
    assert stage.failed == [("ann", "publish")]
    assert stage.last("ben").tracks == ()
    await stage.publish("ann")
    await stage.agree("ben")
    assert len(stage.last("ben").tracks) == 2


async def test_speakers_are_named_by_participant_and_gone_when_their_microphone_is_closed(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    for _ in range(3):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "0", 20),)))
    assert stage.speakers == [("ann",)]
    stage.gate("ann", Source.MICROPHONE, False)
    assert stage.plane._rooms[ROOM].listening.speakers._speaking == []


async def test_who_spoke_is_counted_when_asked_and_nothing_is_told_when_nobody_did(stage: Stage) -> None:
    stage.plane.count_talk(ROOM)
    await stage.join("ann", "ben")
    await stage.publish("ann")
    stage.plane.count_talk(ROOM)
    await stage.turn()
    assert stage.talk == []
    for _ in range(5):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "0", 20),)))
        await asyncio.sleep(0.002)
    stage.gate("ann", Source.MICROPHONE, False)
    stage.plane.count_talk(ROOM)
    assert stage.talk == [], "never from inside a call"
    await stage.turn()
    (told,) = stage.talk
    assert told.keys() == {"ann"}
    stage.plane.count_talk(ROOM)
    await stage.turn()
    assert len(stage.talk) == 1


async def test_before_a_node_stops_what_was_spoken_in_every_room_is_told_at_once(stage: Stage) -> None:
    stage.plane.count_all_talk()
    await stage.join("ann", "ben")
    await stage.publish("ann")
    for _ in range(5):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "0", 20),)))
        await asyncio.sleep(0.002)
    stage.plane.count_all_talk()
    (told,) = stage.talk
    assert told.keys() == {"ann"}
    stage.plane.count_all_talk()
    await stage.turn()
    assert len(stage.talk) == 1, "and once"


async def test_microphones_of_a_room_compete_with_each_other_and_with_no_shared_sound(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.plane.add_peer("other", "cy")
    await stage.publish("ann", SHARING_OFFER, SHARING)
    await stage.publish("ben")
    stage.plane.publish("other", "cy", CHROMIUM_OFFER, SOURCES)
    groups = stage.engine.audio_groups
    ann, ben = (stage.publishes_on("ann"), "0"), (stage.publishes_on("ben"), "0")
    (other,) = groups.keys() - {ann, ben}
    assert groups[ann] == groups[ben] != 0
    assert groups[other] not in (0, groups[ann])


async def test_an_m_line_that_carries_something_else_from_now_on_begins_anew(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ann", Source.MICROPHONE, True)
    await stage.publish("ann")
    transport = stage.publishes_on("ann")
    assert (transport, "0") in stage.engine.audio_groups
    await stage.publish("ann", sources={"0": Source.SCREEN_AUDIO, "1": Source.CAMERA})
    assert stage.publishes_on("ann") == transport
    assert (transport, "0") in stage.engine.ingress
    assert (transport, "0") not in stage.engine.audio_groups
    assert (transport, "0") not in stage.engine.open


async def test_a_microphone_that_always_passes_does_so_on_each_new_connection_until_it_is_told_otherwise(
    stage: Stage,
) -> None:
    stage.plane.set_priority(ROOM, "ann", True)
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.publish("ben")
    assert stage.engine.priority == {(stage.publishes_on("ann"), "0")}
    await stage.publish("ann", CHROMIUM_OFFER.replace("qJbS", "other"))
    assert stage.engine.priority == {(stage.publishes_on("ann"), "0")}
    stage.plane.set_priority(ROOM, "ann", False)
    assert stage.engine.priority == set()
    stage.plane.remove_peer(ROOM, "ann")
    stage.plane.remove_peer(ROOM, "ben")
    assert stage.plane.stats().rooms == 0


async def test_for_who_is_expected_the_pictures_of_the_room_are_asked_for(stage: Stage) -> None:
    stage.plane.expect(ROOM)  # nobody is there
    await stage.join("ann", "ben")
    await stage.publish("ann", SHARING_OFFER, SHARING)
    stage.plane.expect(ROOM)
    assert stage.engine.refreshed == [(stage.publishes_on("ann"), mid) for mid in ("1", "3")]


async def test_stats_are_flat_numbers(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    stats = stage.plane.stats()
    assert (stats.rooms, stats.peers, stats.published, stats.transports) == (1, 2, 2, 3)
    assert stats.dropped_gate_closed == 0
