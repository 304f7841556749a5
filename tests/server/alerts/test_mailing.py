"""E-mail, against real mail servers on loopback."""

from __future__ import annotations

import re
import socket
from datetime import UTC, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from protocol.supervision import Severity
from server.alerts.alert import Alert, mail
from server.alerts.mailing import Mailing
from server.alerts.settings import AlertsConfig
from server.alerts.way import NotDelivered
from server.config import ConfigError
from tests.fakes import START_MS
from tests.server.alerts.receivers import MailServer, certificate, listening

LOOK_AT = "https://groups.example.org/"
ALERT = Alert("msg_0123456789abcdef", Severity.URGENT, START_MS - 61_000, START_MS, 3)
FROM, TO = "holdspace@example.org", ("office@example.org", "lead@example.net")


def settings(server: MailServer, **more: object) -> AlertsConfig:
    chosen: dict[str, object] = {"smtp_host": "localhost", "smtp_port": server.port, "mail_from": FROM, "mail_to": TO}
    return AlertsConfig(**{**chosen, **more})  # pyright: ignore[reportArgumentType]


def read(mailed: bytes) -> EmailMessage:
    found = message_from_bytes(mailed.removesuffix(b".\r\n"), policy=default)
    assert isinstance(found, EmailMessage)
    return found


async def test_it_says_in_two_languages_that_somebody_waits_since_when_and_where_to_look(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "localhost")
    server = MailServer(theirs)
    async with listening(server):
        assert await Mailing(settings(server), look_at=LOOK_AT, tls=ours).deliver(ALERT) == "taken for 2 of 2"
    [mailed] = server.mails
    message = read(mailed)
    assert (message["From"], message["To"]) == (FROM, ", ".join(TO))
    assert message["Message-ID"] == "<msg_0123456789abcdef@example.org>"
    assert message["Date"].datetime.timestamp() * 1000 == START_MS
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert text.count("2025-12-31 23:58 (UTC)") == 2
    assert text.count(LOOK_AT) == 2
    assert "has waited for someone" in text
    assert "espera a alguien desde" in text
    assert "message 3" in text
    assert server.recipients == list(TO)
    assert server.said[-1] == b"QUIT\r\n"


async def test_nothing_of_what_it_is_about_is_in_a_single_byte_of_it(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "localhost")
    server = MailServer(theirs)
    async with listening(server):
        await Mailing(settings(server), look_at=LOOK_AT, tls=ours).deliver(ALERT)
    raw = b"".join((*server.said, *server.mails)).lower()
    for word in (b"urgent", b"ellie", b"tuesday", b"session", socket.gethostname().lower().encode()):
        assert word not in raw, word


async def test_before_encryption_nothing_is_said_but_hello(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "localhost")
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    server = MailServer(theirs)
    async with listening(server):
        config = settings(server, smtp_user="holdspace", smtp_password_file=str(password))
        await Mailing(config, look_at=LOOK_AT, tls=ours).deliver(ALERT)
    assert server.in_clear == [b"EHLO example.org\r\n", b"STARTTLS\r\n"]
    assert any(line.startswith(b"AUTH PLAIN") for line in server.said)


async def test_a_mail_server_without_starttls_gets_no_mail() -> None:
    server = MailServer()
    async with listening(server):
        with pytest.raises(NotDelivered, match="does not offer STARTTLS"):
            await Mailing(settings(server), look_at=LOOK_AT).deliver(ALERT)
    assert (server.mails, server.recipients) == ([], [])


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tmp_path: Path) -> None:
    theirs, _ = certificate(tmp_path, "localhost")
    server = MailServer(theirs)
    async with listening(server):
        with pytest.raises(NotDelivered, match="certificate"):
            await Mailing(settings(server), look_at=LOOK_AT).deliver(ALERT)
    assert server.mails == []


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "localhost")
    server = MailServer()
    async with listening(server, theirs):
        await Mailing(settings(server, smtp_tls="tls"), look_at=LOOK_AT, tls=ours).deliver(ALERT)
    assert len(server.mails) == 1


async def test_on_this_machine_it_may_go_without() -> None:
    server = MailServer()
    async with listening(server):
        await Mailing(settings(server, smtp_tls="none"), look_at=LOOK_AT).deliver(ALERT)
    assert len(server.mails) == 1


async def test_one_recipient_that_is_taken_is_enough_and_none_is_a_failure() -> None:
    server = MailServer(refuses=frozenset(TO[:1]))
    async with listening(server):
        mailing = Mailing(settings(server, smtp_tls="none"), look_at=LOOK_AT)
        assert await mailing.deliver(ALERT) == "taken for 1 of 2"
        server.refuses = frozenset(TO)
        with pytest.raises(NotDelivered, match="every recipient refused"):
            await mailing.deliver(ALERT)


async def test_a_mail_server_that_dribbles_is_cut_off() -> None:
    server = MailServer(dribbles=True)
    async with listening(server):
        with pytest.raises(NotDelivered, match=r"no answer within 0\.1 s"):
            await Mailing(settings(server, smtp_tls="none"), look_at=LOOK_AT, timeout_s=0.1).deliver(ALERT)


async def test_a_mail_server_that_is_slow_with_every_answer_is_cut_off() -> None:
    server = MailServer(slow_s=0.06)
    async with listening(server):
        with pytest.raises(NotDelivered, match=r"no answer within 0\.1 s"):
            await Mailing(settings(server, smtp_tls="none"), look_at=LOOK_AT, timeout_s=0.1).deliver(ALERT)
    assert server.mails == []


async def test_a_huge_answer_is_cut_off_and_not_repeated() -> None:
    server = MailServer(greeting=b"220-Ellie Sample wrote this\r\n" * 100_000)
    async with listening(server):
        with pytest.raises(NotDelivered) as failed:
            await Mailing(settings(server, smtp_tls="none"), look_at=LOOK_AT).deliver(ALERT)
    assert "Ellie" not in str(failed.value)


async def test_nobody_there_is_no_more_than_a_failed_try() -> None:
    server = MailServer()
    async with listening(server):
        pass
    with pytest.raises(NotDelivered):
        await Mailing(settings(server), look_at=LOOK_AT).deliver(ALERT)


def test_no_line_of_an_address_becomes_a_header() -> None:
    for sender, to in [("a@example.org\r\nBcc: b@example.org", TO), (FROM, ("a@example.org\nBcc: b@example.org",))]:
        with pytest.raises(ValueError, match=r"linefeed|newline"):
            mail(ALERT, LOOK_AT, sender=sender, to=to)


def test_the_time_is_that_of_the_programs_zone() -> None:
    ohio = timezone(timedelta(hours=-5), "EST")
    assert "2025-12-31 18:58 (EST)" in mail(ALERT, LOOK_AT, sender=FROM, to=TO, zone=ohio).get_content()


def test_a_test_says_that_it_is_one() -> None:
    tried = Alert("msg_0", None, START_MS, START_MS)
    message = mail(tried, LOOK_AT, sender=FROM, to=TO, zone=UTC)
    assert "test" in message["Subject"]
    assert re.search("nothing to do.*nada que hacer", message.get_content(), re.DOTALL)
    assert "waited" not in message.get_content()


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_password_that_cannot_be_used_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"alerts\.smtp_password_file"):
        Mailing(settings(MailServer(), smtp_user="x", smtp_password_file=str(path)), look_at=LOOK_AT)
