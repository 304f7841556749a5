"""Someone who comes back by themselves after each crash, and remembers what the server promised them."""

from __future__ import annotations

import asyncio
import random
import secrets
from itertools import count
from time import monotonic
from typing import Final, cast, get_args

from websockets.exceptions import WebSocketException

from bench.client import ClientFailed, LightClient, Request
from bench.connection import Identity
from protocol.errors import ErrorCode
from protocol.ids import MessageId, ParticipantId, RequestId
from protocol.messages import (
    AllowMicrophone,
    CloseMicrophone,
    HideChat,
    PostChat,
    RoomFrame,
    ServerMessage,
    ShowChat,
    SpeakersChanged,
    Welcome,
)
from protocol.values import Snapshot
from server.bot.report import BotFault
from tests.rooms.client_model import ClientModel

AGAIN_S: Final = 0.1
CHAT_EVERY_S: Final = (0.05, 0.25)
ACT_EVERY_S: Final = (0.02, 0.15)
_ROOM_FRAMES: Final = tuple(kind for kind in get_args(RoomFrame) if kind is not SpeakersChanged)
_NOT_NOW: Final = (ErrorCode.NOT_SAVED, ErrorCode.OVERLOADED, ErrorCode.RATE_LIMITED)


class Survivor:
    """One person with a view of the room.

    Attributes:
        snapshot: the room as the last welcome told it; None before the first.
        view: that, completed by all frames since.
        posted: messages that were acknowledged as stored.
        doubtful: messages that were sent and not answered; sent once more after the return, under the same id.
        settled: what a mentor's last acknowledged request made of a message (hidden) or a microphone (closed).
        wrong: frames that did not fit the view.
    """

    def __init__(self, identity: Identity, base_url: str, token: str, *, publishes: bool, tracks: int) -> None:
        self.client = LightClient(identity, base_url, token, self._heard)
        self._publishes = publishes
        self._tracks = tracks
        self._numbers = count(1)
        self.snapshot: Snapshot | None = None
        self.view: ClientModel | None = None
        self.posted: set[MessageId] = set()
        self.doubtful: list[MessageId] = []
        self.settled: dict[str, bool] = {}
        self.wrong: list[str] = []
        self.welcomed_at = 0.0

    @property
    def you(self) -> ParticipantId:
        """My id in the room."""
        assert self.snapshot is not None
        return self.snapshot.you

    async def come_in(self) -> None:
        """Joins and sets up media; tries again until the server is there, as a browser does."""
        while True:
            try:
                await self.client.join(tracks=self._tracks)
                self.welcomed_at = monotonic()
                if self._publishes:
                    await self.client.publish()
                return
            except (BotFault, ClientFailed, WebSocketException, OSError, TimeoutError):
                await self.client.drop()
                await asyncio.sleep(AGAIN_S)

    async def hear_all(self) -> float:
        """When the last of the others' tracks had arrived (monotonic); at once where nobody else sends."""
        if self._tracks == 0:
            return self.welcomed_at
        await self.client.all_came.wait()
        assert self.client.all_media_at is not None
        return self.client.all_media_at

    async def repeat(self) -> None:
        """What was in doubt is sent once more, under its own id."""
        while self.doubtful:
            await self._post(self.doubtful.pop(0))

    async def chat(self) -> None:
        """Writes until the connection is lost."""
        while not self.client.lost.is_set():
            await asyncio.sleep(random.uniform(*CHAT_EVERY_S))
            await self._post(MessageId(secrets.token_hex(8)))

    async def lead(self, others: tuple[ParticipantId, ...]) -> None:
        """Hides and shows messages, closes and allows microphones, until the connection is lost."""
        while not self.client.lost.is_set():
            await asyncio.sleep(random.uniform(*ACT_EVERY_S))
            what = random.choice(("hide", "show", "close", "allow"))
            chat = tuple(self.view.chat)[-20:] if self.view is not None else ()
            of = random.choice(others) if what in {"close", "allow"} or not chat else MessageId(random.choice(chat))
            name = RequestId(f"{what}{next(self._numbers)}")
            match what:
                case "close":
                    asked: Request = CloseMicrophone(name, ParticipantId(of))
                case "allow":
                    asked = AllowMicrophone(name, ParticipantId(of))
                case _ if not chat:
                    continue
                case "hide":
                    asked = HideChat(name, MessageId(of))
                case _:
                    asked = ShowChat(name, MessageId(of))
            # Until it is answered, either may be: it is nothing that was promised.
            self.settled.pop(of, None)
            try:
                await self.client.request(asked)
            except ClientFailed as failed:
                if failed.code and failed.code not in _NOT_NOW:
                    raise
                continue
            self.settled[of] = what in {"hide", "close"}

    async def _post(self, message: MessageId) -> None:
        name = RequestId(f"chat{next(self._numbers)}")
        try:
            await self.client.request(PostChat(name, message, f"message {message}"))
        except ClientFailed as failed:
            if failed.code and failed.code not in _NOT_NOW:
                raise
            self.doubtful.append(message)
            return
        self.posted.add(message)

    def _heard(self, seq: int | None, message: ServerMessage) -> None:
        try:
            if isinstance(message, Welcome):
                self.snapshot = message.snapshot
                self.view = ClientModel(message.snapshot)
            elif self.view is not None and isinstance(message, _ROOM_FRAMES):
                self.view.take(seq, cast("RoomFrame", message))
        except (AssertionError, LookupError) as error:
            self.wrong.append(f"{type(message).__name__}: {error}")
