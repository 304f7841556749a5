"""Appends to a log until it is killed, and prints each event's number once it was acknowledged."""

from __future__ import annotations

import asyncio
import sys

from server.clock import SystemClock
from server.storage.engine import open_engine
from server.storage.log import EventLog, NewEvent
from server.storage.migrate import migrate


async def main(url: str) -> None:
    await migrate(url)
    log = EventLog(open_engine(url), SystemClock())
    await log.start()
    claim = await log.claim("room-1", "room")
    head = claim.head
    while True:
        waiting: list[asyncio.Future[None]] = []
        for _ in range(7):
            done = log.append("room-1", claim.epoch, head, [NewEvent(0, "chat_posted", 1, b"%d" % (head + 1))])
            head += 1
            done.add_done_callback(lambda done, number=head: _acknowledge(done, number))
            waiting.append(done)
        await asyncio.gather(*waiting)


def _acknowledge(done: asyncio.Future[None], number: int) -> None:
    done.result()
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


asyncio.run(main(sys.argv[1]))
