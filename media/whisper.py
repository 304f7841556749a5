"""The one m-line by which somebody can speak to a mentor alone: there on each of their connections, used or not."""

from __future__ import annotations

from random import Random
from typing import Final

from media.engine.interface import EgressSpec, Kind, PacketEngine, TransportId
from media.negotiation import AUDIO_CLOCK, OPUS, OfferedSlot

WHISPER_MID: Final = "w0"
_STREAM: Final = "whisper"


class Whisper:
    """Of one subscribe connection. Silent until its client knows it, headphones are confirmed, and somebody speaks."""

    def __init__(self, engine: PacketEngine, transport: TransportId, chance: Random) -> None:
        self._engine = engine
        ssrc = chance.getrandbits(31) + 1
        self.offered = OfferedSlot(WHISPER_MID, Kind.AUDIO, True, ssrc, None, _STREAM)
        # As for a monitor: what a mentor's page reports of it must change nothing about the pictures that they get.
        spec = EgressSpec(transport, WHISPER_MID, Kind.AUDIO, ssrc, OPUS, AUDIO_CLOCK, monitor=True, cname=_STREAM)
        self._out = engine.add_egress(spec)
        engine.set_egress_gate(self._out, False)
        self._known = False
        self._voice: tuple[TransportId, str] | None = None
        self.headphones = False
        """The mentor said that nobody else would hear it."""

    def know(self) -> None:
        """The client has taken it up."""
        self._known = True
        self._settle()

    def wear(self, on: bool) -> None:
        """Headphones are on, or are not any more: then not one more packet leaves."""
        self.headphones = on
        self._settle()

    def carry(self, voice: tuple[TransportId, str] | None) -> None:
        """Whose microphone it carries: a transport and its mid; None: nobody's, and not one more packet leaves."""
        self._voice = voice
        self._settle()

    def _settle(self) -> None:
        speaking = self._voice if self._known and self.headphones else None
        if speaking is None:
            self._engine.set_egress_gate(self._out, False)
            self._engine.route(self._out, None)
        else:
            self._engine.route(self._out, *speaking)
            self._engine.set_egress_gate(self._out, True)
