"""`python -m bench turns [CLOSINGS]`: how soon nobody is heard any more whose turn a mentor ended, or a limit did.

All participants are modified clients: they send sound all the time, whether or not they may.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from bench.client import ClientFailed, LightClient
from bench.connection import Identity
from bench.figures import Row, percentile
from bench.people import make_rooms
from bench.process import ServerProcess, free_ports
from bench.sending import Sender, phases
from protocol.ids import ParticipantId, RequestId
from protocol.messages import AllowMicrophone, CloseMicrophone, MicrophoneClosed, ServerMessage, SetDevices, Welcome
from protocol.turns import EndTurn, FloorChanged, GiveTurn, SetTurnMode
from protocol.values import FloorView, Role, TurnMode

CLOSINGS: Final = 60
LISTENERS: Final = 9
FIRM_ROOMS: Final = 8
TARGET_MS: Final = 50.0
_ROOM: Final = "turns"
_LIMIT_MS: Final = 1_000
_HEARD: Final = 10
"""So many packets of a turn must have come to everyone before it is ended."""
_SILENCE_S: Final = 0.5
_WAIT_S: Final = 10.0
_FIRM_S: Final = 45.0
"""A limit of a second, its grace of 30 s, and some time for a busy machine."""

LIMITS: Final = (
    (
        "One machine over loopback: no network, no jitter. The clients run in one process beside the server, on the "
        "same cores; a packet counts as come when that process reads it, and the request leaves when it is handed to "
        "the socket. So what is told is more than the server took."
    ),
    "Sound comes every 20 ms: the last packet before a closing is up to that much older than the closing.",
    "A firm limit's due time is the one that the server told the mentor; both read the clock of this machine.",
)


@dataclass(slots=True)
class Turns:
    """What was measured. Milliseconds."""

    ended_ms: list[float] = field(default_factory=list[float])
    """From the mentor's `end_turn` leaving to the last packet at the last of the listeners; 0: none came."""
    closed_ms: list[float] = field(default_factory=list[float])
    """The same of `close_microphone`."""
    acked_ms: list[float] = field(default_factory=list[float])
    """Until the mentor had the answer: stored."""
    late_packets: int = 0
    """More than 50 ms after the request left, at all listeners together, until half a second after it."""
    unasked_packets: int = 0
    """Of those who send all the time, before anyone had a turn and after the last."""
    firm_ms: list[float] = field(default_factory=list[float])
    """From a firm limit's due time, grace included, to the last packet; below 0: before it."""
    firm_told_ms: list[float] = field(default_factory=list[float])
    """The same to the mentor's page being told of it."""
    sent: int = 0
    sent_late: int = 0
    load_average: list[float] = field(default_factory=list[float])
    """Of the last minute, before and after."""


class Person:
    """A client that follows the turns, and notes when packets come."""

    def __init__(self, identity: Identity, base_url: str, token: str) -> None:
        self.client = LightClient(identity, base_url, token, self._take, self._came)
        self.you = ParticipantId("")
        self.floor: FloorView | None = None
        self.closings = 0
        self.told_at = 0.0
        """Wall time of the newest word on turns."""
        self.came_at = 0.0
        """Monotonic time of the newest packet."""
        self.last_at = 0.0
        """The same in wall time."""
        self.came = 0
        self.late_after = float("inf")
        self.late = 0
        self._changed = asyncio.Event()
        self._requests = 0

    def _take(self, _seq: int | None, message: ServerMessage) -> None:
        match message:
            case Welcome(snapshot=snapshot):
                self.you, self.floor = snapshot.you, snapshot.floor
            case FloorChanged(floor=floor, closings=closings):
                self.floor, self.closings, self.told_at = floor, closings, time.time()
            case MicrophoneClosed(participant_id=who, closings=closings) if who == self.you:
                self.closings = closings
            case _:
                return
        self._changed.set()

    def _came(self) -> None:
        self.came_at, self.last_at = time.monotonic(), time.time()
        self.came += 1
        self.late += self.came_at > self.late_after
        self._changed.set()

    @property
    def turn(self) -> int:
        """The number of the turn that goes on; 0: none does."""
        return self.floor.turn.number if self.floor is not None and self.floor.turn is not None else 0

    async def until(self, so: Callable[[], bool], seconds: float = _WAIT_S) -> None:
        """Waits for what frames tell. Raises ClientFailed."""
        try:
            async with asyncio.timeout(seconds):
                while not so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise ClientFailed("the turns did not go as they should") from None

    def next_id(self) -> RequestId:
        """Of a request of theirs."""
        self._requests += 1
        return RequestId(f"turns-{self._requests}")

    async def devices(self, *, microphone: bool) -> None:
        """Taps."""
        await self.client.request(SetDevices(self.next_id(), microphone, camera=False, closings=self.closings))


