"""Rooms, offers and gates, over an engine without packets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from media import allocation as allocation_module
from media.engine.interface import LayerUp, Level, Levels, Loss, Silent, SrtpKeys, SrtpProfile, TransportId
from media.plane import MediaPlane
from media.sdp import Direction, parse
from protocol.errors import ErrorCode, Refused
from protocol.ids import ParticipantId
from protocol.messages import LayersWanted, SubscribeOffer
from protocol.values import Source, Tile, TileSize
from tests.media.fakes import FakeEngine
from tests.media.offers import CHROMIUM_OFFER, CHROMIUM_SIMULCAST, answer_to

SOURCES = {"0": Source.MICROPHONE, "1": Source.CAMERA}
SHARING = SOURCES | {"2": Source.SCREEN_AUDIO, "3": Source.SCREEN}
ROOM = "room"
KEYS = SrtpKeys(SrtpProfile.AEAD_AES_128_GCM, b"", b"")


_HEAD, _AUDIO, _VIDEO = re.split("(?=m=audio|m=video)", CHROMIUM_OFFER)
SHARING_OFFER = (
    _HEAD.replace("BUNDLE 0 1", "BUNDLE 0 1 2 3")
    + _AUDIO
    + _VIDEO
    + _AUDIO.replace("a=mid:0", "a=mid:2").replace("3910432611", "2001")
    + _VIDEO.replace("a=mid:1", "a=mid:3").replace("1001", "3001").replace("1002", "3002")
)
"""The same page, once it shares its screen with sound."""


def without_screen(offer: str) -> str:
    """The offer after the share: what carried it stays, and carries nothing."""
    head, *sections = re.split("(?=m=audio|m=video)", offer)
    return head + "".join(sections[:2]) + "".join(s.replace("sendonly", "inactive") for s in sections[2:])


class Stage:
    """A plane whose clients answer by hand."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.offers: list[tuple[str, SubscribeOffer]] = []
        self.speakers: list[tuple[str, ...]] = []
        self.layers: list[tuple[str, LayersWanted]] = []
        self.failed: list[tuple[str, str]] = []
        self.plane = MediaPlane(
            self.engine,
            on_offer=lambda _room, who, offer: self.offers.append((who, offer)),
            on_speakers=lambda _room, who: self.speakers.append(who),
            on_layers=lambda _room, who, frame: self.layers.append((who, frame)),
            on_failed=lambda _room, who, end: self.failed.append((who, end)),
        )

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    def last(self, who: str) -> SubscribeOffer:
        return [offer for name, offer in self.offers if name == who][-1]

    def count(self, who: str) -> int:
        return sum(name == who for name, _ in self.offers)

    async def join(self, *people: str) -> None:
        for who in people:
            self.plane.add_peer(ROOM, who)
        await self.turn()
        for who in people:
            await self.agree(who)

    async def agree(self, who: str) -> None:
        """Answers what is outstanding, until nothing is."""
        while True:
            offer = self.last(who)
            self.plane.answer(ROOM, who, offer.version, answer_to(offer.sdp))
            await self.turn()
            if self.last(who) is offer:
                return

    async def publish(self, who: str, text: str = CHROMIUM_OFFER, sources: dict[str, Source] | None = None) -> str:
        answer = self.plane.publish(ROOM, who, text, SOURCES if sources is None else sources)
        await self.turn()
        return answer

    def gate(self, who: str, source: Source, is_open: bool) -> None:
        self.plane.set_gate(ROOM, who, source, is_open)

    def publishes_on(self, who: str) -> TransportId:
        publication = self.plane._rooms[ROOM].peers[who].publication
        assert publication is not None
        return publication.connection.transport

    def subscribes_on(self, who: str) -> TransportId:
        subscription = self.plane._rooms[ROOM].peers[who].subscription
        assert subscription is not None
        return subscription.connection.transport

    def shake_hands(self, transport: TransportId) -> None:
        """DTLS is done on a connection."""
        self.plane._connections[transport][0]._keys(KEYS)

    def fall_silent(self, transport: TransportId) -> None:
        self.engine.happen(Silent(transport, 15.0))

    def fail_handshake(self, transport: TransportId) -> None:
        self.plane._connections[transport][0].endpoint._on_closed(False)

    def heard(self, listener: str, speaker: str) -> set[str]:
        """Mids of a speaker that reach a listener."""
        reach = self.engine.heard_by(self.subscribes_on(listener))
        return {mid for transport, mid in reach if transport == self.publishes_on(speaker)}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await made.plane.start()
    yield made
    await made.plane.close()
    assert made.engine.closed
    assert made.engine.transports == set()


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
    stage.plane._connections[stage.subscribes_on("ann")][0].endpoint._on_closed(True)
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


