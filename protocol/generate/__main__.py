"""`python -m protocol.generate [--check]`: the only file below protocol/ that reads and writes files."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path

from protocol.generate.artifacts import SOURCES, artifacts

ROOT = Path(__file__).resolve().parents[2]


def stale(root: Path) -> dict[Path, str]:
    """The right text of every generated file below `root` that has another, or is missing."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = "\n".join((root / name).read_text(encoding="utf-8") for name in SOURCES)
    files = {root / name: text for name, text in artifacts(source, project["version"]).items()}
    return {path: text for path, text in files.items() if not _holds(path, text)}


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def main() -> int:
    """Exit status: 1 when `--check` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m protocol.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 and name what is stale")
    check: bool = parser.parse_args().check
    found = stale(ROOT)
    for path, text in found.items():
        if check:
            print(f"stale: {path.relative_to(ROOT)} (run `python -m protocol.generate`)")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and found else 0


if __name__ == "__main__":
    raise SystemExit(main())
