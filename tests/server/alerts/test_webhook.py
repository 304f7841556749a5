"""The webhook, against real receivers on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from protocol.ids import ConcernId, SessionId
from protocol.supervision import Severity
from server.alerts.alert import Alert, alert_id
from server.alerts.guard import Guard, NotPublic, is_public
from server.alerts.signing import read_secrets, sign
from server.alerts.way import NotDelivered
from server.alerts.webhook import Webhook
from server.config import ConfigError
from tests.fakes import START_MS, FakeClock
from tests.server.alerts.receivers import NAME, Receiver, certificate, dribbling, listening, saying

SECRET, OTHER = b"s" * 32, b"t" * 24
LOOK_AT = "https://groups.example.org/"
ALERT = Alert(alert_id(SessionId("s-tuesday"), ConcernId("c-1"), 7), Severity.CRISIS, START_MS - 61_000, START_MS, 2)


def webhook(url: str, guard: Guard | None = None, *secrets: bytes, timeout_s: float = 5.0, **more: Any) -> Webhook:
    guard = guard or Guard(allow_private=True)
    return Webhook(url, secrets or (SECRET,), guard, FakeClock(), look_at=LOOK_AT, timeout_s=timeout_s, **more)


def is_signed(headers: Any, body: bytes, secret: bytes) -> bool:
    """As the specification words it, without a line of ours."""
    to_sign = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    wanted = base64.b64encode(hmac.new(secret, to_sign, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(f"v1,{wanted}", each) for each in headers["webhook-signature"].split(" "))


async def test_a_receiver_can_verify_who_sent_it_and_when() -> None:
    receiver = Receiver()
    async with listening(receiver):
        assert await webhook(receiver.url).deliver(ALERT) == "status 204"
    [posted] = receiver.requests
    assert posted.line == "POST /hooks/holdspace HTTP/1.1"
    assert posted.headers["content-type"] == "application/json"
    assert int(posted.headers["webhook-timestamp"]) == START_MS // 1000
    assert is_signed(posted.headers, posted.body, SECRET)
    assert not is_signed(posted.headers, posted.body + b" ", SECRET)
    assert not is_signed(posted.headers, posted.body, OTHER)


async def test_the_body_says_that_somebody_waits_and_since_when_and_where_to_look() -> None:
    receiver = Receiver()
    async with listening(receiver):
        await webhook(receiver.url).deliver(ALERT)
    assert json.loads(receiver.requests[0].body) == {
        "type": "concern.unanswered",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "data": {"severity": "crisis", "since": "2025-12-31T23:58:59.000Z", "attempt": 2, "url": LOOK_AT},
    }


async def test_nothing_of_what_it_is_about_is_in_a_single_byte_of_it() -> None:
    receiver = Receiver()
    async with listening(receiver):
        await webhook(receiver.url).deliver(ALERT)
    raw = receiver.requests[0].raw.lower()
    # Neither the ids themselves: whoever has them could tell two sessions apart.
    for word in (b"s-tuesday", b"c-1", b"tuesday", b"group", b"ellie", socket.gethostname().lower().encode()):
        assert word not in raw.replace(LOOK_AT.encode(), b""), word
    assert set(json.loads(receiver.requests[0].body)["data"]) == {"severity", "since", "attempt", "url"}


async def test_an_ordinary_web_server_takes_it() -> None:
    seen: list[bool] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(is_signed(request.headers, await request.read(), SECRET))
        return web.json_response({"ok": True})

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        assert await webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/").deliver(ALERT) == "status 200"
    finally:
        await runner.cleanup()
    assert seen == [True]


async def test_while_a_secret_is_changed_either_one_verifies() -> None:
    receiver = Receiver()
    async with listening(receiver):
        await webhook(receiver.url, None, SECRET, OTHER).deliver(ALERT)
    [posted] = receiver.requests
    assert is_signed(posted.headers, posted.body, SECRET)
    assert is_signed(posted.headers, posted.body, OTHER)


def test_the_signature_is_that_of_the_specifications_example() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_is_refused_and_not_followed(status: str) -> None:
    elsewhere = Receiver()
    async with listening(elsewhere):
        receiver = Receiver(saying(status, f"Location: {elsewhere.url}\r\n"))
        async with listening(receiver):
            with pytest.raises(NotDelivered, match=f"status {status[:3]}"):
                await webhook(receiver.url).deliver(ALERT)
    assert (len(receiver.requests), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("status", ["199 Odd", "400 Bad Request", "404 Not Found", "410 Gone", "503 Unavailable"])
async def test_only_success_counts_and_what_the_receiver_says_is_not_repeated(status: str) -> None:
    receiver = Receiver(saying(status, body="Ellie Sample wrote this"))
    async with listening(receiver):
        with pytest.raises(NotDelivered) as failed:
            await webhook(receiver.url).deliver(ALERT)
    assert "Ellie" not in str(failed.value)


async def test_a_receiver_that_dribbles_is_cut_off() -> None:
    receiver = Receiver(dribbling)
    async with listening(receiver):
        with pytest.raises(NotDelivered, match=r"no answer within 0\.1 s"):
            await webhook(receiver.url, timeout_s=0.1).deliver(ALERT)


async def test_an_answer_without_end_is_cut_off() -> None:
    receiver = Receiver()
    receiver.answer = receiver.pour
    async with listening(receiver):
        assert await webhook(receiver.url).deliver(ALERT) == "status 200"
    # What the kernel holds for both sides, at most.
    assert receiver.sent < 20_000_000


async def test_endless_headers_are_cut_off() -> None:
    receiver = Receiver(saying("200 OK", "X-Long: " + "a" * 1_000_000 + "\r\n"))
    async with listening(receiver):
        with pytest.raises(NotDelivered):
            await webhook(receiver.url).deliver(ALERT)


async def test_nobody_there_is_no_more_than_a_failed_try() -> None:
    receiver = Receiver()
    async with listening(receiver):
        pass
    with pytest.raises(NotDelivered):
        await webhook(receiver.url).deliver(ALERT)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1",
        "::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
        "2002:7f00:1::", "2002:a00:1::1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "no address", "",
    ],
)  # fmt: skip
def test_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
async def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    receiver = Receiver()
    async with listening(receiver):
        with pytest.raises(NotDelivered):
            await webhook(f"http://{host}:{receiver.port}/", Guard()).deliver(ALERT)
    assert receiver.connections == 0


async def test_this_machine_as_a_mapped_address_is_refused() -> None:
    receiver = Receiver()
    async with listening(receiver):
        with pytest.raises(NotDelivered, match="not public"):
            await webhook(f"http://[::ffff:127.0.0.1]:{receiver.port}/", Guard()).deliver(ALERT)
    assert receiver.connections == 0


class Names:
    """A resolver whose answer changes each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0)


