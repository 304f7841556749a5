"""What an alert says, which is little on purpose: no name, no group, no category, no text, no session."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

import msgspec
from msgspec import Struct

from protocol.ids import ConcernId, SessionId
from protocol.supervision import Severity
from protocol.values import Millis

EXPIRES_MS: Final[Millis] = 24 * 60 * 60 * 1000
"""An alert that is older is not sent any more."""

CONCERN_UNANSWERED: Final = "concern.unanswered"
TEST: Final = "alert.test"


class Alert(Struct, frozen=True):
    """One time that the contact is told of one concern.

    Attributes:
        id: the same however often it is sent, and by every way, so that receivers can drop repeats.
        severity: of the concern; None for a test.
        since_ms: since when the concern waits for somebody.
        at_ms: when it reached the contact.
        attempt: how many times the contact has been told of this concern, this one included.
    """

    id: str
    severity: Severity | None
    since_ms: Millis
    at_ms: Millis
    attempt: int = 1

    @property
    def type(self) -> str:
        """The webhook's `type`."""
        return TEST if self.severity is None else CONCERN_UNANSWERED

    @property
    def expires_ms(self) -> Millis:
        """When it is not sent any more."""
        return self.at_ms + EXPIRES_MS


def alert_id(session_id: SessionId, concern_id: ConcernId, at_ms: Millis) -> str:
    """The id of the alert for that concern's reaching the contact at that time. A count would begin again where what
    was counted could not be stored, and what is told then would pass for a repeat."""
    told = msgspec.json.encode((session_id, concern_id, at_ms))
    return f"msg_{hashlib.sha256(told).hexdigest()[:32]}"


def webhook_body(alert: Alert, url: str) -> bytes:
    """The JSON that is signed and posted; the same bytes each time. `url` is where to look."""
    data: dict[str, object] = {"url": url}
    if alert.severity is not None:
        data = {
            "severity": alert.severity.value,
            "since": _rfc3339(alert.since_ms),
            "attempt": alert.attempt,
            "url": url,
        }
    return msgspec.json.encode({"type": alert.type, "timestamp": _rfc3339(alert.at_ms), "data": data})


def mail(alert: Alert, url: str, *, sender: str, to: tuple[str, ...], zone: tzinfo = UTC) -> EmailMessage:
    """The message, in English and Spanish.

    Raises:
        ValueError: an address has a line break.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = _TEST_SUBJECT if alert.severity is None else _SUBJECT
    message["Date"] = format_datetime(datetime.fromtimestamp(alert.at_ms // 1000, UTC))
    message["Message-ID"] = f"<{alert.id}@{sender.rpartition('@')[2]}>"
    # RFC 3834: nobody's absence note answers it.
    message["Auto-Submitted"] = "auto-generated"
    said = _TRIES if alert.severity is None else _WAITS
    since = datetime.fromtimestamp(alert.since_ms / 1000, zone).strftime("%Y-%m-%d %H:%M (%Z)")
    message.set_content(said.format(since=since, url=url, attempt=alert.attempt), cte="quoted-printable")
    return message


def _rfc3339(at_ms: Millis) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_SUBJECT: Final = "Holdspace: a concern waits for someone · un aviso espera respuesta"
_WAITS: Final = """\
A concern in Holdspace has waited for someone since {since}.
Nobody who is on duty has answered.

Open {url}

This is message {attempt} about it. What it is about is only in Holdspace, on purpose.

--

Un aviso en Holdspace espera a alguien desde {since}.
Nadie de guardia ha respondido.

Abra {url}

Este es el mensaje {attempt} sobre ese aviso. De qué se trata solo está en Holdspace, a propósito.
"""
_TEST_SUBJECT: Final = "Holdspace: a test · una prueba"
_TRIES: Final = """\
Someone tries whether alerts from Holdspace arrive here. They do. There is nothing to do.

{url}

--

Alguien comprueba si los avisos de Holdspace llegan aquí. Llegan. No hay nada que hacer.

{url}
"""
