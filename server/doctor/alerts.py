"""Whether the contact outside could be told, as far as one can see without telling. `holdspace alerts test` tells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from server.alerts.guard import Lookup, is_public, look_up
from server.alerts.mailing import read_password
from server.alerts.settings import AlertsConfig
from server.alerts.signing import read_secrets
from server.config import ConfigError
from server.doctor.finding import Finding, broken, look, ok

WAIT_S: Final = 5.0
_NEW_SECRET: Final = "write whsec_ and the output of `openssl rand -base64 32` into it, on one line"  # noqa: S105


async def alerts(config: AlertsConfig, lookup: Lookup = look_up, *, wait_s: float = WAIT_S) -> tuple[Finding, ...]:
    """A finding for each way that is set."""
    if not config.webhook_url and not config.smtp_host:
        return (
            look(
                "alerts",
                "neither a webhook nor a mail server is set: when nobody on duty answers, nobody outside is told",
                "set [alerts] (docs/alerts.md), then run `holdspace alerts test`",
            ),
        )
    found: list[Finding] = []
    if config.webhook_url:
        found.append(await _webhook(config, lookup, wait_s))
    if config.smtp_host:
        found.append(await _mail(config, wait_s))
    return tuple(found)


async def _webhook(config: AlertsConfig, lookup: Lookup, wait_s: float) -> Finding:
    name, parts = "alerts' webhook", urlsplit(config.webhook_url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    try:
        secrets = read_secrets(Path(config.webhook_secret_file))
    except ConfigError as error:
        return broken(name, str(error), _NEW_SECRET)
    try:
        async with asyncio.timeout(wait_s):
            addresses = await lookup(host, parts.port or (443 if secure else 80))
    except OSError:
        return look(name, f"{host} cannot be looked up now", "correct alerts.webhook_url, or this machine's DNS")
    if not config.allow_private and not all(map(is_public, addresses)):
        return broken(
            name,
            f"{host} leads to an address that is not public: nothing is sent there",
            "correct alerts.webhook_url; for a receiver on your own network, set alerts.allow_private",
        )
    if not secure:
        return look(
            name,
            f"{host} gets alerts over http://: whoever is on the way can read them, and keep them back",
            "use https:// as soon as the receiver can",
        )
    signed = "two secrets; take the old one out when the receiver has the new one" if len(secrets) > 1 else "one secret"
    return ok(name, f"to {host}, signed with {signed}")


async def _mail(config: AlertsConfig, wait_s: float) -> Finding:
    name, where = "alerts' e-mail", f"{config.smtp_host} port {config.smtp_port}"
    try:
        if config.smtp_password_file:
            read_password(Path(config.smtp_password_file))
    except ConfigError as error:
        return broken(name, str(error), "write the password into it, on one line")
    try:
        async with asyncio.timeout(wait_s):
            _, writer = await asyncio.open_connection(config.smtp_host, config.smtp_port)
    except OSError as error:
        why = "does not answer" if isinstance(error, TimeoutError) else "cannot be reached"
        return look(name, f"{where} {why}", "see whether alerts.smtp_host and smtp_port are right, and the firewall")
    writer.transport.abort()
    return ok(name, f"{where} is there; {len(config.mail_to)} to write to")
