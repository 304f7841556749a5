from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from program.agreements import agreement_of, set_agreement
from program.consents import Consent, ConsentKind, give, revoke, standing
from program.groups import Group, add_group, add_member, host_of
from program.notices import (
    PACKAGED,
    Agreement,
    Notice,
    Section,
    TextsError,
    load_notices,
    packaged_agreement,
    text_hash,
)
from program.people import Person, ProgramRole, add_person, find_person, rename_person
from program.sessions import chats_to_purge, end_session, find_session, hold_session, mark_chat_purged, open_session
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.storage.engine import writing
from tests.server.storage.databases import database

ELLIE, DANA, ADA = IdentityId("p-1"), IdentityId("p-2"), IdentityId("p-0")


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[AsyncConnection]:
    async with database(tmp_path / "program.db") as engine, writing(engine) as connection:
        for person_id, name in ((ELLIE, "Ellie"), (DANA, "Dana"), (ADA, "Ada")):
            await add_person(connection, Person(person_id, name, ProgramRole.MENTOR, 1))
        for group_id in ("g-1", "g-2"):
            await add_group(connection, Group(group_id, "a group", 2))
        yield connection


def consent(kind: ConsentKind = ConsentKind.NOTICE, version: str = "1", group_id: str | None = None) -> Consent:
    return Consent(ELLIE, kind, version, "en", "ab" * 32, 5, group_id)


def agreement(version: str, text: str = "Be kind.") -> dict[str, Agreement]:
    return {"en": Agreement(version, "We agree", (Section("One", (text,)),))}


async def test_a_clinical_lead_is_a_role_of_the_program(connection: AsyncConnection) -> None:
    lead = Person(IdentityId("lead"), "Lee", ProgramRole.CLINICAL_LEAD, 1)
    await add_person(connection, lead)
    assert await find_person(connection, lead.id) == lead


async def test_what_was_agreed_to_stands_until_it_is_revoked(connection: AsyncConnection) -> None:
    assert await standing(connection, ELLIE, ConsentKind.NOTICE) == []
    await give(connection, consent())
    await give(connection, consent(version="2"))
    assert await standing(connection, ELLIE, ConsentKind.NOTICE) == [consent(), consent(version="2")]
    assert await standing(connection, DANA, ConsentKind.NOTICE) == []
    assert await revoke(connection, ELLIE, ConsentKind.NOTICE, 9)
    assert await standing(connection, ELLIE, ConsentKind.NOTICE) == []
    assert not await revoke(connection, ELLIE, ConsentKind.NOTICE, 10)
    await give(connection, consent(version="2"))
    assert await standing(connection, ELLIE, ConsentKind.NOTICE) == [consent(version="2")]


async def test_an_agreement_is_with_one_group_and_other_kinds_are_apart(connection: AsyncConnection) -> None:
    its = consent(ConsentKind.AGREEMENT, group_id="g-1")
    await give(connection, its)
    assert await standing(connection, ELLIE, ConsentKind.AGREEMENT, "g-1") == [its]
    assert await standing(connection, ELLIE, ConsentKind.AGREEMENT, "g-2") == []
    assert await standing(connection, ELLIE, ConsentKind.NOTICE) == []
    await revoke(connection, ELLIE, ConsentKind.NOTICE, 9)
    assert await standing(connection, ELLIE, ConsentKind.AGREEMENT, "g-1") == [its]
    with pytest.raises(IntegrityError):
        await give(connection, consent(ConsentKind.AGREEMENT, group_id="nowhere"))


async def test_an_agreement_changes_with_a_new_version_only(connection: AsyncConnection) -> None:
    assert await agreement_of(connection, "g-1") == {}
    await set_agreement(connection, "g-1", agreement("1"))
    await set_agreement(connection, "g-1", agreement("1"))
    with pytest.raises(ValueError, match="needs a new version"):
        await set_agreement(connection, "g-1", agreement("1", "Be quick."))
    await set_agreement(connection, "g-1", agreement("2", "Be quick."))
    assert await agreement_of(connection, "g-1") == agreement("2", "Be quick.")
    assert await agreement_of(connection, "g-2") == {}
    await set_agreement(connection, "g-1", {})
    assert await agreement_of(connection, "g-1") == {}


@pytest.mark.parametrize("texts", [{"es": agreement("1")["en"]}, {**agreement("1"), "es": agreement("2")["en"]}])
async def test_an_agreement_without_english_or_of_two_versions_is_refused(
    connection: AsyncConnection, texts: dict[str, Agreement]
) -> None:
    with pytest.raises(ValueError, match="one version in all its languages"):
        await set_agreement(connection, "g-1", texts)


