"""Chance, all of it from one seed; each part has its own, so that one more draw here changes nothing there."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Odds:
    """How hard this seed is on everyone. Many seeds leave much out, so that what remains happens more often."""

    people: int
    therapist: bool
    slow_network: float
    slow_reader: float
    socket_loss: float
    disk_error: float
    kept_though_failed: float
    slow_disk: float
    crash: float
    zombie: float
    outage: float
    repeats: float
    wall_steps: float


def part(seed: int, name: str) -> Random:
    """The chance of one part of the world."""
    return Random(f"{seed} {name}")


def odds_of(seed: int) -> Odds:
    """The odds of a seed."""
    chance = part(seed, "odds")

    def some(most: float, likely: float = 0.5) -> float:
        return chance.choice((0.25, 0.5, 1.0)) * most if chance.random() < likely else 0.0

    return Odds(
        people=chance.randint(2, 4),
        therapist=chance.random() < 0.3,
        slow_network=some(0.2),
        slow_reader=some(0.1, 0.3),
        socket_loss=some(0.25, 0.6),
        disk_error=some(0.4),
        kept_though_failed=some(1.0),
        slow_disk=some(0.4),
        crash=some(0.12, 0.6),
        zombie=some(0.05, 0.2),
        outage=some(0.1, 0.4),
        repeats=some(0.3),
        wall_steps=some(0.1, 0.2),
    )
