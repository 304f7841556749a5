"""A server with its own data for each test; one browser for all, in which nobody of another test is left.

All of these tests share one event loop, since a browser belongs to the loop it was started in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from bench.chromium import chromium
from tests.end_to_end.running import Server

HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_of_all() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium_of_all: Browser) -> AsyncIterator[Browser]:
    """Without cookies, pages or storage of any test before: those belong to contexts, and contexts end with a test."""
    yield chromium_of_all
    for context in chromium_of_all.contexts:
        await context.close()


class Spares:
    """While a test waits for its browser, the server of the next one starts."""

    def __init__(self, folder: Callable[[], Path], wanted: int) -> None:
        self._folder = folder
        self._wanted = wanted
        self._next: Server | None = None

    def take(self) -> Server:
        taken = self._next or self._begin()
        self._wanted -= 1
        self._next = self._begin() if self._wanted > 0 else None
        return taken

    def close(self) -> None:
        if self._next is not None and self._next.process is not None:
            self._next.process.kill()
            self._next.process.wait()

    def _begin(self) -> Server:
        server = Server(self._folder())
        server.launch()
        return server


@pytest.fixture(scope="session")
def spares(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spares]:
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    spares = Spares(lambda: tmp_path_factory.mktemp("server"), sum("server" in item.fixturenames for item in items))
    yield spares
    spares.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server(spares: Spares) -> AsyncIterator[Server]:
    server = spares.take()
    await server.start()
    yield server
    await server.kill()