async def test_an_offer_that_is_never_answered_is_made_afresh_a_few_times(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.plane.ANSWER_S", 0.0)
    stage.plane.add_peer(ROOM, "ann")
    for _ in range(12):
        await stage.turn()
    assert [offer.fresh for _, offer in stage.offers] == [True] * 4
    assert [offer.version for _, offer in stage.offers] == [1, 2, 3, 4]
    assert stage.failed == [("ann", "subscribe")]
    assert stage.engine.transports == set()


async def test_the_time_for_an_answer_means_nothing_once_it_came(stage: Stage) -> None:
    await stage.join("ann")
    peer = stage.plane._rooms[ROOM].peers["ann"]
    stage.plane._unanswered(peer, stage.last("ann").version)
    stage.plane.resubscribe(ROOM, "ann")
    await stage.turn()
    stage.plane._unanswered(peer, stage.last("ann").version - 1)
    await stage.turn()
    assert (stage.count("ann"), stage.failed) == (2, [])


async def test_speakers_are_named_by_participant_and_gone_when_their_microphone_is_closed(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    for _ in range(3):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "0", 20),)))
    assert stage.speakers == [("ann",)]
    stage.gate("ann", Source.MICROPHONE, False)
    assert stage.plane._rooms[ROOM].listening.speakers._speaking == []


async def test_what_somebody_shares_has_a_seat_of_its_own_and_leaves_it(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    await stage.agree("ben")
    for source in Source:
        stage.gate("ann", source, True)

    await stage.publish("ann", SHARING_OFFER, SHARING)
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"0", "1", "2", "3"}
    mids = {track.source: track.mid for track in stage.last("ben").tracks}
    streams = dict(re.findall(r"a=mid:(\w+)(?s:.*?)a=msid:(\w+)", stage.last("ben").sdp))
    assert streams[mids[Source.SCREEN]] == streams[mids[Source.SCREEN_AUDIO]] != streams[mids[Source.CAMERA]]

    await stage.publish("ann", without_screen(SHARING_OFFER), SHARING)
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"0", "1"}
    assert {track.source: track.mid for track in stage.last("ben").tracks} == {
        source: mids[source] for source in SOURCES.values()
    }

    await stage.publish("ben", SHARING_OFFER.replace("qJbS", "other"), SHARING)
    await stage.publish("ann", SHARING_OFFER, SHARING)
    await stage.agree("ben")
    assert {track.source: track.mid for track in stage.last("ben").tracks} == mids


async def test_a_shared_screen_is_shown_alone_and_its_person_comes_to_the_same_seats(stage: Stage) -> None:
    await stage.join("ann", "ben")
    stage.gate("ann", Source.SCREEN, True)
    await stage.publish("ann", SHARING_OFFER, SHARING)
    await stage.agree("ben")
    assert stage.heard("ben", "ann") == {"3"}
    stage.gate("ann", Source.SCREEN, False)
    assert stage.heard("ben", "ann") == set()


async def test_what_somebody_wants_to_share_without_leave_is_offered_to_nobody(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", SHARING_OFFER, SHARING)
    await stage.agree("ben")
    assert {track.source for track in stage.last("ben").tracks} == {Source.MICROPHONE, Source.CAMERA}
    await stage.join("cy")
    assert {track.source for track in stage.last("cy").tracks} == {Source.MICROPHONE, Source.CAMERA}

    offers = stage.count("ben")
    stage.gate("ann", Source.SCREEN, True)
    await stage.agree("ben")
    assert {track.source for track in stage.last("ben").tracks} == {Source.MICROPHONE, Source.CAMERA, Source.SCREEN}
    stage.gate("ann", Source.SCREEN, False)
    await stage.agree("ben")
    assert {track.source for track in stage.last("ben").tracks} == {Source.MICROPHONE, Source.CAMERA}
    assert stage.count("ben") == offers + 2


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


async def test_the_sound_of_what_somebody_shows_is_not_somebody_who_speaks(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", SHARING_OFFER, SHARING)
    for _ in range(3):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "2", 5),)))
    assert stage.speakers == []


def shown(stage: Stage, viewer: str, who: str) -> str | None:
    """The layer of a camera that reaches a viewer; None while none does."""
    engine, source = stage.engine, (stage.publishes_on(who), "1")
    outs = [out for out, fed in engine.routes.items() if fed == source]
    (out,) = [out for out in outs if engine.egress[out].transport == stage.subscribes_on(viewer)]
    return engine.wants[out] if out in engine.open_egress else None


