from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from program.sessions import end_session
from protocol.errors import ErrorCode, meaning
from protocol.ids import IdentityId
from server.auth import sign_in_id
from server.checks import MAX_CHECKS
from server.http import Readiness
from server.http.api import you
from server.http.limits import CHECKS_PER_MINUTE, WAYS_IN_PER_MINUTE
from server.storage.engine import writing
from server.tokens import JoinGrant
from tests.server.http.site import JSON, ORIGIN, Site, site
from tests.server.people import DANA, ELLIE, SESSION, STRANGER


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        await there.make_ready(ELLIE, DANA)
        yield there


async def code(there: Site, method: str, path: str, **kwargs: Any) -> tuple[int, str]:
    async with there.client.request(method, there.url + path, **kwargs) as answer:
        body = await answer.json()
        assert answer.headers["Cache-Control"] == "no-store"
        assert set(body) == {"error"}
        assert body["error"]["message"] == meaning(ErrorCode(body["error"]["code"])).text
        return answer.status, body["error"]["code"]


async def test_link_signs_in_and_the_cookie_tells_who_i_am(there: Site) -> None:
    token = await there.auth.make_link(ELLIE, ttl_s=60)
    async with there.client.post(f"{there.url}/api/v1/sign-in", json={"token": token}) as answer:
        assert answer.status == 200
        assert await answer.json() == {"name": "Ellie"}
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("holdspace=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    async with there.client.get(f"{there.url}/api/v1/me") as answer:
        assert await answer.json() == {
            "you": you(ELLIE),
            "name": "Ellie",
            "watches": False,
            "sessions": [{"id": SESSION, "title": "Tuesday evening", "status": "live", "role": "participant"}],
            "roles": ["participant"],
            "shared": False,
        }


async def test_cookie_is_secure_where_the_server_is(tmp_path: Path) -> None:
    async with site(tmp_path, base_url="https://groups.example.org") as there:
        token = await there.auth.make_link(ELLIE, ttl_s=60)
        async with there.client.post(f"{there.url}/api/v1/sign-in", json={"token": token}) as answer:
            assert "Secure" in answer.headers["Set-Cookie"].split("; ")


async def test_signing_in_again_ends_the_session_that_this_device_had(there: Site) -> None:
    await there.sign_in(ELLIE)
    [before] = [cookie.value for cookie in there.client.cookie_jar]
    await there.sign_in(DANA)
    there.client.cookie_jar.clear()
    assert await code(there, "GET", "/api/v1/me", cookies={"holdspace": before}) == (401, "signed_out")


async def test_joining_gives_a_token_for_this_person_session_and_role(there: Site) -> None:
    await there.sign_in(DANA)
    async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=JSON) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert set(body) == {"ws_url", "token", "ice_servers", "expires_at"}
    assert body["ws_url"] == "ws://127.0.0.1:8080/ws"
    assert body["ice_servers"] == []
    assert body["expires_at"] == there.clock.now_ms() + 60_000
    grant = there.tokens.redeem(body["token"])
    [cookie] = [cookie.value for cookie in there.client.cookie_jar]
    assert grant == JoinGrant(DANA, SESSION, grant.role, sign_in_id(cookie))
    assert grant.role == "mentor"


async def test_whoever_is_given_a_way_in_is_expected_there_and_nobody_else(there: Site) -> None:
    assert await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON) == (401, "signed_out")
    assert there.expected == []
    await there.sign_in(DANA)
    async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=JSON) as answer:
        assert answer.status == 200
    assert there.expected == [SESSION]


async def test_a_page_goes_on_only_as_the_person_that_it_began_with(there: Site) -> None:
    await there.sign_in(ELLIE)
    path = f"/api/v1/sessions/{SESSION}/join"
    async with there.client.post(there.url + path, json={"you": you(ELLIE)}) as answer:
        assert answer.status == 200
    await there.sign_in(DANA)
    assert await code(there, "POST", path, json={"you": you(ELLIE)}) == (409, "other_person")


