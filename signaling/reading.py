"""The frames of one socket, read one by one: charged before they are read, in turns with others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocol.codec import decode_client, request_id_of
from protocol.errors import ErrorCode, ProtocolError, Unavailable, meaning
from protocol.ids import RequestId
from protocol.messages import ClientMessage, Rejected
from signaling.ports import Telemetry
from signaling.rate import Allowance
from signaling.socket import Socket, WebSocket


class Reader:
    """Reads what comes, until it no longer counts."""

    def __init__(self, ws: WebSocket, socket: Socket, allowance: Allowance, telemetry: Telemetry) -> None:
        self._ws = ws
        self._socket = socket
        self._allowance = allowance
        self._telemetry = telemetry

    async def run(
        self,
        silent_s: float,
        *,
        counts: Callable[[], bool],
        take: Callable[[ClientMessage], None],
        refuse: Callable[[Rejected], None],
    ) -> None:
        """Hands each message to `take`, until the socket ends or what it says no longer `counts`.

        Raises:
            ConnectionClosed: the socket ended.
            TimeoutError: nothing came for `silent_s`.
            Unavailable: RATE_LIMITED, the client floods.
        """
        while True:
            async with asyncio.timeout(silent_s):
                data = await self._ws.recv()
            if not counts() or self._socket.closing:
                return
            # A backlog is read without ever waiting: others want their turn, too.
            await asyncio.sleep(0)
            if not self._allowance.arrived(len(data)):
                raise Unavailable(ErrorCode.RATE_LIMITED)
            try:
                take(decode_client(data, self._socket.wire))
            except ProtocolError as error:
                self._telemetry.frame_refused(error.code)
                refuse(rejected(request_id_of(data, self._socket.wire), error.code))
                if not self._allowance.malformed():
                    raise Unavailable(ErrorCode.RATE_LIMITED) from None


def rejected(request_id: RequestId, code: ErrorCode) -> Rejected:
    """The answer to a request that is not carried out."""
    return Rejected(request_id, code, meaning(code).text)
