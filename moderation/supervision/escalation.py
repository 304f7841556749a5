"""Who is told next of a concern that nobody acknowledges, and when.

All of it is arithmetic over what is handed in: who is on duty, how long each severity waits, when the next working day
begins. In doubt a concern goes on early.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from protocol.ids import IdentityId
from protocol.supervision import FlagKind, Severity, Step
from protocol.values import Millis

NEVER: Final[Millis] = 0
"""Due at no time; of a concern also: not before its session ends."""

CHAIN: Final = (Step.RESPONDER, Step.BACKUP, Step.ON_CALL, Step.CONTACT)
CONFLICTED: Final = (Step.BACKUP, Step.LEAD, Step.CONTACT)
"""Of what concerns a therapist: past that one, and past colleagues on call."""

_PRESSING: Final = (Severity.NOTE, Severity.CONCERN, Severity.URGENT, Severity.CRISIS)


class Someone(Struct, frozen=True):
    """A person, and what they were called at that time."""

    identity_id: IdentityId
    name: str


class Waits(Struct, frozen=True):
    """How long a step waits for somebody to acknowledge, in ms.

    Attributes:
        follow_up: of who asked to be checked on, or left upset.
        after_end: of a concern once its session has ended.
        glass: so long somebody may listen without a flag.
    """

    crisis: Millis = 60_000
    urgent: Millis = 180_000
    follow_up: Millis = 900_000
    after_end: Millis = 3_600_000
    glass: Millis = 900_000


class Duty(Struct, frozen=True):
    """Who could be told now, as the stream's shell knows it.

    Attributes:
        responder: who answers for the session; backup: the group's other therapists.
        lead: the clinical leads; on_call: who is on call.
        engaged: who answers for the session has an open crisis.
        working_day_ms: when the next working day begins.
    """

    responder: tuple[Someone, ...] = ()
    backup: tuple[Someone, ...] = ()
    lead: tuple[Someone, ...] = ()
    on_call: tuple[Someone, ...] = ()
    engaged: bool = False
    working_day_ms: Millis = NEVER
    waits: Waits = Waits()


class Whom(Struct, frozen=True):
    """What of a concern decides whom it reaches. `conflicted`: it is about a therapist."""

    person: IdentityId | None = None
    conflicted: bool = False

    @property
    def chain(self) -> tuple[Step, ...]:
        """The steps that it takes."""
        return CONFLICTED if self.conflicted else CHAIN

    def at(self, step: Step, duty: Duty) -> tuple[Someone, ...]:
        """Who is told at a step. The contact is no person; whom it concerns is never among them."""
        match step:
            case Step.RESPONDER:
                told = duty.responder
            case Step.BACKUP:
                told = (*duty.responder, *duty.backup) if self.conflicted else duty.backup
            case Step.LEAD:
                told = duty.lead
            case Step.ON_CALL:
                told = duty.on_call
            case Step.CONTACT:
                told = ()
            case _:
                assert_never(step)
        return tuple(each for each in told if each.identity_id != self.person)

    def first(self, duty: Duty, severity: Severity) -> Step:
        """Whom a new concern reaches. Who has an open crisis already is not the only one to be told of another."""
        staffed = [step for step in self.chain if self.at(step, duty)]
        presses = rank(severity) >= rank(Severity.URGENT)
        if not staffed:
            return Step.CONTACT if presses else self.chain[0]
        if presses and duty.engaged and staffed[0] is Step.RESPONDER and Step.BACKUP in staffed:
            return Step.BACKUP
        return staffed[0]

    def after(self, step: Step, duty: Duty) -> Step:
        """Whom it reaches next; the contact again and again. A step with nobody new would only cost time."""
        later = self.chain[self.chain.index(step) + 1 :]
        told = {each.identity_id for each in self.reached(step, duty)}
        new = (each for each in later if any(one.identity_id not in told for one in self.at(each, duty)))
        return next(new, Step.CONTACT)

    def reached(self, step: Step, duty: Duty) -> tuple[Someone, ...]:
        """Everyone whom it has reached when it has come to `step`."""
        so_far = self.chain[: self.chain.index(step) + 1]
        return tuple(each for earlier in so_far for each in self.at(earlier, duty))

    def alone(self, severity: Severity, waited_ms: Millis, duty: Duty) -> Step:
        """How far one flag would have come by itself that waits for so long, whoever has other things to do.

        It has come as far at least: what others flagged only makes it faster.
        """
        step = self.first(replace(duty, engaged=False), severity)
        for _ in range(min(len(self.chain), waited_ms // max(1, due_again(step, 0, severity, duty)))):
            step = self.after(step, duty)
        return step

    def has_reached(self, audience: Step, step: Step) -> bool:
        """Whether it has reached that audience when it has come to `step`."""
        return audience in self.chain and self.chain.index(audience) <= self.chain.index(step)


def rank(severity: Severity) -> int:
    """The higher, the more it presses."""
    return _PRESSING.index(severity)


def highest(*severities: Severity) -> Severity:
    """What presses most of these."""
    return max(severities, key=rank)


def due_after(since_ms: Millis, severity: Severity, duty: Duty, *, ended: bool) -> Millis:
    """When what has waited since then goes on: NEVER for a concern whose session still lasts."""
    match severity:
        case Severity.CRISIS:
            return since_ms + duty.waits.crisis
        case Severity.URGENT:
            return since_ms + duty.waits.urgent
        case Severity.CONCERN:
            return since_ms + duty.waits.after_end if ended else NEVER
        case Severity.NOTE:
            # Should the calendar be behind: early rather than at once, again and again.
            return duty.working_day_ms if duty.working_day_ms > since_ms else since_ms + duty.waits.after_end
    assert_never(severity)


def due_of_flag(kind: FlagKind, now_ms: Millis, severity: Severity, duty: Duty, *, ended: bool) -> Millis:
    """The same of one flag. Who left alone is not left waiting for the session's end."""
    due = due_after(now_ms, severity, duty, ended=ended)
    if kind in (FlagKind.CHECK_ON_ME, FlagKind.LEFT_UPSET):
        return earliest(due, now_ms + duty.waits.follow_up)
    return due


def due_again(step: Step, now_ms: Millis, severity: Severity, duty: Duty) -> Millis:
    """When it goes on once it has come to `step`. The contact is asked again of a crisis only."""
    if step is Step.CONTACT and severity is not Severity.CRISIS:
        return NEVER
    return due_after(now_ms, severity, duty, ended=True)


def earliest(*due: Millis) -> Millis:
    """The first of these that comes at all."""
    return min((each for each in due if each != NEVER), default=NEVER)
