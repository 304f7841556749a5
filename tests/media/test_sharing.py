"""What somebody shares, beside themselves."""

from __future__ import annotations

import re

from media.engine.interface import Level, Levels
from protocol.values import Source
from tests.media.stage import SHARING, SHARING_OFFER, SOURCES, Stage, without_screen


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


async def test_the_sound_of_what_somebody_shows_is_not_somebody_who_speaks(stage: Stage) -> None:
    await stage.join("ann", "ben")
    await stage.publish("ann", SHARING_OFFER, SHARING)
    for _ in range(3):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ann"), "2", 5),)))
    assert stage.speakers == []
