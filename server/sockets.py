"""WebSocket connections without a listener of their own: someone else accepts, these take over the transport.

Holds on to classes of websockets 17.4 (pinned exactly): `ServerConnection` and `Server`, as `serve()` uses them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from aiohttp import web
from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.frames import CloseCode, Frame
from websockets.http11 import Response
from websockets.protocol import CONNECTING, OPEN
from websockets.server import ServerProtocol
from websockets.typing import Origin, StatusLike, Subprotocol

from protocol.errors import ErrorCode, meaning
from server.headers import HEADERS
from server.logs import where_it_failed

WsHandler = Callable[["Connection"], Awaitable[None]]

_log = structlog.stdlib.get_logger("holdspace.sockets")

MAX_UNREAD = 2 * 1024 * 1024
"""Bytes that a peer may leave unread in our buffers."""

STRANGER_FRAMES = 32
STRANGER_BYTES = 512 * 1024
"""What may arrive before it is known who is there: one message is enough, and its answer is kind up to this size."""

FRAMES_PER_S = 120.0
FRAMES_BURST = 600
BYTES_PER_S = 512 * 1024.0
BYTES_BURST = 4 * 1024 * 1024
"""And afterwards. Signaling has smaller limits and says why; these hold for what it never sees: pings, pongs, empty
fragments, and frames that arrive in one piece with many others."""

SUBPROTOCOLS = (Subprotocol("holdspace.msgpack"), Subprotocol("holdspace.json"))


@dataclass(frozen=True, slots=True)
class WsOptions:
    """How connections behave. Sizes in bytes, times in seconds.

    Attributes:
        origins: accepted values of the Origin header; clients that are no browsers send none and are accepted.
        max_size: longest message; signaling has its own, smaller limit and a kinder answer.
    """

    origins: frozenset[str]
    max_size: int = 256 * 1024
    max_queue: int = 16
    write_limit: int = 65_536
    open_timeout_s: float = 10.0
    close_timeout_s: float = 2.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    subprotocols: tuple[Subprotocol, ...] = field(default=SUBPROTOCOLS)


class WebSockets:
    """Makes connections, runs the handler on each, and closes them all in the end."""

    def __init__(
        self, handler: WsHandler, options: WsOptions, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`monotonic` gives seconds that never run backwards."""
        self._handler = handler
        self._monotonic = monotonic
        self._options = options
        self._logger = _quiet_logger()
        self._server = _Registry(self._run, self._logger)

    @property
    def open_count(self) -> int:
        """Connections that are open now."""
        return len(self._server.connections)

    def connection(self) -> Connection:
        """An asyncio protocol for a transport that was accepted elsewhere; its first bytes are the request's."""
        options = self._options
        protocol = _Handshake(
            monotonic=self._monotonic,
            origins=[*(Origin(origin) for origin in sorted(options.origins)), None],
            subprotocols=options.subprotocols,
            max_size=options.max_size,
            logger=self._logger,
        )
        return Connection(
            protocol,
            self._server,
            ping_interval=options.ping_interval_s,
            ping_timeout=options.ping_timeout_s,
            close_timeout=options.close_timeout_s,
            max_queue=options.max_queue,
            write_limit=options.write_limit,
        )

    def adopt(self, request: web.Request) -> web.StreamResponse:
        """Takes the connection away from aiohttp in the middle of a request; what is returned is never sent.

        Proxies reuse connections: the request for the WebSocket may be the second on one.
        """
        http: Any = request.protocol
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client has gone")
        head = [f"{request.method} {request.raw_path} HTTP/1.1".encode("ascii", "surrogateescape")]
        head += [name + b": " + value for name, value in request.raw_headers]
        tail: bytes = http._message_tail  # noqa: SLF001 - bytes after the head, which aiohttp has read already
        # aiohttp closes the transport that it believes to have when it hears that the connection is lost.
        http.transport = None
        connection = self.connection()
        transport.set_protocol(connection)
        http.connection_lost(None)
        connection.connection_made(transport)
        connection.data_received(b"\r\n".join(head) + b"\r\n\r\n" + tail)
        return web.Response()

    async def close(self, grace_s: float) -> None:
        """Takes no more; closes what is open with 1001 and waits for the handlers, then cuts off what is left."""
        self._server.serving = False
        closing = [
            asyncio.create_task(connection.close(CloseCode.GOING_AWAY)) for connection in self._server.connections
        ]
        waiting = [*closing, *self._server.handler_tasks]
        if not waiting:
            return
        _, left = await asyncio.wait(waiting, timeout=grace_s)
        for task in left:
            task.cancel()
        if left:
            _log.warning("connections cut off at the end of the grace period", count=len(left))
            await asyncio.wait(left, timeout=1.0)

    async def _run(self, connection: Connection) -> None:
        """One connection's life, as `serve()` has it, without a traceback for each phone that loses its network."""
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(self._options.open_timeout_s):
                await connection.handshake(server_header="holdspace")
            if connection.protocol.state is not OPEN:
                return
            self._server.all_connections.add(connection)
            connection.start_keepalive()
            await self._serve(connection)
        except (ConnectionClosed, ConnectionError, TimeoutError) as error:
            _log.debug("connection ended", **where_it_failed(error))
        except Exception as error:
            _log.error("connection failed", **where_it_failed(error))
        finally:
            self._server.all_connections.discard(connection)
            if task is not None:
                self._server.handler_tasks.discard(task)
            connection.transport.abort()

    async def _serve(self, connection: Connection) -> None:
        try:
            await self._handler(connection)
        except ConnectionClosed:
            pass
        except Exception as error:
            _log.error("socket handler failed", **where_it_failed(error))
            await connection.close(CloseCode.INTERNAL_ERROR)
        else:
            await connection.close()
        # The closing handshake is over when the transport is gone.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._options.close_timeout_s):
                await connection.wait_closed()


