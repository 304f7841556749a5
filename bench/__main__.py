"""`python -m bench [MEASURE]`: prints a Markdown table and the limits of its figures.

Without a measure: the short form of `media`, and chat; about two minutes. Writes results/short.json.

- `media [ROUNDS]`: forwarding, many groups, a full room, joins, in three rounds; a quarter of an hour with `--janus`.
  Writes results/latest.json and latest.svg.
- `crashes [TIMES]`, `floods [JOINS] [DATAGRAMS_PER_S]`, `network`, `lossy [JOINS]`, `turns [CLOSINGS]`, `join [JOINS]`,
  `lipsync [SAMPLES]`, `flags [FLAGS]`, `monitoring [PAIRS]`: what is told there. Each writes a file of its name.

`--janus` compares with Janus' VideoRoom, in turns: the short form and `media` take it.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import (
    chat,
    crashes,
    first_picture,
    flags,
    floods,
    lip_sync,
    lossy,
    media,
    media_table,
    monitoring,
    network,
    turns,
)
from bench.client import ClientFailed
from bench.figures import as_markdown
from bench.janus import JanusFailed, JanusMissing
from bench.kernel import scheduling
from bench.media_plot import as_svg
from bench.process import ServerFailed
from bench.receivers import ReceiverFailed
from server.bot.report import BotFault

RESULTS: Final = Path(__file__).parent / "results"
MEASURES: Final = (
    "",
    "media",
    "crashes",
    "floods",
    "network",
    "lossy",
    "turns",
    "join",
    "lipsync",
    "flags",
    "monitoring",
)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a measure has to say: a table, figures, what they do not say, the file's name, perhaps a plot."""

    table: str
    figures: dict[str, Any]
    limits: Sequence[str]
    name: str
    plot: str = ""


async def _measure(name: str, arguments: Sequence[str], *, janus: bool) -> _Told:
    match name:
        case "crashes":
            found = await crashes.run(int(arguments[0]) if arguments else 20)
            return _Told(as_markdown(crashes.rows(found)), asdict(found), crashes.LIMITS, name)
        case "floods":
            joins = int(arguments[0]) if arguments else floods.JOINS
            flooded = await floods.run(joins, rate=float(arguments[1]) if len(arguments) > 1 else floods.RATE)
            return _Told(as_markdown(floods.rows(flooded)), asdict(flooded), floods.LIMITS, name)
        case "network":
            called = await network.run()
            return _Told(as_markdown(network.rows(called)), asdict(called), network.LIMITS, name)
        case "lossy":
            met = await lossy.run(int(arguments[0]) if arguments else lossy.JOINS)
            return _Told(as_markdown(lossy.rows(met)), asdict(met), lossy.LIMITS, name)
        case "turns":
            ended = await turns.run(int(arguments[0]) if arguments else turns.CLOSINGS)
            return _Told(as_markdown(turns.rows(ended)), asdict(ended), turns.LIMITS, name)
        case "flags":
            flagged = await flags.run(int(arguments[0]) if arguments else flags.FLAGS)
            return _Told(as_markdown(flags.rows(flagged)), asdict(flagged), flags.LIMITS, name)
        case "monitoring":
            waited = await monitoring.run(int(arguments[0]) if arguments else monitoring.PAIRS)
            return _Told(as_markdown(monitoring.rows(waited)), asdict(waited), monitoring.LIMITS, name)
        case "join":
            joined = await first_picture.run(int(arguments[0]) if arguments else first_picture.JOINS)
            return _Told(as_markdown(first_picture.rows(joined)), asdict(joined), first_picture.LIMITS, name)
        case "lipsync":
            heard = await lip_sync.run(int(arguments[0]) if arguments else lip_sync.SAMPLES)
            return _Told(as_markdown(lip_sync.rows(heard)), asdict(heard), lip_sync.LIMITS, name)
        case "media":
            plan = replace(media.WHOLE, rounds=int(arguments[0])) if arguments else media.WHOLE
            whole = await media.run(plan, janus=janus)
            return _Told(media_table.as_table(whole), asdict(whole), media.LIMITS, "latest", as_svg(whole))
        case _:
            short = await media.run(media.SHORT, janus=janus)
            talk = await chat.run()
            text = f"{media_table.as_table(short)}\n\n{as_markdown(chat.rows(talk))}"
            return _Told(text, asdict(short) | {"chat": asdict(talk)}, media.LIMITS, "short")


def main(arguments: Sequence[str] = ()) -> int:
    """Exit code 1 when the run is void; a missed target is a figure, not a failure. 2: there is no such measure."""
    janus = "--janus" in arguments
    rest = [each for each in arguments if each != "--janus"]
    name = rest[0] if rest else ""
    if name not in MEASURES or (janus and name not in {"", "media"}):
        print(__doc__, file=sys.stderr)
        return 2
    machine = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "scheduling": scheduling(),
    }
    try:
        told = asyncio.run(_measure(name, rest[1:], janus=janus))
    except JanusMissing as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except (ServerFailed, ClientFailed, JanusFailed, ReceiverFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except BotFault as fault:
        print(f"bench: {fault.words} ({fault.code})", file=sys.stderr)
        return 1
    except TimeoutError:
        print("bench: not done in time", file=sys.stderr)
        return 1
    versions = f"Python {machine['python']}" + (f", Janus {version}" if (version := told.figures.get("janus")) else "")
    print(f"\n{versions}, {machine['system']}, {machine['cores']} cores, {machine['scheduling']}\n")
    print(told.table)
    for failure in told.figures.get("failures", ()):
        print(f"\nNot measured: {failure}")
    print("\nLimits of these figures:")
    for limit in told.limits:
        print(f"- {limit}")
    _write(told, machine)
    return 0


def _write(told: _Told, machine: dict[str, Any]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    document = {"at": datetime.now(tz=UTC).isoformat(timespec="seconds"), "machine": machine, "figures": told.figures}
    text = json.dumps(
        document | {"limits": told.limits, "table": told.table.splitlines()}, indent=1, ensure_ascii=False
    )
    (RESULTS / f"{told.name}.json").write_text(text + "\n")
    if told.plot:
        (RESULTS / f"{told.name}.svg").write_text(told.plot)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
