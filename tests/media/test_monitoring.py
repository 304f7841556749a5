"""Who listens to a room without being in it, and who speaks to a mentor alone: what the plane tells the engine."""

from __future__ import annotations

import re

import pytest

from media.engine.interface import EgressSpec, Kind, Level, Levels, OutId, TransportId
from media.sdp import Direction, parse
from media.whisper import WHISPER_MID
from protocol.errors import ErrorCode, Refused
from protocol.ids import ParticipantId
from protocol.messages import SubscribeOffer
from protocol.values import Source, Tile, TileSize
from tests.media.offers import CHROMIUM_OFFER, answer_to
from tests.media.stage import ROOM, SHARING, SHARING_OFFER, Stage

_HEAD, _SOUND, _ = re.split("(?=m=audio|m=video)", CHROMIUM_OFFER)
VOICE_OFFER = (_HEAD.replace("BUNDLE 0 1", "BUNDLE 0") + _SOUND).replace("qJbS", "voic").replace("3910432611", "77")
VOICE = {"0": Source.MICROPHONE}


class Therapist:
    """A page that listens."""

    def __init__(self, stage: Stage, name: str = "theo") -> None:
        self.stage, self.plane, self.engine, self.name = stage, stage.plane, stage.engine, name
        self.offers: list[SubscribeOffer] = []
        self.failed: list[str] = []
        self.plane.add_monitor(name, self.offers.append, self.failed.append)

    async def agree(self) -> None:
        """Answers what is outstanding, until nothing is."""
        await self.stage.turn()
        while True:
            offer = self.offers[-1]
            self.plane.answer_monitor(self.name, offer.version, answer_to(offer.sdp))
            await self.stage.turn()
            if self.offers[-1] is offer:
                return

    async def listen(self, room: str | None) -> None:
        self.plane.listen(self.name, room)
        await self.agree()

    @property
    def transport(self) -> TransportId:
        subscription = self.plane._monitors._monitors[self.name].subscriber.subscription
        assert subscription is not None
        return subscription.connection.transport

    @property
    def outs(self) -> dict[OutId, EgressSpec]:
        return {out: spec for out, spec in self.engine.egress.items() if spec.transport == self.transport}

    def heard(self) -> set[tuple[TransportId, str]]:
        return self.engine.heard_by(self.transport)

    def people(self) -> set[str]:
        return {track.participant_id for track in self.offers[-1].tracks}


@pytest.fixture
async def theo(stage: Stage) -> Therapist:
    await stage.join("ann", "ben")
    for who in ("ann", "ben"):
        stage.gate(who, Source.MICROPHONE, True)
        stage.gate(who, Source.CAMERA, True)
        await stage.publish(who)
    await stage.agree("ann")
    await stage.agree("ben")
    made = Therapist(stage)
    await made.agree()
    return made


def both(stage: Stage, *people: str) -> set[tuple[TransportId, str]]:
    return {(stage.publishes_on(who), mid) for who in people for mid in ("0", "1")}


async def test_a_monitor_is_connected_before_it_listens_and_has_nothing_until_then(
    stage: Stage, theo: Therapist
) -> None:
    assert len(theo.offers) == 1
    assert theo.offers[0].tracks == ()
    assert len(parse(theo.offers[0].sdp).sections) == 2
    assert theo.heard() == set()
    await theo.listen(ROOM)
    assert theo.heard() == both(stage, "ann", "ben")
    assert theo.people() == {"ann", "ben"}
    assert all(spec.monitor for spec in theo.outs.values())


async def test_pictures_are_shown_from_what_is_kept_whoever_speaks_first(stage: Stage, theo: Therapist) -> None:
    for _ in range(2):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("ben"), "0", 20),)))
    await theo.listen(ROOM)
    primed = [stage.engine.routes[out] for out in stage.engine.primed if out in theo.outs]
    assert list(dict.fromkeys(primed)) == [(stage.publishes_on("ben"), "1"), (stage.publishes_on("ann"), "1")]
    assert all(theo.outs[out].kind is Kind.VIDEO for out in stage.engine.primed)


async def test_once_it_listens_no_more_nothing_reaches_it_from_that_call_on(stage: Stage, theo: Therapist) -> None:
    await theo.listen(ROOM)
    theo.plane.listen("theo", None)
    assert theo.heard() == set()
    assert not any(out in stage.engine.open_egress for out in theo.outs)
    await theo.agree()
    assert theo.offers[-1].tracks == ()
    theo.plane.listen("theo", None)
    await stage.turn()
    assert stage.engine.monitors == {theo.transport}


