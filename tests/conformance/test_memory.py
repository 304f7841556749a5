"""An engine keeps a bounded past, however long a call lasts and whatever its clients send."""

from __future__ import annotations

import tracemalloc

from media.engine.interface import Kind
from tests.conformance.engine import factory
from tests.conformance.player import Player
from tests.conformance.script import INCLUDES, read
from tests.conformance.stage import Stage, Stream
from tests.conformance.wire import write_feedback, write_rtp

WHILE_S = 5.0
"""Longer than what an engine may keep: some hundred packets."""


def test_a_long_call_with_loss_and_nonsense_needs_no_more_memory_than_a_short_one() -> None:
    player = Player(factory()())
    for line in read((INCLUDES / "pair.txt").read_text())[1]:
        player.do(line)
    stage = player.stage
    sound, picture = stage.streams["m"], stage.streams["c"]
    tracemalloc.start()
    try:
        _talk(stage, sound, picture)
        short = _used(stage)
        _talk(stage, sound, picture)
        _talk(stage, sound, picture)
        long = _used(stage)
    finally:
        tracemalloc.stop()
    assert long - short < 40_000


def _used(stage: Stage) -> int:
    for client in stage.clients.values():
        client.control.clear()
    stage.events.clear()
    return tracemalloc.get_traced_memory()[0]


def _talk(stage: Stage, sound: Stream, picture: Stream) -> None:
    """A while of sound and a picture in twelve packets, of which one in eleven is lost."""
    ann, ben = stage.clients["ann"], stage.clients["ben"]
    for turn in range(round(WHILE_S / 0.1)):
        for packet in picture.picture(key=turn % 25 == 0, parts=12, step=9_000, tid=turn % 2):
            if packet.seq % 11:
                stage.deliver(write_rtp(packet), ann.path)
        stage.deliver(write_rtp(sound.audio(40)), ann.path)
        # Sources that nobody announced, numbers that leap, what was never sent asked for.
        stage.deliver(bytes((0x80, 100)) + bytes(6) + (0x5000 + turn).to_bytes(4, "big") + bytes(20), ann.path)
        stage.deliver(write_feedback(205, 1, 9_001, bytes((turn, turn, 255, 255)) * 16), ben.path)
        stage.advance(0.1)
        for slot in stage.slots.values():
            assert slot.kind is Kind.VIDEO or slot.waiting
            slot.waiting.clear()
        for client in stage.clients.values():
            client.control.clear()
        stage.events.clear()
