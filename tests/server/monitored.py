"""A media plane that remembers who listens to what, and makes offers when it is asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from protocol.errors import ErrorCode, Refused
from protocol.messages import SubscribeOffer
from protocol.values import Source, Tile

End = Literal["publish", "subscribe"]


class FakeMonitors:
    """Who listens to what (`heard`), speaks to whom (`spoken`), and wears headphones."""

    def __init__(self) -> None:
        self.offers: dict[str, Callable[[SubscribeOffer], None]] = {}
        self.failed: dict[str, Callable[[End], None]] = {}
        self.heard: dict[str, str | None] = {}
        self.spoken: dict[str, tuple[str, str | None]] = {}
        self.worn: set[tuple[str, str]] = set()
        self.calls: list[str] = []

    def add_monitor(
        self, monitor: str, on_offer: Callable[[SubscribeOffer], None], on_failed: Callable[[End], None]
    ) -> None:
        self.offers[monitor], self.failed[monitor], self.heard[monitor] = on_offer, on_failed, None

    def remove_monitor(self, monitor: str) -> None:
        for each in (self.offers, self.failed, self.heard, self.spoken):
            each.pop(monitor, None)

    def listen(self, monitor: str, room: str | None) -> None:
        self._must_be_there(monitor)
        self.calls.append(f"listen {room}")
        self.heard[monitor] = room

    def answer_monitor(self, monitor: str, version: int, sdp: str) -> None:
        self.calls.append(f"answer {version}")

    def resubscribe_monitor(self, monitor: str) -> None:
        self._must_be_there(monitor)
        self.calls.append("resubscribe")

    def view_monitor(self, monitor: str, tiles: Sequence[Tile]) -> None:
        self.calls.append(f"view {len(tiles)}")

    def publish_monitor(self, monitor: str, sdp: str, sources: Mapping[str, Source]) -> str:
        if sdp == "bad":
            raise Refused(ErrorCode.SDP_REJECTED)
        return "answer"

    def speak_to(self, monitor: str, room: str, participant: str | None) -> None:
        if participant is not None and (room, participant) not in self.worn:
            raise Refused(ErrorCode.NOT_ALLOWED)
        self.spoken[monitor] = (room, participant)

    def set_headphones(self, room: str, participant: str, on: bool) -> None:
        (self.worn.add if on else self.worn.discard)((room, participant))

    def _must_be_there(self, monitor: str) -> None:
        if monitor not in self.heard:
            raise Refused(ErrorCode.NOT_FOUND, "monitor")

    @property
    def rooms(self) -> list[str]:
        """The rooms that anybody listens to."""
        return [room for room in self.heard.values() if room is not None]
