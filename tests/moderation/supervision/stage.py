"""A supervision stream with people around it, on a disk that works, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from moderation.decision import Accepted, Rejection
from moderation.permissions import Capacity, Office
from moderation.supervision.commands import (
    About,
    Command,
    PassTime,
    RaiseFlag,
    ResolveConcern,
    TakeConcernOver,
    TakeNote,
)
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.escalation import Duty, Someone
from moderation.supervision.events import Decision, Event
from moderation.supervision.evolve import evolve_all
from moderation.supervision.state import EMPTY, Concern, SupervisionState
from moderation.supervision.view import OwnFlag, concerns_for, flags_of
from protocol.ids import ConcernId, FlagId, IdentityId, ParticipantId
from protocol.supervision import Category, ConcernView, FlagKind, Outcome, Resolution, Severity, StateReport
from protocol.values import Role

DANA, ELLIE, TOMAS, RUTH, BEN, MARIA, OMAR = (
    Someone(IdentityId(f"i-{name.lower()}"), name)
    for name in ("Dana", "Ellie", "Tomas", "Ruth", "Ben", "Maria", "Omar")
)
"""Dana leads; Ellie and Tomas take part; Ruth answers, Ben is her backup, Maria the clinical lead, Omar on call."""

ON_DUTY = Duty(responder=(RUTH,), backup=(BEN,), lead=(MARIA,), on_call=(OMAR,), working_day_ms=90_000_000)
DONE = Resolution(Outcome.SPOKE, "Spoke with her.")


def about(who: Someone, role: Role = Role.PARTICIPANT) -> About:
    return About(who.identity_id, ParticipantId(f"p-{who.name}"), who.name, role)


class Stage:
    def __init__(self, duty: Duty = ON_DUTY) -> None:
        self.duty = duty
        self.state: SupervisionState = EMPTY
        self.now_ms = 1_000
        self.events: list[Event] = []
        self.raised = 0

    def decide(self, command: Command) -> Decision:
        return decide(self.state, command, self.now_ms, self.duty)

    def do(self, command: Command) -> tuple[Event, ...]:
        decision = self.decide(command)
        assert isinstance(decision, Accepted), decision
        self.state = evolve_all(self.state, decision.events)
        self.events += decision.events
        return decision.events

    def lose(self, *commands: Command) -> None:
        """These are decided one upon the other, and none can be stored."""
        pending, lost = self.state, list[Event]()
        for command in commands:
            decision = decide(pending, command, self.now_ms, self.duty)
            assert isinstance(decision, Accepted), decision
            pending = evolve_all(pending, decision.events)
            lost += decision.events
        self.state = evolve_all(self.state, aftermath(self.state, lost))

    def wait(self, to_ms: int) -> list[Event]:
        """Time passes, and each deadline is kept."""
        events: list[Event] = []
        while (due := next_deadline(self.state)) is not None and due <= to_ms:
            self.now_ms = max(self.now_ms, due)
            events += self.do(PassTime())
        self.now_ms = to_ms
        return events

    def flag(
        self,
        severity: Severity = Severity.URGENT,
        about: About | None = None,
        *,
        by: Someone = DANA,
        role: Role = Role.MENTOR,
        kind: FlagKind = FlagKind.FLAG,
        category: Category = Category.OTHER,
        text: str = "",
        flag_id: str = "",
    ) -> RaiseFlag:
        self.raised += 1
        return RaiseFlag(FlagId(flag_id or f"f{self.raised}"), kind, severity, category, by, role, about, text)

    def nth(self, concern: str) -> ConcernId:
        """`c1` is the first of the session's concerns, whatever it is called; there may be no such."""
        known = list(self.state.concerns)
        number = int(concern[1:])
        return known[number - 1] if number <= len(known) else ConcernId("none")

    def concern(self, concern: str = "c1") -> Concern:
        return self.state.concerns[self.nth(concern)]

    def note(
        self, flags: int = 1, by: Someone = RUTH, concern: str = "c1", office: Office = Office.ASSIGNED
    ) -> TakeNote:
        return TakeNote(by, office, self.nth(concern), flags)

    def over(self, by: Someone, concern: str = "c1", office: Office = Office.ASSIGNED) -> TakeConcernOver:
        return TakeConcernOver(by, office, self.nth(concern))

    def resolve(
        self, flags: int = 1, by: Someone = RUTH, resolution: Resolution = DONE, concern: str = "c1"
    ) -> ResolveConcern:
        return ResolveConcern(by, Office.ASSIGNED, self.nth(concern), resolution=resolution, flags=flags)

    def seen(self, by: Someone = RUTH, office: Office = Office.ASSIGNED) -> Sequence[ConcernView]:
        return concerns_for(self.state, self.state, by.identity_id, office, self.duty)

    def own(self, by: Someone, role: Capacity = Role.PARTICIPANT) -> Sequence[OwnFlag]:
        return flags_of(self.state, self.state, by.identity_id, role, self.duty)

    def off_duty(self, **who: tuple[Someone, ...]) -> None:
        self.duty = replace(self.duty, **who)


def reported(report: StateReport) -> Resolution:
    return Resolution(Outcome.HANDED_ON, "Told.", report, "6:40 pm, 24-1187")


def refused(decision: Decision) -> Rejection:
    assert isinstance(decision, Rejection)
    return decision
