"""A therapist listens with a right that is written down, whispers to one mentor, and leaves no trace in any room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from program.groups import add_member
from program.people import Person, ProgramRole, add_person
from program.sessions import name_responder
from program.tables import group_members, people
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId, WhisperId
from protocol.messages import Ack, Leave, Rejected, RestartSubscribe, Welcome
from protocol.monitoring import (
    ConfirmHeadphones,
    Finding,
    Listen,
    MayListen,
    Monitored,
    MonitoringEnd,
    MonitoringOver,
    ReviewGlass,
    SawWhisper,
    SendWhisper,
    SpeakTo,
    StopListening,
    Whispered,
    WhisperSpeaking,
)
from protocol.supervision import Acknowledge, Outcome, Resolution, Resolve
from protocol.values import Role
from rooms.commands import CloseSession
from server.storage.engine import writing
from server.supervisor import stream_of
from tests.fakes import START_MS
from tests.server.flagged import Flagged, Page, flag, flagged
from tests.server.people import DANA, ELLIE, GROUP, OMAR, RUTH, SESSION
from tests.server.supervised import Node, RawSocket, Watched, settle, until

LEAD = IdentityId("lee")
REASON = "Nobody speaks, and I hear somebody cry."


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Flagged]:
    """Ruth answers, Omar is her backup, Lee is the clinical lead."""
    async with flagged(tmp_path) as there:
        async with writing(there.node.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_member(connection, GROUP, OMAR, Role.THERAPIST)
            await add_person(connection, Person(LEAD, "Lee", ProgramRole.CLINICAL_LEAD, START_MS))
        yield there


async def live(node: Node) -> tuple[RawSocket, RawSocket]:
    ellie, dana = await node.join(ELLIE, Role.PARTICIPANT), await node.join(DANA, Role.MENTOR)
    await settle()
    return ellie, dana


def seat(ws: RawSocket) -> ParticipantId:
    return ws.got(Welcome)[0].snapshot.you


async def flagged_live(there: Flagged, **changes: object) -> tuple[Watched, RawSocket, RawSocket, Page]:
    """Ruth watches; Dana has flagged Ellie, unless it is said otherwise."""
    ruth = await there.node.watch(RUTH)
    ellie, dana = await live(there.node)
    page = await there.page(DANA)
    asked = {**flag("f1", kind="flag", severity="concern", about=seat(ellie)), **changes}
    assert (await page.ask("POST", f"/sessions/{SESSION}/flags", asked))[0] == 200
    await settle()
    return ruth, ellie, dana, page


def may(page: Watched) -> MayListen:
    listening = page.views[SESSION].listening
    assert listening is not None
    return listening.may_listen


async def listen(node: Node, page: Watched, reason: str = "") -> object:
    return await node.ask(page, Listen(node.rid(), SESSION, reason))


def refused(answer: object) -> ErrorCode:
    assert isinstance(answer, Rejected)
    return answer.code


async def stored(node: Node) -> list[str]:
    return [each.type for each in await node.log.read(stream_of(SESSION))]


def over(page: Watched) -> list[MonitoringEnd]:
    return [frame.why for frame in page.got(MonitoringOver)]


# ── the right ─────────────────────────────────────────────────────────────────────────────────


async def test_a_flag_lets_an_assigned_therapist_listen_and_both_ends_are_written_down(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    assert may(ruth) is MayListen.YES

    assert isinstance(await listen(node, ruth), Ack)
    assert node.monitors.rooms == [SESSION]
    [seen] = ruth.got(Monitored)
    assert {each.name for each in seen.room.participants} == {"Ellie", "Dana"}
    assert (seen.room.you, seen.room.lobby) == ("", ())
    await until("it is shown", lambda: bool(ruth.views[SESSION].listening and ruth.views[SESSION].listening.since_ms))  # type: ignore[union-attr]

    assert isinstance(await node.ask(ruth, StopListening(node.rid())), Ack)
    assert node.monitors.rooms == []
    assert over(ruth) == [MonitoringEnd.STOPPED]
    assert await stored(node) == ["flag_raised", "monitoring_began", "monitoring_ended"]
    assert ruth.concerns()[0].acknowledged is False, "listening acknowledges nothing"


@pytest.mark.parametrize(
    "changes", [{"severity": "note"}, {"category": "technical"}], ids=["a note", "something technical"]
)
async def test_a_flag_that_gives_no_right_leaves_listening_refused_and_written_down(
    there: Flagged, changes: dict[str, object]
) -> None:
    ruth, *_ = await flagged_live(there, **changes)
    assert may(ruth) is MayListen.NO_FLAG

    assert refused(await listen(there.node, ruth)) is ErrorCode.NO_FLAG

    assert there.node.monitors.rooms == []
    assert [(who, what) for who, what, _ in there.node.denied] == [(RUTH, "monitor")]


async def test_with_no_flag_or_one_about_oneself_a_therapist_is_answered_alike(there: Flagged) -> None:
    node = there.node
    ruth = await node.watch(RUTH)
    ellie, _ = await live(node)
    visible = await node.join(RUTH, Role.THERAPIST)
    await node.ask(visible, Leave(node.rid()))
    await settle()
    before = (may(ruth), refused(await listen(node, ruth)))
    page = await there.page(ELLIE)
    assert (await page.flag(kind="report", severity="urgent", about=seat(visible)))[0] == 200
    await settle()

    assert (may(ruth), refused(await listen(node, ruth))) == before == (MayListen.NO_FLAG, ErrorCode.NO_FLAG)
    assert seat(ellie)


async def test_while_somebody_present_has_not_consented_nobody_listens(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    node.without_consent.add(ELLIE)

    assert refused(await listen(node, ruth)) is ErrorCode.NO_CONSENT
    assert refused(await listen(node, ruth, REASON)) is ErrorCode.NO_CONSENT
    await until("it is shown", lambda: may(ruth) is MayListen.NO_CONSENT)
    assert node.monitors.rooms == []


async def test_taking_consent_back_silences_before_anything_else(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)

    node.monitoring.consent_ended(ELLIE)

    assert node.monitors.rooms == []
    await until("it is told", lambda: over(ruth) == [MonitoringEnd.CONSENT])


async def test_listening_ends_with_the_flag_that_gave_the_right(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)
    concern = ruth.concerns()[0].id
    await node.ask(ruth, Acknowledge(node.rid(), SESSION, concern, 1))
    assert node.monitors.rooms == [SESSION]

    done = Resolution(Outcome.SPOKE, "We spoke.")
    assert isinstance(await node.ask(ruth, Resolve(node.rid(), SESSION, concern, done, 1)), Ack)

    assert node.monitors.rooms == []
    assert over(ruth) == [MonitoringEnd.RIGHT_ENDED]


async def test_listening_ends_with_the_session(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)

    room = await node.hall.room(SESSION)
    await room.submit(CloseSession(if_empty=False))

    await until("it is told", lambda: over(ruth) == [MonitoringEnd.SESSION_ENDED])
    assert node.monitors.rooms == []


async def test_nothing_is_heard_before_it_is_stored_and_nothing_without(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    node.log.full_for = "/supervision"

    assert refused(await listen(node, ruth)) is ErrorCode.NOT_SAVED
    assert node.monitors.calls == []


async def test_one_session_at_a_time_over_all_pages_of_a_person(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)
    second = await node.watch(RUTH)

    assert isinstance(await listen(node, second), Ack)

    assert node.monitors.rooms == [SESSION]
    assert over(ruth) == [MonitoringEnd.ELSEWHERE]
    omar = await node.watch(OMAR)
    assert isinstance(await listen(node, omar), Ack)
    assert node.monitors.rooms == [SESSION, SESSION]


async def test_a_page_that_goes_listens_no_more(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)

    ruth.drop()

    await until("it is stored", lambda: node.supervision.listens(SESSION, RUTH) is None)
    assert node.monitors.heard == {}


async def test_who_stops_while_it_is_being_stored_does_not_listen_afterwards(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    node.log.stuck_for = "/supervision"
    asking = asyncio.create_task(listen(node, ruth))
    await until("it is on its way", lambda: len(node.log.stuck) == 1)

    assert isinstance(await node.ask(ruth, StopListening(node.rid())), Ack)
    node.log.stuck_for = "nothing"
    node.log.stuck.pop().set_result(None)
    await asking

    assert node.monitors.rooms == []
    await until("it is over", lambda: node.supervision.listens(SESSION, RUTH) is None)


async def test_after_a_crash_whoever_listened_does_not(there: Flagged) -> None:
    ruth, *_ = await flagged_live(there)
    await listen(there.node, ruth)
    there.node.log.full_for = "/supervision"
    await there.node.crash()
    assert (await stored(there.node))[-1] == "monitoring_began"

    again = Node(there.node.engine, there.node.clock)
    await again.log.start()
    again.supervision.wake(SESSION)
    await until("it is on its way", lambda: again.log.appends != [])
    await until("it is stored", lambda: again.supervision._sessions[SESSION].supervisor.idle)  # type: ignore[union-attr]
    assert (await stored(again))[-1] == "monitoring_ended"
    await again.stop()


# ── break-glass ───────────────────────────────────────────────────────────────────────────────


async def test_without_a_flag_a_reason_opens_fifteen_minutes_that_another_person_reviews(there: Flagged) -> None:
    node = there.node
    ruth, lead = await node.watch(RUTH), await node.watch(LEAD)
    await live(node)
    assert refused(await listen(node, ruth, "why")) is ErrorCode.INVALID_FIELD

    assert isinstance(await listen(node, ruth, REASON), Ack)
    assert node.monitors.rooms == [SESSION]
    assert refused(await listen(node, ruth, REASON)) is ErrorCode.CONFLICT
    node.clock.advance(14 * 60)
    await node.look_again()
    assert node.monitors.rooms == [SESSION]

    node.clock.advance(61)
    await node.look_again()
    await until("it is over", lambda: over(ruth) == [MonitoringEnd.TIME_OVER])
    assert node.monitors.rooms == []
    await until("the lead has it", lambda: SESSION in lead.views)
    listening = lead.views[SESSION].listening
    assert listening is not None
    [glass] = listening.glass
    assert (glass.by, glass.reason, glass.mine) == ("Ruth", REASON, False)

    own = ReviewGlass(node.rid(), SESSION, glass.id, Finding.IN_ORDER)
    assert refused(await node.ask(ruth, own)) is ErrorCode.NOT_FOUND
    review = ReviewGlass(node.rid(), SESSION, glass.id, Finding.QUESTIONS, "We talk on Friday.")
    assert isinstance(await node.ask(lead, review), Ack)
    await until("it is done", lambda: SESSION not in lead.views)
    assert (await stored(node))[-1] == "glass_reviewed"


async def test_what_has_to_be_reviewed_survives_the_session_and_a_crash(there: Flagged) -> None:
    node = there.node
    ruth = await node.watch(RUTH)
    await live(node)
    await listen(node, ruth, REASON)
    room = await node.hall.room(SESSION)
    await room.submit(CloseSession(if_empty=False))
    await until("it is over", lambda: over(ruth) == [MonitoringEnd.SESSION_ENDED])
    await node.crash()

    again = Node(node.engine, node.clock)
    await again.log.start()
    again.supervision.wake(SESSION)
    lead = await again.watch(LEAD)
    await until("the lead has it", lambda: SESSION in lead.views and lead.views[SESSION].listening is not None)
    await again.stop()


# ── whispers ──────────────────────────────────────────────────────────────────────────────────


def whisper(node: Node, to: ParticipantId, text: str = "Ask her directly.", whisper_id: str = "w1") -> SendWhisper:
    return SendWhisper(node.rid(), SESSION, to, WhisperId(whisper_id), text)


async def test_a_whisper_is_seen_by_the_mentor_alone_and_needs_no_listening(there: Flagged) -> None:
    node = there.node
    ruth, ellie, dana, _ = await flagged_live(there)
    heard = len(ellie.raw)
    listening = ruth.views[SESSION].listening
    assert listening is not None
    assert [(each.name, each.headphones) for each in listening.mentors] == [("Dana", False)]

    assert isinstance(await node.ask(ruth, whisper(node, seat(dana))), Ack)

    [got] = dana.got(Whispered)
    assert (got.whisper.other, got.whisper.text) == ("Ruth", "Ask her directly.")
    assert isinstance(await node.ask(dana, SawWhisper(node.rid(), got.whisper.id)), Ack)
    await until("it is shown", lambda: [each.seen for each in ruth.views[SESSION].listening.whispers] == [True])  # type: ignore[union-attr]
    assert len(ellie.raw) == heard
    assert ellie.got(Whispered) == []


async def test_a_whisper_waits_for_a_page_that_shows_it(there: Flagged) -> None:
    node = there.node
    ruth, _, dana, _ = await flagged_live(there)
    await node.ask(ruth, whisper(node, seat(dana)))

    again = await node.join(DANA, Role.MENTOR)
    await until("it is there", lambda: len(again.got(Whispered)) == 1)
    await node.ask(again, SawWhisper(node.rid(), WhisperId("w1")))
    third = await node.join(DANA, Role.MENTOR)
    await settle()
    assert third.got(Whispered) == []


async def test_a_mentor_whom_a_flag_concerns_is_not_whispered_to(there: Flagged) -> None:
    node = there.node
    ruth, _, dana, _ = await flagged_live(there)
    ellie_page = await there.page(ELLIE)
    assert (await ellie_page.flag("f2", kind="report", severity="concern", about=seat(dana)))[0] == 200
    await settle()

    assert refused(await node.ask(ruth, whisper(node, seat(dana)))) is ErrorCode.NOT_FOUND
    assert dana.got(Whispered) == []
    assert ruth.views[SESSION].listening.mentors == ()  # type: ignore[union-attr]


async def test_nobody_whispers_to_a_participant(there: Flagged) -> None:
    ruth, ellie, *_ = await flagged_live(there)
    assert refused(await there.node.ask(ruth, whisper(there.node, seat(ellie)))) is ErrorCode.NOT_FOUND


async def test_a_participant_says_nothing_of_whispers(there: Flagged) -> None:
    _, ellie, *_ = await flagged_live(there)
    answer = await there.node.ask(ellie, ConfirmHeadphones(there.node.rid(), True))
    assert refused(answer) is ErrorCode.NOT_ALLOWED


async def test_a_therapist_speaks_to_a_mentor_who_wears_headphones_and_to_nobody_else(there: Flagged) -> None:
    node = there.node
    ruth, _, dana, _ = await flagged_live(there)
    await listen(node, ruth)
    who = seat(dana)
    assert refused(await node.ask(ruth, SpeakTo(node.rid(), SESSION, who))) is ErrorCode.NOT_ALLOWED

    await node.ask(dana, ConfirmHeadphones(node.rid(), True))
    await until("she sees it", lambda: ruth.views[SESSION].listening.mentors[0].headphones)  # type: ignore[union-attr]
    assert isinstance(await node.ask(ruth, SpeakTo(node.rid(), SESSION, who)), Ack)
    assert list(node.monitors.spoken.values()) == [(SESSION, who)]
    assert [frame.name for frame in dana.got(WhisperSpeaking)] == ["", "Ruth"]

    await node.ask(dana, ConfirmHeadphones(node.rid(), False))
    assert list(node.monitors.spoken.values()) == [(SESSION, None)]
    assert [frame.name for frame in dana.got(WhisperSpeaking)] == ["", "Ruth", ""]
    assert "whisper_spoken" in await stored(node)


# ── stepping in ───────────────────────────────────────────────────────────────────────────────


async def test_who_steps_in_listens_no_more_and_it_is_written_down(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)
    page = await there.page(RUTH)

    status, _, _ = await page.ask("POST", f"/sessions/{SESSION}/step-in", {})

    assert status == 204
    assert node.monitors.rooms == []
    assert over(ruth) == [MonitoringEnd.STEPPED_IN]
    assert (await stored(node))[-2:] == ["monitoring_ended", "stepped_in"]


@pytest.mark.parametrize("who", [ELLIE, DANA])
async def test_nobody_but_a_therapist_steps_in(there: Flagged, who: IdentityId) -> None:
    await flagged_live(there)
    page = await there.page(who)
    status, code, _ = await page.ask("POST", f"/sessions/{SESSION}/step-in", {})
    assert (status, code) == (403, "not_allowed")


# ── what must not go on ───────────────────────────────────────────────────────────────────────


async def speaking(there: Flagged) -> tuple[Watched, RawSocket, ParticipantId]:
    """Ruth listens, and speaks to Dana."""
    node = there.node
    ruth, _, dana, _ = await flagged_live(there)
    await listen(node, ruth)
    await node.ask(dana, ConfirmHeadphones(node.rid(), True))
    assert isinstance(await node.ask(ruth, SpeakTo(node.rid(), SESSION, seat(dana))), Ack)
    return ruth, dana, seat(dana)


def spoken_to(node: Node) -> list[str]:
    return [whom for _, whom in node.monitors.spoken.values() if whom is not None]


async def test_a_microphone_that_was_turned_off_while_it_was_being_stored_stays_off(there: Flagged) -> None:
    node = there.node
    ruth, _, dana, _ = await flagged_live(there)
    await listen(node, ruth)
    await node.ask(dana, ConfirmHeadphones(node.rid(), True))
    node.log.stuck_for = "/supervision"
    asking = asyncio.create_task(node.ask(ruth, SpeakTo(node.rid(), SESSION, seat(dana))))
    await until("it is on its way", lambda: len(node.log.stuck) == 1)

    assert isinstance(await node.ask(ruth, SpeakTo(node.rid(), SESSION)), Ack)
    node.log.stuck_for = "nothing"
    node.log.stuck.pop().set_result(None)
    await asking

    assert spoken_to(node) == []


async def test_speaking_ends_with_a_flag_about_the_mentor(there: Flagged) -> None:
    _, dana, who = await speaking(there)
    page = await there.page(ELLIE)
    assert (await page.flag("f2", kind="report", severity="concern", about=who))[0] == 200
    await until("it is over", lambda: spoken_to(there.node) == [])
    assert dana.got(WhisperSpeaking)[-1].name == ""


async def test_speaking_ends_with_stepping_in(there: Flagged) -> None:
    await speaking(there)
    page = await there.page(RUTH)
    assert (await page.ask("POST", f"/sessions/{SESSION}/step-in", {}))[0] == 204
    assert spoken_to(there.node) == []


async def test_who_is_of_the_group_no_more_neither_hears_nor_speaks(there: Flagged) -> None:
    ruth, *_ = await speaking(there)
    async with writing(there.node.engine) as connection:
        await connection.execute(delete(group_members).where(group_members.c.person_id == RUTH))
    there.node.watchers.outdated()
    await until("it is over", lambda: spoken_to(there.node) == [] and there.node.monitors.rooms == [])
    assert over(ruth) == [MonitoringEnd.RIGHT_ENDED]
    assert isinstance(await there.node.ask(ruth, SpeakTo(there.node.rid(), SESSION)), Ack), (
        "to be silent needs no right"
    )


async def test_a_mentor_is_told_when_the_page_that_spoke_is_gone(there: Flagged) -> None:
    ruth, dana, _ = await speaking(there)
    ruth.drop()
    await until("she is told", lambda: dana.got(WhisperSpeaking)[-1].name == "")


async def test_closing_is_never_too_much(there: Flagged) -> None:
    node = there.node
    ruth, dana, _ = await speaking(there)
    for _ in range(80):
        await node.ask(ruth, SpeakTo(node.rid(), SESSION))
        await node.ask(dana, ConfirmHeadphones(node.rid(), False))
    assert isinstance(await node.ask(ruth, StopListening(node.rid())), Ack)
    assert isinstance(await node.ask(dana, ConfirmHeadphones(node.rid(), False)), Ack)


async def test_a_lead_who_is_a_therapist_of_the_group_reviews_what_a_colleague_did(there: Flagged) -> None:
    node = there.node
    async with writing(node.engine) as connection:
        await add_member(connection, GROUP, LEAD, Role.THERAPIST)
    ruth, lead = await node.watch(RUTH), await node.watch(LEAD)
    await live(node)
    await listen(node, ruth, REASON)
    await node.ask(ruth, StopListening(node.rid()))
    await until("it is there", lambda: bool(lead.views[SESSION].listening and lead.views[SESSION].listening.glass))  # type: ignore[union-attr]
    [glass] = lead.views[SESSION].listening.glass  # type: ignore[union-attr]
    assert isinstance(await node.ask(lead, ReviewGlass(node.rid(), SESSION, glass.id, Finding.IN_ORDER)), Ack)


async def test_each_refusal_is_written_down(there: Flagged) -> None:
    node = there.node
    ruth, ellie, dana, _ = await flagged_live(there)
    await node.ask(ruth, whisper(node, seat(ellie)))
    await listen(node, ruth, "why")
    await node.ask(ruth, SpeakTo(node.rid(), SESSION, seat(dana)))
    await listen(node, ruth)
    await node.ask(ruth, SpeakTo(node.rid(), SESSION, seat(dana)))
    assert {what for _, what, _ in node.denied} >= {"whisper", "monitor"}
    assert len(node.denied) >= 3


async def test_a_fault_of_the_media_is_followed_by_another_connection(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    await listen(node, ruth)
    [monitor] = list(node.monitors.heard)
    node.monitors.remove_monitor(monitor)

    assert isinstance(await node.ask(ruth, RestartSubscribe(node.rid())), Ack)
    assert node.monitors.rooms == [SESSION]


async def test_who_was_refused_for_want_of_consent_may_ask_again_once_it_is_there(there: Flagged) -> None:
    node = there.node
    ruth, *_ = await flagged_live(there)
    node.without_consent.add(ELLIE)
    await listen(node, ruth)
    await until("it is shown", lambda: may(ruth) is MayListen.NO_CONSENT)

    node.without_consent.clear()
    node.watchers.outdated()
    await until("it is shown", lambda: may(ruth) is MayListen.YES)


async def test_who_becomes_a_clinical_lead_has_at_once_what_is_to_be_reviewed(there: Flagged) -> None:
    node = there.node
    async with writing(node.engine) as connection:
        await connection.execute(update(people).where(people.c.id == LEAD).values(program_role="therapist"))
    node.duties.outdated()
    await until("they are none", lambda: not node.duties.is_lead(LEAD))
    ruth, lead = await node.watch(RUTH), await node.watch(LEAD)
    await live(node)
    await listen(node, ruth, REASON)
    await node.ask(ruth, StopListening(node.rid()))
    await settle()
    await until("the rows were looked at", lambda: node.watchers._looking is None and not node.watchers._outdated)
    assert SESSION not in lead.views

    async with writing(node.engine) as connection:
        await connection.execute(update(people).where(people.c.id == LEAD).values(program_role="clinical_lead"))
    node.duties.outdated()

    await until("it is there", lambda: SESSION in lead.views)
