"""Arriving over HTTP: what is asked, what is kept, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from sqlalchemy import select, update

from program.agreements import set_agreement
from program.consents import ConsentKind, standing
from program.groups import Group, add_group, add_member
from program.notices import Agreement, Section, load_notices, packaged_agreement, text_hash
from program.people import Person, ProgramRole, add_person, find_person
from program.sessions import end_session
from program.tables import consents, groups, people, whereabouts
from protocol.errors import ErrorCode
from protocol.ids import IdentityId, ParticipantId
from protocol.values import Role
from rooms.state import Participant
from server.arrivals import Arrivals
from server.auditing import AUDIT_STREAM, entry_of
from server.entries import Entry
from server.storage.engine import reading, writing
from server.storage.reading import read_events
from server.tokens import JoinGrant
from tests.fakes import START_MS
from tests.server.http.site import JSON, Site, site
from tests.server.people import DANA, ELLIE, GROUP, OTHER_GROUP, SESSION, STRANGER
from tests.server.secret import vault

RUTH, MARCUS = IdentityId("p-ruth"), IdentityId("p-marcus")
SEAT_OF_ELLIE, SEAT_OF_DANA = ParticipantId("seat-1"), ParticipantId("seat-2")

WHERE = {
    "place": "Parked outside the library",
    "city": "Dayton",
    "region": "Ohio",
    "call_back": "555-0172",
    "contact_name": "Rosa",
    "contact_relation": "sister",
    "contact_phone": "+1 (937) 555-0148",
}
SAID: dict[str, str | bool] = {**WHERE, "no_contact": False}
NOTHING: dict[str, str | bool] = {**dict.fromkeys(WHERE, ""), "no_contact": False}
NOBODY: dict[str, str | bool] = {"contact_name": "", "contact_relation": "", "contact_phone": "", "no_contact": True}
"""Nobody to name as a contact."""


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        async with writing(there.engine) as connection:
            await add_person(connection, Person(RUTH, "Ruth", ProgramRole.THERAPIST, START_MS))
            await add_person(connection, Person(MARCUS, "Marcus", ProgramRole.PARTICIPANT, START_MS))
            await add_member(connection, GROUP, RUTH, Role.THERAPIST)
            await add_member(connection, GROUP, MARCUS, Role.PARTICIPANT)
        there.people[SEAT_OF_ELLIE] = Participant(SEAT_OF_ELLIE, ELLIE, "Ellie", Role.PARTICIPANT, 0)
        there.people[SEAT_OF_DANA] = Participant(SEAT_OF_DANA, DANA, "Dana", Role.MENTOR, 1)
        yield there


async def ask(there: Site, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status, and the body or its error's code."""
    data: dict[str, Any] = {} if method == "GET" else {"data": msgspec.json.encode(body), "headers": JSON}
    async with there.client.request(method, f"{there.url}/api/v1{path}", **data) as answer:
        found = await answer.json() if answer.content_type == "application/json" else None
        return answer.status, found["error"]["code"] if isinstance(found, dict) and "error" in found else found


async def arrival(there: Site, language: str = "en") -> dict[str, Any]:
    status, found = await ask(there, "GET", f"/sessions/{SESSION}/arrival?language={language}")
    assert status == 200
    return found


def agreeing(kind: str, version: str = "2", language: str = "en", session: str = SESSION) -> dict[str, str]:
    return {"kind": kind, "session_id": session, "version": version, "language": language}


async def agree(there: Site, kind: str, version: str = "2", language: str = "en") -> tuple[int, Any]:
    return await ask(there, "POST", "/consents", agreeing(kind, version, language))


async def join(there: Site) -> tuple[int, Any]:
    return await ask(there, "POST", f"/sessions/{SESSION}/join", {})


async def confirm(there: Site, **changes: str | bool) -> tuple[int, Any]:
    return await ask(there, "PUT", f"/sessions/{SESSION}/whereabouts", {**WHERE, **changes})


async def read(there: Site, seat: str = SEAT_OF_ELLIE, session: str = SESSION) -> tuple[int, Any]:
    return await ask(there, "GET", f"/sessions/{session}/whereabouts/{seat}")