async def run(closings: int) -> Turns:
    """Closings one after the other, while firm limits run in rooms of their own.

    Raises:
        ServerFailed, ClientFailed, BotFault: the run is void.
    """
    found = Turns(load_average=[os.getloadavg()[0]])
    rooms = {_ROOM: (Role.PARTICIPANT,) * LISTENERS + (Role.MENTOR,)}
    rooms |= {f"firm-{number}": (Role.PARTICIPANT, Role.MENTOR) for number in range(FIRM_ROOMS)}
    with tempfile.TemporaryDirectory(prefix="holdspace-bench-") as folder:
        server = ServerProcess(Path(folder), free_ports())
        tokens = await make_rooms(server.storage_url, rooms)
        identity, sender = Identity(), Sender()
        groups = {name: [Person(identity, server.base_url, token) for token in those] for name, those in tokens.items()}
        sending = asyncio.create_task(sender.run())
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
            for people in groups.values():
                await _come_in(people, sender)
            firm = [_firm(groups[name], number * 0.3, found) for number, name in enumerate(rooms) if name != _ROOM]
            await asyncio.gather(_close_all(groups[_ROOM], closings, found), *firm)
        finally:
            sending.cancel()
            await asyncio.wait((sending,))
            for people in groups.values():
                for person in people:
                    await person.client.close()
            await server.stop()
    found.sent, found.sent_late = sender.sent, sender.late
    found.load_average.append(os.getloadavg()[0])
    return found


async def _come_in(people: Sequence[Person], sender: Sender) -> None:
    *others, mentor = people
    for person in (mentor, *others):
        await person.client.sign_in()
        await person.client.join(tracks=2 * len(others))
    for person in others:
        await person.client.publish()
        await person.devices(microphone=False)
    for person in people:
        await person.client.listen()
    sender.add([person.client for person in others], len(others))


async def _close_all(people: Sequence[Person], closings: int, found: Turns) -> None:
    *others, mentor = people
    await mentor.client.request(SetTurnMode(mentor.next_id(), TurnMode.QUEUE))
    found.unasked_packets += await _in_silence(people)
    newest = 0
    for number, phase in enumerate(phases(closings)):
        speaker = others[number % len(others)]
        newest = await _speak(mentor, speaker, newest, [each for each in people if each is not speaker])
        listeners = [each for each in people if each is not speaker]
        # A packet has just come: closings are to fall anywhere between two of them.
        await asyncio.sleep(0.02 * phase)
        if number % 2:
            found.closed_ms.append(
                await _measure(mentor, listeners, CloseMicrophone(mentor.next_id(), speaker.you), found)
            )
            await mentor.client.request(AllowMicrophone(mentor.next_id(), speaker.you))
            await mentor.client.request(EndTurn(mentor.next_id(), newest))
        else:
            found.ended_ms.append(await _measure(mentor, listeners, EndTurn(mentor.next_id(), newest), found))
        await speaker.until(lambda speaker=speaker: speaker.turn == 0)
    found.unasked_packets += await _in_silence(people)


