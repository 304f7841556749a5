"""The pure packages get time, ids and chance as arguments; they reach for nothing themselves."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = ("protocol", "rooms", "moderation")

EXEMPT = {
    "protocol/generate/__main__.py": "the generator's command reads and writes files; rendering is pure",
}

# An allow-list: whatever else the standard library offers is thought about when someone wants it.
ALLOWED_STDLIB = frozenset(
    {
        "__future__",
        "abc",
        "ast",
        "bisect",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "hashlib",
        "hmac",
        "inspect",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "string",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
    }
)
ALLOWED_THIRD_PARTY = frozenset({"immutables", "msgpack", "msgspec"})
BANNED_CALLS = frozenset({"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"})


def pure_files() -> list[Path]:
    files = sorted(path for package in PURE for path in (ROOT / package).rglob("*.py"))
    return [path for path in files if str(path.relative_to(ROOT)) not in EXEMPT]


def impurities(tree: ast.AST) -> Iterator[str]:
    allowed = ALLOWED_STDLIB | ALLOWED_THIRD_PARTY | set(PURE)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level):
                modules = [module or ""] if level == 0 else ["a relative import"]
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                modules = []
                yield f"line {node.lineno}: asynchronous code"
            case ast.Call(func=ast.Name(id=name)) if name in BANNED_CALLS:
                modules = []
                yield f"line {node.lineno}: {name}()"
            case ast.Call(func=ast.Attribute(attr=("now" | "utcnow" | "today") as name)):
                modules = []
                yield f"line {node.lineno}: .{name}()"
            case ast.Global():
                modules = []
                yield f"line {node.lineno}: a global that changes"
            case _:
                modules = []
        yield from (f"imports {module}" for module in modules if module.split(".")[0] not in allowed)


@pytest.mark.parametrize("path", pure_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_reaches_for_nothing(path: Path) -> None:
    assert list(impurities(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_every_exemption_is_still_needed() -> None:
    for name in EXEMPT:
        assert list(impurities(ast.parse((ROOT / name).read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import choice",
        "import os.path",
        "from datetime import datetime",
        "import asyncio as aio",
        "import logging",
        "from . import state",
        "import rooms.state, uuid",
        "def f():\n    import secrets",
        "async def f(): ...",
        "open('x')",
        "x = datetime.now()",
        "def f():\n    global seen\n    seen = 1",
    ],
)
def test_the_test_itself_sees_impurity(source: str) -> None:
    assert list(impurities(ast.parse(source)))


def test_the_allow_list_names_modules_that_exist() -> None:
    assert sys.stdlib_module_names | {"__future__"} >= ALLOWED_STDLIB


def test_the_import_contract_guards_the_same_packages() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    pure = next(contract for contract in contracts if contract["id"] == "pure")
    assert set(pure["source_modules"]) == set(PURE)
