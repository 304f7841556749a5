"""One port for HTTP and WebSocket: looks at a connection's first line, then steps aside for good.

`GET /ws` goes to websockets, everything else to aiohttp. The protocol that takes over gets the transport and the
bytes read so far; from then on this module sees nothing of that connection.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Final, cast

from aiohttp import web

from server.headers import HEADERS
from server.http.application import http_connection
from server.sockets import WebSockets

FIRST_LINE_TIMEOUT_S: Final = 10.0
BACKLOG: Final = 128
MAX_WAITING: Final = 4_096
"""Connections that have not sent their first line yet; one more ends the one that waits longest."""

TLS_HANDSHAKE_TIMEOUT_S: Final = 10.0
MAX_FIRST_LINE: Final = 8_192
"""Longest request line, in bytes."""

_WS_LINE: Final = re.compile(rb"GET /ws(?:\?[^ ]*)? HTTP/1\.1\r?\n")
_HEADERS: Final = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()
_REFUSAL: Final = b"HTTP/1.1 %s\r\n%sCache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Front:
    """Accepts connections on one port."""

    def __init__(
        self,
        http: web.Server,
        sockets: WebSockets,
        *,
        first_line_timeout_s: float = FIRST_LINE_TIMEOUT_S,
    ) -> None:
        """`http` is `runner.server` of a runner that was set up."""
        self._http = http
        self._sockets = sockets
        self._timeout_s = first_line_timeout_s
        # In order of arrival.
        self._waiting: dict[FirstLine, None] = {}
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listens; returns the port (of interest when 0 was asked for). With `tls`, for TLS and nothing else.

        Raises:
            OSError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._accept,
            host,
            port,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else TLS_HANDSHAKE_TIMEOUT_S,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace_s: float) -> None:
        """Accepts nothing more, closes WebSockets with 1001, lets running requests end; each within `grace_s`.

        Whoever wants to say goodbye in its own words closes its WebSockets before.
        """
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._waiting):
            connection.abort()
        await self._sockets.close(grace_s)
        self._http.pre_shutdown()
        await self._http.shutdown(grace_s)
        self._server = None

    def _accept(self) -> FirstLine:
        return FirstLine(self._choose, self._waiting, self._timeout_s)

    def _choose(self, line: bytes) -> asyncio.Protocol:
        return self._sockets.connection() if _WS_LINE.fullmatch(line) else http_connection(self._http)


class FirstLine(asyncio.Protocol):
    """Waits for the first line of one connection, for a limited time and to a limited length."""

    def __init__(
        self, choose: Callable[[bytes], asyncio.Protocol], waiting: dict[FirstLine, None], timeout_s: float
    ) -> None:
        self._choose = choose
        self._waiting = waiting
        self._timeout_s = timeout_s
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._waiting[self] = None
        if len(self._waiting) > MAX_WAITING:
            next(iter(self._waiting)).abort()
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._refuse, b"408 Request Timeout")

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        # RFC 9112 section 2.2: an empty line before the request line is ignored.
        self._received += data
        if self._received.startswith((b"\r", b"\n")):
            self._received = self._received.lstrip(b"\r\n")
        end = self._received.find(b"\n", 0, MAX_FIRST_LINE)
        if end >= 0:
            self._hand_over(transport, bytes(self._received[: end + 1]))
        elif len(self._received) >= MAX_FIRST_LINE:
            self._refuse(b"414 URI Too Long")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()

    def abort(self) -> None:
        """Ends the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self, transport: asyncio.Transport, line: bytes) -> None:
        self._forget()
        chosen = self._choose(line)
        transport.set_protocol(chosen)
        chosen.connection_made(transport)
        chosen.data_received(bytes(self._received))

    def _refuse(self, status: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_REFUSAL % (status, _HEADERS))
            self._transport.close()

    def _forget(self) -> None:
        self._waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
