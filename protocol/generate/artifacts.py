"""All generated files, by path."""

from __future__ import annotations

from protocol.generate.asyncapi import asyncapi
from protocol.generate.declarations import declarations
from protocol.generate.markdown import markdown
from protocol.generate.typescript import typescript

SOURCES = (
    "protocol/values.py",
    "protocol/messages.py",
    "protocol/turns.py",
    "protocol/monitoring.py",
    "protocol/supervision.py",
    "protocol/errors.py",
)
"""Whose text `artifacts` wants, joined, for the docstrings that do not survive into the program."""


def artifacts(source: str, version: str) -> dict[str, str]:
    """Path, relative to the project, to full text of each generated file."""
    declared = declarations(source)
    return {
        "web_client/src/protocol/generated.ts": typescript(declared),
        "docs/protocol.md": markdown(declared),
        "docs/asyncapi.json": asyncapi(declared, version),
    }
