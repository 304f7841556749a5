"""What may be read because of a flag: where someone is, and what happened in a session. Each read is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moderation.permissions import Office
from program.on_call import add_shift
from program.people import Person, ProgramRole, add_person
from program.sessions import name_responder
from protocol.ids import IdentityId, MessageId, ParticipantId
from protocol.messages import PostChat, Remove, Welcome
from protocol.supervision import Acknowledge
from protocol.values import Role
from server.demo import SOMEWHERE
from server.entries import TimelineRead
from server.storage.engine import writing
from tests.fakes import START_MS
from tests.server.flagged import Flagged, flagged
from tests.server.people import DANA, ELLIE, OMAR, RUTH, SESSION
from tests.server.supervised import Node, RawSocket, settle, until

NORA = IdentityId("p-nora")
ON_CALL, ASSIGNED = Office.ON_CALL, Office.ASSIGNED


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Flagged]:
    async with flagged(tmp_path) as there:
        async with writing(there.node.engine) as connection:
            await name_responder(connection, SESSION, RUTH)
            await add_person(connection, Person(NORA, "Nora", ProgramRole.THERAPIST, START_MS))
            await add_shift(connection, "night", NORA, START_MS, START_MS + 100_000_000)
        await there.arrivals.whereabouts.confirm(ELLIE, SESSION, SOMEWHERE)
        yield there


async def live(node: Node) -> tuple[RawSocket, RawSocket, ParticipantId, ParticipantId]:
    ellie, dana = await node.join(ELLIE, Role.PARTICIPANT), await node.join(DANA, Role.MENTOR)
    await settle()
    return ellie, dana, ellie.got(Welcome)[0].snapshot.you, dana.got(Welcome)[0].snapshot.you


async def test_a_mentor_reads_where_someone_is_while_their_own_crisis_is_unanswered(there: Flagged) -> None:
    dana, ruth = await there.page(DANA), await there.node.watch(RUTH)
    _, _, ellies, danas = await live(there.node)
    where = f"/sessions/{SESSION}/whereabouts/{ellies}"
    assert (await dana.ask("GET", where))[0] == 403
    await dana.flag("calm", kind="flag", severity="urgent", about=ellies)
    assert (await dana.ask("GET", where))[0] == 403

    await dana.flag("crisis", kind="flag", severity="crisis", category="self_harm", about=ellies)
    status, found, _ = await dana.ask("GET", where)
    assert (status, found["city"]) == (200, SOMEWHERE.city)
    assert (await dana.ask("GET", f"/sessions/{SESSION}/whereabouts/{danas}"))[0] == 403
    assert (await dana.ask("GET", f"/sessions/{SESSION}/whereabouts/nobody"))[0] == 404

    await until("both are shown", lambda: len(ruth.concerns()[0].flags) == 2)
    concern = ruth.concerns()[0]
    await there.node.ask(ruth, Acknowledge(there.node.rid(), SESSION, concern.id, 2))
    assert (await dana.ask("GET", where))[0] == 403


async def test_the_crisis_of_someone_else_opens_nothing(there: Flagged) -> None:
    ellie, dana = await there.page(ELLIE), await there.page(DANA)
    _, _, ellies, _ = await live(there.node)
    await ellie.flag(severity="crisis")
    for page in (ellie, dana):
        assert (await page.ask("GET", f"/sessions/{SESSION}/whereabouts/{ellies}"))[0] == 403
    assert there.denied == [(ELLIE, "read_whereabouts", SESSION), (DANA, "read_whereabouts", SESSION)]


async def test_who_is_on_call_reads_it_once_a_concern_has_reached_them(there: Flagged) -> None:
    ellie, nora, omar = await there.page(ELLIE), await there.page(NORA), await there.page(OMAR)
    _, _, ellies, _ = await live(there.node)
    where = f"/sessions/{SESSION}/whereabouts/{ellies}"
    await ellie.flag(severity="crisis")
    assert (await nora.ask("GET", where))[0] == 404
    there.node.clock.advance(60)
    await there.node.look_again()
    await until("Nora is asked", lambda: bool(there.node.supervision.concerns_shown(SESSION, NORA, ON_CALL)))

    assert (await nora.ask("GET", where))[0] == 200
    assert (await omar.ask("GET", where))[0] == 404


async def test_a_therapist_reads_what_happened_and_not_a_word_of_chat(there: Flagged) -> None:
    page, ruth = await there.page(ELLIE), await there.page(RUTH)
    ellie, dana, ellies, _ = await live(there.node)
    await there.node.ask(ellie, PostChat(there.node.rid(), MessageId("m1"), "a secret"))
    await page.flag(text="another secret")
    await there.node.ask(dana, Remove(there.node.rid(), ellies))
    await until("it is stored", lambda: len(there.node.supervision.concerns_shown(SESSION, RUTH, ASSIGNED)) == 2)
    await settle()

    status, found, raw = await ruth.ask("GET", f"/sessions/{SESSION}/timeline")

    assert status == 200
    told = [(each["what"], each.get("who", ""), each.get("by", "")) for each in found["timeline"]]
    assert told[0] == ("session_opened", "", "")
    assert ("participant_entered", "Ellie", "") in told
    assert ("participant_removed", "Ellie", "Dana") in told
    assert ("flag_raised", "Ellie", "Ellie") in told
    assert b"secret" not in raw
    assert TimelineRead(RUTH, SESSION) in there.node.audit.entries


@pytest.mark.parametrize(("who", "status"), [(ELLIE, 403), (DANA, 403), (OMAR, 404), (NORA, 404)])
async def test_nobody_else_reads_it(there: Flagged, who: IdentityId, status: int) -> None:
    page = await there.page(who)
    assert (await page.ask("GET", f"/sessions/{SESSION}/timeline"))[0] == status
    assert there.node.audit.entries == []
