"""E-mail by SMTP: encrypted, unless the mail server is this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from datetime import UTC, tzinfo
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import aiosmtplib

from server.alerts.alert import Alert, mail
from server.alerts.settings import AlertsConfig
from server.alerts.way import NotDelivered
from server.config import ConfigError

TIMEOUT_S: Final = 30.0
GOODBYE_S: Final = 2.0


class Mailing:
    """Sends alerts through one mail server."""

    name = "mail"

    def __init__(
        self,
        config: AlertsConfig,
        *,
        look_at: str,
        zone: tzinfo = UTC,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Reads the password. `look_at`, `tls`: as for the webhook; `zone`: of the time that is written.

        Raises:
            ConfigError: there is no password where there should be.
        """
        self._config = config
        self._look_at = look_at
        self._zone = zone
        self._tls = tls
        self._timeout_s = timeout_s
        self._password = read_password(Path(config.smtp_password_file)) if config.smtp_user else None

    async def deliver(self, alert: Alert) -> str:
        """See `Way.deliver`. It arrived when the mail server took it for one recipient at least."""
        config = self._config
        message = mail(alert, self._look_at, sender=config.mail_from, to=config.mail_to, zone=self._zone)
        refused = await self.send(message, config.mail_to)
        return f"taken for {len(config.mail_to) - refused} of {len(config.mail_to)}"

    async def send(self, message: EmailMessage, to: Sequence[str]) -> int:
        """Hands a message to the mail server; how many of its recipients were refused. Raises NotDelivered."""
        config = self._config
        client = aiosmtplib.SMTP(
            hostname=config.smtp_host,
            port=config.smtp_port,
            # The machine's own name is nobody's business.
            local_hostname=config.mail_from.rpartition("@")[2],
            use_tls=config.smtp_tls == "tls",
            start_tls=False,
            tls_context=self._tls,
            timeout=self._timeout_s,
        )
        try:
            # The library's own timeout is one for each line: a server that dribbles would hold us for ever.
            async with asyncio.timeout(self._timeout_s):
                await self._connect(client)
                refused, _ = await client.send_message(message, sender=config.mail_from, recipients=list(to))
            await _say_goodbye(client)
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._timeout_s:g} s") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(_words(error)) from None
        finally:
            client.close()
        return len(refused)

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._config.smtp_tls == "starttls":
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise NotDelivered("it does not offer STARTTLS")
            await client.starttls()
        if self._password is not None:
            await client.login(self._config.smtp_user, self._password)


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """It has taken the message: whatever happens now changes nothing of that."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        async with asyncio.timeout(GOODBYE_S):
            await client.quit()


def read_password(path: Path) -> str:
    """Raises ConfigError: it cannot be read, or is empty."""
    try:
        password = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"alerts.smtp_password_file: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"alerts.smtp_password_file: {path}: is no text") from None
    if not password:
        raise ConfigError(f"alerts.smtp_password_file: {path}: is empty")
    return password


def _words(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not valid, or it does not speak TLS"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return f"user or password refused ({error.code})"
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "every recipient refused"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.code}"
    return type(error).__name__