async def test_a_name_that_leads_to_this_machine_is_refused() -> None:
    receiver = Receiver()
    async with listening(receiver):
        with pytest.raises(NotDelivered, match="not public"):
            await webhook(f"http://{NAME}:{receiver.port}/", Guard(Names(["127.0.0.1"]))).deliver(ALERT)
    assert receiver.connections == 0


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    names = Names(["8.8.8.8", "10.0.0.1"])
    with pytest.raises(NotDelivered, match="not public"):
        await webhook(f"http://{NAME}:1/", Guard(names)).deliver(ALERT)


class Connecting(Guard):
    """Keeps where connections would go, and makes none."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self.places: list[str] = []

    def open_socket(self, place: tuple[Any, Any, Any, Any, Any]) -> socket.socket:
        super().open_socket(place).close()
        self.places.append(place[4][0])
        raise OSError("nothing leaves this test")


async def test_a_name_that_changes_its_answer_leads_to_the_address_that_was_checked() -> None:
    receiver = Receiver()
    guard = Connecting(names := Names(["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]))
    async with listening(receiver):
        sender = webhook(f"http://{NAME}:{receiver.port}/", guard)
        with pytest.raises(NotDelivered):
            await sender.deliver(ALERT)
        assert (names.asked, guard.places) == ([NAME], ["8.8.8.8"])
        # The next try asks anew, and checks anew.
        with pytest.raises(NotDelivered, match="not public"):
            await sender.deliver(ALERT)
    assert (len(names.asked), guard.places, receiver.connections) == (2, ["8.8.8.8"], 0)


def test_the_socket_itself_is_refused_whoever_looked_the_address_up() -> None:
    with pytest.raises(NotPublic):
        Guard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.0.1", 443)))


async def test_on_ones_own_network_https_is_verified_against_the_name(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, NAME)
    receiver = Receiver()
    async with listening(receiver, theirs):
        guard = Guard(Names(["127.0.0.1"], ["127.0.0.1"]), allow_private=True)
        assert await webhook(f"https://{NAME}:{receiver.port}/", guard, tls=ours).deliver(ALERT) == "status 204"
        with pytest.raises(NotDelivered, match="certificate"):
            await webhook(f"https://other.example.org:{receiver.port}/", guard, tls=ours).deliver(ALERT)
    assert len(receiver.requests) == 1


async def test_proxies_and_passwords_of_this_machine_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    receiver = Receiver()
    async with listening(receiver):
        await webhook(receiver.url).deliver(ALERT)
    assert set(receiver.requests[0].headers) == {
        "host", "connection", "user-agent", "content-type", "content-length",
        "webhook-id", "webhook-timestamp", "webhook-signature"
    }  # fmt: skip


def secrets_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "secret"
    path.write_text(text)
    return path


def whsec(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def test_secrets_are_one_a_line(tmp_path: Path) -> None:
    assert read_secrets(secrets_file(tmp_path, f"{whsec(SECRET)}\n{whsec(OTHER)}\n")) == (SECRET, OTHER)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds 0 secrets"),
        ("\n".join([whsec(SECRET)] * 3), "holds 3 secrets"),
        (whsec(b"short"), "a secret of 5 bytes"),
        (whsec(bytes(65)), "a secret of 65 bytes"),
        ("whsec_!!!", "no base64"),
        (base64.b64encode(SECRET).decode(), "begins with whsec_"),
        ("whsec_é", "is no text"),
    ],
)
def test_a_secret_that_cannot_be_used_is_said_and_not_quoted(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as error:
        read_secrets(secrets_file(tmp_path, text))
    assert not text or text not in str(error.value)


def test_a_missing_secret_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_secrets(tmp_path / "none")


def test_ids_are_the_same_for_one_event_and_others_for_others() -> None:
    ids = [
        alert_id(SessionId(session), ConcernId(concern), number)
        for session, concern, number in [("s", "c", 1), ("s", "c", 2), ("s", "d", 1), ("sc", "", 1), ("s", "c1", 1)]
    ]
    assert len(set(ids)) == 5
    assert ids[0] == alert_id(SessionId("s"), ConcernId("c"), 1)
    assert all(re.fullmatch(r"msg_[0-9a-f]{32}", each) for each in ids)
