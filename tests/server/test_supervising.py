"""Therapists are told what they have to know of their groups' sessions, whatever fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from moderation.permissions import Action
from program.groups import add_member
from program.people import Person, ProgramRole
from program.sessions import open_session, waive_responder
from protocol.errors import ErrorCode
from protocol.ids import ConcernId, IdentityId, ParticipantId, SessionId
from protocol.messages import (
    Ack,
    AskForCover,
    EndSession,
    Goodbye,
    Leave,
    Ping,
    Rejected,
    Remove,
    Welcome,
    WithdrawCover,
)
from protocol.supervision import Acknowledge, Severity, Supervised, Unsupervised, Watching
from protocol.values import Role, SessionStatus, WaitsFor
from server.storage.engine import writing
from server.storage.log import NewEvent
from server.supervisor import stream_of
from tests.fakes import START_MS
from tests.server.people import DANA, ELLIE, GROUP, OMAR, OTHER_GROUP, RUTH, SESSION
from tests.server.supervised import Node, RawSocket, node, settle, until

THURSDAY = SessionId("s-thursday")


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path) as there:
        # Nothing here is about responders, but for the tests that are.
        async with writing(there.engine) as connection:
            await waive_responder(connection, SESSION, OMAR)
        yield there


async def live(there: Node) -> tuple[RawSocket, RawSocket]:
    """Ellie in the room, and Dana who leads it."""
    ellie = await there.join(ELLIE, Role.PARTICIPANT)
    dana = await there.join(DANA, Role.MENTOR)
    await settle()
    return ellie, dana


def participant(ws: RawSocket) -> ParticipantId:
    [welcome] = ws.got(Welcome)
    return welcome.snapshot.you


async def stored(there: Node, session_id: SessionId = SESSION) -> list[str]:
    return [event.type for event in await there.log.read(stream_of(session_id))]


# ── what is seen ──────────────────────────────────────────────────────────────────────────────


async def test_a_session_where_nobody_is_is_listed_from_its_row(there: Node) -> None:
    ruth = await there.watch(RUTH)

    [watching] = ruth.got(Watching)
    [view] = watching.sessions
    assert (view.session.id, view.session.title, view.session.status) == (
        SESSION,
        "Tuesday evening",
        SessionStatus.LOBBY,
    )
    assert (view.people, view.waiting, view.leaders, view.concerns) == (0, 0, (), ())
    assert view.session.waits_for is WaitsFor.LEADER


async def test_who_comes_and_leads_is_seen_as_it_happens(there: Node) -> None:
    ruth = await there.watch(RUTH)
    await there.join(ELLIE, Role.PARTICIPANT)
    await until("Ellie is seen to wait", lambda: ruth.views[SESSION].waiting == 1)

    await there.join(DANA, Role.MENTOR)

    await until("Dana is seen to lead", lambda: ruth.views[SESSION].leaders == ("Dana",))
    await until("both are seen", lambda: (ruth.views[SESSION].people, ruth.views[SESSION].waiting) == (2, 0))
    assert ruth.views[SESSION].session.status is SessionStatus.LIVE


async def test_a_therapist_of_two_groups_sees_both_and_of_one_group_one(there: Node) -> None:
    async with writing(there.engine) as connection:
        await add_member(connection, OTHER_GROUP, RUTH, Role.THERAPIST)
        await open_session(connection, THURSDAY, OTHER_GROUP, "Thursday", START_MS)

    ruth, omar = await there.watch(RUTH), await there.watch(OMAR)

    assert set(ruth.views) == {SESSION, THURSDAY}
    assert set(omar.views) == {THURSDAY}


async def test_new_sessions_appear_and_those_of_others_go(there: Node) -> None:
    omar = await there.watch(OMAR)
    async with writing(there.engine) as connection:
        await open_session(connection, THURSDAY, OTHER_GROUP, "Thursday", START_MS)
    await there.look_again()
    await until("it appears", lambda: set(omar.views) == {THURSDAY})

    async with writing(there.engine) as connection:
        await connection.execute(text("DELETE FROM group_members WHERE person_id = 'p-omar'"))
    await there.look_again()

    await until("it goes", lambda: omar.views == {})
    assert isinstance(omar.last, Unsupervised)


async def test_a_session_that_someone_comes_to_appears_at_once(there: Node) -> None:
    ruth = await there.watch(RUTH)
    async with writing(there.engine) as connection:
        await open_session(connection, SessionId("s-new"), GROUP, "New", START_MS)

    await there.join(DANA, Role.MENTOR, SessionId("s-new"))

    await until("it appears", lambda: SessionId("s-new") in ruth.views)


async def test_a_session_that_ended_goes(there: Node) -> None:
    ruth = await there.watch(RUTH)
    _, dana = await live(there)

    dana.say(EndSession(there.rid()))

    await until("it goes", lambda: ruth.views == {})
    await there.look_again()
    await settle()
    assert ruth.views == {}


async def test_nothing_is_sent_that_changes_nothing(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, _ = await live(there)
    await until("both are seen", lambda: ruth.views[SESSION].people == 2)
    before = len(ruth.frames)

    await there.ask(ellie, Ping(there.rid()))
    await there.look_again()
    await settle()

    assert len(ruth.frames) == before


async def test_a_room_that_is_not_needed_any_more_is_listed_from_its_row(there: Node) -> None:
    ruth = await there.watch(RUTH)
    dana = await there.join(DANA, Role.MENTOR)
    await until("Dana is seen", lambda: ruth.views[SESSION].leaders == ("Dana",))
    await there.ask(dana, Leave(there.rid()))
    await until("Dana is gone", lambda: ruth.views[SESSION].leaders == ())

    await there.after(60)
    await settle()

    assert there.supervision.state(SESSION) is None
    assert ruth.views[SESSION].people == 0


# ── concerns ──────────────────────────────────────────────────────────────────────────────────


async def test_a_group_whose_leader_is_gone_is_told_of_and_that_it_is_over(there: Node) -> None:
    ruth = await there.watch(RUTH)
    _, dana = await live(there)
    dana.drop()
    await settle()
    assert ruth.kinds() == []

    await there.after(1.5)

    await until("the pause is told", lambda: ruth.kinds() == [("leader_lost", False)])
    assert ruth.views[SESSION].paused_until_ms > 0
    assert ruth.concerns()[0].severity is Severity.URGENT
    await there.join(DANA, Role.MENTOR)
    await until("it is over", lambda: ruth.kinds() == [("leader_lost", True)])
    assert ruth.views[SESSION].paused_until_ms == 0


async def test_a_mentor_who_goes_last_raises_nothing(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, dana = await live(there)

    await there.ask(ellie, Leave(there.rid()))
    await there.ask(dana, Leave(there.rid()))
    await until("both are gone", lambda: ruth.views[SESSION].people == 0)

    assert ruth.concerns() == ()


async def test_who_asks_for_cover_is_told_by_name_until_they_lead_again(there: Node) -> None:
    ruth = await there.watch(RUTH)
    _, dana = await live(there)

    await there.ask(dana, AskForCover(there.rid()))
    await until("it is told", lambda: ruth.kinds() == [("cover_needed", False)])
    assert ruth.concerns()[0].by == "Dana"

    await there.ask(dana, WithdrawCover(there.rid()))
    await until("it is over", lambda: ruth.kinds() == [("cover_needed", True)])


async def test_when_who_asked_for_cover_goes_it_is_told_that_nobody_leads(there: Node) -> None:
    ruth = await there.watch(RUTH)
    _, dana = await live(there)
    await there.ask(dana, AskForCover(there.rid()))
    await until("it is told", lambda: ruth.kinds() == [("cover_needed", False)])

    await there.ask(dana, Leave(there.rid()))
    await until("that, too", lambda: ruth.kinds() == [("leader_lost", False), ("cover_needed", True)])


async def test_a_therapist_who_can_be_reached_no_more_while_it_is_live_is_missed(tmp_path: Path) -> None:
    async with node(tmp_path) as there:
        ruth = Person(RUTH, "Ruth", ProgramRole.THERAPIST, 0)
        await there.responders.set_reachable(ruth, SESSION, reachable=True)
        watch = await there.watch(RUTH)
        await live(there)
        await there.responders.set_reachable(ruth, SESSION, reachable=False)
        await until("it is told", lambda: watch.kinds() == [("nobody_answers", False)])

        await there.responders.set_reachable(ruth, SESSION, reachable=True)
        await until("it is over", lambda: watch.kinds() == [("nobody_answers", True)])


async def test_a_removal_is_told_with_both_names_and_can_be_acknowledged(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, dana = await live(there)

    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    await until("it is told", lambda: ruth.kinds() == [("removed", False)])
    [concern] = ruth.concerns()
    assert (concern.person, concern.by, concern.severity) == ("Ellie", "Dana", Severity.CONCERN)

    assert isinstance(await there.acknowledge(ruth, concern), Ack)
    await until("it is noted", lambda: ruth.concerns()[0].acknowledged)
    assert await stored(there) == ["concern_raised", "concern_acknowledged"]
    assert isinstance(await there.acknowledge(ruth, concern), Ack)


async def test_two_therapists_see_the_same_and_one_notes_for_both(there: Node) -> None:
    async with writing(there.engine) as connection:
        await add_member(connection, GROUP, OMAR, Role.THERAPIST)
    ruth, omar = await there.watch(RUTH), await there.watch(OMAR)
    ellie, dana = await live(there)
    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    await until("both see it", lambda: bool(ruth.concerns() and omar.concerns()))

    await there.acknowledge(omar, omar.concerns()[0])

    await until("both see it noted", lambda: ruth.concerns()[0].acknowledged and omar.concerns()[0].acknowledged)


async def test_a_therapist_neither_sees_nor_notes_what_concerns_herself(there: Node) -> None:
    async with writing(there.engine) as connection:
        await add_member(connection, GROUP, OMAR, Role.THERAPIST)
    ruth, omar = await there.watch(RUTH), await there.watch(OMAR)
    await live(there)
    inside = await there.join(RUTH, Role.THERAPIST)
    await there.ask(inside, AskForCover(there.rid()))
    await until("Omar is told", lambda: omar.kinds() == [("cover_needed", False)])

    answer = await there.acknowledge(ruth, omar.concerns()[0])

    assert ruth.concerns() == ()
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.NOT_FOUND, "as if there were nothing"
    assert there.denied == [(RUTH, Action.ACKNOWLEDGE_FLAG, SESSION)]


async def test_nothing_of_other_groups_can_be_noted(there: Node) -> None:
    omar, ruth = await there.watch(OMAR), await there.watch(RUTH)
    ellie, dana = await live(there)
    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    await until("it is told", lambda: bool(ruth.concerns()))

    answer = await there.acknowledge(omar, ruth.concerns()[0])
    missing = await there.ask(ruth, Acknowledge(there.rid(), SESSION, ConcernId("c99")))

    assert isinstance(answer, Rejected)
    assert isinstance(missing, Rejected)
    assert answer.code is missing.code is ErrorCode.NOT_FOUND


async def test_a_lobby_that_nobody_attends_is_known_although_nobody_watches(there: Node) -> None:
    await there.join(ELLIE, Role.PARTICIPANT)

    await there.after(600)
    await until("it is stored", lambda: any(stream.endswith("/supervision") for stream, _ in there.log.appends))

    ruth = await there.watch(RUTH)
    assert ruth.kinds() == [("lobby_unattended", False)]
    await there.join(DANA, Role.MENTOR)
    await until("it is over", lambda: ruth.kinds() == [("lobby_unattended", True)])


# ── what a crash left untold ──────────────────────────────────────────────────────────────────


async def restarted(there: Node) -> Node:
    await there.crash()
    again = Node(there.engine, there.clock)
    await again.log.start()
    return again


async def test_what_the_rooms_log_tells_is_caught_up_once(there: Node) -> None:
    ellie, dana = await live(there)
    there.supervision.happened = lambda *_: None  # type: ignore[method-assign]  # the crash comes before it is heard
    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    assert await stored(there) == []

    again = await restarted(there)
    ruth = await again.watch(RUTH)
    assert [(each.kind.value, each.person, each.by) for each in ruth.concerns()] == [("removed", "Ellie", "Dana")]
    await again.join(DANA, Role.MENTOR)
    await until("Dana is seen", lambda: ruth.views[SESSION].leaders == ("Dana",))
    assert len(ruth.concerns()) == 1
    await again.stop()

    third = Node(there.engine, there.clock)
    await third.log.start()
    assert len((await third.watch(RUTH)).concerns()) == 1
    assert await stored(third) == ["concern_raised"]
    await third.stop()


async def test_concerns_that_cannot_be_read_are_said_to_be_missing(there: Node) -> None:
    """A therapist who sees no flag must not believe that there is none."""
    await there.join(ELLIE, Role.PARTICIPANT)
    await there.after(600)
    await until("it is stored", lambda: any(stream.endswith("/supervision") for stream, _ in there.log.appends))
    assert not (await there.watch(RUTH)).views[SESSION].unread

    async with writing(there.engine) as connection:
        damage = text("UPDATE payloads SET sealed = zeroblob(90) WHERE stream_id = :stream")
        await connection.execute(damage, {"stream": stream_of(SESSION)})
    again = await restarted(there)
    ruth = await again.watch(RUTH)
    assert (ruth.concerns(), ruth.views[SESSION].unread) == ((), True)
    await again.stop()


async def test_a_live_room_that_is_loaded_without_its_leader_pauses_and_is_told_of(there: Node) -> None:
    await live(there)

    again = await restarted(there)
    ruth = await again.watch(RUTH)
    await again.join(ELLIE, Role.PARTICIPANT)
    await again.after(1.5)

    await until("the pause is told", lambda: ruth.kinds() == [("leader_lost", False)])
    await again.stop()


async def test_a_concern_that_passed_while_the_server_was_away_is_over(there: Node) -> None:
    ruth = await there.watch(RUTH)
    _, dana = await live(there)
    dana.drop()
    await settle()
    await there.after(1.5)
    await until("the pause is told", lambda: ruth.kinds() == [("leader_lost", False)])
    await until("it is stored", lambda: any(stream.endswith("/supervision") for stream, _ in there.log.appends))

    again = await restarted(there)
    ruth = await again.watch(RUTH)
    assert ruth.kinds() == [("leader_lost", False)]
    await again.join(DANA, Role.MENTOR)
    await until("it is over", lambda: ruth.kinds() == [("leader_lost", True)])
    await again.stop()


# ── when storing fails ────────────────────────────────────────────────────────────────────────


async def test_what_cannot_be_stored_is_shown_at_once_and_stored_later(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, dana = await live(there)
    there.log.full_for = "/supervision"

    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    await until("it is told", lambda: ruth.kinds() == [("removed", False)])
    answer = await there.acknowledge(ruth, ruth.concerns()[0])
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.NOT_SAVED
    assert not ruth.concerns()[0].acknowledged
    await there.look_again()
    assert await stored(there) == []

    there.log.full_for = "nothing"
    await there.look_again()
    await until("it can be noted", lambda: there.log.appends[-1][0] == stream_of(SESSION))
    assert isinstance(await there.acknowledge(ruth, ruth.concerns()[0]), Ack)
    assert await stored(there) == ["concern_raised", "concern_acknowledged"]


async def test_a_concern_is_shown_before_the_disk_is_done(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, dana = await live(there)
    there.log.stuck_for = "/supervision"

    await there.ask(dana, Remove(there.rid(), participant(ellie)))

    await until("it is told", lambda: ruth.kinds() == [("removed", False)])
    assert there.log.appends[-1][0] == stream_of(SESSION)
    assert await stored(there) == []


async def test_a_stream_that_another_node_took_is_loaded_again(there: Node) -> None:
    ruth = await there.watch(RUTH)
    ellie, dana = await live(there)
    await until("its stream is claimed", lambda: epoch(there) > 0)
    await there.log.claim(stream_of(SESSION), "supervision")

    await there.ask(dana, Remove(there.rid(), participant(ellie)))
    await until("its owner noticed", lambda: bool(there.later.pending) and 1.0 in there.later.delays())
    await there.look_again()

    await until("it is told", lambda: ruth.kinds() == [("removed", False)])
    await until("it is noted", lambda: isinstance(ruth.last, Supervised))
    assert isinstance(await there.acknowledge(ruth, ruth.concerns()[0]), Ack)
    assert await stored(there) == ["concern_raised", "concern_acknowledged"]


async def test_a_supervision_log_that_cannot_be_read_costs_its_concerns_and_nothing_else(there: Node) -> None:
    claim = await there.log.claim(stream_of(SESSION), "supervision")
    await there.log.append(stream_of(SESSION), claim.epoch, 0, [NewEvent(1, "concern_raised", 99, b"\x80")])

    ruth = await there.watch(RUTH)
    await live(there)

    await until("the room is seen", lambda: ruth.views[SESSION].people == 2)
    answer = await there.ask(ruth, Acknowledge(there.rid(), SESSION, ConcernId("c1")))
    assert isinstance(answer, Rejected)
    assert answer.code is ErrorCode.NOT_SAVED


async def test_a_bug_in_supervision_ends_no_room(there: Node) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    there.supervision._follow_soon = bug  # type: ignore[method-assign]

    _, dana = await live(there)

    assert isinstance(await there.ask(dana, AskForCover(there.rid())), Ack)


# ── who answers ───────────────────────────────────────────────────────────────────────────────


async def test_who_answers_is_shown_and_an_open_room_hears_of_it(tmp_path: Path) -> None:
    async with node(tmp_path) as there:
        async with writing(there.engine) as connection:
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
        ruth, omar = await there.watch(RUTH), await there.watch(OMAR)
        await live(there)
        await until("it waits for a responder", lambda: ruth.views[SESSION].session.waits_for is WaitsFor.RESPONDER)

        await there.responders.set_reachable(
            Person(RUTH, "Ruth", ProgramRole.THERAPIST, START_MS), SESSION, reachable=True
        )

        await until("it begins", lambda: ruth.views[SESSION].session.status is SessionStatus.LIVE)
        await until(
            "both see who answers", lambda: ruth.views[SESSION].responder == omar.views[SESSION].responder == "Ruth"
        )
        assert (ruth.views[SESSION].you_respond, omar.views[SESSION].you_respond) == (True, False)


async def test_a_therapist_who_alone_leads_does_not_answer_for_the_session(tmp_path: Path) -> None:
    async with node(tmp_path) as there:
        ruth = await there.watch(RUTH)
        await there.responders.set_reachable(
            Person(RUTH, "Ruth", ProgramRole.THERAPIST, START_MS), SESSION, reachable=True
        )
        await there.join(ELLIE, Role.PARTICIPANT)
        await there.join(RUTH, Role.THERAPIST)
        await until("it waits for a responder", lambda: ruth.views[SESSION].session.waits_for is WaitsFor.RESPONDER)
        assert ruth.views[SESSION].you_respond


# ── the socket ────────────────────────────────────────────────────────────────────────────────


async def test_watching_ends_with_the_sign_in_and_nothing_is_kept(there: Node) -> None:
    ruth = await there.watch(RUTH)

    there.endpoint.end_sign_in(f"sign-in-of-{RUTH}")
    await until("it is closed", lambda: ruth.closed_with is not None)

    assert isinstance(ruth.last, Goodbye)
    assert ruth.last.code is ErrorCode.SIGNED_OUT
    await until("nothing is kept", lambda: there.supervision._sessions == {})


async def test_a_sign_in_that_ended_on_the_way_watches_nothing(there: Node) -> None:
    there.endpoint.end_sign_in(f"sign-in-of-{RUTH}")

    ruth = await there.watch(RUTH)

    assert [type(frame) for _, frame in ruth.frames] == [Goodbye]
    await until("nothing is kept", lambda: there.supervision._sessions == {})


async def test_a_person_of_no_group_watches_nothing(there: Node) -> None:
    nobody = await there.watch(IdentityId("p-stranger"))

    assert nobody.views == {}


def epoch(there: Node) -> int:
    supervisor = there.supervision._sessions[SESSION].supervisor
    return 0 if supervisor is None else supervisor.epoch