async def test_another_persons_link_on_a_device_ends_all_that_the_first_had_open_there(there: Site) -> None:
    await there.sign_in(ELLIE)
    [before] = [cookie.value for cookie in there.client.cookie_jar]
    async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=JSON) as answer:
        assert answer.status == 200
    await there.sign_in(ELLIE)
    assert there.ended == [], "their own link again ends nothing"
    await there.sign_in(DANA)
    assert there.ended == [sign_in_id(before)]
    assert len(there.tokens) == 0


async def test_page_at_localhost_is_sent_to_a_socket_at_localhost(there: Site) -> None:
    await there.sign_in(DANA)
    headers = {**JSON, "Origin": "http://localhost:8080"}
    async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=headers) as answer:
        assert (await answer.json())["ws_url"] == "ws://localhost:8080/ws"


async def test_secure_server_has_a_secure_socket(tmp_path: Path) -> None:
    async with site(tmp_path, base_url="https://groups.example.org") as there:
        await there.make_ready(ELLIE)
        token = (await there.auth.sign_in(await there.auth.make_link(ELLIE, ttl_s=60))).secret
        path = f"{there.url}/api/v1/sessions/{SESSION}/join"
        async with there.client.post(path, headers={**JSON, "Cookie": f"holdspace={token}"}) as answer:
            assert (await answer.json())["ws_url"] == "wss://groups.example.org/ws"


async def test_nobody_joins_without_signing_in(there: Site) -> None:
    assert await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON) == (401, "signed_out")
    assert await code(there, "GET", "/api/v1/me") == (401, "signed_out")


async def test_session_of_others_answers_like_one_that_does_not_exist(there: Site) -> None:
    await there.sign_in(STRANGER)
    theirs = await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON)
    nowhere = await code(there, "POST", "/api/v1/sessions/nowhere/join", headers=JSON)
    assert theirs == nowhere == (404, "not_found")
    async with writing(there.engine) as connection:
        await end_session(connection, SESSION, 1)
    there.readiness[0] = Readiness.DRAINING
    assert await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON) == theirs


async def test_a_try_to_join_a_session_of_others_is_counted_and_one_on_nothing_is_not(there: Site) -> None:
    await there.sign_in(STRANGER)
    for session in (SESSION, "none", "not/an id"):
        assert (await code(there, "POST", f"/api/v1/sessions/{session}/join", json={}))[0] == 404
        assert (await code(there, "GET", f"/api/v1/sessions/{session}/arrival"))[0] == 404
    assert there.denied == [(STRANGER, "enter", SESSION)] * 2


async def asked(there: Site, path: str) -> int:
    async with there.client.post(there.url + path, json={}) as answer:
        return answer.status


async def test_a_person_asks_for_as_many_ways_in_as_a_bad_network_needs_and_no_more(there: Site) -> None:
    join = f"/api/v1/sessions/{SESSION}/join"
    await there.sign_in(ELLIE)
    for _ in range(WAYS_IN_PER_MINUTE):
        assert await asked(there, join) == 200
    for _ in range(30):
        there.clock.advance(1)
        assert [await asked(there, join), await asked(there, join)] == [200, 200], "twice a second, for as long"
    async with there.client.post(there.url + join, json={}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (429, "rate_limited")
        assert int(answer.headers["Retry-After"]) > 0
    await there.sign_in(DANA)
    assert await asked(there, join) == 200, "it is nobody else's"


async def test_checks_are_limited_and_leave_room_for_the_way_in(there: Site) -> None:
    await there.sign_in(ELLIE)
    assert [await asked(there, "/api/v1/check") for _ in range(CHECKS_PER_MINUTE + 1)] == [
        *[200] * CHECKS_PER_MINUTE,
        429,
    ]
    assert len(there.tokens) <= 2, "what was replaced has no way in"


async def test_ended_session_is_said_to_have_ended(there: Site) -> None:
    await there.sign_in(ELLIE)
    async with writing(there.engine) as connection:
        await end_session(connection, SESSION, 1)
    assert await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON) == (410, "session_ended")


