from __future__ import annotations

from bench.flood import binding_request, client_hello, junk
from media.engine import stun


def test_the_forged_hello_is_one_that_dtls_would_read() -> None:
    hello = client_hello()
    assert hello[:3] == b"\x16\xfe\xff"
    body = hello[13:]
    assert int.from_bytes(hello[11:13]) == len(body)
    # A whole, unfragmented handshake message (RFC 6347 section 4.2.2).
    assert body[0] == 1
    assert body[1:4] == body[9:12] == (len(body) - 12).to_bytes(3)
    # Whoever sends it twice sends another random: no two are the same.
    assert client_hello() != hello


def test_the_forged_check_names_the_connection_and_does_not_know_its_password() -> None:
    message = stun.parse(binding_request("victim"))
    assert message is not None
    assert message.local_ufrag == "victim"
    assert not message.authentic(b"its password")


def test_a_flood_has_all_kinds() -> None:
    firsts = {each[0] for each in junk(["victim"]) if len(each) > 50}
    assert {0x00, 0x16, 0x80} <= firsts
