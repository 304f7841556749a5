"""How much the way to one viewer takes, judged by what is lost on it."""

from __future__ import annotations

from typing import Final

BAD: Final = 0.10
"""A step down, when that much is lost in two reports in a row: about two seconds."""
GOOD: Final = 0.02
"""From that much on, time counts half towards a step up: many ways always lose a little, whatever is sent on them."""
HOLD_S: Final = 10.0
"""A step up, after so long without bad loss; twice as long after each step up that did not last as long."""
LONGEST_HOLD_S: Final = 80.0
APART_S: Final = 6.0
"""Reports further apart have nothing to do with each other."""

HEAVY: Final = 0.4
"""Where that much is lost, less is sent whether it helps or not: there is little to see."""
JUDGED_S: Final = 2.8
"""Reports of so long tell what a step down did, from the second one on: the first is of before as well.

Of sound alone, browsers report every five seconds only.
"""
SURE_S: Final = 5.8
"""Reports of so long, that it helped: then it is believed. A few good seconds come on a bad way, too."""
LESS: Final = 0.85
"""Only where no more than this share is still sent does it tell anything."""
TRUST_S: Final = 60.0
"""So long the way is taken to lose by itself, and then less is tried again; twice as long each time that it is so."""
LONGEST_TRUST_S: Final = 960.0
_FADES: Final = 1 / 16
"""With each report of less, what the way loses by itself comes down by so much of the difference."""


class _Trial:
    """A step down, or several, of which is not known yet whether they help."""

    __slots__ = ("cap", "reports", "sent", "share")

    def __init__(self, cap: int | None, share: float, sent: float) -> None:
        self.cap = cap
        """As it was before."""
        self.share = share
        self.sent = sent
        self.reports: list[tuple[float, float, float]] = []
        """Since the last step: of how long, the share lost, and what was sent."""

    @property
    def seconds(self) -> float:
        """How long the reports tell of."""
        return sum(span for span, _, _ in self.reports[1:])

    @property
    def tells(self) -> bool:
        """Whether so much less is sent that it must show."""
        return self.told[1] <= LESS * self.sent

    @property
    def told(self) -> tuple[float, float]:
        """What is lost, and what is sent, since the last step."""
        later = self.reports[1:]
        seconds = self.seconds
        return sum(span * share for span, share, _ in later) / seconds, sum(
            span * sent for span, _, sent in later
        ) / seconds


class Downlink:
    """What one viewer's way takes.

    `cap` is the highest layer that anything is sent in, or how many pictures rest (FEW to NONE); None is no limit.

    A way that is too narrow carries as much as before when less is sent, and so loses less; one that loses by itself,
    as bad radio does, loses the same share of whatever it is given. In that case what was taken away is given back.
    """

    __slots__ = (
        "_heard_at",
        "_hold",
        "_last",
        "_own",
        "_quiet_from",
        "_rose_at",
        "_spell",
        "_trial",
        "_trust",
        "_trusted_until",
        "cap",
    )

    def __init__(self, now: float) -> None:
        self.cap: int | None = None
        self._last: tuple[float, float, float, float] | None = None
        """The last report: when, the share beyond its own loss, the whole share, what was sent."""
        self._heard_at = now
        self._quiet_from = now
        self._rose_at: float | None = None
        self._hold = HOLD_S
        self._spell = (0.0, 0.0)
        """What was lost, of what was sent, when a step down was last due."""
        self._trial: _Trial | None = None
        self._own = 0.0
        """The share that the way loses by itself, whatever is sent."""
        self._trust = TRUST_S
        self._trusted_until = now

    def hear(self, share: float, sent: float, now: float) -> bool:
        """Takes a report of the share lost (0 to 1) of `sent` octets a second; 0 where that is not known.

        Whether that makes a step down due.
        """
        if self._own and now >= self._trusted_until:
            self._own = 0.0
        self._own += (min(share, self._own) - self._own) * _FADES
        lost = max(0.0, share - self._own) / (1 - self._own)
        before, self._last = self._last, (now, lost, share, sent)
        if lost >= BAD:
            self._quiet_from = now
        elif lost >= GOOD and before is not None:
            self._quiet_from += (now - max(before[0], self._quiet_from)) / 2
        if self._trial is not None:
            self._trial.reports.append((now - self._heard_at, share, sent))
        self._heard_at = now
        if self._trial is not None and share < HEAVY and (self._trial.seconds < JUDGED_S or self._trial.tells):
            return False
        if before is None or now - before[0] > APART_S or min(before[1], lost) < BAD:
            return False
        self._spell = (share + before[2]) / 2, min(sent, before[3])
        return True

    def sink(self, cap: int, now: float) -> None:
        """Takes a step down."""
        if self._rose_at is not None:
            lasted = now - self._rose_at >= self._hold
            self._hold = HOLD_S if lasted else min(2 * self._hold, LONGEST_HOLD_S)
        share, sent = self._spell
        if self._trial is not None:
            self._trial.reports = []
        elif sent and share < HEAVY:
            self._trial = _Trial(self.cap, share, sent)
        self.cap, self._last, self._rose_at, self._quiet_from = cap, None, None, now

    def bear(self, now: float) -> None:
        """A step down is due, and there is none: what is lost now, the way loses by itself."""
        share, sent = self._spell
        if self.cap is not None and sent and share < HEAVY:
            self._own, self._trusted_until = share, now + self._trust
            self._last = None

    def judge(self, now: float) -> bool:
        """Says what the last steps down did, once that can be told. Whether they did nothing, and are taken back."""
        trial = self._trial
        if trial is None or trial.seconds < JUDGED_S:
            return False
        share, sent = trial.told
        narrow = max(0.0, 1 - trial.sent * (1 - trial.share) / sent) if sent else 0.0
        if not trial.tells or share >= HEAVY or share < max(BAD, trial.share + narrow) / 2:
            if trial.seconds >= SURE_S:
                self._trial, self._trust = None, TRUST_S
            return False
        self._trial = None
        self._own, self._trusted_until = share, now + self._trust
        self._trust = min(2 * self._trust, LONGEST_TRUST_S)
        self.cap, self._last, self._quiet_from = trial.cap, None, now
        return True

    def rise(self, cap: int | None, now: float) -> None:
        """Takes a step up."""
        self.cap, self._rose_at, self._quiet_from, self._trial = cap, now, now, None

    def rises_at(self) -> float | None:
        """When a step up is due, if little is lost until then."""
        return None if self.cap is None else self._quiet_from + self._hold
