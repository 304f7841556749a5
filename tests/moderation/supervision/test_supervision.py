"""What a room tells becomes a concern, passes by itself, and is noted by a therapist."""

from __future__ import annotations

import pytest

from moderation.decision import NOTHING, Accepted, Rejection
from moderation.permissions import Action, Office
from moderation.supervision.commands import (
    Command,
    CoverAsked,
    CoverOver,
    GroupReturned,
    LobbyUnattended,
    PassTime,
    PersonRemoved,
    SeeRoom,
    SessionLed,
    SessionOver,
    TakeNote,
)
from moderation.supervision.decide import aftermath, decide, next_deadline
from moderation.supervision.escalation import Duty, Someone
from moderation.supervision.events import ConcernAcknowledged, ConcernRaised, Event, Held, is_durable
from moderation.supervision.evolve import evolve_all
from moderation.supervision.state import EMPTY, SupervisionState
from moderation.supervision.view import MAX_DONE, concerns_for
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, IdentityId
from protocol.supervision import ConcernKind, ConcernView, Severity

DANA, ELLIE, RUTH, OMAR = (Someone(IdentityId(f"i-{name}"), name.title()) for name in ("dana", "ellie", "ruth", "omar"))
PAUSED, LED, NEITHER = (True, False), (False, True), (False, False)


class Stream:
    """A supervision stream on a disk that always works, and a clock that goes on by a second each time."""

    def __init__(self) -> None:
        self.state: SupervisionState = EMPTY
        self.now_ms = 0
        self.events: list[Event] = []

    def do(self, command: Command) -> tuple[Event, ...]:
        self.now_ms += 1000
        decision = decide(self.state, command, self.now_ms, Duty())
        assert isinstance(decision, Accepted), decision
        self.state = evolve_all(self.state, decision.events)
        self.events += decision.events
        return decision.events

    def see(self, seq: int, now: tuple[bool, bool], *, late: bool = False) -> tuple[Event, ...]:
        return self.do(SeeRoom(seq, *now, late))

    def fail(self, *commands: Command) -> None:
        """These are decided one on top of the other, and none of them can be stored."""
        pending, lost = self.state, list[Event]()
        for command in commands:
            self.now_ms += 1000
            decision = decide(pending, command, self.now_ms, Duty())
            assert isinstance(decision, Accepted), decision
            pending = evolve_all(pending, decision.events)
            lost += decision.events
        self.state = evolve_all(self.state, aftermath(self.state, lost))

    def seen(self, by: Someone = RUTH) -> tuple[ConcernView, ...]:
        return concerns_for(self.state, self.state, by.identity_id, Office.ASSIGNED, Duty())

    def nth(self, concern: str) -> ConcernId:
        known, number = list(self.state.concerns), int(concern[1:])
        return known[number - 1] if number <= len(known) else ConcernId("none")

    def name(self, concern: ConcernId) -> str:
        return f"c{list(self.state.concerns).index(concern) + 1}"

    def kinds(self, by: Someone = RUTH) -> list[tuple[ConcernKind, bool]]:
        return [(each.kind, each.over) for each in self.seen(by)]

    def note(self, concern: str, by: Someone = RUTH) -> Accepted[Event] | Rejection:
        return decide(self.state, TakeNote(by, Office.ASSIGNED, self.nth(concern)), self.now_ms, Duty())


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.mark.parametrize(
    ("told", "kind", "severity", "person", "by"),
    [
        (SeeRoom(5, True, False, False), ConcernKind.LEADER_LOST, Severity.URGENT, "", ""),
        (GroupReturned(5), ConcernKind.LEADER_LOST, Severity.URGENT, "", ""),
        (CoverAsked(5, DANA), ConcernKind.COVER_NEEDED, Severity.URGENT, "Dana", "Dana"),
        (LobbyUnattended(5), ConcernKind.LOBBY_UNATTENDED, Severity.URGENT, "", ""),
        (SeeRoom(5, False, True, False, True), ConcernKind.NOBODY_ANSWERS, Severity.URGENT, "", ""),
        (PersonRemoved(5, ELLIE, DANA), ConcernKind.REMOVED, Severity.CONCERN, "Ellie", "Dana"),
    ],
)
def test_what_the_room_tells_is_raised(
    stream: Stream, told: Command, kind: ConcernKind, severity: Severity, person: str, by: str
) -> None:
    stream.do(told)

    (seen,) = stream.seen()
    assert (seen.id, seen.kind, seen.severity, seen.at_ms) == (stream.nth("c1"), kind, severity, 1000)
    assert (seen.person, seen.by) == (person, by)
    assert stream.state.room_seq == 5


def test_the_same_event_of_the_room_raises_nothing_twice(stream: Stream) -> None:
    facts = (CoverAsked(3, DANA), LobbyUnattended(4), PersonRemoved(7, ELLIE, DANA), GroupReturned(9))
    for fact in facts:
        stream.do(fact)
    before = stream.state

    assert [stream.do(fact) for fact in facts] == [(), (), (), ()]
    assert stream.state == before