async def test_a_viewer_gets_the_layer_that_the_page_shows_and_nothing_while_it_shows_nothing(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", CHROMIUM_SIMULCAST)
    await stage.agree("ben")
    assert shown(stage, "ben", "ann") == ""
    offers = stage.count("ben")

    for tiles, layer in (
        ((Tile(ParticipantId("ann"), Source.CAMERA, TileSize.LARGE),), "f"),
        ((), None),
        ((Tile(ParticipantId("ann"), Source.CAMERA, TileSize.SMALL),), ""),
    ):
        stage.plane.view(ROOM, "ben", tiles)
        assert shown(stage, "ben", "ann") == layer
    await stage.turn()
    assert stage.count("ben") == offers, "it takes no new offer"

    stage.plane.view(ROOM, "ben", ())
    stage.gate("ann", Source.MICROPHONE, True)
    assert stage.heard("ben", "ann") == {"0"}, "sound goes on"
    stage.plane.resubscribe(ROOM, "ben")
    await stage.turn()
    await stage.agree("ben")
    assert shown(stage, "ben", "ann") is None
    stage.plane.remove_peer(ROOM, "ben")
    await stage.join("ben")
    assert shown(stage, "ben", "ann") == "", "who comes anew has said nothing yet"


async def test_what_is_no_picture_is_no_tile_and_who_is_not_there_shows_nothing(stage: Stage) -> None:
    await stage.join("ann")
    with pytest.raises(Refused) as refused:
        stage.plane.view(ROOM, "ann", (Tile(ParticipantId("ann"), Source.MICROPHONE, TileSize.SMALL),))
    assert refused.value.code is ErrorCode.INVALID_FIELD
    with pytest.raises(Refused) as refused:
        stage.plane.view(ROOM, "ben", ())
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_a_publisher_is_told_which_layers_are_needed_on_each_new_connection(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", CHROMIUM_SIMULCAST)
    assert stage.layers == [("ann", LayersWanted(Source.CAMERA, ("q", "f")))]
    await stage.publish("ann", CHROMIUM_SIMULCAST)
    assert len(stage.layers) == 1, "nothing is new"
    await stage.publish("ann", CHROMIUM_SIMULCAST.replace("qJbS", "other"))
    assert len(stage.layers) == 2
    await stage.publish("ben")
    assert len(stage.layers) == 2, "a single layer is not spoken of"


async def test_an_upper_layer_that_nobody_shows_is_paused_after_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocation_module, "GRACE_S", 0.02)
    await stage.join("ann", "ben")
    await stage.publish("ann", CHROMIUM_SIMULCAST)
    async with asyncio.timeout(5):
        while len(stage.layers) < 2:
            await asyncio.sleep(0.01)
    assert stage.layers[-1] == ("ann", LayersWanted(Source.CAMERA, ("q",)))
    stage.plane.view(ROOM, "ben", (Tile(ParticipantId("ann"), Source.CAMERA, TileSize.MEDIUM),))
    await stage.turn()
    assert stage.layers[-1] == ("ann", LayersWanted(Source.CAMERA, ("q", "f")))


async def test_loss_on_the_way_to_a_viewer_takes_pictures_and_never_sound(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", CHROMIUM_SIMULCAST)
    await stage.agree("ben")
    for source in SOURCES.values():
        stage.gate("ann", source, True)
    stage.plane.view(ROOM, "ben", (Tile(ParticipantId("ann"), Source.CAMERA, TileSize.LARGE),))
    for rid in ("q", "f"):
        stage.engine.happen(LayerUp(stage.publishes_on("ann"), "1", rid, 1))
    for _ in range(2):
        stage.engine.happen(Loss(stage.publishes_on("ann"), 0.5))
    assert shown(stage, "ben", "ann") == "f", "what the publisher loses is not the viewer's fault"
    for _ in range(2):
        stage.engine.happen(Loss(stage.subscribes_on("ben"), 0.15))
    assert shown(stage, "ben", "ann") == ""
    for _ in range(2):
        stage.engine.happen(Loss(stage.subscribes_on("ben"), 0.5))
    assert shown(stage, "ben", "ann") is None
    assert stage.heard("ben", "ann") == {"0"}


async def test_stats_are_flat_numbers(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann")
    stats = stage.plane.stats()
    assert (stats.rooms, stats.peers, stats.published, stats.transports) == (1, 2, 2, 3)
    assert stats.dropped_gate_closed == 0