async def test_another_session_comes_over_the_same_connection_and_slots(stage: Stage, theo: Therapist) -> None:
    stage.plane.add_peer("other", "cleo")
    stage.plane.set_gate("other", "cleo", Source.MICROPHONE, True)
    stage.plane.publish("other", "cleo", CHROMIUM_OFFER, {"0": Source.MICROPHONE, "1": Source.CAMERA})
    await theo.listen(ROOM)
    transport, outs, offers = theo.transport, set(theo.outs), len(theo.offers)
    theo.plane.listen("theo", "other")
    assert theo.heard() == set(), "nothing before its page knows whose it is"
    await theo.agree()
    assert theo.people() == {"cleo"}
    assert len(theo.heard()) == 1
    assert (theo.transport, set(theo.outs), len(theo.offers)) == (transport, outs, offers + 1)
    stage.plane.remove_peer("other", "cleo")
    stage.plane.set_gate("other", "cleo", Source.MICROPHONE, False)


async def test_who_comes_goes_shares_and_closes_is_followed(stage: Stage, theo: Therapist) -> None:
    await theo.listen(ROOM)
    stage.plane.remove_peer(ROOM, "ann")
    assert theo.heard() == both(stage, "ben")
    stage.gate("ben", Source.SCREEN, True)
    await stage.publish("ben", SHARING_OFFER, SHARING)
    await theo.agree()
    assert (stage.publishes_on("ben"), "3") in theo.heard()
    assert (stage.publishes_on("ben"), "2") not in theo.heard(), "its sound may not be heard"
    stage.gate("ben", Source.SCREEN, False)
    assert (stage.publishes_on("ben"), "3") not in theo.heard()
    await theo.agree()
    assert {track.source for track in theo.offers[-1].tracks} == {Source.MICROPHONE, Source.CAMERA}


async def test_a_session_in_which_nobody_is_yet_is_heard_once_somebody_is(stage: Stage, theo: Therapist) -> None:
    await theo.listen("empty")
    assert stage.plane.stats().rooms == 1
    for _ in range(2):
        stage.plane.add_peer("empty", "cleo")
        stage.plane.set_gate("empty", "cleo", Source.MICROPHONE, True)
        stage.plane.publish("empty", "cleo", CHROMIUM_OFFER, {"0": Source.MICROPHONE, "1": Source.CAMERA})
        await theo.agree()
        assert theo.people() == {"cleo"}
        assert len(theo.heard()) == 1
        stage.plane.close_room("empty")
        assert theo.heard() == set()


async def test_the_pictures_that_a_page_does_not_show_rest_until_it_shows_them(stage: Stage, theo: Therapist) -> None:
    await theo.listen(ROOM)
    ann, ben = stage.publishes_on("ann"), stage.publishes_on("ben")
    theo.plane.view_monitor("theo", [Tile(ParticipantId("ann"), Source.CAMERA, TileSize.LARGE)])
    assert theo.heard() == both(stage, "ann", "ben") - {(ben, "1")}
    stage.engine.primed.clear()
    theo.plane.view_monitor("theo", [Tile(ParticipantId("ben"), Source.CAMERA, TileSize.LARGE)])
    assert theo.heard() == both(stage, "ann", "ben") - {(ann, "1")}
    assert [stage.engine.routes[out] for out in stage.engine.primed] == [(ben, "1")]
    assert {stage.engine.wants[out] for out in theo.outs} == {""}, "the lowest layer, however large it is shown"
    await theo.listen(None)
    await theo.listen(ROOM)
    assert theo.heard() == both(stage, "ann", "ben")
    with pytest.raises(Refused) as refused:
        theo.plane.view_monitor("theo", [Tile(ParticipantId("ben"), Source.MICROPHONE, TileSize.LARGE)])
    assert refused.value.code is ErrorCode.INVALID_FIELD


async def test_nobody_in_the_room_is_offered_or_told_anything_and_no_count_moves(stage: Stage, theo: Therapist) -> None:
    before = stage.plane.stats(), len(stage.offers), len(stage.speakers), len(stage.layers)
    await theo.listen(ROOM)
    theo.plane.publish_monitor("theo", VOICE_OFFER, VOICE)
    theo.plane.view_monitor("theo", [Tile(ParticipantId("ann"), Source.CAMERA, TileSize.LARGE)])
    theo.plane.resubscribe_monitor("theo")
    await theo.agree()
    theo.plane.remove_monitor("theo")
    theo.plane.remove_monitor("theo")
    await stage.turn()
    assert (stage.plane.stats(), len(stage.offers), len(stage.speakers), len(stage.layers)) == before
    assert stage.engine.transports.isdisjoint(stage.engine.monitors)


