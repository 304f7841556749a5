"""The section [alerts], and what of it cannot be used."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""What an e-mail address may be here: plain ASCII, and nothing that could end a header or begin another."""

_NO_URL: Final = "is not like https://alerts.example.org/holdspace"
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]+")


class AlertsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the contact is told. Without a URL there is no webhook, without an SMTP host no e-mail."""

    webhook_url: str = ""
    webhook_secret_file: str = ""
    allow_private: bool = False
    smtp_host: str = ""
    smtp_port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password_file: str = ""
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()


def problem_of(config: AlertsConfig) -> str | None:
    """Why these settings cannot be used; None when they can."""
    if bool(config.webhook_url) != bool(config.webhook_secret_file):
        return "alerts: webhook_url and webhook_secret_file go together"
    if config.webhook_url:
        wrong = _wrong_with(config.webhook_url, allow_private=config.allow_private)
        if wrong:
            return f"alerts.webhook_url: {wrong}"
    return _problem_of_mail(config)


def _wrong_with(url: str, *, allow_private: bool) -> str | None:
    # The URL itself is not said: what receives webhooks often has a secret in its path.
    schemes = ("https", "http") if allow_private else ("https",)
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        return "has a space, a backslash or other characters that a URL has not"
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return _NO_URL
    if not usable:
        return _NO_URL
    if parts.scheme not in schemes:
        return f"begins with {' or '.join(f'{each}://' for each in schemes)}; http:// needs allow_private"
    if parts.username is not None or parts.password is not None:
        return "has a name or password before the host: its requests are signed, and need none"
    if parts.fragment:
        return "has a #, which is never sent"
    return None


def _problem_of_mail(config: AlertsConfig) -> str | None:
    if not config.smtp_host:
        if config.mail_to or config.mail_from or config.smtp_user or config.smtp_password_file:
            return "alerts.smtp_host: is empty, so nothing of e-mail is used; set it, or empty the others"
        return None
    if not _HOST.fullmatch(config.smtp_host):
        return f"alerts.smtp_host: {config.smtp_host!r} is no name of a host, and no address"
    if not config.mail_to:
        return "alerts.mail_to: lists nobody to write to"
    for setting, each in (("mail_from", config.mail_from), *(("mail_to", each) for each in config.mail_to)):
        if not _ADDRESS.fullmatch(each):
            return f"alerts.{setting}: {each!r} is not like office@example.org"
    if bool(config.smtp_user) != bool(config.smtp_password_file):
        return "alerts: smtp_user and smtp_password_file go together"
    if config.smtp_tls == "none" and not is_this_machine(config.smtp_host):
        return 'alerts.smtp_tls: "none" is for a mail server on this machine only'
    return None


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