@pytest.mark.parametrize(
    ("state", "expected"), [(Readiness.DRAINING, (503, "draining")), (Readiness.STARTING, (503, "overloaded"))]
)
async def test_nobody_joins_while_the_server_is_not_ready(
    there: Site, state: Readiness, expected: tuple[int, str]
) -> None:
    await there.sign_in(ELLIE)
    there.readiness[0] = state
    assert await code(there, "POST", f"/api/v1/sessions/{SESSION}/join", headers=JSON) == expected
    assert len(there.tokens) == 0


async def test_a_check_is_joined_like_a_session_but_is_none(there: Site) -> None:
    await there.sign_in(STRANGER)
    async with there.client.post(f"{there.url}/api/v1/check", headers=JSON) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert set(body) == {"ws_url", "token", "ice_servers", "expires_at"}
    grant = there.tokens.redeem(body["token"])
    assert grant.person_id == STRANGER
    assert there.checks.room(grant.session_id) is not None
    assert await code(there, "POST", f"/api/v1/sessions/{grant.session_id}/join", headers=JSON) == (404, "not_found")


async def test_nobody_checks_without_signing_in(there: Site) -> None:
    assert await code(there, "POST", "/api/v1/check", headers=JSON) == (401, "signed_out")
    assert len(there.checks) == 0


async def test_nobody_checks_while_the_server_is_not_ready(there: Site) -> None:
    await there.sign_in(ELLIE)
    there.readiness[0] = Readiness.DRAINING
    assert await code(there, "POST", "/api/v1/check", headers=JSON) == (503, "draining")
    assert len(there.checks) == 0


async def test_too_many_checks_are_refused_as_overloaded(there: Site) -> None:
    for number in range(MAX_CHECKS):
        there.checks.begin(IdentityId(f"person-{number}"))
    await there.sign_in(ELLIE)
    assert await code(there, "POST", "/api/v1/check", headers=JSON) == (503, "overloaded")
    assert len(there.tokens) == 0


async def test_signing_out_ends_the_session_and_its_join_tokens(there: Site) -> None:
    await there.sign_in(ELLIE)
    [cookie] = [cookie.value for cookie in there.client.cookie_jar]
    async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=JSON) as answer:
        assert answer.status == 200
    async with there.client.post(f"{there.url}/api/v1/sign-out", headers=JSON) as answer:
        assert answer.status == 204
    assert len(there.tokens) == 0
    assert there.ended == [sign_in_id(cookie)]
    assert list(there.client.cookie_jar) == []
    assert await code(there, "GET", "/api/v1/me", cookies={"holdspace": cookie}) == (401, "signed_out")
    async with there.client.post(f"{there.url}/api/v1/sign-out", headers=JSON) as answer:
        assert answer.status == 204


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed")),
        (b"{", (400, "malformed")),
        (b"\xff", (400, "malformed")),
        (b"[" * 8_000, (422, "invalid_field")),
        (b'{"token":' + b"[" * 8_000, (422, "invalid_field")),
        (b'{"token":"\\ud800"}', (400, "malformed")),
        (b"{}", (422, "invalid_field")),
        (b'{"token":1}', (422, "invalid_field")),
        (b'{"token":"x","more":1}', (422, "invalid_field")),
        (b'{"token":"never-made"}', (401, "link_invalid")),
        (b'{"token":"' + b"x" * 17_000 + b'"}', (413, "too_large")),
    ],
)
async def test_body_that_does_not_fit_has_one_stable_answer(
    there: Site, body: bytes, expected: tuple[int, str]
) -> None:
    assert await code(there, "POST", "/api/v1/sign-in", data=body, headers=JSON) == expected