async def test_the_host_is_the_groups_first_mentor(connection: AsyncConnection) -> None:
    assert await host_of(connection, "g-1") == ""
    await add_member(connection, "g-1", ELLIE, Role.PARTICIPANT)
    await add_member(connection, "g-1", DANA, Role.MENTOR)
    assert await host_of(connection, "g-1") == "Dana"
    await add_member(connection, "g-1", ADA, Role.MENTOR)
    assert await host_of(connection, "g-1") == "Ada"
    assert await host_of(connection, "g-2") == ""


async def test_a_person_is_renamed_once(connection: AsyncConnection) -> None:
    assert await rename_person(connection, ELLIE, "El")
    assert not await rename_person(connection, ELLIE, "El")
    assert not await rename_person(connection, IdentityId("nobody"), "El")
    found = await find_person(connection, ELLIE)
    assert found is not None
    assert found.display_name == "El"


async def test_chats_are_purged_of_sessions_that_ended_long_ago_and_are_not_held(connection: AsyncConnection) -> None:
    for name, ended in (("live", None), ("old", 10), ("older", 5), ("held", 5), ("new", 11)):
        await open_session(connection, SessionId(name), "g-1", "Tuesday", 1)
        if ended is not None:
            await end_session(connection, SessionId(name), ended)
    assert await hold_session(connection, SessionId("held"), hold=True)
    assert not await hold_session(connection, SessionId("held"), hold=True)
    assert await chats_to_purge(connection, 10, 9) == ["older", "old"]
    assert await chats_to_purge(connection, 10, 1) == ["older"]
    await mark_chat_purged(connection, SessionId("older"), 20)
    found = await find_session(connection, SessionId("older"))
    assert found is not None
    assert found.chat_purged_ms == 20
    assert await chats_to_purge(connection, 10, 9) == ["old"]
    await hold_session(connection, SessionId("held"), hold=False)
    assert await chats_to_purge(connection, 10, 9) == ["held", "old"]


# ── texts ────────────────────────────────────────────────────────────────────────────────────


def shown(notice: Notice) -> str:
    return msgspec.json.encode(notice).decode()


def test_the_packaged_notice_is_complete_in_both_languages_and_no_gap_stays_open() -> None:
    notices = load_notices(None, {})
    assert set(notices) == set(packaged_agreement()) == {"en", "es"}
    icons = [promise.icon for promise in notices["en"].sections]
    assert icons == ["eye", "two", "chat", "lock", "cam-off", "clock", "moon", "help", "again"]
    assert [promise.icon for promise in notices["es"].sections] == icons
    assert len(notices["en"].full) == len(notices["es"].full)
    for english, spanish in zip(notices["en"].full, notices["es"].full, strict=True):
        assert len(english.paragraphs) == len(spanish.paragraphs)
    assert [text for text in map(shown, notices.values()) if "{patient" in text or "{chat" in text] == []


def test_what_is_not_set_is_said_to_be_not_set_and_what_is_set_is_said() -> None:
    assert "number not set yet" in shown(load_notices(None, {"patient_advocate": ""})["en"])
    said = shown(load_notices(None, {"patient_advocate": "Pat, 555-0133 {program}", "chat_days": "7"})["en"])
    assert "call Pat, 555-0133 {program}, or write" in said
    assert "messages for 7 days" in said


def test_the_hash_is_of_every_word_that_is_shown() -> None:
    one, other = load_notices(None, {})["en"], load_notices(None, {"contact": "the office, 555-0100"})["en"]
    assert one.version == other.version
    assert text_hash(one) != text_hash(other)
    assert text_hash(one) == text_hash(load_notices(None, {})["en"])


def test_a_programs_own_folder_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    own = PACKAGED.joinpath("notice.en.toml").read_text().replace('version = "2"', 'version = "2024-a"')
    (tmp_path / "notice.en.toml").write_text(own)
    assert {language: notice.version for language, notice in load_notices(tmp_path, {}).items()} == {"en": "2024-a"}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"there is no notice\.en\.toml"),
        ({"en": "version = "}, r"notice\.en\.toml: cannot be read"),
        ({"en": 'version = "1"'}, r"notice\.en\.toml: .*title"),
        ({"en": 'placeholders = "x"'}, r"notice\.en\.toml: Expected `object`"),
        (
            {"en": PACKAGED.joinpath("notice.en.toml").read_text().replace('"eye"', '"ear"')},
            r"Invalid enum value 'ear'",
        ),
        (
            {
                "en": PACKAGED.joinpath("notice.en.toml").read_text(),
                "es": PACKAGED.joinpath("notice.es.toml").read_text().replace('version = "2"', 'version = "3"'),
            },
            r"same version in all languages, not 2, 3",
        ),
    ],
)
def test_a_text_that_cannot_be_used_is_named(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for language, text in files.items():
        (tmp_path / f"notice.{language}.toml").write_text(text)
    with pytest.raises(TextsError, match=says):
        load_notices(tmp_path, {})
