"""Findings on a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from server.doctor.finding import Finding, State

_STYLES: Final = {State.OK: "green", State.LOOK: "yellow", State.BROKEN: "bold red"}


def is_sound(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken."""
    return all(finding.state is not State.BROKEN for finding in findings)


def as_dict(findings: Sequence[Finding]) -> dict[str, Any]:
    """`{"ok": bool, "findings": [{"name", "state", "found", "advice"}]}`."""
    return {
        "ok": is_sound(findings),
        "findings": [
            {"name": each.name, "state": each.state.value, "found": each.found, "advice": each.advice}
            for each in findings
        ],
    }


def table(findings: Sequence[Finding]) -> Table:
    """One row a finding; what to do stands below what was found."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    made.add_column("Looked at", no_wrap=True)
    made.add_column("Verdict", no_wrap=True)
    made.add_column("Found, and what to do", overflow="fold")
    for each in findings:
        words = Text(each.found)
        if each.advice:
            words.append(f"\n→ {each.advice}", style="bold")
        made.add_row(each.name, Text(each.state.value, style=_STYLES[each.state]), words)
    return made
