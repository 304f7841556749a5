"""Which layer reaches whom through the plane, and what publishers are told."""

from __future__ import annotations

import asyncio

import pytest

from media import allocation as allocation_module
from media.engine.interface import LayerUp, Level, Levels, Loss
from protocol.errors import ErrorCode, Refused
from protocol.ids import ParticipantId
from protocol.messages import LayersWanted, PicturesResting
from protocol.values import Picture, Source, Tile, TileSize
from tests.media.offers import CHROMIUM_SIMULCAST
from tests.media.stage import ROOM, SOURCES, Stage


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
    await stage.turn()
    resting = PicturesResting((Picture(ParticipantId("ann"), Source.CAMERA),))
    assert [frame for who, frame in stage.layers if who == "ben"] == [resting], "and the viewer is told why"
    stage.plane.view(ROOM, "ben", ())
    await stage.turn()
    assert [frame for who, frame in stage.layers if who == "ben"] == [resting, PicturesResting(())]


async def test_whoever_speaks_keeps_their_layer_where_loss_takes_it_from_another(stage: Stage) -> None:
    await stage.join("ann", "ben", "cy")
    for who in ("ann", "cy"):
        await stage.publish(who, CHROMIUM_SIMULCAST)
        for source in SOURCES.values():
            stage.gate(who, source, True)
        for rid in ("q", "f"):
            stage.engine.happen(LayerUp(stage.publishes_on(who), "1", rid, 1))
    await stage.agree("ben")
    stage.plane.view(ROOM, "ben", [Tile(ParticipantId(who), Source.CAMERA, TileSize.LARGE) for who in ("ann", "cy")])
    for _ in range(3):
        stage.engine.happen(Levels(0.0, (Level(stage.publishes_on("cy"), "0", 20),)))
    for _ in range(2):
        stage.engine.happen(Loss(stage.subscribes_on("ben"), 0.15))
    assert [shown(stage, "ben", who) for who in ("ann", "cy")] == ["", "f"]


async def test_who_is_pinned_comes_in_a_better_layer_before_and_after_they_publish(stage: Stage) -> None:
    stage.plane.set_pinned(ROOM, "ann")
    await stage.join("ann", "ben", "cy")
    for who in ("ann", "cy"):
        await stage.publish(who, CHROMIUM_SIMULCAST)
    for who in ("ann", "ben", "cy"):
        await stage.agree(who)
    assert (shown(stage, "ben", "ann"), shown(stage, "ben", "cy"), shown(stage, "cy", "ann")) == ("f", "", "f")
    stage.plane.set_pinned(ROOM, "cy")
    assert (shown(stage, "ben", "ann"), shown(stage, "ben", "cy")) == ("", "f")
    stage.plane.set_pinned(ROOM, None)
    assert (shown(stage, "ben", "ann"), shown(stage, "ben", "cy")) == ("", "")
    for who in ("ann", "ben", "cy"):
        stage.plane.remove_peer(ROOM, who)
    assert ROOM not in stage.plane._rooms


async def test_to_unpin_in_a_room_that_is_not_there_leaves_nothing_behind(stage: Stage) -> None:
    stage.plane.set_pinned(ROOM, None)
    assert ROOM not in stage.plane._rooms
    stage.plane.set_pinned(ROOM, "ann")
    assert ROOM in stage.plane._rooms, "remembered as gates are"
