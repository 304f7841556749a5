"""Which microphones of a room pass: the loudest few, and those with priority. Who listens makes no difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from media.engine.track import Track

_QUIETEST: Final = 127
_RELEASE_DB_PER_S: Final = 20.0
"""How fast a loud moment fades, so that the gaps between words cost nobody their place."""

_MARGIN_DB: Final = 3.0


class AudioGroup:
    """The microphones that compete with each other.

    Levels are peaks that fade: with the same voices, places change hands seldom; but who is louder than one of
    those that pass has that one's place at once, with the very packet that says so.
    """

    __slots__ = ("_passing", "loudest", "members")

    def __init__(self) -> None:
        self.loudest = 0
        self.members: set[Track] = set()
        self._passing: list[Track] = []

    def admits(self, track: Track, level: int | None, now: float) -> bool:
        """Whether a packet of a member passes. `level` is in dB below full scale, None when the packet says none."""
        loud = _QUIETEST - level if level is not None else 0
        if loud >= track.loud - (now - track.loud_at) * _RELEASE_DB_PER_S:
            track.loud = loud
            track.loud_at = now
        if track in self._passing or track.always or self._wins(track, now):
            track.passes = True
            return True
        track.hush()
        return False

    def _wins(self, track: Track, now: float) -> bool:
        if len(self._passing) >= self.loudest:
            quietest = min(self._passing, key=lambda each: _faded(each, now), default=None)
            if quietest is None or _faded(track, now) < _faded(quietest, now) + _MARGIN_DB:
                return False
            self.silence(quietest)
        self._passing.append(track)
        return True

    def silence(self, track: Track) -> None:
        """Takes its place from a microphone; it can win one again."""
        if track in self._passing:
            self._passing.remove(track)
            track.loud = 0.0
            track.hush()

    def limit(self, loudest: int) -> None:
        """So many pass from now on."""
        self.loudest = loudest
        while len(self._passing) > loudest:
            self.silence(self._passing[-1])

    def release(self, track: Track) -> None:
        """It passes whatever the others do, and takes no place from them."""
        if track in self._passing:
            self._passing.remove(track)


class AudioGroups:
    """All groups, by number; one lives as long as it has members."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[int, AudioGroup] = {}

    def move(self, track: Track, number: int, loudest: int = 0) -> None:
        """Lets a microphone compete in that group, of which so many pass, or in none (0)."""
        before = track.group
        track.group = self._groups.setdefault(number, AudioGroup()) if number else None
        if before is not None and before is not track.group:
            before.release(track)
            before.members.discard(track)
            if not before.members:
                self._groups = {each: group for each, group in self._groups.items() if group is not before}
        if track.group is not None:
            track.passes = True  # so far; the next packet may find that it does not
            track.group.members.add(track)
            track.group.limit(loudest)


def _faded(track: Track, now: float) -> float:
    return track.loud - (now - track.loud_at) * _RELEASE_DB_PER_S
