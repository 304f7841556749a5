"""`holdspace`: serve, seed, links, bot, doctor; alerts, audit, keys and replay are in modules of their own."""

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
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from server import cli_alerts, cli_audit, cli_users
from server.arrivals import Arrivals, notices_of
from server.auth import Auth
from server.cli_ops import ConfigPath, allow_many_files, doctor, settings_file, show_lan
from server.clock import SystemClock
from server.config import Config, ConfigError, load_config
from server.demo import DemoRefused, Links, check_demo, demo_links, make_all_ready, seed
from server.keys import ROOT_KEY_VARIABLE, RootKey, load_root_key, make_root_key, root_key_file
from server.lan import LanError, lan_access, lan_folder, lan_settings, own_certificate
from server.lan import lan_address as find_lan_address
from server.logs import configure_logging
from server.start_checks import OVERRIDE
from server.storage.engine import StorageError, open_engine
from server.storage.migrate import migrate
from server.storage.reading import newest_event_ms
from server.storage.vault import Vault

if TYPE_CHECKING:
    from server.bot import BotReport

app = App(name="holdspace", help="Video and group-chat sessions for virtual mental-health programs.")
app.command(doctor)
cli_audit.register(app)
cli_alerts.register(app)
cli_users.register(app)

DemoReady = Annotated[bool, Parameter(name="--demo-ready")]
LanAddress = Annotated[str | None, Parameter(name="--lan-address")]


def main() -> None:
    """Entry point of the console script. Exit code 2: settings, database or address cannot be used."""
    try:
        app(sys.argv[1:])
    except (ConfigError, DemoRefused, LanError, StorageError, OSError) as error:
        _give_up(str(error))
    except DBAPIError as error:
        _give_up(f"the database cannot be used: {error.orig}")


def _give_up(why: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"[bold]holdspace:[/bold] {escape(why)}", highlight=False)
    sys.exit(2)


@app.command
def serve(
    *,
    config: ConfigPath = None,
    demo: bool = False,
    demo_ready: DemoReady = False,
    lan: bool = False,
    lan_address: LanAddress = None,
    accept_loss: Annotated[bool, Parameter(name=OVERRIDE)] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl+C.

    Parameters
    ----------
    demo
        Make the demo group with a live session, and print sign-in links for its people.
    demo_ready
        With --demo: its people have agreed to everything already, and arrive without being asked.
    lan
        Let phones and computers in the same network in, to try it: HTTPS with a certificate of its own, on this
        machine's address there; prints the link as a QR code.
    lan_address
        That address, when the one found by itself is not the right one.
    accept_loss
        Start although the database is older than the checkpoints beside it, or gone: what is missing is lost.
    """
    if demo_ready and not demo:
        raise DemoRefused("--demo-ready goes with --demo: nobody else's word is given for them")
    settings = _settings(config, lan=lan, lan_address=lan_address)
    configure_logging(settings.log.level, settings.log.format)
    asyncio.run(_serve(settings, demo=demo, demo_ready=demo_ready, lan=lan, accept_loss=accept_loss))


@app.command(name="seed")
def seed_demo(*, config: ConfigPath = None) -> None:
    """Make the demo group, its people and a live session, as far as they are missing."""
    asyncio.run(_seed(_settings(config)))


@app.command
def links(
    *,
    config: ConfigPath = None,
    as_json: Annotated[bool, Parameter(name="--json")] = False,
    demo_ready: DemoReady = False,
    lan: bool = False,
    lan_address: LanAddress = None,
) -> None:
    """Print fresh sign-in links for the demo's people (twelve hours, this machine only).

    Parameters
    ----------
    as_json
        Print one line of JSON.
    demo_ready
        As for serve.
    lan
        For a server that was started with --lan.
    lan_address
        As for serve.
    """
    made = asyncio.run(_links(_settings(config, lan=lan, lan_address=lan_address), demo_ready=demo_ready, lan=lan))
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


def _settings(path: Path | None, *, lan: bool = False, lan_address: str | None = None) -> Config:
    settings = load_config(settings_file(path), os.environ)
    if lan:
        return lan_settings(settings, find_lan_address(lan_address))
    if lan_address is not None:
        raise LanError("--lan-address goes with --lan")
    return settings


async def _serve(settings: Config, *, demo: bool, demo_ready: bool, lan: bool, accept_loss: bool) -> None:
    # Only here: it brings in the media plane, which is slow to import and of no use to the other commands.
    from server.app import Node

    if demo:
        check_demo(settings.base_url(), lan=lan)
    certificate = own_certificate(lan_folder(settings), settings.media.advertise[0], SystemClock()) if lan else None
    allow_many_files()
    access = certificate and lan_access(settings, certificate)
    node = Node(settings, _root_key(settings, demo=demo), lan=access, accept_loss=accept_loss)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    await node.start()
    try:
        made = None
        if demo:
            people = await seed(node.engine, node.clock)
            if demo_ready:
                await make_all_ready(node.engine, node.arrivals, people)
            made = await demo_links(node.auth, people, settings.base_url(), lan=lan)
            _show(made)
        if certificate is not None:
            show_lan(
                made.participants[0] if made else settings.base_url(),
                certificate.fingerprint,
                ports=(settings.server.port, settings.media.port),
                demo=demo,
            )
        await stopping.wait()
    finally:
        await node.stop()


def _root_key(settings: Config, *, demo: bool) -> RootKey:
    """The root key. Only the demo makes one when there is none: elsewhere a lost key must not go unnoticed."""
    file = root_key_file(settings)
    if not demo or file.exists() or os.environ.get(ROOT_KEY_VARIABLE):
        return load_root_key(settings, os.environ)
    made = make_root_key(file)
    Console(soft_wrap=True, highlight=False).print(
        f"Made a root key for the demo in {file}. Stored rooms are encrypted under it: without it they are lost."
    )
    return made


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


async def _links(settings: Config, *, demo_ready: bool, lan: bool) -> Links:
    await migrate(settings.storage.url)
    engine = open_engine(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
    try:
        clock = SystemClock()
        # As a server on this database has it, that these links are as good as they say.
        clock.not_before(await newest_event_ms(engine))
        people = await seed(engine, clock)
        if demo_ready:
            vault = Vault(load_root_key(settings, os.environ))
            await make_all_ready(engine, Arrivals(engine, vault, clock, notices_of(settings)), people)
        return await demo_links(Auth(engine, clock), people, settings.base_url(), lan=lan)
    finally:
        await engine.dispose()


def _show(made: Links) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold]Holdspace is at {made.base_url}[/bold]")
    console.print("Open these links in separate browsers or private windows; they work for twelve hours:\n")
    for number, url in enumerate(made.participants, start=1):
        console.print(f"  participant {number}  {url}")
    console.print(f"  mentor         {made.mentor}")
    console.print(f"  therapist      {made.therapist}")
    console.print(f"  the backup     {made.backup}   (a second therapist)")
    console.print(f"  a visitor      {made.visitor}   (does not belong to the group, and knocks)\n")


if __name__ == "__main__":
    main()
