"""Chat: one order, exactly once, and hidden texts that stay hidden."""

from __future__ import annotations

import msgspec
import pytest

from protocol.errors import ErrorCode
from protocol.ids import MessageId, ParticipantId, RequestId
from protocol.messages import HideChat, PostChat
from protocol.values import Role
from rooms.chat import Chat, ChatMessage
from tests.rooms.harness import RoomHarness, Seat

SECRET = "my phone number is 555-0123"


def sent(seat: Seat) -> str:
    """Everything that reached a client, as text."""
    return msgspec.json.encode(seat.received).decode() + str(seat.client.shows())


def test_a_message_reaches_everyone_with_author_and_time(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat
) -> None:
    room.now_ms += 7
    message = room.post("ana", "Hello")

    for seat in (ana, ben, mia, theo):
        assert seat.client.chat[message] == {
            "id": message,
            "author_id": "ana",
            "author_name": "Ana",
            "text": "Hello",
            "at_ms": room.now_ms,
            "hidden": False,
            "turn": False,
        }


def test_messages_have_one_order_for_everyone(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    order = [room.post(who, "Words") for who in ("ben", "ana", "ben")]
    late = room.enter("mia", Role.MENTOR)

    for seat in (ana, ben, late):
        assert list(seat.client.chat) == order


def test_a_message_sent_twice_is_posted_once(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.post("ana", "Hello", "m1")
    room.wait(50)
    room.post("ana", "Hello", "m1")

    assert ben.types() == ["chat_posted"]
    assert len(room.state.chat) == 1


def test_a_message_sent_again_after_it_was_hidden_is_posted_once_and_stays_hidden(
    room: RoomHarness, ben: Seat, mia: Seat
) -> None:
    room.post("ana", SECRET, "m1")
    room.hide("mia", "m1")
    room.post("ana", SECRET, "m1")

    assert ben.text("m1") == ""
    assert len(room.state.chat) == 1


def test_an_id_of_another_author_is_a_conflict(room: RoomHarness, ana: Seat, ben: Seat) -> None:
    room.post("ana", "Hello", "m1")

    assert room.refusal("ben", PostChat(RequestId("r"), MessageId("m1"), "Hello")) is ErrorCode.CONFLICT
    assert ana.client.chat["m1"]["author_id"] == "ana"


def test_an_own_id_with_another_text_is_a_conflict(room: RoomHarness, ana: Seat) -> None:
    room.post("ana", "Hello", "m1")

    assert room.refusal("ana", PostChat(RequestId("r"), MessageId("m1"), "Goodbye")) is ErrorCode.CONFLICT
    assert ana.text("m1") == "Hello"


@pytest.mark.parametrize("text", ["", " ", "\n\t \u3000"])
def test_a_message_without_words_is_refused(room: RoomHarness, ana: Seat, text: str) -> None:
    assert room.refusal("ana", PostChat(RequestId("r"), MessageId("m1"), text)) is ErrorCode.INVALID_FIELD
    assert ana.types() == []


def test_a_hidden_message_loses_its_text_for_all_but_therapists(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat
) -> None:
    message = room.post("ana", SECRET)
    room.hide("mia", message)

    for seat in (ana, ben, mia):
        assert (seat.text(message), seat.client.chat[message]["hidden"]) == ("", True)
    assert (theo.text(message), theo.client.chat[message]["hidden"]) == (SECRET, True)


def test_a_shown_message_has_its_text_again(room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat) -> None:
    message = room.post("ana", SECRET)
    room.hide("mia", message)
    room.show("theo", message)

    for seat in (ana, ben, mia, theo):
        assert (seat.text(message), seat.client.chat[message]["hidden"]) == (SECRET, False)


def test_hiding_and_showing_twice_is_hiding_and_showing_once(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    message = room.post("mia", "Hello")
    room.hide("mia", message)
    assert room.hide("mia", message) == ()
    room.show("mia", message)
    assert room.show("mia", message) == ()

    assert [kind for kind in ben.types() if kind.startswith("chat")] == ["chat_posted", "chat_hidden", "chat_shown"]


def test_hiding_one_message_leaves_its_neighbours_alone(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    first, middle, last = (room.post("ana", text) for text in ("one", "two", "three"))
    room.hide("mia", middle)

    assert [ben.text(which) for which in (first, middle, last)] == ["one", "", "three"]


def test_a_message_of_someone_who_left_can_be_hidden(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    message = room.post("ana", SECRET)
    room.leave("ana")
    room.hide("mia", message)

    assert ben.text(message) == ""


def test_whoever_comes_after_the_hiding_never_receives_the_text(room: RoomHarness, mia: Seat) -> None:
    message = room.post("ana", SECRET)
    room.hide("mia", message)

    for seat in (room.enter("late"), room.enter("max", Role.MENTOR)):
        assert SECRET not in sent(seat)
    assert SECRET in sent(room.enter("theo", Role.THERAPIST))


def test_whoever_resumes_after_the_hiding_never_receives_the_text(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, theo: Seat
) -> None:
    for seat in (ben, theo):
        seat.attached = False
    message = room.post("ana", SECRET)
    room.hide("mia", message)
    for seat in (ben, theo):
        room.resume(seat)

    assert [kind for kind in ben.types() if kind.startswith("chat")] == ["chat_posted", "chat_hidden"]
    assert SECRET not in sent(ben)
    assert SECRET in sent(theo)


def test_whoever_resumes_between_two_hidings_never_receives_the_text(room: RoomHarness, ben: Seat, mia: Seat) -> None:
    message = room.post("ana", SECRET)
    room.hide("mia", message)
    ben.received.clear()
    ben.attached = False
    room.show("mia", message)
    room.hide("mia", message)
    room.resume(ben)

    assert SECRET not in sent(ben)


def test_a_snapshot_carries_the_newest_of_a_long_chat_and_says_that_there_is_more(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.chat.NEWEST_MESSAGES", 3)
    posted = [room.post("ana", "Words") for _ in range(5)]

    late = room.enter("cleo", Role.PARTICIPANT)
    assert list(late.client.chat) == posted[2:]
    assert late.client.earlier

    room.hide("mia", posted[0])
    room.hide("mia", posted[4])
    assert list(late.client.chat) == posted[2:], "what was not given is not shown, hidden or not"
    assert late.client.chat[posted[4]]["hidden"]


def test_a_snapshot_carries_no_more_than_its_bytes_but_always_the_last_message(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.chat.NEWEST_BYTES", 10)
    room.post("ana", "x" * 6)
    last = room.post("ana", "x" * 100)
    assert list(room.enter("cleo", Role.PARTICIPANT).client.chat) == [last]
    two = [room.post("ana", "12345"), room.post("ana", "12345")]
    assert list(room.enter("dora", Role.PARTICIPANT).client.chat) == two


def test_a_chat_that_is_full_takes_no_more_and_says_so(
    room: RoomHarness, ana: Seat, ben: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.MAX_MESSAGES", 1)
    message = room.post("ana", "Words")
    assert room.request("ana", PostChat(RequestId("r-again"), MessageId(message), "Words")) == ()
    assert room.refusal("ben", PostChat(RequestId("r-more"), MessageId("more"), "Words")) is ErrorCode.OVERLOADED


def test_nobody_can_use_up_the_chat_of_all(
    room: RoomHarness, ana: Seat, ben: Seat, mia: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.MAX_MESSAGES_EACH", 3)
    last = [room.post("ana", "Words") for _ in range(3)][-1]
    room.request("mia", HideChat(RequestId("r-hide"), MessageId(last)))
    for _ in range(2):
        assert room.refusal("ana", PostChat(RequestId("r-more"), MessageId("more"), "Words")) is ErrorCode.OVERLOADED
        # Not by coming back either.
        room.leave("ana")
        room.enter("ana")
    room.post("ben", "I need help")
    room.post("mia", "I am here")


def test_who_leads_can_still_write_when_the_chat_is_full(
    room: RoomHarness, ana: Seat, mia: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.requests.MAX_MESSAGES", 1)
    monkeypatch.setattr("rooms.requests.MAX_MESSAGES_EACH", 2)
    room.post("ana", "Words")
    assert room.refusal("ana", PostChat(RequestId("r-more"), MessageId("more"), "Words")) is ErrorCode.OVERLOADED
    room.post("mia", "Let us go on by voice")
    room.post("mia", "I hear you")
    assert room.refusal("mia", PostChat(RequestId("r-last"), MessageId("last"), "Words")) is ErrorCode.OVERLOADED


def test_chats_compare_by_what_was_written() -> None:
    message = ChatMessage(MessageId("m"), ParticipantId("p"), "Ana", "Hello", 1)
    assert Chat().posted(message) == Chat().posted(message)
    assert hash(Chat().posted(message)) == hash(Chat().posted(message))
    assert Chat().posted(message) != Chat()
    assert Chat() != 1
