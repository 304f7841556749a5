"""A whole node: someone takes the notice back while they are in a room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from protocol.codec import Wire, decode_server, encode_client
from protocol.errors import ErrorCode, meaning
from protocol.ids import ParticipantId
from protocol.messages import Frame, Goodbye, Join, ParticipantLeft, Welcome
from protocol.values import LeaveReason, Role
from rooms.commands import Enter, LoseConnection
from server.app import Node
from server.audit import verify
from server.auditing import AUDIT_STREAM, entry_of
from server.bot.report import BotFault
from server.bot.way_in import Visitor, parse_link
from server.config import Config, MediaConfig, ServerConfig, StorageConfig
from server.demo import DemoPeople, Links, demo_links, make_all_ready, seed
from server.entries import Denied
from server.http.api import Joining
from server.http.arrival import Revoke, WhereaboutsTold
from server.keys import checkpoint_file
from server.storage.engine import open_existing, reading
from server.storage.reading import read_events
from server.tokens import JoinGrant
from tests.server.secret import ROOT_KEY, vault
from tests.server.test_node_audit import free_port

WITHIN_S = 10.0


@dataclass
class Running:
    node: Node
    config: Config
    demo: DemoPeople
    links: Links


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    config = Config(
        server=ServerConfig(port=free_port(), metrics_port=0, client_dir=str(tmp_path), shutdown_grace_s=2.0),
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{tmp_path}/node.db"),
        media=MediaConfig(port=0, advertise=("127.0.0.1",)),
    )
    node = Node(config, ROOT_KEY)
    await node.start()
    try:
        demo = await seed(node.engine, node.clock)
        await make_all_ready(node.engine, node.arrivals, demo)
        yield Running(node, config, demo, await demo_links(node.auth, demo, config.base_url(), lan=False))
    finally:
        await node.stop()


async def signed_in(link: str) -> Visitor:
    visitor = Visitor(parse_link(link))
    await visitor.sign_in()
    return visitor


async def enter(joining: Joining) -> ClientConnection:
    ws = await connect(joining.ws_url, subprotocols=[Subprotocol(Wire.JSON.value)], compression=None)
    await ws.send(encode_client(Join(joining.token), Wire.JSON).decode())
    return ws


async def heard(ws: ClientConnection, kind: type[Frame]) -> Frame:
    async with asyncio.timeout(WITHIN_S):
        while True:
            _, frame = decode_server(await ws.recv(), Wire.JSON)
            if isinstance(frame, kind):
                return frame


async def revoke(visitor: Visitor) -> None:
    await visitor._tell("DELETE", "/api/v1/consents", Revoke("notice"))


async def test_who_takes_the_notice_back_is_out_at_once_and_comes_in_again_only_when_they_agree(
    running: Running,
) -> None:
    ellie, dana = [await signed_in(link) for link in (running.links.participants[0], running.links.mentor)]
    session = await ellie.live_session()
    watching = await enter(await dana.join(session))
    await heard(watching, Welcome)
    inside = await enter(await ellie.join(session))
    welcome = await heard(inside, Welcome)
    assert isinstance(welcome, Welcome)
    unused = await ellie.join(session)

    await revoke(ellie)
    goodbye = await heard(inside, Goodbye)
    assert isinstance(goodbye, Goodbye)
    assert goodbye.code is ErrorCode.CONSENT_REVOKED
    with pytest.raises(ConnectionClosed) as closed:
        await heard(inside, Goodbye)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == meaning(ErrorCode.CONSENT_REVOKED).close
    left = await heard(watching, ParticipantLeft)
    assert isinstance(left, ParticipantLeft)
    assert (left.participant_id, left.reason) == (welcome.snapshot.you, LeaveReason.LEFT)

    late = await enter(unused)
    refused = await heard(late, Goodbye)
    assert isinstance(refused, Goodbye)
    assert refused.code is ErrorCode.TOKEN_INVALID
    with pytest.raises(BotFault) as caught:
        await ellie.join(session)
    assert caught.value.code == "arrival_incomplete"

    await ellie.arrive(session)
    again = await enter(await ellie.join(session))
    assert isinstance(await heard(again, Welcome), Welcome)
    for ws in (watching, again):
        await ws.close()
    for visitor in (ellie, dana):
        await visitor.__aexit__()


async def test_a_token_that_was_made_while_the_notice_was_taken_back_opens_nothing(running: Running) -> None:
    """Its join had looked at the consent before, and makes the token after: looking once more is what helps."""
    ellie = running.demo.participants[0]
    await running.node.arrivals.revoke_notice(ellie)
    token = running.node._tokens.issue(JoinGrant(ellie, running.demo.session_id, Role.PARTICIPANT, "sign-in"))
    url = f"ws://127.0.0.1:{running.config.server.port}/ws"
    ws = await enter(Joining(url, token.token, (), token.expires_at_ms))
    refused = await heard(ws, Goodbye)
    assert isinstance(refused, Goodbye)
    assert refused.code is ErrorCode.ARRIVAL_INCOMPLETE


async def test_a_place_that_a_restarted_server_keeps_ends_too(running: Running) -> None:
    hall = running.node._hall
    keeper = await hall.room(running.demo.session_id)
    ellie = running.demo.participants[0]
    await keeper.submit(Enter(ParticipantId("seat"), ellie, "Ellie", Role.PARTICIPANT))
    await keeper.submit(LoseConnection(ParticipantId("seat"), 60_000))
    assert keeper.state.here(ParticipantId("seat")) is not None
    visitor = await signed_in(running.links.participants[0])
    await revoke(visitor)
    async with asyncio.timeout(WITHIN_S):
        while keeper.state.here(ParticipantId("seat")) is not None:
            await asyncio.sleep(0)
    await visitor.__aexit__()


async def test_the_therapist_reads_where_a_participant_is_by_their_seat_and_denied_tries_are_stored(
    running: Running,
) -> None:
    ellie, ruth, dana = [
        await signed_in(link) for link in (running.links.participants[0], running.links.therapist, running.links.mentor)
    ]
    session = await ellie.live_session()
    ws = await enter(await ellie.join(session))
    welcome = await heard(ws, Welcome)
    assert isinstance(welcome, Welcome)
    path = f"/api/v1/sessions/{session.id}/whereabouts/{welcome.snapshot.you}"
    told = await ruth._ask("GET", path, WhereaboutsTold)
    assert (told.city, told.call_back) == ("Nowhere", "000")
    for _ in range(3):
        with pytest.raises(BotFault) as caught:
            await dana._ask("GET", path, WhereaboutsTold)
        assert caught.value.code == "not_allowed"
    await ws.close()
    for visitor in (ellie, ruth, dana):
        await visitor.__aexit__()
    await running.node.stop()

    engine = open_existing(running.config.storage.url)
    async with reading(engine) as connection:
        stored = [entry_of(event) async for event in read_events(connection, vault(), AUDIT_STREAM)]
    denied = [entry for entry in stored if isinstance(entry, Denied)]
    assert {(entry.person, entry.action, entry.where) for entry in denied} == {
        (running.demo.mentor, "read_whereabouts", (session.id,))
    }
    assert sum(entry.count for entry in denied) == 3, "one entry, or two when a minute began meanwhile"
    report = await verify(engine, vault(), ROOT_KEY.signing_key().public_key(), checkpoint_file(running.config))
    assert report.ok
    await engine.dispose()
