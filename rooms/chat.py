"""The chat of a room as a value: grows by sharing, so that the thousandth message costs what the first did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from immutables import Map
from msgspec import Struct

from protocol.ids import MessageId, ParticipantId
from protocol.values import Millis

MAX_MESSAGES: Final = 20_000
"""Messages of one session; no group writes that many, and a script must not fill the disk. Staff may go on."""

MAX_MESSAGES_EACH: Final = 2_000
"""Messages of one person, so that nobody can use up what belongs to all."""

NEWEST_MESSAGES: Final = 200
NEWEST_BYTES: Final = 100_000
"""What a snapshot carries of the chat at most: so many messages, and so many bytes of text."""


class ChatMessage(Struct, frozen=True):
    """A message; `author_name` as of its posting, `hidden_by` set while a mentor hides it; `turn`: their
    typed turn."""

    id: MessageId
    author_id: ParticipantId
    author_name: str
    text: str
    at_ms: Millis
    hidden_by: ParticipantId | None = None
    turn: bool = False


class Chat:
    """Messages in the room's one order. Immutable; compares by content."""

    __slots__ = ("_authors", "_messages", "_numbers")

    def __init__(
        self,
        messages: Map[int, ChatMessage] | None = None,
        numbers: Map[MessageId, int] | None = None,
        authors: Map[ParticipantId, int] | None = None,
    ) -> None:
        """`authors`: how many are whose."""
        self._authors: Map[ParticipantId, int] = Map() if authors is None else authors
        self._messages: Map[int, ChatMessage] = Map() if messages is None else messages
        self._numbers: Map[MessageId, int] = Map() if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[ChatMessage]:
        return (self._messages[number] for number in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chat) and self._messages == other._messages

    def __hash__(self) -> int:
        return hash(self._messages)

    @property
    def last(self) -> ChatMessage:
        """The newest message. Raises KeyError when there is none."""
        return self._messages[len(self) - 1]

    def __getitem__(self, message_id: MessageId) -> ChatMessage:
        """That message. Raises KeyError when it was not posted."""
        return self._messages[self._numbers[message_id]]

    def get(self, message_id: MessageId) -> ChatMessage | None:
        """That message, if it was posted."""
        number = self._numbers.get(message_id)
        return None if number is None else self._messages[number]

    def count_of(self, author: ParticipantId) -> int:
        """How many messages that person wrote."""
        return self._authors.get(author, 0)

    def posted(self, message: ChatMessage) -> Chat:
        """The chat with one message more."""
        number, author = len(self), message.author_id
        authors = self._authors.set(author, self.count_of(author) + 1)
        return Chat(self._messages.set(number, message), self._numbers.set(message.id, number), authors)

    def changed(self, message: ChatMessage) -> Chat:
        """The chat with that message in the place of the one with its id. Raises KeyError for an unknown id."""
        return Chat(self._messages.set(self._numbers[message.id], message), self._numbers, self._authors)

    def newest(self) -> tuple[ChatMessage, ...]:
        """As many of the newest messages as a snapshot carries, oldest first; at least the last one."""
        taken: list[ChatMessage] = []
        size = 0
        for number in range(len(self) - 1, max(-1, len(self) - 1 - NEWEST_MESSAGES), -1):
            message = self._messages[number]
            size += len(message.text.encode())
            if taken and size > NEWEST_BYTES:
                break
            taken.append(message)
        return tuple(reversed(taken))