async def entries(there: Site) -> list[Entry | None]:
    async with reading(there.engine) as connection:
        return [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]


async def told(there: Site) -> list[str]:
    return [type(entry).__name__ for entry in await entries(there)]


# ── from the link to the room ────────────────────────────────────────────────────────────────


async def test_a_participant_is_asked_for_everything_and_joins_once_all_of_it_is_there(there: Site) -> None:
    await there.sign_in(ELLIE)
    asked = await arrival(there)
    assert {**asked, "notice": None} == {
        "name": "Ellie",
        "role": "participant",
        "title": "Tuesday evening",
        "host": "Dana",
        "adult": False,
        "notice": None,
        "agreement": None,
        "whereabouts": {"confirmed": False, "last": NOTHING},
        "ready": False,
    }
    notice = asked["notice"]
    assert (notice["version"], notice["agreed"], notice["language"]) == ("2", False, "en")
    assert notice["title"] == "Before you join"
    assert set(notice["sections"][0]) == {"icon", "heading", "paragraphs"}
    assert set(notice["full"][0]) == {"heading", "paragraphs"}
    steps = (agree(there, "adult", "18"), agree(there, "notice"), confirm(there))
    for step in steps:
        assert await join(there) == (409, "arrival_incomplete")
        assert (await arrival(there))["ready"] is False
        assert await step == (204, None)
    asked = await arrival(there)
    assert (asked["adult"], asked["notice"]["agreed"], asked["whereabouts"]["confirmed"]) == (True, True, True)
    assert asked["ready"] is True
    assert (await join(there))[0] == 200
    assert await told(there) == ["ConsentGiven", "ConsentGiven", "WhereaboutsConfirmed"]


@pytest.mark.parametrize("person", [DANA, RUTH])
async def test_staff_accept_the_notice_too_and_are_asked_for_nothing_else(there: Site, person: IdentityId) -> None:
    await there.sign_in(person)
    asked = await arrival(there)
    assert (asked["adult"], asked["whereabouts"], asked["ready"]) == (True, None, False)
    assert await join(there) == (409, "arrival_incomplete")
    await agree(there, "notice")
    assert (await arrival(there))["ready"] is True
    assert (await join(there))[0] == 200


async def test_a_group_with_an_agreement_asks_everyone_for_it_and_again_when_it_changes(there: Site) -> None:
    await there.make_ready(DANA)
    await there.sign_in(DANA)
    assert (await join(there))[0] == 200
    async with writing(there.engine) as connection:
        await set_agreement(connection, GROUP, packaged_agreement())
    asked = await arrival(there, "es")
    assert (asked["ready"], asked["agreement"]["agreed"], asked["agreement"]["language"]) == (False, False, "es")
    assert asked["agreement"]["title"] == "Lo que acuerda este grupo"
    assert await join(there) == (409, "arrival_incomplete")
    assert await agree(there, "agreement", "1", "es") == (204, None)
    assert (await join(there))[0] == 200
    new = {"en": Agreement("2", "We agree", (Section("Kindness", ("Be kind.",)),))}
    async with writing(there.engine) as connection:
        await set_agreement(connection, GROUP, new)
    assert await join(there) == (409, "arrival_incomplete")
    assert (await arrival(there, "es"))["agreement"]["language"] == "en", "there is no other"
    assert await agree(there, "agreement", "1") == (409, "conflict")
    assert await agree(there, "agreement", "2", "es") == (422, "invalid_field")
    assert await agree(there, "agreement", "2") == (204, None)
    assert (await join(there))[0] == 200


