"""`holdspace`: serve, seed, links, bot."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from server.auth import Auth
from server.clock import SystemClock
from server.config import Config, ConfigError, load_config
from server.demo import DemoRefused, Links, demo_links, seed
from server.logs import configure_logging
from server.storage.engine import StorageError, open_engine
from server.storage.migrate import migrate

if TYPE_CHECKING:
    from server.bot import BotReport

app = App(name="holdspace", help="Video and group-chat sessions for virtual mental-health programs.")

ConfigPath = Annotated[
    Path | None, Parameter(name="--config", help="Settings file; config.toml in this folder when there is one.")
]


def main() -> None:
    """Entry point of the console script. Exit code 2: settings, database or address cannot be used."""
    try:
        app()
    except (ConfigError, DemoRefused, StorageError, OSError) as error:
        _give_up(str(error))
    except DBAPIError as error:
        _give_up(f"the database cannot be used: {error.orig}")


def _give_up(why: str) -> None:
    Console(stderr=True).print(f"[bold]holdspace:[/bold] {why}", highlight=False, markup=True)
    sys.exit(2)


@app.command
def serve(*, config: ConfigPath = None, demo: bool = False) -> None:
    """Run the server until SIGTERM or Ctrl+C.

    Parameters
    ----------
    demo
        Make the demo group with a live session, and print sign-in links for its people.
    """
    settings = _settings(config)
    configure_logging(settings.log.level, settings.log.format)
    asyncio.run(_serve(settings, demo=demo))


@app.command(name="seed")
def seed_demo(*, config: ConfigPath = None) -> None:
    """Make the demo group, its people and a live session, as far as they are missing."""
    asyncio.run(_seed(_settings(config)))


@app.command
def links(*, config: ConfigPath = None, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Print fresh sign-in links for the demo's people (twelve hours, this machine only)."""
    made = asyncio.run(_links(_settings(config)))
    if as_json:
        print(json.dumps(asdict(made)))
    else:
        _show(made)


@app.command
def bot(
    url: str,
    *,
    publish: str = "synthetic",
    seconds: float = 10.0,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Join as a headless participant, to smoke-test a deployment. Exit code 1: it did not work, and why.

    Parameters
    ----------
    url
        A sign-in link.
    publish
        `synthetic` (a tone and a moving picture), `none`, or a media file.
    seconds
        How long to stay after joining; Ctrl+C leaves sooner.
    as_json
        Print one JSON line of what was received.
    """
    report = asyncio.run(_bot(url, publish, seconds))
    if as_json:
        print(json.dumps(report.as_dict()))
    else:
        Console().print(report.as_dict())
    if not report.ok:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold]holdspace bot:[/bold] {report.words} ({report.error})", highlight=False
        )
        sys.exit(1)


def _settings(path: Path | None) -> Config:
    here = Path("config.toml")
    return load_config(path or (here if here.exists() else None), os.environ)


async def _serve(settings: Config, *, demo: bool) -> None:
    # Only here: it brings in the media plane, which is slow to import and of no use to the other commands.
    from server.app import Node

    node = Node(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await node.start()
    try:
        if demo:
            people = await seed(node.engine, node.clock)
            _show(await demo_links(node.auth, people, settings.base_url()))
        await stopping.wait()
    finally:
        await node.stop()


async def _bot(url: str, publish: str, seconds: float) -> BotReport:
    # Only here: it brings in the codecs of PyAV, which the server never needs.
    from server.bot import run_bot

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return await run_bot(url, publish=publish, seconds=seconds, stop=stop)


async def _seed(settings: Config) -> None:
    await migrate(settings.storage.url)
    engine = open_engine(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
    try:
        await seed(engine, SystemClock())
    finally:
        await engine.dispose()


async def _links(settings: Config) -> Links:
    await migrate(settings.storage.url)
    engine = open_engine(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
    try:
        clock = SystemClock()
        people = await seed(engine, clock)
        return await demo_links(Auth(engine, clock), people, settings.base_url())
    finally:
        await engine.dispose()


def _show(made: Links) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold]Holdspace is at {made.base_url}[/bold]")
    console.print("Open these links in separate browsers or private windows; they work for twelve hours:\n")
    for number, url in enumerate(made.participants, start=1):
        console.print(f"  participant {number}  {url}")
    console.print(f"  mentor         {made.mentor}")
    console.print(f"  therapist      {made.therapist}\n")


if __name__ == "__main__":
    main()
