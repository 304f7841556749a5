from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from program.agreements import agreement_of
from program.notices import load_notices
from program.people import find_person
from program.sessions import end_session, session_for
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server import cli
from server.arrivals import Arrivals
from server.auth import Auth
from server.clock import SystemClock
from server.config import Config, StorageConfig
from server.demo import DemoPeople, DemoRefused, demo_links, make_all_ready, make_ready, seed
from server.storage.engine import open_engine, reading, writing
from tests.fakes import FakeClock, counted
from tests.server.secret import vault
from tests.server.storage.databases import database


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    async with database(tmp_path / "demo.db") as engine:
        yield engine


async def test_seeding_again_changes_nothing(engine: AsyncEngine) -> None:
    clock, ids = FakeClock(), counted("session")
    first = await seed(engine, clock, ids)
    clock.advance(60)
    assert await seed(engine, clock, ids) == first


async def test_everyone_of_the_demo_has_a_role_in_its_live_session(engine: AsyncEngine) -> None:
    demo = await seed(engine, FakeClock(), counted("session"))
    async with reading(engine) as connection:
        roles = [
            await session_for(connection, person, demo.session_id)
            for person in (*demo.participants, demo.mentor, demo.therapist)
        ]
        names = [await find_person(connection, person) for person in (*demo.participants, demo.mentor, demo.therapist)]
    assert roles == [Role.PARTICIPANT] * 3 + [Role.MENTOR, Role.THERAPIST]
    assert [person and person.display_name for person in names] == ["Ellie", "Marcus", "Priya", "Dana", "Ruth"]


async def test_there_is_a_new_session_once_the_last_has_ended(engine: AsyncEngine) -> None:
    ids = counted("session")
    first = await seed(engine, FakeClock(), ids)
    async with writing(engine) as connection:
        await end_session(connection, first.session_id, 5)
    second = await seed(engine, FakeClock(), ids)
    assert second.session_id != first.session_id
    assert second.participants == first.participants


async def test_every_demo_link_signs_its_person_in_again_and_again(engine: AsyncEngine) -> None:
    clock = FakeClock()
    auth = Auth(engine, clock)
    demo = await seed(engine, clock)
    links = await demo_links(auth, demo, "http://127.0.0.1:8080", lan=False)
    urls = [*links.participants, links.mentor, links.therapist, links.backup]
    assert len({*urls, links.visitor}) == 7
    page, _, token = links.visitor.partition("#")
    assert page == f"http://127.0.0.1:8080/join?session={demo.session_id}"
    assert (await auth.sign_in(token)).person.display_name == "Sam"
    clock.advance(12 * 3600 - 1)
    for url, person in zip(urls, (*demo.participants, demo.mentor, demo.therapist, demo.backup), strict=True):
        page, _, token = url.partition("#")
        assert page == "http://127.0.0.1:8080/join"
        for _ in range(2):
            assert (await auth.sign_in(token)).person.id == person


@pytest.mark.parametrize("base_url", ["http://0.0.0.0:8080", "https://groups.example.org", "http://192.0.2.7:8080"])
async def test_demo_links_are_refused_where_others_could_reach_them(engine: AsyncEngine, base_url: str) -> None:
    demo = await seed(engine, FakeClock())
    with pytest.raises(DemoRefused, match="loopback"):
        await demo_links(Auth(engine, FakeClock()), demo, base_url, lan=False)


async def test_demo_links_for_the_network_are_made_when_that_is_said(engine: AsyncEngine) -> None:
    demo = await seed(engine, FakeClock())
    links = await demo_links(Auth(engine, FakeClock()), demo, "https://192.0.2.7:8080", lan=True)
    assert links.mentor.startswith("https://192.0.2.7:8080/join#")


async def readiness(engine: AsyncEngine, arrivals: Arrivals, demo: DemoPeople) -> list[bool]:
    people = ((*demo.participants, Role.PARTICIPANT), (demo.mentor, Role.MENTOR), (demo.therapist, Role.THERAPIST))
    async with reading(engine) as connection:
        return [
            await arrivals.may_enter(connection, IdentityId(person), demo.session_id, role)
            for *group, role in people
            for person in group
        ]


async def test_people_of_the_demo_arrive_with_nothing_agreed_unless_they_are_made_ready(engine: AsyncEngine) -> None:
    clock, ids = FakeClock(), counted("session")
    arrivals = Arrivals(engine, vault(), clock, load_notices(None, {}))
    demo = await seed(engine, clock, ids)
    async with reading(engine) as connection:
        assert set(await agreement_of(connection, demo.group_id)) == {"en", "es"}
    assert await readiness(engine, arrivals, demo) == [False] * 5
    for _ in range(2):
        await make_all_ready(engine, arrivals, demo)
    assert await readiness(engine, arrivals, demo) == [True] * 5
    async with writing(engine) as connection:
        await end_session(connection, demo.session_id, 5)
    again = await seed(engine, clock, ids)
    assert await readiness(engine, arrivals, again) == [False] * 3 + [True] * 2, "where they are is asked each time"


async def test_nobody_is_made_ready_for_a_session_of_others(engine: AsyncEngine) -> None:
    clock = FakeClock()
    demo = await seed(engine, clock)
    arrivals = Arrivals(engine, vault(), clock, load_notices(None, {}))
    for person, session in ((IdentityId("p-x"), demo.session_id), (demo.mentor, SessionId("nowhere"))):
        with pytest.raises(LookupError):
            await make_ready(engine, arrivals, person, session)


async def test_links_for_people_who_are_ready_and_nobody_is_made_ready_outside_of_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'links.db'}"
    config = Config(storage=StorageConfig(url=url))
    monkeypatch.setenv("HOLDSPACE_ROOT_KEY", bytes(range(32)).hex())
    await cli._links(config, demo_ready=True, lan=False)
    engine = open_engine(url)
    arrivals = Arrivals(engine, vault(), SystemClock(), load_notices(None, {}))
    assert await readiness(engine, arrivals, await seed(engine, SystemClock())) == [True] * 5
    await engine.dispose()
    monkeypatch.setattr("sys.argv", ["holdspace", "serve", "--demo-ready"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "--demo-ready goes with --demo" in capsys.readouterr().err
