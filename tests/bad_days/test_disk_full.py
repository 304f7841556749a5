"""A real server process whose disk takes nothing more, and then takes it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

import aiohttp
import pytest

from bench.client import ClientFailed, Pacer
from bench.crashes import as_stored
from bench.people import make_rooms
from bench.process import ServerProcess, free_ports
from protocol.errors import ErrorCode
from protocol.ids import RequestId, SessionId
from protocol.messages import ChatPosted, CloseMicrophone, MicrophoneHeld, Resume, Resumed
from protocol.values import Role
from server.bot.report import BotFault
from tests.bad_days.disks import Kind, disk
from tests.bad_days.running import Guest

ROLES = (Role.PARTICIPANT, Role.PARTICIPANT, Role.MENTOR, Role.PARTICIPANT, Role.PARTICIPANT)


async def code_of(attempt: Awaitable[object]) -> str:
    with pytest.raises((ClientFailed, BotFault)) as caught:
        await attempt
    assert isinstance(caught.value, ClientFailed | BotFault)
    return caught.value.code


async def packets(listener: Guest, seconds: float) -> list[int]:
    """What arrives of each of the other's two tracks, the quieter one first."""
    assert listener.subscription is not None
    arrivals = listener.subscription.arrivals
    before = {ssrc: each.received for ssrc, each in arrivals.items()}
    await asyncio.sleep(seconds)
    return sorted(each.received - before.get(ssrc, 0) for ssrc, each in arrivals.items())


@pytest.mark.parametrize("kind", ["limited", "full"])
async def test_on_a_full_disk_nothing_is_promised_closing_still_closes_and_all_goes_on_when_there_is_room(
    tmp_path: Path, kind: Kind
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with disk(kind, folder) as full:
        server = ServerProcess(folder, free_ports())
        made = await make_rooms(server.storage_url, {"room": ROLES, "other": (Role.PARTICIPANT,)})
        ellie, marcus, dana, sam, late, other = people = [
            Guest(server.base_url, token) for token in (*made["room"], *made["other"])
        ]
        pacing: asyncio.Task[None] | None = None
        try:
            async with aiohttp.ClientSession() as http:
                await server.start(http)
                for person in (ellie, marcus, dana, sam, other):
                    await person.sign_in()
                await dana.come_in()
                await marcus.come_in()
                await marcus.publish()
                await ellie.join(tracks=2)
                pacing = asyncio.create_task(Pacer([marcus], time.time).run())
                await ellie.all_came.wait()
                stored = [await ellie.write("while there was room")]

                full.fill(server.pid)
                lost = [await refused_message(ellie), await refused_message(dana)]
                assert await packets(ellie, 0.5) > [5, 5], "both tracks of Marcus are forwarded"
                close = CloseMicrophone(RequestId("close-1"), marcus.welcome.snapshot.you)
                assert await code_of(dana.request(close)) == ErrorCode.NOT_SAVED
                await packets(ellie, 0.1)
                silent, seen = await packets(ellie, 0.5)
                assert (silent, seen > 5) == (0, True), "the sound is cut off, the picture goes on"
                await dana.until(lambda: any(each.held for each in dana.got(MicrophoneHeld)))

                # Who is not in the room cannot come in now, and is told why; also into a room that sleeps.
                for person in (sam, other):
                    assert await code_of(person.come_in()) == ErrorCode.NOT_SAVED
                    await person.drop()
                assert await code_of(late.sign_in()) == ErrorCode.NOT_SAVED
                # Who is in the room stays in it, also over a lost connection.
                token, seq = ellie.welcome.resume_token, ellie.seq
                assert lost[0] not in posted(marcus)
                await ellie.connect_again(Resume(token, seq))
                await ellie.until(lambda: bool(ellie.got(Resumed)))

                full.free(server.pid)
                stored.append(await ellie.write("when there was room again"))
                await marcus.until(lambda: posted(marcus) == stored)
                await dana.request(CloseMicrophone(RequestId("close-2"), marcus.welcome.snapshot.you))
                await late.sign_in()
                for person in (sam, late, other):
                    await person.come_in()
                assert [message.id for message in sam.welcome.snapshot.chat] == stored
                await server.kill()
        finally:
            if pacing is not None:
                pacing.cancel()
                await asyncio.wait((pacing,))
            for person in people:
                await person.drop()
                await person.close()
            await server.kill()

        state = (await as_stored(folder, tmp_path / "copy", SessionId("bench-room"))).state
        assert [message.id for message in state.chat] == stored
        assert [person.shut for person in state.present()] == [False, True, False, False, False]
        assert not any(message in [each.id for each in state.chat] for message in lost)


async def refused_message(person: Guest) -> str:
    """Writes what cannot be stored; the id of it."""
    assert await code_of(person.write("nobody may be told that this is stored")) == ErrorCode.NOT_SAVED
    return person.last_message


def posted(person: Guest) -> list[str]:
    return [each.message.id for each in person.got(ChatPosted)]
