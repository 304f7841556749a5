"""`holdspace alerts test` and what `holdspace doctor` says of alerts."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path

import pytest

from server.alerts.settings import AlertsConfig
from server.alerts.ways import Tried, try_ways, ways_of
from server.cli import app
from server.cli_alerts import said
from server.doctor.alerts import alerts
from server.doctor.finding import Finding, State
from tests.fakes import FakeClock
from tests.server.alerts.receivers import MailServer, Receiver, listening, saying

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


def both(receiver: Receiver, mail: MailServer, secret: Path) -> AlertsConfig:
    return AlertsConfig(
        webhook_url=receiver.url, webhook_secret_file=str(secret), allow_private=True,
        smtp_host="127.0.0.1", smtp_port=mail.port, smtp_tls="none",
        mail_from="holdspace@example.org", mail_to=("office@example.org",),
    )  # fmt: skip


async def test_a_test_goes_both_ways_and_says_that_it_is_one(secret: Path) -> None:
    receiver, mail = Receiver(), MailServer()
    async with listening(receiver), listening(mail):
        ways = ways_of(both(receiver, mail, secret), "https://groups.example.org", FakeClock())
        tried = await try_ways(ways, FakeClock())
    assert tried == [
        Tried("webhook", arrived=True, how="status 204", seconds=0.0),
        Tried("mail", arrived=True, how="taken for 1 of 1", seconds=0.0),
    ]
    body = json.loads(receiver.requests[0].body)
    assert (body["type"], body["data"]) == ("alert.test", {"url": "https://groups.example.org/"})
    assert b"Holdspace: a test" in mail.mails[0]


async def test_what_did_not_arrive_is_said_plainly_and_the_other_way_is_tried(secret: Path) -> None:
    receiver, mail = Receiver(saying("401 Unauthorized")), MailServer()
    async with listening(receiver), listening(mail):
        ways = ways_of(both(receiver, mail, secret), "https://groups.example.org", FakeClock())
        lines = said(await try_ways(ways, FakeClock()))
    assert lines == ["webhook: did not arrive (status 401), 0.0 s", "e-mail: arrived (taken for 1 of 1), 0.0 s"]


def test_the_command_says_that_nothing_is_set_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(SystemExit) as ended:
        app(["alerts", "test", "--config", str(tmp_path / "config.toml")])
    assert ended.value.code == 1
    assert "Nothing was sent" in capsys.readouterr().out


async def test_the_command_sends_it(tmp_path: Path, secret: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(url: str) -> object:
        settings = tmp_path / "config.toml"
        settings.write_text(
            f"[alerts]\nwebhook_url = '{url}'\nwebhook_secret_file = '{secret}'\nallow_private = true\n"
        )
        with pytest.raises(SystemExit) as ended:
            app(["alerts", "test", "--config", str(settings)])
        return ended.value.code

    receiver = Receiver()
    async with listening(receiver):
        # It has a loop of its own.
        assert await asyncio.to_thread(run, receiver.url) == 0
    assert len(receiver.requests) == 1
    assert re.fullmatch(r"webhook: arrived \(status 204\), \d\.\d s\n", capsys.readouterr().out)
    assert await asyncio.to_thread(run, receiver.url) == 1


# ── the doctor ──────────────────────────────────────────────────────────────────────────────────


async def one(config: AlertsConfig, *addresses: str) -> Finding:
    async def lookup(host: str, port: int) -> list[str]:
        if not addresses:
            raise OSError("no such host")
        return list(addresses)

    [found] = await alerts(config, lookup)
    assert SECRET not in found.found + found.advice
    assert "/path" not in found.found + found.advice
    return found


def hook(secret: Path, url: str = "https://alerts.example.org/path", *, allow_private: bool = False) -> AlertsConfig:
    return AlertsConfig(webhook_url=url, webhook_secret_file=str(secret), allow_private=allow_private)


async def test_that_nobody_outside_would_be_told_is_said() -> None:
    assert (await one(AlertsConfig())).state is State.LOOK


async def test_a_webhook_that_can_be_used_is_ok(secret: Path) -> None:
    found = await one(hook(secret), "8.8.8.8")
    assert (found.state, "alerts.example.org" in found.found) == (State.OK, True)


@pytest.mark.parametrize("text", [None, "", "whsec_c2hvcnQ=", "password"])
def test_a_secret_that_is_missing_or_short_is_broken(secret: Path, text: str | None) -> None:
    if text is None:
        secret.unlink()
    else:
        secret.write_text(text)
    assert asyncio.run(one(hook(secret), "8.8.8.8")).state is State.BROKEN


async def test_a_webhook_that_leads_to_a_private_address_is_broken_unless_allowed(secret: Path) -> None:
    assert (await one(hook(secret), "8.8.8.8", "10.0.0.1")).state is State.BROKEN
    assert (await one(hook(secret, allow_private=True), "10.0.0.1")).state is State.OK


async def test_a_webhook_that_is_not_https_is_to_be_looked_at(secret: Path) -> None:
    found = await one(hook(secret, "http://alerts.example.org/path", allow_private=True), "10.0.0.1")
    assert (found.state, "http://" in found.found) == (State.LOOK, True)


async def test_a_webhook_whose_host_is_not_found_is_to_be_looked_at(secret: Path) -> None:
    assert (await one(hook(secret))).state is State.LOOK


async def test_a_mail_server_that_is_there_is_ok_and_one_that_is_not_is_to_be_looked_at() -> None:
    mail = MailServer()
    async with listening(mail):
        config = AlertsConfig(smtp_host="127.0.0.1", smtp_port=mail.port, mail_to=("a@example.org",))
        assert (await one(config)).state is State.OK
    assert (await one(config)).state is State.LOOK
    assert mail.mails == []


def test_a_mail_server_whose_password_is_missing_or_empty_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "password"
    config = AlertsConfig(smtp_host="127.0.0.1", smtp_user="a", smtp_password_file=str(path))
    assert asyncio.run(one(config)).state is State.BROKEN
    path.touch()
    assert asyncio.run(one(config)).state is State.BROKEN
