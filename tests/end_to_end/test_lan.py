"""`serve --lan --demo`, opened as a phone does: at the network's address, with a certificate nobody vouches for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from server.lan import lan_address, qr_code
from tests.end_to_end.running import ROOT, Person, free_ports, until

# Where the fake camera's pictures really went: the address of the pair that ICE chose.
_REMOTE: Final = """async () => {
  const stats = [...(await holdspaceDebug.publish.getStats()).values()];
  const transport = stats.find((each) => each.type === "transport" && each.selectedCandidatePairId);
  const pair = stats.find((each) => each.id === transport?.selectedCandidatePairId);
  return stats.find((each) => each.id === pair?.remoteCandidateId)?.address ?? "";
}"""


@dataclass
class LanServer:
    """`holdspace serve --lan --demo` in a process of its own."""

    address: str
    port: int
    environment: dict[str, str]
    folder: Path
    process: asyncio.subprocess.Process

    @property
    def base_url(self) -> str:
        return f"https://{self.address}:{self.port}"

    def said(self) -> str:
        return (self.folder / "said").read_text(encoding="utf-8")

    def link_of(self, who: str) -> str:
        line = next(line for line in self.said().splitlines() if line.strip().startswith(who))
        return line.split()[-1]

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "lan/authority.pem"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lan(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LanServer]:
    """One for all who look at it: none of them changes what another reads."""
    folder = tmp_path_factory.mktemp("lan")
    address = lan_address()
    port, metrics, media = free_ports(3)
    environment = {
        **os.environ,
        "HOLDSPACE__SERVER__PORT": str(port),
        "HOLDSPACE__SERVER__METRICS_PORT": str(metrics),
        "HOLDSPACE__MEDIA__PORT": str(media),
        "HOLDSPACE__STORAGE__URL": f"sqlite+aiosqlite:///{folder / 'holdspace.db'}",
        "PYTHONIOENCODING": "utf-8",
    }
    with (folder / "said").open("wb") as said, (folder / "server.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "server.cli", "serve", "--lan", "--demo", "--demo-ready",
            cwd=ROOT, env=environment, stdout=said, stderr=log,
        )  # fmt: skip
    server = LanServer(address, port, environment, folder, process)
    try:

        async def ready() -> bool:
            assert process.returncode is None, (folder / "server.log").read_text()
            return "--lan-address" in server.said()

        await until("the server says where it is", ready)
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def on_phone(browser: Browser, name: str, width: int = 1280, height: int = 800) -> Person:
    """Someone who went on past the browser's warning."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", ignore_https_errors=True
    )
    return Person(name, await context.new_page())


async def sees(viewer: Person, other: Person) -> None:
    who = await viewer.id_of(other.name)
    frames = await viewer.inbound(who, "camera", "frames")
    packets = await viewer.inbound(who, "microphone", "packets")

    async def moving() -> bool:
        now = await viewer.inbound(who, "camera", "frames")
        return now > frames + 5 and await viewer.inbound(who, "microphone", "packets") > packets + 20

    await until(f"{viewer.name} sees and hears {other.name}", moving)


async def test_a_phone_in_the_network_and_a_page_on_this_machine_see_and_hear_each_other(
    lan: LanServer, browser: Browser
) -> None:
    ellie, dana = await on_phone(browser, "Ellie", 360, 740), await on_phone(browser, "Dana")
    await ellie.join(lan.link_of("participant 1"))
    assert await ellie.page.evaluate("isSecureContext && location.origin") == lan.base_url
    # The mentor's page is on this machine itself.
    await dana.join(lan.link_of("mentor").replace(lan.base_url, f"https://localhost:{lan.port}"))
    await asyncio.gather(ellie.tile("Dana").wait_for(), dana.tile("Ellie").wait_for())
    await sees(ellie, dana)
    await sees(dana, ellie)
    assert await ellie.page.evaluate(_REMOTE) == lan.address
    cookies = await ellie.page.context.cookies()
    assert [(each.get("secure"), each.get("httpOnly")) for each in cookies] == [(True, True)]
    for each in (ellie, dana):
        assert each.complaints == [], each.name
        await each.page.context.close()


async def test_what_the_terminal_shows_leads_a_phone_to_the_room(lan: LanServer) -> None:
    said = lan.said()
    assert qr_code(lan.link_of("participant 1")).strip() in "\n".join(line.rstrip() for line in said.splitlines())
    async with aiohttp.ClientSession() as http, http.get(f"{lan.base_url}/readyz", ssl=lan.trust()) as answer:
        assert answer.status == 200
    chain = (lan.folder / "lan/certificate.pem").read_text()
    certificate = ssl.PEM_cert_to_DER_cert(chain[: chain.index("-----END") + 25])
    shown = "".join(said.split("fingerprint:")[1].split("Should")[0].split()).replace(":", "").lower()
    assert hashlib.sha256(certificate).hexdigest() == shown


async def test_the_doctor_knows_that_this_server_is_running_and_that_its_key_is_kept_well(lan: LanServer) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "doctor", "--json",
        cwd=ROOT, env=lan.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    report = cast("dict[str, Any]", json.loads(out))
    found = {each["name"]: each for each in report["findings"]}
    assert process.returncode == 0, report
    assert report["ok"] is True
    assert "this server is running" in found["listening"]["found"]
    assert "running" in found["media port"]["found"]
    assert "running" in found["metrics"]["found"]
    assert found["keys"]["state"] == "ok"
    assert found["database's promise"]["state"] == "ok"
    for name in ("Ellie", "Marcus", "Priya", "Dana", "Ruth"):
        assert name not in out.decode()


async def test_demo_links_are_refused_off_loopback_before_anything_is_made(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HOLDSPACE__SERVER__BASE_URL": "https://groups.example.org",
        "HOLDSPACE__STORAGE__URL": f"sqlite+aiosqlite:///{tmp_path / 'holdspace.db'}",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "serve", "--demo",
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 2
    assert "--lan" in said.decode()
    assert not (tmp_path / "holdspace.db").exists(), "no demo people in a database that is not for them"
