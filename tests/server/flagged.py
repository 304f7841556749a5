"""The node of `tests.server.supervised` with its HTTP side on a real port: flags come in there."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from program.notices import load_notices
from protocol.ids import IdentityId, SessionId
from server.arrivals import Arrivals
from server.auth import Auth
from server.config import ContactsConfig, PhoneConfig
from server.flagging import Flagging
from server.http import HttpDeps, Readiness, make_http, make_runner
from server.http.limits import ChangeLimit, FailureLimit, GuessLimit
from server.rota import OnCall
from server.timeline import Timelines
from tests.server.http.site import JSON, ORIGIN
from tests.server.identities import identity_of
from tests.server.people import SESSION
from tests.server.secret import vault
from tests.server.supervised import Node, node

PHONE = PhoneConfig("Program, day and night", "555-0100")


@dataclass
class Page:
    """Somebody's browser, signed in."""

    url: str
    client: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any, bytes]:
        """Status, the answer (of an error its code), and the very bytes."""
        # As browsers write it: what is not ASCII stays as it is.
        data: dict[str, Any] = {} if body is None else {"data": json.dumps(body, ensure_ascii=False)}
        async with self.client.request(
            method, f"{self.url}/api/v1{path}", headers={"Origin": ORIGIN, **JSON}, **data
        ) as answer:
            raw = await answer.read()
            found: Any = await answer.json() if answer.content_type == "application/json" else {}
            return answer.status, found["error"]["code"] if "error" in found else found, raw

    async def flag(self, flag_id: str = "f1", session: SessionId = SESSION, **changes: object) -> tuple[int, Any]:
        """Raises one: a help call about oneself, unless it is said otherwise."""
        status, found, _ = await self.ask("POST", f"/sessions/{session}/flags", flag(flag_id, **changes))
        return status, found

    async def mine(self, session: SessionId = SESSION) -> dict[str, Any]:
        status, found, _ = await self.ask("GET", f"/sessions/{session}/flags/mine")
        assert status == 200
        return found


def flag(flag_id: str = "f1", **changes: object) -> dict[str, object]:
    asked = {"kind": "help", "severity": "urgent", "category": "other", "about": "me", "text": "", "moment": True}
    return {"flag_id": flag_id, **asked, **changes}


@dataclass
class Flagged:
    """The node and the pages that are open."""

    node: Node
    url: str
    auth: Auth
    pages: list[aiohttp.ClientSession]
    arrivals: Arrivals
    denied: list[tuple[IdentityId, str, str]]

    async def page(self, who: IdentityId) -> Page:
        client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.pages.append(client)
        page = Page(self.url, client)
        token = await self.auth.make_link(who, ttl_s=60)
        assert (await page.ask("POST", "/sign-in", {"token": token}))[0] == 200
        return page


@asynccontextmanager
async def flagged(tmp_path: Path, *, within_s: float = 2.0, over: Node | None = None) -> AsyncGenerator[Flagged]:
    """`over`: on a node that is there already."""
    if over is None:
        async with node(tmp_path) as there, flagged(tmp_path, within_s=within_s, over=there) as found:
            yield found
        return
    there, denied = over, list[tuple[IdentityId, str, str]]()
    auth = Auth(there.engine, there.clock)
    arrivals = Arrivals(there.engine, vault(), there.clock, load_notices(None, {}))
    deps = HttpDeps(
        engine=there.engine,
        auth=auth,
        join_tokens=there.tokens,
        clock=there.clock,
        base_url=ORIGIN,
        client_dir=tmp_path / "dist",
        readiness=lambda: Readiness.READY,
        sign_in_failures=FailureLimit(there.clock, 3),
        end_sign_in=there.endpoint.end_sign_in,
        watch_tokens=there.watch_tokens,
        responders=there.responders,
        flagging=Flagging(there.supervision, there.duties, there.hall, within_s=within_s),
        contacts=ContactsConfig(phones=(PHONE,)),
        on_call=OnCall(there.engine, there.clock, there.audit, new_id=there.shift_ids, on_changed=there.duty_changed),
        monitoring=there.monitoring,
        timelines=Timelines(there.engine, there.log, there.supervision, there.audit),
        arrivals=arrivals,
        end_person=lambda _who, _why: None,
        participant=there.hall.participant,
        removed=there.hall.removed,
        identity=identity_of(there.engine, there.clock, auth, ORIGIN),
        guesses=GuessLimit(there.clock),
        letters_asked=GuessLimit(there.clock),
        changes=ChangeLimit(there.clock),
        ways_in=ChangeLimit(there.clock),
        checks=ChangeLimit(there.clock),
        denied=lambda who, action, where: denied.append((who, action, where)),
        begin_check=lambda _: SessionId("none"),
        expect=lambda _: None,
        sockets=None,
    )
    runner = make_runner(make_http(deps))
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    [address] = runner.addresses
    pages: list[aiohttp.ClientSession] = []
    try:
        yield Flagged(there, f"http://127.0.0.1:{address[1]}", auth, pages, arrivals, denied)
    finally:
        for each in pages:
            await each.close()
        await runner.cleanup()