async def _speak(mentor: Person, speaker: Person, newest: int, listeners: Sequence[Person]) -> int:
    """Gives the turn to someone, who takes it; its number, once everyone hears them."""
    await mentor.client.request(GiveTurn(mentor.next_id(), newest, speaker.you))
    await speaker.until(lambda: speaker.turn > newest)
    before = [each.came for each in listeners]
    await speaker.devices(microphone=True)
    for each, count in zip(listeners, before, strict=True):
        await each.until(lambda each=each, count=count: each.came >= count + _HEARD)
    return speaker.turn


async def _measure(
    mentor: Person, listeners: Sequence[Person], closing: EndTurn | CloseMicrophone, found: Turns
) -> float:
    left_at = time.monotonic()
    for each in listeners:
        each.late, each.late_after = 0, left_at + TARGET_MS / 1000
    await mentor.client.request(closing)
    found.acked_ms.append((time.monotonic() - left_at) * 1000)
    await asyncio.sleep(_SILENCE_S)
    for each in listeners:
        found.late_packets += each.late
        each.late_after = float("inf")
    return max(0.0, max(each.came_at for each in listeners) - left_at) * 1000


async def _in_silence(people: Sequence[Person]) -> int:
    """How many packets come to all of them in a second, though nobody may be heard."""
    await asyncio.sleep(_SILENCE_S)
    before = sum(each.came for each in people)
    await asyncio.sleep(1.0)
    return sum(each.came for each in people) - before


async def _firm(people: Sequence[Person], after_s: float, found: Turns) -> None:
    speaker, mentor = people
    await asyncio.sleep(after_s)
    mode = SetTurnMode(mentor.next_id(), TurnMode.QUEUE, limit_ms=_LIMIT_MS, firm=True)
    await mentor.client.request(mode)
    number = await _speak(mentor, speaker, 0, [mentor])
    due = 0.0

    def over() -> bool:
        nonlocal due
        turn = mentor.floor.turn if mentor.floor is not None else None
        if turn is not None:
            due = turn.ends_ms
        return mentor.turn != number

    await mentor.until(over, _FIRM_S)
    told_ms = mentor.told_at * 1000 - due
    before = mentor.came
    await asyncio.sleep(_SILENCE_S)
    found.late_packets += mentor.came - before
    found.firm_told_ms.append(told_ms)
    found.firm_ms.append(mentor.last_at * 1000 - due)


def rows(found: Turns) -> list[Row]:
    """The table's lines."""
    every = found.ended_ms + found.closed_ms
    worst = max(abs(ms) for ms in found.firm_ms)
    return [
        Row("Load of the machine, one minute", ", ".join(f"{load:.1f}" for load in found.load_average)),
        Row("Sent by those who send all the time, of it > 20 ms late", f"{found.sent:,}, {found.sent_late:,}"),
        Row("`end_turn` leaves → last packet at 9 listeners", _spread(found.ended_ms)),
        Row("`close_microphone` leaves → last packet", _spread(found.closed_ms)),
        Row(
            f"Both, {len(every)} closings",
            f"p99 {percentile(every, 0.99):.1f} ms",
            "p99 < 50 ms",
            percentile(every, 0.99) < TARGET_MS,
        ),
        Row("Closing leaves → acknowledged (stored)", _spread(found.acked_ms)),
        Row(
            "Packets later than 50 ms after a closing, or after a limit's end was told",
            f"{found.late_packets}",
            "0",
            found.late_packets == 0,
        ),
        Row("Packets without a turn, 10 people, 2 s", f"{found.unasked_packets}", "0", found.unasked_packets == 0),
        Row(
            f"Firm limit due → last packet, {len(found.firm_ms)} limits",
            f"{min(found.firm_ms):.1f} to {max(found.firm_ms):.1f} ms",
            "within 50 ms",
            worst <= TARGET_MS,
        ),
        Row("Firm limit due → the mentor is told (stored)", _spread(found.firm_told_ms)),
    ]


def _spread(values: Sequence[float]) -> str:
    return f"p50 {percentile(values, 0.5):.1f} ms, p99 {percentile(values, 0.99):.1f} ms, worst {max(values):.1f} ms"
