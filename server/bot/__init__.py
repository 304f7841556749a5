"""A headless participant: signs in by a link, joins, publishes, listens, leaves, and reports what it received.

Operators smoke-test a deployment with it (`holdspace bot`), and tests use it as a client of the other kind.
"""

from __future__ import annotations

from server.bot.report import BotReport
from server.bot.visit import run_bot

__all__ = ["BotReport", "run_bot"]
