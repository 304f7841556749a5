"""From a sign-in link to a join token, over the same HTTP API that the browser uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from protocol.values import SessionStatus
from server.bot.report import BotFault
from server.http.api import Joining, Me, MySession, Name, SignIn

TIMEOUT_S: Final = 10.0

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True, slots=True)
class Link:
    """A sign-in link's two parts: where the server is (no slash at the end), and the secret."""

    base_url: str
    token: str


class _Fault(Struct, frozen=True):
    code: str
    message: str


class _FaultBody(Struct, frozen=True):
    error: _Fault


def parse_link(url: str) -> Link:
    """Takes BASE/join#TOKEN apart.

    Raises:
        BotFault: bad_link.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not parts.path.endswith("/join") or not parts.fragment:
        raise BotFault(
            "bad_link", "That is not a sign-in link; it looks like https://groups.example.org/join#SECRET (in quotes)."
        )
    return Link(f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/join')}", parts.fragment)


class Visitor:
    """One signed-in person. Made inside a running loop, used as a context manager; leaving it forgets the cookie."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._http = aiohttp.ClientSession(
            # A server by its IP address has cookies, too.
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def sign_in(self) -> None:
        """Uses the link.

        Raises:
            BotFault: link_invalid and other codes of the server, unreachable.
        """
        await self._ask("POST", "/api/v1/sign-in", Name, SignIn(self._link.token))

    async def live_session(self) -> MySession:
        """The first live session of this person.

        Raises:
            BotFault: no_live_session, and as `sign_in`.
        """
        me = await self._ask("GET", "/api/v1/me", Me)
        live = next((session for session in me.sessions if session.status is SessionStatus.LIVE), None)
        if live is None:
            raise BotFault("no_live_session", "This person has no live session to join now.")
        return live

    async def join(self, session: MySession) -> Joining:
        """A join token for that session.

        Raises:
            BotFault: as `sign_in`.
        """
        return await self._ask("POST", f"/api/v1/sessions/{session.id}/join", Joining, Struct())

    async def _ask(self, method: str, path: str, answer: type[S], body: Struct | None = None) -> S:
        url = self._link.base_url + path
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with self._http.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
                status, text = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BotFault("unreachable", f"{self._link.base_url} does not answer: {_why(error)}.") from None
        try:
            if status == 200:
                return msgspec.json.decode(text, type=answer)
            fault = msgspec.json.decode(text, type=_FaultBody).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BotFault(
                "unreachable", f"What answers at {self._link.base_url} is not Holdspace (HTTP {status} on {path})."
            ) from None
        raise BotFault(fault.code, f"The server said: {fault.message}")


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:.0f} s"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or "it cannot be connected to"
    return str(error) or type(error).__name__
