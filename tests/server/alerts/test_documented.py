"""What docs/alerts.md shows is true: its example is one of ours, and its Python verifies it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.supervision import Severity
from server.alerts.alert import Alert, webhook_body
from server.alerts.settings import AlertsConfig, problem_of

PAGE = (Path(__file__).parents[3] / "docs/alerts.md").read_text()
[EXAMPLE] = re.findall(r"```\n(webhook-id.*?)```", PAGE, re.DOTALL)
[PYTHON] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[TOML] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
[SECRET] = re.findall(r"whsec_\w{32}", PAGE)
HEAD, BODY = EXAMPLE.strip().split("\n\n")
HEADERS = dict(line.split(": ", 1) for line in HEAD.splitlines())


def test_the_example_is_one_of_ours() -> None:
    alert = Alert(HEADERS["webhook-id"], Severity.CRISIS, 1_767_225_600_000, 1_767_225_660_000, 1)
    assert webhook_body(alert, "https://groups.example.org/") == BODY.encode()


def test_its_python_verifies_the_example_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}
    exec(PYTHON, names)  # the page's own words
    monkeypatch.setattr("time.time", lambda: 1_767_225_700.0)
    assert names["is_ours"](SECRET, HEADERS, BODY.encode())
    assert not names["is_ours"](SECRET, HEADERS, BODY.encode() + b"\n")
    assert not names["is_ours"]("whsec_" + "A" * 32, HEADERS, BODY.encode())
    monkeypatch.setattr("time.time", lambda: 1_767_226_000.0)
    assert not names["is_ours"](SECRET, HEADERS, BODY.encode())


def test_its_settings_can_be_used() -> None:
    assert problem_of(msgspec.convert(tomllib.loads(TOML)["alerts"], AlertsConfig)) is None
