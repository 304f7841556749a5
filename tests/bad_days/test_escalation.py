"""kill -9 while a concern waits for its clock: it goes on all the same, and once."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import aiohttp

from bench.people import make_rooms
from bench.process import ServerProcess, free_ports
from protocol.values import Role
from tests.server.flagged import flag

URGENT_S = 1.0
WITHIN_S = 15.0


async def test_a_concern_goes_on_once_although_the_server_was_killed(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, free_ports(), {"ESCALATION__URGENT_S": str(URGENT_S)})
    roles = (Role.PARTICIPANT, Role.THERAPIST, Role.MENTOR)
    tokens = (await make_rooms(server.storage_url, {"room": roles}))["room"]
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as page:
            await server.start(page)
            async with page.post(f"{server.base_url}/api/v1/sign-in", json={"token": tokens[0]}) as answer:
                assert answer.status == 200
            raised = f"{server.base_url}/api/v1/sessions/bench-room/flags"
            async with page.post(raised, json=flag(severity="urgent")) as answer:
                assert (answer.status, await answer.json()) == (200, {"stored": True})
            await server.kill()
            assert escalations(tmp_path) == 0
            await server.start(page)

            async with asyncio.timeout(WITHIN_S):
                while escalations(tmp_path) == 0:
                    await asyncio.sleep(0.05)
            # Its clock would have come again by now.
            await asyncio.sleep(URGENT_S + 0.3)
            assert escalations(tmp_path) == 1
            async with page.post(raised, json=flag(severity="urgent")) as answer:
                assert (answer.status, await answer.json()) == (200, {"stored": True})
    finally:
        await server.stop()


def escalations(folder: Path) -> int:
    with sqlite3.connect(folder / "bench.db") as database:
        return int(
            database.execute(
                "SELECT count(*) FROM events WHERE stream_id = 'bench-room/supervision' AND type = 'concern_escalated'"
            ).fetchone()[0]
        )