async def test_request_from_another_page_changes_nothing(there: Site) -> None:
    token = await there.auth.make_link(ELLIE, ttl_s=60)
    evil = {"Origin": "https://evil.example", **JSON}
    path = "/api/v1/sign-in"
    assert await code(there, "POST", path, json={"token": token}, headers=evil) == (403, "origin_refused")
    assert await code(there, "POST", path, json={"token": token}, headers={"Origin": "null"}) == (403, "origin_refused")
    async with there.client.post(there.url + path, json={"token": token}, headers={"Origin": ORIGIN}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_form_of_another_page_is_not_json_and_is_refused(there: Site, kind: str) -> None:
    found = await code(there, "POST", "/api/v1/sign-out", data=b"{}", headers={"Content-Type": kind})
    assert found == (400, "malformed")


async def test_flood_of_wrong_links_is_slowed_and_a_right_link_still_works(there: Site) -> None:
    path, wrong = "/api/v1/sign-in", {"token": "guess"}
    found = [await code(there, "POST", path, json=wrong) for _ in range(5)]
    assert found == [(401, "link_invalid")] * 3 + [(429, "rate_limited")] * 2
    await there.sign_in(ELLIE)
    there.clock.advance(20)
    assert await code(there, "POST", path, json=wrong) == (401, "link_invalid")


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v1/sessions/a/b/join", "/api/v1/sign-in"])
async def test_unknown_address_of_the_api_is_not_found_as_json(there: Site, path: str) -> None:
    assert await code(there, "GET", path) == (404, "not_found")


async def test_fault_is_answered_and_logged_without_its_words(tmp_path: Path) -> None:
    async def fault(_request: web.Request) -> web.Response:
        raise ValueError("Ellie wrote this")

    def add(app: web.Application) -> None:
        app.router.add_get("/fault/{what}", fault)

    with structlog.testing.capture_logs() as logged:
        async with site(tmp_path, add=add) as there:
            assert await code(there, "GET", "/fault/about-ellie") == (500, "internal")
    [entry] = [entry for entry in logged if entry["log_level"] == "error"]
    assert (entry["error"], entry["route"]) == ("ValueError", "/fault/{what}")
    assert any("test_api.py" in place and place.endswith(" fault") for place in entry["at"])
    assert "llie" not in str(entry)


async def test_signing_out_ends_pages_and_tokens_even_when_it_cannot_be_stored(tmp_path: Path) -> None:
    async with site(tmp_path, busy_timeout_ms=20) as there:
        await there.make_ready(ELLIE)
        await there.sign_in(ELLIE)
        [cookie] = [cookie.value for cookie in there.client.cookie_jar]
        async with there.client.post(f"{there.url}/api/v1/sessions/{SESSION}/join", headers=JSON) as answer:
            assert answer.status == 200
        other = sqlite3.connect(tmp_path / "site.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        # The client hears that it is not done, and asks again.
        assert await code(there, "POST", "/api/v1/sign-out", headers=JSON) == (503, "not_saved")
        assert (len(there.tokens), there.ended) == (0, [sign_in_id(cookie)])
        other.execute("ROLLBACK")
        other.close()


async def test_locked_storage_is_said_to_be_busy_and_the_link_still_works_afterwards(tmp_path: Path) -> None:
    async with site(tmp_path, busy_timeout_ms=20) as there:
        token = await there.auth.make_link(ELLIE, ttl_s=60)
        other = sqlite3.connect(tmp_path / "site.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        found = await code(there, "POST", "/api/v1/sign-in", json={"token": token})
        assert found == (503, "not_saved")
        other.execute("ROLLBACK")
        other.close()
        async with there.client.post(f"{there.url}/api/v1/sign-in", json={"token": token}) as answer:
            assert answer.status == 200


async def test_health_is_told_and_readiness_follows_the_state(there: Site) -> None:
    for state, status in ((Readiness.STARTING, 503), (Readiness.READY, 200), (Readiness.DRAINING, 503)):
        there.readiness[0] = state
        async with there.client.get(f"{there.url}/readyz") as answer:
            assert (answer.status, await answer.json()) == (status, {"status": state.value})
        async with there.client.get(f"{there.url}/healthz") as answer:
            assert answer.status == 200


async def test_whom_to_phone_is_told_without_signing_in(there: Site) -> None:
    async with there.client.get(f"{there.url}/api/v1/help-lines") as answer:
        assert await answer.json() == {
            "local": [{"name": "County crisis line", "phone": "555-0111"}],
            "state_reports": [],
        }