def test_a_pause_that_began_by_asking_for_cover_is_one_concern_until_who_asked_is_gone(stream: Stream) -> None:
    stream.do(CoverAsked(5, DANA))
    stream.see(5, PAUSED)
    assert stream.kinds() == [(ConcernKind.COVER_NEEDED, False)]
    stream.do(CoverOver(6, DANA.identity_id))
    stream.see(6, PAUSED)
    assert [kind for kind, is_over in stream.kinds() if not is_over] == [ConcernKind.LEADER_LOST]


def test_a_pause_long_after_cover_was_asked_for_is_told_of(stream: Stream) -> None:
    stream.do(CoverAsked(5, DANA))
    stream.see(8, PAUSED)
    assert [kind for kind, _ in stream.kinds()] == [ConcernKind.LEADER_LOST, ConcernKind.COVER_NEEDED]


def test_a_pause_that_is_seen_again_and_again_is_one_concern(stream: Stream) -> None:
    stream.see(5, PAUSED)

    assert stream.see(5, PAUSED) == stream.see(6, PAUSED) == ()


def test_a_group_back_in_its_lobby_was_told_of_when_it_paused(stream: Stream) -> None:
    stream.see(5, PAUSED)

    assert stream.do(GroupReturned(6)) == ()
    assert stream.kinds() == [(ConcernKind.LEADER_LOST, False)]


@pytest.mark.parametrize("end", [SessionOver(9), SeeRoom(9, False, True, False)])
def test_that_nobody_answers_passes_with_who_answers_or_with_the_end(stream: Stream, end: Command) -> None:
    stream.do(SeeRoom(1, False, True, False, unanswered=True))

    assert stream.do(SeeRoom(2, False, True, False, unanswered=True)) == ()
    stream.do(end)
    assert stream.kinds() == [(ConcernKind.NOBODY_ANSWERS, True)]


@pytest.mark.parametrize("end", [SessionLed(9), SessionOver(9), SeeRoom(9, False, True, False)])
def test_everything_that_needs_a_leader_passes_when_someone_leads_or_it_is_over(stream: Stream, end: Command) -> None:
    for told in (
        SeeRoom(1, True, False, False),
        CoverAsked(2, DANA),
        LobbyUnattended(3),
        PersonRemoved(4, ELLIE, DANA),
    ):
        stream.do(told)

    stream.do(end)

    assert {each.kind for each in stream.seen() if not each.over} == {ConcernKind.REMOVED}
    assert stream.do(end) == ()


def test_a_lobby_is_no_longer_unattended_when_nobody_waits_any_more(stream: Stream) -> None:
    stream.do(LobbyUnattended(3))
    assert stream.see(3, NEITHER, late=True) == ()

    stream.see(4, NEITHER, late=False)

    assert stream.kinds() == [(ConcernKind.LOBBY_UNATTENDED, True)]


def test_a_pause_lasts_while_the_group_waits_in_its_lobby(stream: Stream) -> None:
    stream.see(5, PAUSED)
    stream.do(GroupReturned(6))

    assert stream.see(6, NEITHER) == ()


def test_cover_is_no_longer_needed_once_who_asked_can_lead_again(stream: Stream) -> None:
    stream.do(CoverAsked(3, DANA))
    stream.do(CoverAsked(4, OMAR))
    assert stream.do(CoverAsked(5, OMAR)) == ()

    stream.do(CoverOver(6, DANA.identity_id))

    assert [(each.person, each.over) for each in stream.seen()] == [("Omar", False), ("Dana", True)]
    assert stream.do(CoverOver(7, ELLIE.identity_id)) == ()


def test_a_therapist_takes_note_once(stream: Stream) -> None:
    stream.do(PersonRemoved(4, ELLIE, DANA))

    stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c1")))

    assert stream.seen()[0].acknowledged
    assert stream.events[-1] == ConcernAcknowledged(stream.now_ms, stream.nth("c1"), RUTH.identity_id, "Ruth")
    assert stream.note("c1") == stream.note("c1", OMAR) == Accepted(())


def test_what_has_passed_still_wants_to_be_noted(stream: Stream) -> None:
    stream.see(5, PAUSED)
    stream.see(5, LED)

    stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c1")))

    assert (stream.seen()[0].over, stream.seen()[0].acknowledged) == (True, True)


def test_nobody_sees_or_notes_what_concerns_themselves(stream: Stream) -> None:
    stream.do(CoverAsked(4, RUTH))
    stream.do(PersonRemoved(5, OMAR, RUTH))

    assert [each.kind for each in stream.seen(RUTH)] == [ConcernKind.REMOVED]
    assert [each.kind for each in stream.seen(OMAR)] == [ConcernKind.COVER_NEEDED]
    assert stream.note("c1", RUTH) == Rejection(ErrorCode.NOT_ALLOWED, denied=Action.ACKNOWLEDGE_FLAG)
    assert stream.note("c2", OMAR) == Rejection(ErrorCode.NOT_ALLOWED, denied=Action.ACKNOWLEDGE_FLAG)


