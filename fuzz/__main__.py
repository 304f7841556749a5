"""`python -m fuzz TARGET --runs N`: guided by coverage where atheris is installed, else blind mutations."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import resource
import shutil
import sys
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fuzz import mutation, targets

FINDINGS: Final = Path("build/fuzz")
MAX_CPU_S: Final = 1.0
"""An input that takes longer is a finding, too: someone can send many of them."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 for a finding."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=targets.NAMES)
    parser.add_argument("--runs", type=int, default=100_000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blind", action="store_true", help="mutations without coverage, also where atheris is there")
    parser.add_argument("--input", type=Path, help="try this one file")
    given = parser.parse_args(arguments)
    if given.input is not None:
        targets.load(given.target)(given.input.read_bytes())
        print("holds")
        return 0
    if given.blind or find_spec("atheris") is None:
        return _blind(given.target, given.runs, given.seed)
    return _guided(given.target, given.runs, given.seed)


def _blind(name: str, runs: int, seed: int) -> int:
    one_input = targets.load(name)
    began = time.monotonic()
    slowest = 0.0
    for data in mutation.inputs(targets.seeds(name), runs, seed):
        before = time.process_time()
        try:
            one_input(data)
        except Exception:
            traceback.print_exc()
            return _found(name, data, "raises")
        took = time.process_time() - before
        slowest = max(slowest, took)
        if took > MAX_CPU_S:
            return _found(name, data, f"takes {took:.1f} s")
    took = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"{name}: {runs} inputs, {runs / took:.0f} a second, slowest {slowest * 1_000:.1f} ms, peak {peak:.0f} MB")
    return 0


def _found(name: str, data: bytes, what: str) -> int:
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{name}: an input {what}: {path}\n{data.hex()}", file=sys.stderr)
    return 1


def _guided(name: str, runs: int, seed: int) -> int:
    atheris: Any = importlib.import_module("atheris")
    # Ours alone: what is only parsed by C or the standard library tells nothing about our branches.
    with atheris.instrument_imports(include=["media", "protocol", "fuzz.targets"]):
        one_input = targets.load(name)
    found = FINDINGS / "corpus" / name
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    options = [f"-runs={runs}", f"-seed={seed}", f"-max_len={mutation.MAX_INPUT}", "-timeout=5", "-rss_limit_mb=1024"]
    options += [f"-artifact_prefix={FINDINGS}/{name}-", "-print_final_stats=1"]
    atheris.Setup(["fuzz", *options, str(found), str(targets.CORPUS / name)], one_input)
    atheris.Fuzz()  # ends the process, with a status of its own for a finding
    return 0


if __name__ == "__main__":
    sys.exit(main())
