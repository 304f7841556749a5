"""Every fuzz target over its corpus, and over mutations of it that are the same each time."""

from __future__ import annotations

import pytest

from fuzz import mutation, targets
from fuzz.targets.claims import Broken, claim

RUNS = 2_000
SLOW = {"demux": 300, "engine": 500, "sdp_offer": 700}
"""Those that run a whole engine for each input, or read long ones."""


@pytest.mark.parametrize("name", targets.NAMES)
def test_a_target_holds_for_its_corpus_and_for_mutations_of_it(name: str) -> None:
    one_input, seeds = targets.load(name), targets.seeds(name)
    assert seeds
    for data in (b"", *seeds, *mutation.inputs(seeds, SLOW.get(name, RUNS), seed=1)):
        one_input(data)


def test_every_corpus_has_a_target() -> None:
    assert {path.name for path in targets.CORPUS.iterdir()} == set(targets.NAMES)


def test_mutations_are_the_same_for_the_same_seed_and_differ_for_another() -> None:
    seeds = [b"one seed", b"and another"]
    first = list(mutation.inputs(seeds, 50, seed=1))
    assert first == list(mutation.inputs(seeds, 50, seed=1))
    assert first != list(mutation.inputs(seeds, 50, seed=2))
    assert len(set(first)) > 40


def test_a_claim_that_does_not_hold_is_raised() -> None:
    claim(True, "it holds")
    with pytest.raises(Broken, match="it does not"):
        claim(False, "it does not")
