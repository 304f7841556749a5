"""The webhook: one signed POST. Only a status of success counts, and nothing else of the answer is read."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import aiohttp

from server.alerts.alert import Alert, webhook_body
from server.alerts.guard import Guard, NotPublic
from server.alerts.signing import sign
from server.alerts.way import NotDelivered
from server.clock import Clock

TIMEOUT_S: Final = 10.0


class Webhook:
    """Posts alerts to one URL."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        secrets: tuple[bytes, ...],
        guard: Guard,
        clock: Clock,
        *,
        look_at: str,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`look_at`: the address of Holdspace, for whoever receives an alert. `tls`: None takes the system's trust."""
        self._url = url
        self._secrets = secrets
        self._guard = guard
        self._clock = clock
        self._look_at = look_at
        self._tls = tls
        self._timeout_s = timeout_s

    async def deliver(self, alert: Alert) -> str:
        """See `Way.deliver`."""
        body = webhook_body(alert, self._look_at)
        timestamp_s = self._clock.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "holdspace",
            "webhook-id": alert.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": sign(self._secrets, alert.id, timestamp_s, body),
        }
        try:
            # Around everything, looking up the name as well: a receiver that dribbles is cut off.
            async with asyncio.timeout(self._timeout_s):
                status = await self._post(body, headers)
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotDelivered(_words(error)) from None
        if 300 <= status < 400:
            raise NotDelivered(f"status {status}: it wants to send us elsewhere, and we do not go")
        if not 200 <= status < 300:
            raise NotDelivered(f"status {status}")
        return f"status {status}"

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        connector = aiohttp.TCPConnector(
            ssl=self._tls or True,
            resolver=self._guard,
            socket_factory=self._guard.open_socket,
            use_dns_cache=False,
            force_close=True,
        )
        # Proxies, .netrc and cookies of this machine are none of its business.
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as client:
            answer = await client.post(self._url, data=body, headers=headers, allow_redirects=False)
            # Closed rather than released: what comes behind the headers is not waited for.
            answer.close()
            return answer.status


def _words(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NotPublic):
            return "its name leads to an address that is not public; alerts.allow_private allows that"
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not valid, or it does not speak TLS"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
