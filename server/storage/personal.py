"""Seals what is stored of a person outside of logs, and destroys its keys.

Data keys belong to streams: each person has one, without events, that their keys stand under.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from protocol.ids import IdentityId
from server.storage.appending import join_stream
from server.storage.schema import data_keys
from server.storage.vault import Unreadable, Vault, WrappedKey

PERSON_KIND: Final = "person"


@dataclass(frozen=True, slots=True)
class Label:
    """What a sealed text is of, and belongs to: it opens under the same label only.

    `retention` is the class of its key; `belongs_to` names what else it is bound to, such as a session.
    """

    person_id: IdentityId
    retention: str
    belongs_to: str = ""

    @property
    def stream_id(self) -> str:
        """The stream that the person's keys stand under."""
        return f"person:{self.person_id}"

    def context(self, key_id: str) -> bytes:
        """What is authenticated with the text."""
        return msgspec.json.encode((self.retention, self.person_id, self.belongs_to, key_id))


@dataclass(frozen=True, slots=True)
class Sealed:
    """As it is stored."""

    key_id: str
    text: bytes


def seal(connection: Connection, vault: Vault, label: Label, plain: bytes) -> Sealed:
    """Encrypts under a key of its own, so that it can be destroyed apart from everything else."""
    join_stream(connection, label.stream_id, PERSON_KIND)
    key = vault.new_key(label.stream_id, label.retention)
    connection.execute(
        insert(data_keys).values(
            id=key.id,
            stream_id=key.stream_id,
            retention=key.retention,
            root_key_id=key.root_key_id,
            wrapped=key.wrapped,
        )
    )
    return Sealed(key.id, vault.seal(key, label.context(key.id), plain))


def unseal(connection: Connection, vault: Vault, label: Label, sealed: Sealed) -> bytes:
    """The text. Raises Unreadable."""
    row = connection.execute(select(data_keys).where(data_keys.c.id == sealed.key_id)).one_or_none()
    if row is None:
        raise Unreadable("its key is missing")
    key = WrappedKey(row.id, row.stream_id, row.retention, row.root_key_id, row.wrapped)
    return vault.open(key, label.context(key.id), sealed.text)


def destroy_key(connection: Connection, vault: Vault, key_id: str, now_ms: int) -> None:
    """What was sealed under it is lost from the commit on. The key's row stays and says when."""
    connection.execute(
        update(data_keys)
        .where(data_keys.c.id == key_id, data_keys.c.wrapped.is_not(None))
        .values(wrapped=None, destroyed_ms=now_ms)
    )
    vault.forget(key_id)