class _Budget:
    """What one connection may make us read. Frames cost whatever is in them: an empty one takes as long as a word."""

    def __init__(self) -> None:
        self._frames, self._bytes = float(STRANGER_FRAMES), float(STRANGER_BYTES)
        self._known_at: float | None = None

    def know(self, now: float) -> None:
        """It is known who is there: the fair share counts from now on."""
        if self._known_at is None:
            self._frames, self._bytes, self._known_at = FRAMES_BURST, BYTES_BURST, now

    def take(self, size: int, now: float) -> bool:
        """One frame of so many bytes has arrived; whether that is still use, and not a flood."""
        if self._known_at is not None:
            since, self._known_at = now - self._known_at, now
            self._frames = min(FRAMES_BURST, self._frames + since * FRAMES_PER_S)
            self._bytes = min(BYTES_BURST, self._bytes + since * BYTES_PER_S)
        self._frames -= 1
        self._bytes -= size
        return self._frames >= 0 and self._bytes >= 0


class _Handshake(ServerProtocol):
    """Counts what arrives before it is answered. What is refused gets our words and headers; the library's own words
    quote what was sent.
    """

    frames_read = 0
    """Of this connection so far."""

    def __init__(self, *, monotonic: Callable[[], float], **options: Any) -> None:
        """`monotonic` gives seconds that never run backwards."""
        super().__init__(**options)
        self._monotonic = monotonic
        self._budget = _Budget()

    def know(self) -> None:
        """It is known who is there."""
        self._budget.know(self._monotonic())

    def recv_frame(self, frame: Frame) -> None:
        # Before anything is made of it: a pong is an answer, and a queue of empty fragments is memory.
        self.frames_read += 1
        if self._budget.take(len(frame.data), self._monotonic()):
            super().recv_frame(frame)
        else:
            # What came behind it is thrown away unread (RFC 6455 section 7.1.7).
            self.fail(meaning(ErrorCode.RATE_LIMITED).close, ErrorCode.RATE_LIMITED.value)

    def send_eof(self) -> None:
        if self.state is CONNECTING and isinstance(self.handshake_exc, InvalidMessage) and not self.writes:
            # The library hangs up on a request that it cannot read.
            self.writes.append(self.reject(400, "").serialize())
        super().send_eof()

    def reject(self, status: StatusLike, text: str) -> Response:  # noqa: ARG002 - what it would say
        code = {403: ErrorCode.ORIGIN_REFUSED, 400: ErrorCode.MALFORMED}.get(int(status), ErrorCode.UNEXPECTED)
        response = super().reject(status, meaning(code).text + "\n")
        for name, value in (*HEADERS.items(), ("Cache-Control", "no-store")):
            response.headers[name] = value
        return response


class Connection(ServerConnection):
    """Ends a peer that makes us answer and does not read: the library buffers its pongs without limit."""

    def know(self) -> None:
        """It is known who is there. Until then a connection may send very little."""
        protocol = self.protocol
        if isinstance(protocol, _Handshake):
            protocol.know()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            # What is still on its way would be answered into nothing.
            return
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()


class _Registry(Server):
    """What a ServerConnection asks its server for; there is no listener behind it."""

    def __init__(self, handler: Callable[[Connection], Any], logger: logging.Logger) -> None:
        # Its connections are those that are made here.
        super().__init__(_no_listener, cast("Callable[[ServerConnection], Any]", handler), logger)
        self.serving = True

    def is_serving(self) -> bool:
        return self.serving


async def _no_listener() -> asyncio.Server:
    raise RuntimeError("connections are accepted by server.front")


def _quiet_logger() -> logging.Logger:
    """The library logs a traceback for each abrupt disconnect, and at debug level what people write."""
    logger = logging.getLogger("holdspace.websockets")
    logger.setLevel(logging.CRITICAL)
    return logger