async def test_a_connection_that_failed_begins_anew_and_goes_on_listening(stage: Stage, theo: Therapist) -> None:
    await theo.listen(ROOM)
    stage.fail_monitor_handshake(theo.transport)
    await theo.agree()
    assert (theo.failed, theo.offers[-1].fresh) == (["subscribe"], True)
    assert theo.heard() == both(stage, "ann", "ben")


async def test_a_fault_on_a_monitors_account_ends_its_connection_until_it_asks_for_another_and_nothing_else(
    stage: Stage, theo: Therapist, caplog: pytest.LogCaptureFixture
) -> None:
    await theo.listen(ROOM)
    subscription = stage.plane._monitors._monitors["theo"].subscriber.subscription
    assert subscription is not None
    subscription._engine = None  # type: ignore[assignment]
    stage.plane.remove_peer(ROOM, "ann")
    assert theo.failed == ["subscribe"]
    assert "monitor fault: AttributeError" in caplog.text
    assert "ann" not in caplog.text
    assert "theo" not in caplog.text
    await stage.publish("ben", CHROMIUM_OFFER.replace("qJbS", "other"))
    assert stage.engine.monitors.isdisjoint(stage.engine.transports)
    theo.plane.resubscribe_monitor("theo")
    await theo.agree()
    assert theo.heard() == both(stage, "ben")


