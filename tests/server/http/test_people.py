"""People and roles over HTTP: who invites whom, who approves what, and whose doors close."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from program.people import ProgramRole, find_person
from protocol.ids import IdentityId
from server.auth import sign_in_id
from server.entries import AccountChanged, Entry, RoleAsked, RoleDecided, RoleTaken
from server.storage.engine import reading
from tests.server.http.site import Site, site
from tests.server.http.test_accounts import PASSWORD, add_staff, audit, browser, code_of, get, now_code, password, post
from tests.server.people import ELLIE

LEE, MAYA, ALEX = IdentityId("p-lee"), IdentityId("p-maya"), IdentityId("p-alex")
PEOPLE, REQUESTS = "/api/v1/people", "/api/v1/role-requests"
STAFF = ((LEE, ProgramRole.ADMIN), (MAYA, ProgramRole.CLINICAL_LEAD), (ALEX, ProgramRole.MENTOR))


@dataclass
class Office:
    """Lee is an admin, Maya clinical lead, Alex a mentor; each in a browser of their own."""

    there: Site
    pages: dict[IdentityId, aiohttp.ClientSession]

    async def post(self, who: IdentityId, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        return await post(self.there, path, body, self.pages[who])

    async def get(self, who: IdentityId, path: str) -> tuple[int, Any]:
        return await get(self.there, path, self.pages[who])

    async def invite(self, who: IdentityId, role: str, email: str = "new@example.org") -> Any:
        status, told = await self.post(who, PEOPLE, {"name": "Kim", "email": email, "role": role})
        assert status == 200
        return told

    async def roles(self, person_id: str) -> frozenset[ProgramRole]:
        async with reading(self.there.engine) as connection:
            person = await find_person(connection, IdentityId(person_id))
        assert person is not None
        return person.roles

    def sign_in(self, who: IdentityId) -> str:
        return sign_in_id({each.key: each.value for each in self.pages[who].cookie_jar}["holdspace"])

    async def link(self) -> str:
        await self.there.identity.accounts.settled()
        return str(self.there.letters[-1].get_content()).partition("#")[2].split()[0]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with site(tmp_path) as there, AsyncExitStack() as closing:
        pages: dict[IdentityId, aiohttp.ClientSession] = {}
        for who, role in STAFF:
            email = f"{who}@example.org"
            await add_staff(there, who, who, email, role)
            page = pages[who] = await closing.enter_async_context(browser())
            await password(there, email=email, client=page)
            _, begun = await post(there, "/api/v1/account/totp", {}, page)
            code = now_code(there, begun["secret"])
            assert (await post(there, "/api/v1/account/totp/confirm", {"code": code}, page))[0] == 200
        yield Office(there, pages)


async def changes(office: Office) -> list[Entry]:
    kinds = (AccountChanged, RoleAsked, RoleDecided, RoleTaken)
    return [each for each in await audit(office.there) if isinstance(each, kinds)]


async def test_a_therapist_is_invited_chooses_a_password_and_is_one_once_another_person_approved(
    office: Office,
) -> None:
    told = await office.invite(LEE, "therapist")
    assert "link" not in told
    async with browser() as page:
        accepted = {"token": await office.link(), "password": PASSWORD}
        assert await post(office.there, "/api/v1/account/accept", accepted, page) == (200, {"then": "enrol"})
    assert await office.roles(told["id"]) == frozenset()
    [shown] = (await office.get(MAYA, REQUESTS))[1]["requests"]
    assert (shown["id"], shown["role"], shown["mine"]) == (told["request"], "therapist", False)
    assert (await office.post(MAYA, f"{REQUESTS}/{told['request']}/approve"))[0] == 204
    assert await office.roles(told["id"]) == {ProgramRole.THERAPIST}
    kim = told["id"]
    assert await changes(office) == [
        AccountChanged(kim, "made", LEE),
        RoleAsked(kim, "therapist", LEE),
        AccountChanged(kim, "accepted", kim),
        RoleDecided(kim, "therapist", MAYA, approved=True, asked_by=LEE),
    ]


async def test_whoever_asked_for_a_role_does_not_approve_it_and_can_take_it_back(office: Office) -> None:
    told = await office.invite(LEE, "mentor")
    path = f"{REQUESTS}/{told['request']}"
    status, refused = await office.post(LEE, f"{path}/approve")
    assert (status, code_of(refused)) == (403, "not_allowed")
    assert office.there.denied == [(LEE, "approve_role", "")]
    assert (await office.post(LEE, f"{path}/refuse"))[0] == 204
    assert (await office.post(MAYA, f"{path}/approve"))[0] == 404
    assert await office.roles(told["id"]) == frozenset()


async def test_nobody_asks_for_a_role_for_themselves(office: Office) -> None:
    for who, held in STAFF:
        for role in ProgramRole:
            status, refused = await office.post(who, REQUESTS, {"person": who, "role": role.value})
            assert (status, code_of(refused)) == (403, "not_allowed")
        assert await office.roles(who) == {held}
        assert office.there.denied.count((who, "ask_for_role", "")) == len(ProgramRole)


async def test_nobody_approves_what_another_asked_for_them(office: Office) -> None:
    _, asked = await office.post(LEE, REQUESTS, {"person": MAYA, "role": "therapist"})
    assert (await office.post(MAYA, f"{REQUESTS}/{asked['request']}/approve"))[0] == 403
    assert (await office.post(MAYA, f"{REQUESTS}/{asked['request']}/refuse"))[0] == 403
    assert await office.roles(MAYA) == {ProgramRole.CLINICAL_LEAD}


async def test_several_roles_are_held_together_but_admins_are_no_mentors_and_no_therapists(office: Office) -> None:
    _, asked = await office.post(LEE, REQUESTS, {"person": ALEX, "role": "therapist"})
    assert code_of((await office.post(LEE, REQUESTS, {"person": ALEX, "role": "admin"}))[1]) == "conflict"
    assert (await office.post(MAYA, f"{REQUESTS}/{asked['request']}/approve"))[0] == 204
    assert await office.roles(ALEX) == {ProgramRole.MENTOR, ProgramRole.THERAPIST}
    for role in ("mentor", "therapist"):
        assert code_of((await office.post(MAYA, REQUESTS, {"person": LEE, "role": role}))[1]) == "conflict"


async def test_what_went_together_when_it_was_asked_for_is_looked_at_again(office: Office) -> None:
    kim = await office.invite(LEE, "mentor")
    _, admin = await office.post(LEE, REQUESTS, {"person": kim["id"], "role": "admin"})
    assert (await office.post(MAYA, f"{REQUESTS}/{admin['request']}/approve"))[0] == 204
    assert code_of((await office.post(MAYA, f"{REQUESTS}/{kim['request']}/approve"))[1]) == "conflict"
    assert await office.roles(kim["id"]) == {ProgramRole.ADMIN}


async def test_a_role_that_is_taken_signs_its_holder_out(office: Office) -> None:
    sign_in = office.sign_in(ALEX)
    assert (await office.post(LEE, f"{PEOPLE}/{ALEX}/roles/mentor/take"))[0] == 204
    assert await office.roles(ALEX) == frozenset()
    assert office.there.ended.count(sign_in) == 1
    assert (await office.get(ALEX, "/api/v1/me"))[0] == 401


async def test_a_disabled_account_is_out_of_every_room_at_once_and_does_not_come_back(office: Office) -> None:
    sign_in = office.sign_in(ALEX)
    assert (await office.post(LEE, f"{PEOPLE}/{ALEX}/disable"))[0] == 204
    # What closes its sockets was told before the answer came.
    assert office.there.ended.count(sign_in) == 1
    assert (await office.get(ALEX, "/api/v1/me"))[0] == 401
    assert (await password(office.there, email=f"{ALEX}@example.org", client=office.pages[ALEX]))[0] == 401
    assert (await office.post(LEE, f"{PEOPLE}/{ALEX}/enable"))[0] == 204
    assert (await password(office.there, email=f"{ALEX}@example.org", client=office.pages[ALEX]))[0] == 200


async def test_a_participant_comes_by_their_link_once_and_by_none_when_disabled(office: Office) -> None:
    kim = await office.invite(MAYA, "participant")
    first = await office.link()
    async with browser() as page:
        assert await post(office.there, "/api/v1/sign-in", {"token": first}, page) == (200, {"name": "Kim"})
        assert (await post(office.there, "/api/v1/sign-in", {"token": first}, page))[0] == 401
        await post(office.there, "/api/v1/account/link", {"email": "new@example.org"}, page)
        second = await office.link()
        assert (await office.post(MAYA, f"{PEOPLE}/{kim['id']}/disable"))[0] == 204
        assert code_of((await post(office.there, "/api/v1/sign-in", {"token": second}, page))[1]) == "link_invalid"
        assert (await get(office.there, "/api/v1/me", page))[0] == 401


async def test_an_invitation_ends_by_the_clock_and_by_the_next_one(office: Office) -> None:
    kim = await office.invite(LEE, "participant")
    first = await office.link()
    assert (await office.post(LEE, f"{PEOPLE}/{kim['id']}/invite"))[0] == 200
    second = await office.link()
    for token in (first, second):
        office.there.clock.advance(259_200 if token is second else 0)
        assert (await post(office.there, "/api/v1/sign-in", {"token": token}))[0] == 401


async def test_staff_are_let_in_by_no_link_alone(office: Office) -> None:
    token = await office.there.auth.make_link(ALEX, ttl_s=60)
    assert code_of((await post(office.there, "/api/v1/sign-in", {"token": token}))[1]) == "link_invalid"


async def test_a_reset_takes_password_and_factors_and_goes_to_the_owners_address_alone(office: Office) -> None:
    assert (await office.post(LEE, f"{PEOPLE}/{ALEX}/reset")) == (204, None)
    token = await office.link()
    assert office.there.letters[-1]["To"] == f"{ALEX}@example.org"
    assert (await password(office.there, email=f"{ALEX}@example.org"))[0] == 401
    async with browser() as page:
        accepted = {"token": token, "password": PASSWORD}
        assert (await post(office.there, "/api/v1/account/accept", accepted, page))[1] == {"then": "enrol"}


async def test_without_a_mail_server_whoever_invites_is_told_the_link_but_nobody_is_reset(tmp_path: Path) -> None:
    async with site(tmp_path, mail=False) as there:
        await add_staff(there, LEE, "Lee", "lee@example.org", ProgramRole.ADMIN)
        await add_staff(there, ALEX, "Alex", "alex@example.org", ProgramRole.MENTOR)
        await password(there, email="lee@example.org")
        _, begun = await post(there, "/api/v1/account/totp")
        await post(there, "/api/v1/account/totp/confirm", {"code": now_code(there, begun["secret"])})
        _, told = await post(there, PEOPLE, {"name": "Kim", "email": "kim@example.org", "role": "participant"})
        assert told["link"].startswith("http://127.0.0.1:8080/join#")
        assert code_of((await post(there, f"{PEOPLE}/{ALEX}/reset"))[1]) == "unexpected"


async def test_one_address_is_one_account_and_no_room_is_told_it(office: Office) -> None:
    await office.invite(LEE, "participant")
    again = {"name": "Pat", "email": "NEW@example.org", "role": "participant"}
    assert code_of((await office.post(LEE, PEOPLE, again))[1]) == "conflict"
    wrong = {"name": "Pat", "email": "new@example.org\nBcc: x@example.org", "role": "participant"}
    assert code_of((await office.post(LEE, PEOPLE, wrong))[1]) == "invalid_field"


READS = (PEOPLE, REQUESTS)
WRITES: tuple[tuple[str, dict[str, Any]], ...] = (
    (PEOPLE, {"name": "Kim", "email": "kim@example.org", "role": "participant"}),
    (f"{PEOPLE}/{LEE}/invite", {}),
    (f"{PEOPLE}/{LEE}/disable", {}),
    (f"{PEOPLE}/{LEE}/enable", {}),
    (f"{PEOPLE}/{LEE}/reset", {}),
    (f"{PEOPLE}/{LEE}/sign-ins/end", {}),
    (f"{PEOPLE}/{LEE}/roles/admin/take", {}),
    (REQUESTS, {"person": LEE, "role": "mentor"}),
    (f"{REQUESTS}/none/approve", {}),
    (f"{REQUESTS}/none/refuse", {}),
)


async def test_mentors_and_participants_reach_none_of_it_and_learn_nothing_of_whom_there_is(office: Office) -> None:
    await office.there.sign_in(ELLIE)
    for page in (office.pages[ALEX], office.there.client):
        for path in READS:
            assert (await get(office.there, path, page))[0] == 403
        for path, body in WRITES:
            told = await post(office.there, path, body, page)
            assert told[0] == 403
            assert await post(office.there, path.replace(LEE, "nobody"), body, page) == told
    assert await changes(office) == []


async def test_no_admin_locks_the_door_from_inside(office: Office) -> None:
    for what in ("disable", "reset", "roles/admin/take"):
        assert (await office.post(LEE, f"{PEOPLE}/{LEE}/{what}"))[0] == 403


async def test_a_clinical_lead_disables_participants_only(office: Office) -> None:
    assert (await office.post(MAYA, f"{PEOPLE}/{ALEX}/disable"))[0] == 403
    assert (await office.get(ALEX, "/api/v1/me"))[0] == 200
