"""Who is heard right now, and who spoke for how long, from the levels of open microphones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LOUD: Final = 50
"""Louder than 50 dB below full scale is speech; room noise lies around 60 to 80."""
_HANG_OVER_S: Final = 1.0
_ATTACK: Final = 2
"""So many loud moments in a row, so that a cough or a click is not a speaker."""
_SPACING_S: Final = 0.35


class Speakers:
    """The speakers of one room, in the order in which they began. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._loud_at: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}
        self._speaking: list[str] = []
        self._told: tuple[str, ...] = ()
        self._told_at = -_SPACING_S
        self._talk_s: dict[str, float] = {}

    def hear(self, levels: Iterable[tuple[str, int]], now: float) -> None:
        """Takes levels (dB below full scale) by participant."""
        for participant, below in levels:
            if below > _LOUD:
                self._in_a_row.pop(participant, None)
                continue
            row = self._in_a_row[participant] = self._in_a_row.get(participant, 0) + 1
            before = self._loud_at.get(participant)
            if before is not None and now - before < _HANG_OVER_S:
                # From one loud moment to the next: a pause for breath is in it, the silence at the end is not.
                self._talk_s[participant] = self._talk_s.get(participant, 0.0) + now - before
            if before is not None or row >= _ATTACK:
                self._loud_at[participant] = now
                if participant not in self._speaking:
                    self._speaking.append(participant)

    def forget(self, participant: str) -> None:
        """That person cannot be heard any more."""
        self._loud_at.pop(participant, None)
        self._in_a_row.pop(participant, None)
        if participant in self._speaking:
            self._speaking.remove(participant)

    def news(self, now: float) -> tuple[str, ...] | None:
        """Who speaks, when that changed and the last news is not too recent; otherwise None."""
        for participant, at in list(self._loud_at.items()):
            if now - at >= _HANG_OVER_S:
                self.forget(participant)
        speaking = tuple(self._speaking)
        if speaking == self._told or now - self._told_at < _SPACING_S:
            return None
        self._told, self._told_at = speaking, now
        return speaking

    @property
    def talked(self) -> bool:
        """Whether somebody spoke since that was last taken."""
        return any(seconds >= 0.001 for seconds in self._talk_s.values())

    def take_talk(self) -> dict[str, int]:
        """How long each person spoke since this was last asked, in ms; who did not is not in it."""
        whole = {who: int(seconds * 1000) for who, seconds in self._talk_s.items()}
        self._talk_s = {who: seconds - whole[who] / 1000 for who, seconds in self._talk_s.items()}
        return {who: ms for who, ms in whole.items() if ms > 0}

    def next_due(self, now: float) -> float | None:
        """When to ask for news again even if nothing is heard, or None when nothing is pending."""
        due = [at + _HANG_OVER_S for at in self._loud_at.values()]
        if tuple(self._speaking) != self._told:
            due.append(self._told_at + _SPACING_S)
        return max(now, min(due)) if due else None