async def test_what_is_asked_for_a_monitor_that_is_gone_is_refused_and_its_end_and_a_late_answer_ignored(
    stage: Stage,
) -> None:
    plane = stage.plane
    await add_mentor(stage, "ann")
    plane.answer_monitor("nobody", 1, "rubbish")
    plane.listen("nobody", None)
    plane.speak_to("nobody", ROOM, None)
    for ask in (
        lambda: plane.listen("nobody", ROOM),
        lambda: plane.resubscribe_monitor("nobody"),
        lambda: plane.view_monitor("nobody", []),
        lambda: plane.publish_monitor("nobody", VOICE_OFFER, VOICE),
        lambda: plane.speak_to("nobody", ROOM, "ann"),
        lambda: plane.set_headphones(ROOM, "nobody", True),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code is ErrorCode.NOT_FOUND


# ── speaking to a mentor ──────────────────────────────────────────────────────────────────────


def whisper_out(stage: Stage, who: str) -> OutId:
    (out,) = (
        out
        for out, spec in stage.engine.egress.items()
        if spec.mid == WHISPER_MID and spec.transport == stage.subscribes_on(who)
    )
    return out


async def add_mentor(stage: Stage, who: str = "mel") -> None:
    stage.plane.add_peer(ROOM, who, mentor=True)
    await stage.turn()
    await stage.agree(who)


async def test_every_offer_to_a_mentor_has_the_same_line_for_whispers_and_none_to_others(
    stage: Stage, theo: Therapist
) -> None:
    await add_mentor(stage)
    await theo.listen(ROOM)
    theo.plane.publish_monitor("theo", VOICE_OFFER, VOICE)
    stage.plane.set_headphones(ROOM, "mel", True)
    before = stage.count("mel")
    theo.plane.speak_to("theo", ROOM, "mel")
    await stage.turn()
    assert stage.count("mel") == before
    await stage.join("cleo", "dan")
    await stage.publish("cleo")
    await stage.agree("mel")
    offers = [offer for who, offer in stage.offers if who == "mel"]
    lines = [parse(offer.sdp).sections for offer in offers]
    assert len(lines) > 1
    assert {(sections[2].mid, sections[2].direction) for sections in lines} == {(WHISPER_MID, Direction.SENDONLY)}
    assert len({tuple(sections[2].ssrcs) for sections in lines}) == 1
    assert not any(track.mid == WHISPER_MID for offer in offers for track in offer.tracks)
    others = [offer.sdp for who, offer in stage.offers if who != "mel"] + [offer.sdp for offer in theo.offers]
    assert not any(WHISPER_MID in sdp for sdp in others)


async def test_a_voice_reaches_the_one_mentor_who_wears_headphones_and_nobody_else(
    stage: Stage, theo: Therapist
) -> None:
    await add_mentor(stage)
    await add_mentor(stage, "max")
    theo.plane.publish_monitor("theo", VOICE_OFFER, VOICE)
    (voice,) = stage.engine.monitors - {theo.transport}
    with pytest.raises(Refused) as refused:
        theo.plane.speak_to("theo", ROOM, "mel")
    assert refused.value.code is ErrorCode.NOT_ALLOWED
    with pytest.raises(Refused) as refused:
        theo.plane.speak_to("theo", ROOM, "ann")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert (voice, "0") not in stage.engine.open
    stage.plane.set_headphones(ROOM, "mel", True)
    stage.plane.set_headphones(ROOM, "max", True)
    theo.plane.speak_to("theo", ROOM, "mel")
    hearing = {out for out, source in stage.engine.routes.items() if source == (voice, "0")}
    assert hearing == {whisper_out(stage, "mel")}
    assert (voice, "0") in stage.engine.heard_by(stage.subscribes_on("mel"))
    assert stage.engine.audio_groups[voice, "0"] == 0
    theo.plane.speak_to("theo", ROOM, "max")
    assert (voice, "0") in stage.engine.heard_by(stage.subscribes_on("max"))
    assert (voice, "0") not in stage.engine.heard_by(stage.subscribes_on("mel"))
    theo.plane.speak_to("theo", ROOM, None)
    assert (voice, "0") not in stage.engine.open
    assert not stage.engine.open_egress & {whisper_out(stage, "mel"), whisper_out(stage, "max")}


async def test_headphones_taken_off_and_a_connection_begun_anew_end_it_until_both_are_said_again(
    stage: Stage, theo: Therapist
) -> None:
    await add_mentor(stage)
    theo.plane.publish_monitor("theo", VOICE_OFFER, VOICE)
    (voice,) = stage.engine.monitors - {theo.transport}

    def heard() -> bool:
        return (voice, "0") in stage.engine.heard_by(stage.subscribes_on("mel"))

    stage.plane.set_headphones(ROOM, "mel", True)
    theo.plane.speak_to("theo", ROOM, "mel")
    assert heard()
    stage.plane.set_headphones(ROOM, "mel", False)
    assert not heard()
    assert (voice, "0") not in stage.engine.open
    stage.plane.set_headphones(ROOM, "mel", True)
    assert not heard(), "nobody speaks any more"
    theo.plane.speak_to("theo", ROOM, "mel")
    assert heard()
    stage.plane.resubscribe(ROOM, "mel")
    await stage.turn()
    await stage.agree("mel")
    assert not heard()
    with pytest.raises(Refused):
        theo.plane.speak_to("theo", ROOM, "mel")


async def test_two_do_not_speak_to_the_same_mentor_at_once(stage: Stage, theo: Therapist) -> None:
    await add_mentor(stage)
    other = Therapist(stage, "tara")
    stage.plane.set_headphones(ROOM, "mel", True)
    theo.plane.speak_to("theo", ROOM, "mel")
    with pytest.raises(Refused) as refused:
        other.plane.speak_to("tara", ROOM, "mel")
    assert refused.value.code is ErrorCode.CONFLICT
    theo.plane.remove_monitor("theo")
    other.plane.speak_to("tara", ROOM, "mel")


async def test_a_microphone_that_comes_late_or_anew_is_heard_and_one_that_ended_is_not(
    stage: Stage, theo: Therapist
) -> None:
    await add_mentor(stage)
    stage.plane.set_headphones(ROOM, "mel", True)
    theo.plane.speak_to("theo", ROOM, "mel")
    for offer in (VOICE_OFFER, VOICE_OFFER, VOICE_OFFER.replace("voic", "anew")):
        theo.plane.publish_monitor("theo", offer, VOICE)
        (voice,) = stage.engine.monitors & stage.engine.transports - {theo.transport}
        assert (voice, "0") in stage.engine.heard_by(stage.subscribes_on("mel"))
    stage.fail_monitor_handshake(voice)
    assert theo.failed == ["publish"]
    assert stage.engine.heard_by(stage.subscribes_on("mel")).isdisjoint({(voice, "0")})
    for sources in ({"0": Source.SCREEN_AUDIO}, {"0": Source.MICROPHONE, "1": Source.CAMERA}):
        with pytest.raises(Refused) as refused:
            theo.plane.publish_monitor("theo", CHROMIUM_OFFER, sources)
        assert refused.value.code is ErrorCode.INVALID_FIELD
