"""Commands for those who operate a server, and what they print on a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from server.lan import qr_code

MAX_FILES = 65_536

ConfigPath = Annotated[
    Path | None, Parameter(name="--config", help="Settings file; config.toml in this folder when there is one.")
]


def settings_file(path: Path | None) -> Path | None:
    """The file that was named, else config.toml in this folder when there is one."""
    here = Path("config.toml")
    return path or (here if here.exists() else None)


def doctor(*, config: ConfigPath = None, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Look at everything the server depends on, and say what is wrong and what to do. Changes nothing.

    Exit code 0: nothing is broken. 1: something is.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    # Only here: it brings in the media plane, which is slow to import.
    from server.doctor.examine import examine
    from server.doctor.report import as_dict, is_sound, table

    findings = asyncio.run(examine(settings_file(config), os.environ))
    if as_json:
        print(json.dumps(as_dict(findings), ensure_ascii=False))
    else:
        Console().print(table(findings))
    sys.exit(0 if is_sound(findings) else 1)


def show_lan(url: str, fingerprint: str, *, ports: tuple[int, int], demo: bool, console: Console | None = None) -> None:
    """What to do with the phone: the link as a QR code, and what its browser will say. `ports`: TCP, then UDP."""
    console = console or Console(soft_wrap=True, highlight=False)
    base_url = url.partition("/join#")[0]
    whose = "the first participant's link" if demo else "the address"
    console.print(f"[bold]On a phone in the same network[/bold], point the camera at {whose}:\n")
    # Dark on light however the terminal is coloured: not every camera reads it the other way round.
    console.print(Text(qr_code(url), style="#ffffff on #000000"), no_wrap=True, overflow="ignore", crop=False)
    console.print(
        "The browser will warn that the connection is not private: this certificate was made by this machine, for\n"
        "trying it at home, and nobody vouches for it. Nothing that is private belongs here. To go on:\n\n"
        "  Chrome, Edge   Advanced, then Proceed to …\n"
        "  Safari         Show Details, then visit this website, twice\n"
        "  Firefox        Advanced, then Accept the Risk and Continue\n\n"
        "On iPhone and iPad (every browser), and in Safari on a Mac, going on opens the page but not the room.\n"
        f"There, open {base_url}/lan.crt and install what it offers. On iPhone and iPad: Settings, Profile\n"
        "Downloaded; then Settings, General, About, Certificate Trust Settings. Its authority has signed this one\n"
        "certificate and can sign no other; it ends after 30 days. Take it away when you have tried.\n"
    )
    console.print("Its certificate details must show this SHA-256 fingerprint:")
    # As Text: pairs of letters between colons are names of emoji to rich.
    console.print(Text(f"  {fingerprint[:47]}\n  {fingerprint[48:]}\n"))
    console.print(
        f"Should nothing open: let TCP port {ports[0]} and UDP port {ports[1]} through this machine's firewall; "
        "networks for\nguests often keep devices apart; and --lan-address names another address of this machine.\n"
    )


def allow_many_files() -> None:
    """Each connection is an open file, and the usual soft limit of 1,024 is soon reached: takes what is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
