"""`holdspace alerts`: trying whether alerts arrive."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence

from cyclopts import App

from server.alerts.ways import Tried, try_ways, ways_of
from server.cli_ops import ConfigPath, settings_file
from server.clock import SystemClock
from server.config import load_config

alerts = App(name="alerts", help="Telling the program's contact outside.")

_NAMES = {"webhook": "webhook", "mail": "e-mail"}


def register(app: App) -> None:
    """Adds these commands."""
    app.command(alerts)


@alerts.command(name="test")
def try_alerts(*, config: ConfigPath = None) -> None:
    """Send a test by each way that is set, once, and say what became of it. The server need not run.

    Exit code 0: it arrived by all of them. 1: it did not, or no way is set.
    """
    settings = load_config(settings_file(config), os.environ)
    clock = SystemClock()
    tried = asyncio.run(try_ways(ways_of(settings.alerts, settings.base_url(), clock), clock))
    for line in said(tried):
        print(line)
    sys.exit(0 if tried and all(each.arrived for each in tried) else 1)


def said(tried: Sequence[Tried]) -> list[str]:
    """What became of it, a line for each way."""
    if not tried:
        return ["Nothing was sent: [alerts] names neither a webhook nor a mail server. See docs/alerts.md."]
    return [
        f"{_NAMES[each.way]}: {'arrived' if each.arrived else 'did not arrive'} ({each.how}), {each.seconds:.1f} s"
        for each in tried
    ]