async def test_an_agreement_that_a_group_does_not_have_cannot_be_agreed_to(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert await agree(there, "agreement") == (409, "conflict")


async def test_the_notice_comes_in_the_language_that_is_asked_for_or_in_english(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert (await arrival(there, "es"))["notice"]["title"] == "Antes de entrar"
    for language in ("fr", "", "../../etc"):
        assert (await arrival(there, language))["notice"]["language"] == "en"


# ── consents ─────────────────────────────────────────────────────────────────────────────────


async def test_a_consent_keeps_version_language_and_the_hash_of_exactly_what_was_shown(there: Site) -> None:
    await there.sign_in(ELLIE)
    await agree(there, "notice", "2", "es")
    async with reading(there.engine) as connection:
        [kept] = await standing(connection, ELLIE, ConsentKind.NOTICE)
    shown = load_notices(None, {})["es"]
    assert (kept.version, kept.language, kept.text_hash) == ("2", "es", text_hash(shown))
    assert kept.given_ms == there.clock.now_ms()


async def test_agreeing_twice_is_kept_once(there: Site) -> None:
    await there.sign_in(ELLIE)
    for _ in range(2):
        assert await agree(there, "notice") == (204, None)
        assert await agree(there, "adult", "18") == (204, None)
    async with reading(there.engine) as connection:
        assert len((await connection.execute(select(consents))).all()) == 2
    assert len(await entries(there)) == 2


@pytest.mark.parametrize(("kind", "version"), [("notice", "0"), ("notice", ""), ("adult", "17"), ("adult", "1")])
async def test_an_older_version_cannot_be_agreed_to(there: Site, kind: str, version: str) -> None:
    await there.sign_in(ELLIE)
    assert await agree(there, kind, version) == (409, "conflict")
    assert await entries(there) == []


@pytest.mark.parametrize("own", [{"contact": "the office, 555-0100"}, {"program": "Riverside"}])
async def test_a_changed_word_is_asked_again_though_its_version_is_the_same(there: Site, own: dict[str, str]) -> None:
    await there.make_ready(DANA)
    later = Arrivals(there.engine, vault(), there.clock, load_notices(None, own))
    async with reading(there.engine) as connection:
        assert await there.arrivals.may_enter(connection, DANA, SESSION, Role.MENTOR)
        assert not await later.may_enter(connection, DANA, SESSION, Role.MENTOR)


async def test_a_new_version_is_asked_again_though_its_words_are_the_same(there: Site) -> None:
    await there.make_ready(DANA)
    new = {language: msgspec.structs.replace(text, version="3") for language, text in load_notices(None, {}).items()}
    async with reading(there.engine) as connection:
        assert not await Arrivals(there.engine, vault(), there.clock, new).may_enter(
            connection, DANA, SESSION, Role.MENTOR
        )


async def test_revoking_takes_the_person_out_at_once_and_ends_every_token(there: Site) -> None:
    await there.make_ready(ELLIE, DANA)
    await there.sign_in(ELLIE)
    _, joining = await join(there)
    theirs = there.tokens.issue(JoinGrant(DANA, SESSION, Role.MENTOR, "another sign-in"))
    assert await ask(there, "DELETE", "/consents", {"kind": "notice"}) == (204, None)
    assert set(there.out) == {(ELLIE, ErrorCode.CONSENT_REVOKED)}
    with pytest.raises(Exception, match="token_invalid"):
        there.tokens.redeem(joining["token"])
    assert there.tokens.redeem(theirs.token).person_id == DANA
    assert await join(there) == (409, "arrival_incomplete")
    asked = await arrival(there)
    assert (asked["notice"]["agreed"], asked["ready"]) == (False, False)
    assert (asked["adult"], asked["whereabouts"]["confirmed"]) == (True, True), "other words stand"
    assert await ask(there, "GET", "/me") != (401, "signed_out")
    assert (await told(there))[-1] == "ConsentRevoked"
    count = len(await entries(there))
    assert await ask(there, "DELETE", "/consents", {"kind": "notice"}) == (204, None)
    assert len(await entries(there)) == count
    assert await agree(there, "notice") == (204, None)
    assert (await join(there))[0] == 200


async def test_revoking_takes_the_person_out_even_when_it_cannot_be_stored(
    there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: IdentityId) -> None:
        raise RuntimeError("disk full")

    await there.make_ready(ELLIE)
    await there.sign_in(ELLIE)
    monkeypatch.setattr(there.arrivals, "revoke_notice", fail)
    assert await ask(there, "DELETE", "/consents", {"kind": "notice"}) == (500, "internal")
    assert there.out == [(ELLIE, ErrorCode.CONSENT_REVOKED)]


async def test_who_asked_for_a_way_in_while_revoking_was_stored_is_out_too(
    there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await there.make_ready(ELLIE)
    await there.sign_in(ELLIE)
    revoke, late = there.arrivals.revoke_notice, list[str]()

    async def slow(person_id: IdentityId) -> None:
        late.append(there.tokens.issue(JoinGrant(ELLIE, SESSION, Role.PARTICIPANT, "another page")).token)
        await revoke(person_id)

    monkeypatch.setattr(there.arrivals, "revoke_notice", slow)
    assert await ask(there, "DELETE", "/consents", {"kind": "notice"}) == (204, None)
    with pytest.raises(Exception, match="token_invalid"):
        there.tokens.redeem(late[0])
    assert there.out == [(ELLIE, ErrorCode.CONSENT_REVOKED)] * 2


async def test_revoking_is_of_the_notice_only(there: Site) -> None:
    await there.sign_in(ELLIE)
    for kind in ("adult", "agreement", ""):
        assert await ask(there, "DELETE", "/consents", {"kind": kind}) == (422, "invalid_field")
    assert there.out == []


# ── names ────────────────────────────────────────────────────────────────────────────────────


async def test_a_name_is_trimmed_kept_and_written_down_without_the_name(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert await ask(there, "PUT", "/me/name", {"name": "  Élodie 🌱 "}) == (200, {"name": "Élodie 🌱"})
    assert (await arrival(there))["name"] == "Élodie 🌱"
    assert (await ask(there, "GET", "/me"))[1]["name"] == "Élodie 🌱"
    async with reading(there.engine) as connection:
        found = await find_person(connection, DANA)
    assert found is not None
    assert found.display_name == "Dana"
    assert await ask(there, "PUT", "/me/name", {"name": "Élodie 🌱"}) == (200, {"name": "Élodie 🌱"})
    assert [msgspec.to_builtins(entry) for entry in await entries(there)] == [{"type": "name_changed", "person": ELLIE}]


@pytest.mark.parametrize("name", ["Dana", "dana", " DÁNA ", "Da\u200dna", "Ｄａｎａ"])
@pytest.mark.parametrize("person", [ELLIE, STRANGER])
async def test_nobody_takes_the_name_of_who_leads(there: Site, person: IdentityId, name: str) -> None:
    await there.sign_in(person)
    assert await ask(there, "PUT", "/me/name", {"name": name}) == (409, "name_taken")
    assert (await ask(there, "PUT", "/me/name", {"name": f"{name} T."}))[0] == 200


@pytest.mark.parametrize("role", ["in another group", "in the program"])
async def test_who_leads_elsewhere_leads_too(there: Site, role: str) -> None:
    noor, by_group = IdentityId("p-noor"), role == "in another group"
    async with writing(there.engine) as connection:
        in_program = ProgramRole.PARTICIPANT if by_group else ProgramRole.CLINICAL_LEAD
        await add_person(connection, Person(noor, "Noor", in_program, START_MS))
        if by_group:
            await add_group(connection, Group(OTHER_GROUP, "Thursday group", START_MS))
            await add_member(connection, OTHER_GROUP, noor, Role.MENTOR)
    await there.sign_in(ELLIE)
    assert await ask(there, "PUT", "/me/name", {"name": "Noor"}) == (409, "name_taken")


async def test_a_name_in_the_group_is_taken_for_its_people_and_not_told_to_who_knocks(there: Site) -> None:
    await there.sign_in(MARCUS)
    assert await ask(there, "PUT", "/me/name", {"name": "Ellie"}) == (409, "name_taken")
    await there.sign_in(STRANGER)
    assert await ask(there, "PUT", "/me/name", {"name": "Ellie"}) == (200, {"name": "Ellie"})


async def test_ones_own_name_may_be_written_differently(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert await ask(there, "PUT", "/me/name", {"name": "ÉLLIE"}) == (200, {"name": "ÉLLIE"})


async def test_two_whom_the_program_calls_alike_keep_their_names(there: Site) -> None:
    async with writing(there.engine) as connection:
        await connection.execute(update(people).where(people.c.id == MARCUS).values(display_name="Dana"))
    await there.sign_in(MARCUS)
    assert await ask(there, "PUT", "/me/name", {"name": "Dana"}) == (200, {"name": "Dana"})


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 41, "a\nb", "a\x00", "a\x7f", "a\u2028b", "\u202eeilE", "\u200b\u200d", "\u2066x"]
)
async def test_what_is_no_name_is_refused(there: Site, name: str) -> None:
    await there.sign_in(ELLIE)
    assert await ask(there, "PUT", "/me/name", {"name": name}) == (422, "invalid_field")
    assert (await arrival(there))["name"] == "Ellie"


async def test_a_name_of_forty_characters_is_one(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert (await ask(there, "PUT", "/me/name", {"name": "x" * 40}))[0] == 200


# ── whereabouts ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changes",
    [
        *({name: ""} for name in WHERE if name != "contact_relation"),
        *({name: "  "} for name in WHERE if name != "contact_relation"),
        *({name: "x" * 201} for name in WHERE),
        {"place": "a\nb"},
        {"contact_relation": "a\x00b"},
        {"call_back": "12"},
        {"call_back": "555-0172x"},
        {"call_back": "٣٣٣٣"},
        {"contact_phone": "call me"},
        {"contact_phone": "5550148\n"},
        {"more": "x"},
        {"no_contact": True},
        {**NOBODY, "contact_name": "Rosa"},
        {**NOBODY, "contact_phone": "555-0148"},
        {**NOBODY, "contact_relation": "sister"},
        {**NOBODY, "no_contact": False},
        {**NOBODY, "call_back": ""},
    ],
)
async def test_whereabouts_that_are_none_are_refused(there: Site, changes: dict[str, str | bool]) -> None:
    await there.sign_in(ELLIE)
    assert await confirm(there, **changes) == (422, "invalid_field")
    async with reading(there.engine) as connection:
        assert (await connection.execute(select(whereabouts))).all() == []


async def test_the_relation_may_be_left_out(there: Site) -> None:
    await there.sign_in(ELLIE)
    body = {name: value for name, value in WHERE.items() if name != "contact_relation"}
    assert await ask(there, "PUT", f"/sessions/{SESSION}/whereabouts", body) == (204, None)


async def test_who_has_nobody_to_name_comes_in_and_the_therapist_reads_that(there: Site) -> None:
    await there.sign_in(ELLIE)
    for kind in ("adult", "notice"):
        await agree(there, kind, "18" if kind == "adult" else "2")
    assert await confirm(there, **NOBODY) == (204, None)
    assert (await arrival(there))["whereabouts"] == {"confirmed": True, "last": {**SAID, **NOBODY}}
    assert (await join(there))[0] == 200
    await there.sign_in(RUTH)
    assert await read(there) == (200, {**SAID, **NOBODY, "confirmed_ms": there.clock.now_ms()})


async def test_who_was_removed_is_told_before_anything_is_asked(there: Site) -> None:
    await there.sign_in(ELLIE)
    there.removed.add((SESSION, ELLIE))
    assert await ask(there, "GET", f"/sessions/{SESSION}/arrival") == (410, "removed")
    assert there.denied == [(ELLIE, "enter", SESSION)]
    await there.sign_in(MARCUS)
    assert (await arrival(there))["name"] == "Marcus"


async def test_what_was_said_is_offered_again_until_the_place_is_erased(there: Site) -> None:
    await there.sign_in(ELLIE)
    await confirm(there)
    assert (await arrival(there))["whereabouts"] == {"confirmed": True, "last": SAID}
    await confirm(there, place="At home", contact_relation="")
    assert (await arrival(there))["whereabouts"]["last"] == {**SAID, "place": "At home", "contact_relation": ""}
    there.clock.advance(12 * 3600 - 1)
    assert (await arrival(there))["whereabouts"]["confirmed"] is True
    there.clock.advance(1)
    await there.sign_in(ELLIE)
    assert (await arrival(there))["whereabouts"]["confirmed"] is False
    there.clock.advance(12 * 3600)
    await there.sign_in(ELLIE)
    expected = {**SAID, "place": "", "city": "", "region": "", "contact_relation": ""}
    assert (await arrival(there))["whereabouts"] == {"confirmed": False, "last": expected}
    assert await there.arrivals.whereabouts.purge() == 1
    assert (await arrival(there))["whereabouts"] == {"confirmed": False, "last": expected}


async def test_the_groups_therapist_reads_them_and_that_is_written_down(there: Site) -> None:
    await there.sign_in(ELLIE)
    await confirm(there)
    await there.sign_in(RUTH)
    assert await read(there) == (200, {**SAID, "confirmed_ms": there.clock.now_ms()})
    assert msgspec.to_builtins((await entries(there))[-1]) == {
        "type": "whereabouts_read",
        "reader": RUTH,
        "person": ELLIE,
        "session": SESSION,
    }
    there.clock.advance(24 * 3600)
    await there.sign_in(RUTH)
    assert await read(there) == (404, "not_found"), "after a day it is gone, whether or not the purge has come"


@pytest.mark.parametrize("person", [ELLIE, MARCUS, DANA])
async def test_nobody_else_in_the_group_reads_them_and_each_try_is_told(there: Site, person: IdentityId) -> None:
    await there.sign_in(ELLIE)
    await confirm(there)
    await there.sign_in(person)
    for seat in (SEAT_OF_ELLIE, SEAT_OF_DANA, "nobody"):
        assert await read(there, seat) == (403, "not_allowed")
    assert there.denied == [(person, "read_whereabouts", SESSION)] * 3
    assert "WhereaboutsRead" not in await told(there)


async def test_a_therapist_of_another_group_finds_nothing_and_the_try_is_told(there: Site) -> None:
    other = IdentityId("p-theo")
    async with writing(there.engine) as connection:
        await add_person(connection, Person(other, "Theo", ProgramRole.THERAPIST, START_MS))
    await there.sign_in(ELLIE)
    await confirm(there)
    await there.sign_in(other)
    assert await read(there) == await read(there, session="nowhere") == (404, "not_found")
    assert there.denied == [(other, "read_whereabouts", SESSION)], "of what is not there, nothing is denied"


async def test_a_therapist_finds_nothing_where_nothing_is(there: Site) -> None:
    await there.sign_in(RUTH)
    assert await read(there, "nobody") == (404, "not_found")
    assert await read(there) == (404, "not_found")
    assert await read(there, SEAT_OF_DANA) == (403, "not_allowed"), "mentors are not asked where they are"
    assert await entries(there) == []


@pytest.mark.parametrize("person", [DANA, RUTH])
async def test_staff_are_not_asked_where_they_are(there: Site, person: IdentityId) -> None:
    await there.sign_in(person)
    assert await confirm(there) == (403, "not_allowed")
    assert there.denied == [(person, "confirm_whereabouts", SESSION)]


async def test_whereabouts_for_a_session_that_has_ended_are_not_taken(there: Site) -> None:
    await there.sign_in(ELLIE)
    async with writing(there.engine) as connection:
        await end_session(connection, SESSION, 1)
    assert await confirm(there) == (410, "session_ended")


async def test_a_flood_of_changes_is_slowed_down_and_taking_back_is_not(there: Site) -> None:
    await there.sign_in(ELLIE)
    await agree(there, "notice")
    answers = [(await ask(there, "PUT", "/me/name", {"name": f"Ellie {n}"}))[0] for n in range(40)]
    assert answers == [200] * 29 + [429] * 11
    assert await agree(there, "notice") == await confirm(there) == (429, "rate_limited")
    assert await ask(there, "DELETE", "/consents", {"kind": "notice"}) == (204, None)
    await there.sign_in(MARCUS)
    assert (await ask(there, "PUT", "/me/name", {"name": "Marc"}))[0] == 200
    there.clock.advance(60)
    await there.sign_in(ELLIE)
    assert (await ask(there, "PUT", "/me/name", {"name": "Ellie"}))[0] == 200


# ── other people ─────────────────────────────────────────────────────────────────────────────

PATHS = [
    ("GET", f"/sessions/{SESSION}/arrival", None),
    ("POST", "/consents", agreeing("notice")),
    ("PUT", f"/sessions/{SESSION}/whereabouts", WHERE),
    ("GET", f"/sessions/{SESSION}/whereabouts/{SEAT_OF_ELLIE}", None),
    ("POST", f"/sessions/{SESSION}/join", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_a_session_of_others_answers_like_one_that_does_not_exist(
    there: Site, method: str, path: str, body: Any
) -> None:
    await there.make_ready(ELLIE)
    before = len(await entries(there))
    await there.sign_in(STRANGER)
    theirs = await ask(there, method, path, body)
    elsewhere = {**body, "session_id": "nowhere"} if path == "/consents" else body
    for wanted in ("nowhere", "x" * 65, "%2e%2e"):
        assert await ask(there, method, path.replace(SESSION, wanted), elsewhere) == theirs
    assert theirs == (404, "not_found")
    assert len(await entries(there)) == before


async def test_nothing_that_one_person_does_or_sees_is_anothers(there: Site) -> None:
    """Everything that Marcus is ever answered, searched for what Ellie said."""
    await there.sign_in(ELLIE)
    await ask(there, "PUT", "/me/name", {"name": "Quetzal"})
    await agree(there, "notice")
    await agree(there, "adult", "18")
    await confirm(there)
    await there.sign_in(MARCUS)
    heard: list[str] = []
    for method, path, body in (
        *PATHS,
        ("GET", "/me", None),
        ("PUT", "/me/name", {"name": "Marcus"}),
        ("DELETE", "/consents", {"kind": "notice"}),
        ("GET", f"/sessions/{SESSION}/whereabouts/{ELLIE}", None),
    ):
        data: dict[str, Any] = {} if body is None else {"json": body}
        async with there.client.request(method, f"{there.url}/api/v1{path}", **data) as answer:
            heard.append(f"{answer.headers} {await answer.text()}")
    for secret in ("Quetzal", ELLIE, *(value for value in WHERE.values())):
        assert [text for text in heard if secret in text] == [], secret
    await there.sign_in(ELLIE)
    asked = await arrival(there)
    assert (asked["name"], asked["ready"]) == ("Quetzal", True)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [*PATHS, ("PUT", "/me/name", {"name": "x"}), ("DELETE", "/consents", {"kind": "notice"})],
)
async def test_nobody_arrives_without_signing_in(there: Site, method: str, path: str, body: Any) -> None:
    assert await ask(there, method, path, body) == (401, "signed_out")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [*(each for each in PATHS if each[0] != "GET"), ("PUT", "/me/name", {"name": "x"}), ("DELETE", "/consents", {})],
)
async def test_a_page_elsewhere_changes_nothing(there: Site, method: str, path: str, body: Any) -> None:
    await there.sign_in(ELLIE)
    headers = {"Origin": "https://evil.example", **JSON}
    url = f"{there.url}/api/v1{path}"
    async with there.client.request(method, url, data=msgspec.json.encode(body), headers=headers) as answer:
        assert answer.status == 403
    async with there.client.request(method, url, data=aiohttp.FormData({"a": "b"})) as answer:
        assert answer.status == 400
    assert await entries(there) == []


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"kind":"notice"}', b'{"kind":"other","session_id":"s","version":"1","language":"en"}']
)
async def test_a_consent_that_is_none_is_refused(there: Site, body: bytes) -> None:
    await there.sign_in(ELLIE)
    async with there.client.post(f"{there.url}/api/v1/consents", data=body, headers=JSON) as answer:
        assert answer.status in {400, 422}


async def test_who_knocks_is_asked_everything_and_told_no_name(there: Site) -> None:
    async with writing(there.engine) as connection:
        await connection.execute(update(groups).where(groups.c.id == GROUP).values(knock=True))
    await there.sign_in(STRANGER)
    asked = await arrival(there)
    assert (asked["role"], asked["host"], asked["ready"]) == ("participant", "", False)
    assert "Dana" not in str(asked)
