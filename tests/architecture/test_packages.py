"""What is installed, and in which direction it imports."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"server"}),
    frozenset({"signaling", "media", "program"}),
    frozenset({"rooms"}),
    frozenset({"moderation"}),
    frozenset({"protocol"}),
)
TOP = frozenset[str]().union(*LAYERS)

NOT_FOR_ALL_EYES = "moderation.supervision"
"""Flags, escalation, monitors: what a room must not know, so that it cannot tell."""


def python_files() -> list[Path]:
    return sorted(path for package in sorted(TOP) for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str() as module, level=0, names=names):
                found |= {f"{module}.{alias.name}" for alias in names}
            case _:
                pass
    return found


def test_every_package_is_listed_for_installation() -> None:
    on_disk = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in python_files()
        if path.name == "__init__.py" and "migrations" not in path.parts
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == on_disk


def test_every_folder_of_python_is_a_package() -> None:
    folders = {path.parent for path in python_files() if "migrations" not in path.parts}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_only_downward(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    level = next(index for index, layer in enumerate(LAYERS) if own in layer)
    below = frozenset[str]().union(*LAYERS[level + 1 :]) | {own}
    assert {name for name in imports(path) if (top := name.split(".")[0]) in TOP and top not in below} == set()


def test_the_contract_lists_the_same_layers() -> None:
    contract = next(each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["id"] == "layers")
    assert tuple(frozenset(re.findall(r"\w+", layer)) for layer in contract["layers"]) == LAYERS


@pytest.mark.parametrize("path", sorted((ROOT / "rooms").rglob("*.py")), ids=lambda path: path.name)
def test_a_room_knows_nothing_of_supervision(path: Path) -> None:
    assert [name for name in imports(path) if name.startswith(NOT_FOR_ALL_EYES)] == []


def test_the_contract_that_rooms_know_nothing_of_supervision_stands() -> None:
    contract = next(each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["id"] == "two-streams")
    assert (contract["type"], contract["source_modules"], contract["forbidden_modules"]) == (
        "forbidden", ["rooms"], [NOT_FOR_ALL_EYES]
    )  # fmt: skip
    # Indirect imports count, and nothing is exempt.
    assert set(contract) == {"id", "name", "type", "source_modules", "forbidden_modules"}


def test_supervision_knows_nothing_of_rooms() -> None:
    base = ROOT.joinpath(*NOT_FOR_ALL_EYES.split("."))
    files = [*base.rglob("*.py"), *([base.with_suffix(".py")] if base.with_suffix(".py").is_file() else [])]
    assert files
    assert [name for path in files for name in imports(path) if name.split(".")[0] == "rooms"] == []


def test_the_build_backend_is_pinned() -> None:
    assert all("==" in requirement for requirement in PROJECT["build-system"]["requires"])


def test_lock_files_pin_exactly_and_name_no_host() -> None:
    pins = [
        line
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+", pin)] == []
    npm = ROOT / "web_client" / "package-lock.json"
    if npm.is_file():
        assert re.findall(r'"resolved": "https?://[^"]*"', npm.read_text(encoding="utf-8")) == []


def test_nothing_has_a_name_that_says_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [str(path) for path in python_files() if empty & {path.stem, *path.parts}] == []
