from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from program.tables import consents
from server.bot.report import BotFault
from server.bot.way_in import Link, Visitor, parse_link
from server.storage.engine import reading
from tests.server.http.site import site
from tests.server.people import ELLIE


def test_a_link_is_taken_apart_into_address_and_secret() -> None:
    assert parse_link("https://groups.example.org/join#abc-DEF") == Link("https://groups.example.org", "abc-DEF")
    assert parse_link("http://[::1]:8080/under/join#x") == Link("http://[::1]:8080/under", "x")


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "ftp://a/join#x", "https:///join#x", "https://a/join", "https://a/#x", "http://[bad/join#x"],
)
def test_what_is_no_link_is_refused_in_plain_words(url: str) -> None:
    with pytest.raises(BotFault) as caught:
        parse_link(url)
    assert caught.value.code == "bad_link"
    assert "sign-in link" in caught.value.words


async def test_a_server_that_is_away_is_named_and_no_traceback_follows() -> None:
    async with Visitor(Link("http://127.0.0.1:1", "token")) as visitor:
        with pytest.raises(BotFault) as caught:
            await visitor.sign_in()
    assert caught.value.code == "unreachable"
    assert "http://127.0.0.1:1 does not answer" in caught.value.words


async def test_something_else_that_answers_there_is_not_taken_for_holdspace() -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="<h1>Welcome to nginx!</h1>")

    with pytest.raises(BotFault) as caught:
        await _visit(hello)
    assert caught.value.code == "unreachable"
    assert "not Holdspace" in caught.value.words


async def test_the_servers_own_code_and_words_reach_the_person() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "link_invalid", "message": "This link has ended."}}, status=401)

    with pytest.raises(BotFault) as caught:
        await _visit(refuse)
    assert caught.value.code == "link_invalid"
    assert "This link has ended." in caught.value.words


async def test_a_person_without_a_live_session_is_told_so() -> None:
    async def me(_: web.Request) -> web.Response:
        ended = {"id": "s1", "title": "Tuesday", "status": "ended", "role": "participant"}
        return web.json_response({"you": "y", "name": "Ellie", "sessions": [ended]})

    app = web.Application()
    app.router.add_get("/api/v1/me", me)
    async with TestServer(app) as server, Visitor(Link(str(server.make_url("")).rstrip("/"), "token")) as visitor:
        with pytest.raises(BotFault) as caught:
            await visitor.live_session()
    assert caught.value.code == "no_live_session"


async def _visit(handler: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    app = web.Application()
    app.router.add_post("/api/v1/sign-in", handler)
    async with TestServer(app) as server, Visitor(Link(str(server.make_url("")).rstrip("/"), "token")) as visitor:
        await visitor.sign_in()


async def test_a_bot_agrees_to_what_it_is_asked_for_and_to_nothing_else(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        token = await there.auth.make_link(ELLIE, ttl_s=60)
        async with Visitor(Link(there.url, token)) as visitor:
            await visitor.sign_in()
            session = await visitor.live_session()
            with pytest.raises(BotFault) as caught:
                await visitor.join(session)
            assert caught.value.code == "arrival_incomplete"
            for _ in range(2):
                await visitor.arrive(session)
            assert (await visitor.join(session)).token
        async with reading(there.engine) as connection:
            kinds = [row.kind for row in await connection.execute(select(consents).order_by(consents.c.id))]
        assert kinds == ["adult", "notice"]
