"""From a flag to the contact outside: what arrives there, and what does not."""

from __future__ import annotations

import json
import re
from email import message_from_bytes
from pathlib import Path

import pytest

from protocol.ids import ConcernId, SessionId
from protocol.supervision import Severity
from protocol.values import Role
from server.alerts.alert import Alert, alert_id
from server.alerts.book import Book, Errand
from server.alerts.delivering import Alerts
from server.alerts.settings import AlertsConfig
from server.alerts.ways import ways_of
from server.app import Node
from server.clock import SystemClock
from server.config import Config, ConfigError, MediaConfig, ServerConfig, StorageConfig
from tests.fakes import FakeClock
from tests.room_fakes import FakeTimers
from tests.server.alerts.receivers import MailServer, Receiver, listening
from tests.server.flagged import flagged
from tests.server.people import DANA, ELLIE
from tests.server.secret import ROOT_KEY
from tests.server.storage.databases import database
from tests.server.supervised import settle, until
from tests.server.test_node_audit import free_port

WORDS = "I do not want to live any more"
SECRET = "whsec_" + "c2VjcmV0" * 4


def settings(folder: Path, receiver: Receiver, mail: MailServer) -> AlertsConfig:
    (folder / "secret").write_text(SECRET)
    return AlertsConfig(
        webhook_url=receiver.url, webhook_secret_file=str(folder / "secret"), allow_private=True,
        smtp_host="127.0.0.1", smtp_port=mail.port, smtp_tls="none",
        mail_from="holdspace@example.org", mail_to=("office@example.org",),
    )  # fmt: skip


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("*.db*"))


async def test_a_crisis_that_nobody_answers_arrives_again_and_again_and_tells_nothing_of_it(tmp_path: Path) -> None:
    receiver, mail = Receiver(), MailServer()
    async with listening(receiver), listening(mail), flagged(tmp_path) as there:
        node = there.node
        ways = ways_of(settings(tmp_path, receiver, mail), "https://groups.example.org", node.clock)
        alerts = Alerts(ways, Book(node.engine), node.clock, FakeTimers(), chance=lambda: 1.0)
        node.supervision._on_escalated = alerts.escalated
        page = await there.page(ELLIE)
        await node.join(ELLIE, Role.PARTICIPANT)
        await node.join(DANA, Role.MENTOR)
        await settle()
        assert (await page.flag(severity="crisis", category="self_harm", text=WORDS))[0] == 200
        began_ms = node.clock.now_ms()

        async def minutes_until(count: int) -> None:
            while len(receiver.requests) < count or len(mail.mails) < count:
                node.clock.advance(60)
                await node.look_again()
                await settle()
                await until("nothing is under way", lambda: not alerts._trying and not alerts._storing)

        await minutes_until(3)
        await alerts.close()

    bodies = [json.loads(posted.body)["data"] for posted in receiver.requests]
    assert [(body["severity"], body["attempt"]) for body in bodies] == [("crisis", 1), ("crisis", 2), ("crisis", 3)]
    assert {body["since"] for body in bodies} == {"2026-01-01T00:00:00.000Z"}
    assert began_ms == 1_767_225_600_000
    ids = [posted.headers["webhook-id"] for posted in receiver.requests]
    # The e-mails of the same alerts have the same ids.
    assert [message_from_bytes(each)["Message-ID"] for each in mail.mails] == [f"<{each}@example.org>" for each in ids]
    assert len(set(ids)) == 3

    raw = b"".join((*(posted.raw for posted in receiver.requests), *mail.said, *mail.mails)).decode()
    raw = raw.replace("https://groups.example.org/", "")
    for word in (WORDS, "live any", "Ellie", "Dana", "Ruth", "Tuesday", "self_harm", "suicide", "p-ellie", "s-tuesday"):
        assert not re.search(word, raw, re.IGNORECASE), word
    # Nor is it in the rows that wait.
    stored = on_disk(tmp_path)
    assert ids[0].encode() in stored
    assert WORDS.encode() not in stored


async def test_a_server_that_starts_sends_what_the_one_before_it_could_not(tmp_path: Path) -> None:
    receiver, mail = Receiver(), MailServer()
    now_ms = SystemClock().now_ms()
    alert = Alert(alert_id(SessionId("s"), ConcernId("c"), 1), Severity.URGENT, now_ms - 200_000, now_ms - 20_000)
    async with database(tmp_path / "node.db") as engine:
        await Book(engine).save([Errand(alert, way, now_ms - 10_000, 1) for way in ("webhook", "mail")], now_ms)
    async with listening(receiver), listening(mail):
        node = Node(config(tmp_path, settings(tmp_path, receiver, mail)), ROOT_KEY)
        await node.start()
        try:
            await until("both have arrived", lambda: bool(receiver.requests and mail.mails))
            await until("it is counted", lambda: b'outcome="delivered",way="mail"} 1.0' in node.metrics.render())
            assert b"holdspace_alerts_waiting 0.0" in node.metrics.render()
        finally:
            await node.stop()
    assert [posted.headers["webhook-id"] for posted in receiver.requests] == [alert.id]


def config(folder: Path, alerts: AlertsConfig) -> Config:
    return Config(
        server=ServerConfig(port=free_port(), metrics_port=0, client_dir=str(folder), shutdown_grace_s=2.0),
        storage=StorageConfig(url=f"sqlite+aiosqlite:///{folder}/node.db"),
        media=MediaConfig(port=0, advertise=("127.0.0.1",)),
        alerts=alerts,
    )


def test_a_server_does_not_start_with_a_secret_that_it_cannot_use(tmp_path: Path) -> None:
    chosen = settings(tmp_path, Receiver(port=1), MailServer())
    (tmp_path / "secret").write_text("whsec_c2hvcnQ=")
    with pytest.raises(ConfigError, match="a secret of 5 bytes"):
        Node(config(tmp_path, chosen), ROOT_KEY, FakeClock())
