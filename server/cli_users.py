"""`holdspace user`: the first admin, and accounts that no admin can help with. The server may run meanwhile."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from server.cli_ops import ConfigPath, settings_file
from server.clock import SystemClock
from server.config import Config, load_config
from server.keys import load_root_key
from server.lan import qr_code
from server.operator import Enrolment, Operator, UserRefused
from server.storage.engine import open_engine
from server.storage.migrate import migrate
from server.storage.reading import newest_event_ms
from server.storage.vault import Vault

users = App(name="user", help="Accounts: the first admin, and help where no admin can.")

Generate = Annotated[bool, Parameter(name="--generate")]


def register(app: App) -> None:
    """Adds these commands."""
    app.command(users)


@users.command
def add(email: str, name: str, *, generate: Generate = False, config: ConfigPath = None) -> None:
    """Make an admin, who invites everybody else. Prints the secret for an authenticator app, once.

    Two admins are needed before anyone can be a mentor, therapist or clinical lead: a second person approves.
    Exit code 1: it was not done, and why.

    Parameters
    ----------
    email
        Address to sign in with. No room is ever told it.
    name
        What others see.
    generate
        Make the password up and print it, in place of asking for one.
    """
    _run(_add(_settings(config), email, name, generate=generate))


@users.command
def disable(email: str, *, config: ConfigPath = None) -> None:
    """Sign someone out everywhere and let them in no more. Exit code 1: it was not done, and why."""
    _run(_disable(_settings(config), email))


@users.command
def reset(email: str, *, generate: Generate = False, config: ConfigPath = None) -> None:
    """Give someone of staff a new password and a new secret; what they had opens nothing any more.

    Exit code 1: it was not done, and why.

    Parameters
    ----------
    generate
        As for add.
    """
    _run(_reset(_settings(config), email, generate=generate))


def _settings(config: ConfigPath) -> Config:
    return load_config(settings_file(config), os.environ)


@asynccontextmanager
async def _operator(settings: Config) -> AsyncGenerator[Operator]:
    vault = Vault(load_root_key(settings, os.environ))
    await migrate(settings.storage.url)
    engine = open_engine(settings.storage.url, busy_timeout_ms=settings.storage.busy_timeout_ms)
    try:
        clock = SystemClock()
        clock.not_before(await newest_event_ms(engine))
        yield Operator(engine, vault, clock, settings.base_url())
    finally:
        await engine.dispose()


async def _add(settings: Config, email: str, name: str, *, generate: bool) -> None:
    password = _password(generate=generate)
    async with _operator(settings) as operator:
        _show(await operator.add(email, name, password))


async def _disable(settings: Config, email: str) -> None:
    async with _operator(settings) as operator:
        print(f"Disabled. Sign-ins that ended: {await operator.disable(email)}")


async def _reset(settings: Config, email: str, *, generate: bool) -> None:
    async with _operator(settings) as operator:
        await operator.name_of(email)
        _show(await operator.reset(email, _password(generate=generate)))


def _password(*, generate: bool) -> str:
    """Asked for on a terminal, else read from standard input: on a command line others could see it."""
    if generate:
        made = secrets.token_urlsafe(18)
        print(f"Password: {made}")
        return made
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password (at least twelve characters): ")
    if getpass.getpass("Once more: ") != password:
        raise UserRefused("the two are not the same")
    return password


def _show(enrolment: Enrolment) -> None:
    print("\nScan this with an authenticator app; it is shown once:\n")
    print(qr_code(enrolment.uri))
    print(f"Secret: {enrolment.secret}\n")
    print("Recovery codes, each good once. Write them down and keep them apart from the password:\n")
    for code in enrolment.codes:
        print(f"  {code}")


def _run(task: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(task)
    except UserRefused as error:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold]holdspace user:[/bold] {escape(str(error))}", highlight=False
        )
        sys.exit(1)
