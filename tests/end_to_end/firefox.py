"""Firefox as Debian builds it, driven by WebDriver BiDi: what Playwright brings is a Firefox of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from tests.end_to_end.running import until

FIREFOX: Final = shutil.which(os.environ.get("FIREFOX", "firefox-esr"))

_PREFERENCES: Final = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Nothing of its own: no first page, and nobody else is asked for anything.
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "media.gmp-manager.updateEnabled": False,
}


class ScriptFailed(Exception):
    """What a page threw, or why the browser did not do as asked."""


class FirefoxPage:
    """The one tab of a fresh Firefox."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._context = ""
        self._asking = asyncio.Lock()
        self.complaints: list[str] = []
        """Errors that a script wrote, or did not catch."""

    async def begin(self) -> None:
        """Takes hold of the tab. Raises ScriptFailed."""
        await self._ask("session.new", capabilities={})
        await self._ask("session.subscribe", events=["log.entryAdded"])
        tree = await self._ask("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def goto(self, url: str) -> None:
        """Opens a page and waits until it is loaded. Raises ScriptFailed."""
        await self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        """Loads the page again. Raises ScriptFailed."""
        await self._ask("browsingContext.reload", context=self._context, wait="complete")

    async def before_each_page(self, function: str) -> None:
        """Calls a function in every page from now on, before the page's own scripts. Raises ScriptFailed."""
        await self._ask("script.addPreloadScript", functionDeclaration=function)

    async def evaluate(self, function: str, *arguments: str) -> Any:
        """Calls a function in the page, asynchronous or not; its result travels as JSON. Raises ScriptFailed."""
        answer = await self._ask(
            "script.callFunction",
            functionDeclaration=f"async (...given) => JSON.stringify(await ({function})(...given))",
            arguments=[{"type": "string", "value": argument} for argument in arguments],
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise ScriptFailed(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value", "null"))

    async def press(self, name: str) -> None:
        """Presses the button of that name, as soon as there is one."""
        await until(f"there is a button {name!r}", lambda: self.evaluate(_PRESS, name))

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        async with self._asking:
            number = next(self._ids)
            await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
            while (told := json.loads(await self._connection.recv())).get("id") != number:
                self._hear(told)
        if told["type"] == "error":
            raise ScriptFailed(f"{method}: {told['error']}: {told['message']}")
        return told["result"]

    def _hear(self, told: dict[str, Any]) -> None:
        if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
            self.complaints.append(told["params"]["text"] or "")


_PRESS: Final = """(name) => {
  const button = [...document.querySelectorAll("button")]
    .find((each) => (each.getAttribute("aria-label") ?? each.textContent).trim() === name && !each.disabled);
  button?.click();
  return button !== undefined;
}"""


@asynccontextmanager
async def firefox(profile: Path) -> AsyncGenerator[FirefoxPage]:
    """A headless Firefox with a fresh profile and devices that are made up."""
    assert FIREFOX is not None, "ask before whether there is one"
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        FIREFOX,
        *("--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0", "about:blank"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        told = profile / "WebDriverBiDiServer.json"

        async def listens() -> bool:
            return told.exists() and told.read_text().endswith("}")

        await until("Firefox can be spoken to", listens)
        port = json.loads(told.read_text())["ws_port"]
        async with connect(f"ws://127.0.0.1:{port}/session", max_size=None, proxy=None) as connection:
            page = FirefoxPage(connection)
            await page.begin()
            yield page
    finally:
        process.terminate()
        await process.wait()
