"""The ways that the settings name, and trying them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path

from server.alerts.alert import Alert
from server.alerts.guard import Guard
from server.alerts.mailing import Mailing
from server.alerts.settings import AlertsConfig
from server.alerts.signing import read_secrets
from server.alerts.way import NotDelivered, Way
from server.alerts.webhook import Webhook
from server.clock import Clock
from server.tokens import new_id


def ways_of(config: AlertsConfig, base_url: str, clock: Clock, *, zone: tzinfo = UTC) -> tuple[Way, ...]:
    """`base_url`: where people type to come here; `zone`: of the time in e-mails. Reads the secrets.

    Raises:
        ConfigError: a secret cannot be used.
    """
    look_at = f"{base_url}/"
    ways: list[Way] = []
    if config.webhook_url:
        secrets = read_secrets(Path(config.webhook_secret_file))
        guard = Guard(allow_private=config.allow_private)
        ways.append(Webhook(config.webhook_url, secrets, guard, clock, look_at=look_at))
    if config.smtp_host:
        ways.append(Mailing(config, look_at=look_at, zone=zone))
    return tuple(ways)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a test. `how`: in words; `seconds`: how long it took."""

    way: str
    arrived: bool
    how: str
    seconds: float


async def try_ways(ways: Sequence[Way], clock: Clock) -> list[Tried]:
    """Sends a test by each way, once, one after the other."""
    now_ms = clock.now_ms()
    alert = Alert(f"msg_{new_id()}", None, now_ms, now_ms)
    found: list[Tried] = []
    for way in ways:
        began = clock.monotonic()
        try:
            arrived, how = True, await way.deliver(alert)
        except NotDelivered as failed:
            arrived, how = False, str(failed)
        found.append(Tried(way.name, arrived, how, clock.monotonic() - began))
    return found
