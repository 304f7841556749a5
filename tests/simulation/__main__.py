"""`python -m tests.simulation --seed N [--steps K]` plays one seed; `--seeds A..B [--jobs J]` sweeps a range."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from functools import partial
from multiprocessing import get_context

from tests.simulation.world import Outcome, play

STEPS = 12


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 when a seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one and tell its story")
    parser.add_argument("--seeds", type=_range, help="play all from A to B, both included, as A..B")
    parser.add_argument("--steps", type=int, default=STEPS, help="how many things happen in a run")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first seed that fails")
    given = parser.parse_args(arguments)
    if given.seed is not None:
        return _one(given.seed, given.steps)
    if given.seeds is None:
        parser.error("say --seed or --seeds")
    return _sweep(given.seeds, given.steps, given.jobs, keep_going=given.keep_going)


def _range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last) + 1)


def _one(seed: int, steps: int) -> int:
    outcome = play(seed, steps)
    print("\n".join(outcome.story))
    print(f"trace {outcome.trace}, {outcome.callbacks} callbacks, {outcome.events} events stored")
    if outcome.failure is None:
        print(f"seed {seed} holds")
        return 0
    print(f"seed {seed} FAILS: {outcome.failure}")
    return 1


def _sweep(seeds: range, steps: int, jobs: int, *, keep_going: bool) -> int:
    began = time.monotonic()
    played = failed = events = checks = crashes = unsure = 0
    with get_context("fork").Pool(jobs) as pool:
        outcomes: Iterable[Outcome] = pool.imap_unordered(partial(play, steps=steps), seeds, chunksize=10)
        for outcome in outcomes:
            played += 1
            if played % 10_000 == 0:
                print(f"{played} of {len(seeds)} seeds, {failed} failed", file=sys.stderr, flush=True)
            events += outcome.events
            checks += outcome.checks
            crashes += outcome.crashes
            unsure += outcome.unsure
            if outcome.failure is not None:
                failed += 1
                _report(outcome)
                if not keep_going:
                    pool.terminate()
                    break
    took = time.monotonic() - began
    print(
        f"{played} seeds of {steps} steps, {failed} failed; {crashes} crashes, {unsure} commits that worked and said "
        f"they failed, {events} events, {checks} answers and frames checked; {took:.1f} s, {played / took:.1f} seeds/s"
    )
    return 1 if failed else 0


def _report(outcome: Outcome) -> None:
    print("\n".join(("", *outcome.story[-40:])))
    print(f"seed {outcome.seed} FAILS: {outcome.failure}")
    print(f"replay it: python -m tests.simulation --seed {outcome.seed} --steps {outcome.steps}", flush=True)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of strings is chance, too.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    raise SystemExit(main())
