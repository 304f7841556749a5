"""A bot's peer connections against our own descriptions; nothing is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from media.dtls import Fingerprint
from media.engine.interface import Candidate, Kind
from media.negotiation import Local, OfferedSlot, write_subscribe_offer
from protocol.messages import SubscribeOffer
from server.bot.calls import Subscribing
from server.bot.report import BotReport

HERE = Candidate("192.0.2.1", 8_081)
LOCAL = Local(
    "0123456789ab", "0123456789abcdef0123456789abcdef", Fingerprint("sha-256", ":".join(["EF"] * 32)), (HERE,), 1_234
)


def offer(people: int, *, version: int = 1) -> SubscribeOffer:
    slots = [
        OfferedSlot(f"{kind.value[0]}{seat}", kind, True, 10 * seat + place, None, f"seat{seat}")
        for seat in range(people)
        for place, kind in enumerate((Kind.AUDIO, Kind.VIDEO))
    ]
    return SubscribeOffer(version, write_subscribe_offer(slots, LOCAL, version), (), fresh=version == 1)


def known(bot: Subscribing) -> set[tuple[str, int]]:
    """Where the bot looks for the server."""
    connection = bot._connection
    assert connection is not None
    transports = {each.receiver.transport.transport for each in connection.getTransceivers()}
    return {(each.ip, each.port) for transport in transports for each in transport.getRemoteCandidates()}


@asynccontextmanager
async def subscribing() -> AsyncGenerator[Subscribing]:
    made = Subscribing(BotReport(), (), monotonic)
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.parametrize("others", [1, 2, 3])
async def test_whoever_is_there_already_a_bot_knows_where_the_server_is(others: int) -> None:
    async with subscribing() as bot:
        await bot.answer(offer(others))
        assert known(bot) == {(HERE.host, HERE.port)}


async def test_it_still_knows_when_more_people_come() -> None:
    async with subscribing() as bot:
        await bot.answer(offer(2))
        await bot.answer(offer(3, version=2))
        assert known(bot) == {(HERE.host, HERE.port)}


async def test_a_connection_that_does_not_come_to_stand_is_noticed() -> None:
    async with subscribing() as bot:
        assert not bot.failed(0)
        await bot.answer(offer(2))
        assert bot.failed(0)
        assert not bot.failed(60)
