"""The declarations themselves."""

from __future__ import annotations

from protocol.ids import RequestId
from protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, Ping, tag_of


def test_a_message_names_its_type_as_it_is_on_the_wire() -> None:
    assert tag_of(Ping(RequestId("r"))) == "ping"


def test_no_two_messages_share_a_type() -> None:
    tags = [each.__struct_config__.tag for each in (*CLIENT_MESSAGES, *SERVER_MESSAGES)]
    assert len(tags) == len(set(tags))
