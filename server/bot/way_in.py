"""From a sign-in link to a join token, over the same HTTP API that the browser uses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Struct

from program.consents import ADULT_VERSION, ConsentKind
from protocol.values import SessionStatus
from server.bot.report import BotFault
from server.http.api import Joining, Me, MySession, Name, SignIn
from server.http.arrival import Agree, Arrival
from server.whereabouts import Whereabouts

TIMEOUT_S: Final = 10.0

LANGUAGE: Final = "en"
NOWHERE: Final = Whereabouts(
    place="Nowhere, this is a bot",
    city="Nowhere",
    region="None",
    call_back="000",
    contact_name="Nobody",
    contact_phone="000",
)

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

    async def arrive(self, session: MySession) -> None:
        """Reads and agrees to everything that a join asks this person for, and says that they are nowhere.

        Raises:
            BotFault: as `sign_in`.
        """
        path = f"/api/v1/sessions/{session.id}"
        asked = await self._ask("GET", f"{path}/arrival?language={LANGUAGE}", Arrival)
        if not asked.adult:
            await self._agree(session, ConsentKind.ADULT, ADULT_VERSION, LANGUAGE)
        if not asked.notice.agreed:
            await self._agree(session, ConsentKind.NOTICE, asked.notice.version, asked.notice.language)
        if asked.agreement is not None and not asked.agreement.agreed:
            await self._agree(session, ConsentKind.AGREEMENT, asked.agreement.version, asked.agreement.language)
        if asked.whereabouts is not None and not asked.whereabouts.confirmed:
            await self._tell("PUT", f"{path}/whereabouts", NOWHERE)

    async def _agree(self, session: MySession, kind: ConsentKind, version: str, language: str) -> None:
        await self._tell("POST", "/api/v1/consents", Agree(kind, session.id, version, language))

    async def join(self, session: MySession) -> Joining:
        """A join token for that session.

        Raises:
            BotFault: as `sign_in`.
        """
        return await self._ask("POST", f"/api/v1/sessions/{session.id}/join", Joining, Struct())

    async def _tell(self, method: str, path: str, body: Struct) -> None:
        await self._exchange(method, path, None, body)

    async def _ask(self, method: str, path: str, answer: type[S], body: Struct | None = None) -> S:
        found = await self._exchange(method, path, answer, body)
        assert found is not None
        return found

    async def _exchange(self, method: str, path: str, answer: type[S] | None, body: Struct | None) -> S | None:
        url = self._link.base_url + path
        data = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with self._http.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
                status, text = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BotFault("unreachable", f"{self._link.base_url} does not answer: {_why(error)}.") from None
        try:
            if status == 204 and answer is None:
                return None
            if status == 200 and answer is not None:
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