def test_there_is_nothing_to_note_in_a_concern_that_is_not_there(stream: Stream) -> None:
    assert stream.note("c1") == Rejection(ErrorCode.NOT_FOUND)


def test_an_admin_neither_sees_nor_notes_anything(stream: Stream) -> None:
    stream.see(5, PAUSED)

    assert concerns_for(stream.state, stream.state, IdentityId("i-admin"), Office.ADMIN, Duty()) == ()
    note = TakeNote(Someone(IdentityId("i-admin"), "Ada"), Office.ADMIN, stream.nth("c1"))
    assert decide(stream.state, note, 0, Duty()) == Rejection(ErrorCode.NOT_ALLOWED, denied=Action.ACKNOWLEDGE_FLAG)


def test_of_a_pause_that_comes_and_goes_the_newest_is_shown_and_noted_with_those_before(stream: Stream) -> None:
    for seq in range(1, 4):
        stream.see(seq, PAUSED)
        stream.see(seq, LED)
    stream.do(PersonRemoved(4, ELLIE, DANA))
    assert [stream.name(each.id) for each in stream.seen()] == ["c4", "c3"]

    stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c3")))

    assert [(stream.name(each.id), each.acknowledged) for each in stream.seen()] == [
        ("c4", False), ("c3", True), ("c2", True), ("c1", True)
    ]  # fmt: skip


def test_to_note_an_older_one_leaves_a_newer_one_open(stream: Stream) -> None:
    stream.see(1, PAUSED)
    stream.see(1, LED)
    stream.see(2, PAUSED)

    stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c1")))

    assert [(stream.name(each.id), each.acknowledged) for each in stream.seen()] == [("c2", False), ("c1", True)]


def test_of_noted_concerns_the_newest_are_shown_and_of_open_ones_all(stream: Stream) -> None:
    people = [Someone(IdentityId(f"i-{n}"), f"P{n}") for n in range(MAX_DONE + 5)]
    for seq, person in enumerate(people, start=1):
        stream.do(PersonRemoved(seq, person, DANA))
    assert len(stream.seen()) == len(people)

    for seq in range(1, len(people) + 1):
        stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth(f"c{seq}")))

    assert [stream.name(each.id) for each in stream.seen()] == [f"c{n}" for n in range(len(people), 5, -1)]


# ── when nothing can be stored ────────────────────────────────────────────────────────────────


def test_what_cannot_be_stored_is_shown_and_tried_again(stream: Stream) -> None:
    stream.fail(SeeRoom(5, True, False, False), CoverAsked(6, DANA), SeeRoom(6, False, True, False))
    assert stream.kinds() == [(ConcernKind.COVER_NEEDED, True), (ConcernKind.LEADER_LOST, True)]
    assert next_deadline(stream.state) == 0
    shown = stream.seen()

    stored = stream.do(PassTime())

    assert all(is_durable(event) for event in stored)
    assert evolve_all(EMPTY, stored) == stream.state
    assert stream.seen() == shown
    assert next_deadline(stream.state) is None
    assert stream.do(PassTime()) == ()


def test_what_is_held_is_not_held_twice(stream: Stream) -> None:
    stream.fail(PersonRemoved(5, ELLIE, DANA))
    stream.fail(PassTime(), PersonRemoved(6, OMAR, DANA))

    assert [each.person for each in stream.seen()] == ["Omar", "Ellie"]
    assert len(stream.state.unstored) == 2
    assert aftermath(EMPTY, (Held(stream.state.unstored[0]),)) == (Held(stream.state.unstored[0]),)


def test_what_is_held_is_stored_before_anything_that_builds_on_it(stream: Stream) -> None:
    stream.fail(PersonRemoved(5, ELLIE, DANA))

    events = stream.do(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c1")))

    assert [type(event) for event in events] == [ConcernRaised, ConcernAcknowledged]
    assert stream.state.unstored == ()


def test_what_changes_nothing_stores_nothing(stream: Stream) -> None:
    stream.fail(PersonRemoved(5, ELLIE, DANA))

    assert decide(stream.state, PersonRemoved(5, ELLIE, DANA), 0, Duty()) == NOTHING
    assert isinstance(stream.note("c9"), Rejection)


def test_a_note_that_could_not_be_stored_was_not_taken(stream: Stream) -> None:
    stream.do(PersonRemoved(5, ELLIE, DANA))

    stream.fail(TakeNote(RUTH, Office.ASSIGNED, stream.nth("c1")))

    assert not stream.seen()[0].acknowledged


def test_a_note_is_shown_once_it_is_stored(stream: Stream) -> None:
    stream.do(PersonRemoved(5, ELLIE, DANA))
    decision = stream.note("c1")
    assert isinstance(decision, Accepted)
    pending = evolve_all(stream.state, decision.events)

    assert not concerns_for(pending, stream.state, RUTH.identity_id, Office.ASSIGNED, Duty())[0].acknowledged
    assert concerns_for(pending, pending, RUTH.identity_id, Office.ASSIGNED, Duty())[0].acknowledged
    assert not concerns_for(pending, EMPTY, RUTH.identity_id, Office.ASSIGNED, Duty())[0].acknowledged
