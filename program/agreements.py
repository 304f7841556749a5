"""What a group agrees on: asked of everyone who belongs to it before they join, again when it changes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from program.notices import FALLBACK, Agreement
from program.tables import group_agreements


async def set_agreement(connection: AsyncConnection, group_id: str, texts: Mapping[str, Agreement]) -> None:
    """Replaces the group's agreement, by language; nothing in it: the group has none.

    A changed text comes with a new version, so that what someone agreed to under a version is what they were shown.

    Raises:
        ValueError: versions differ, there is none in English, or another text had this version.
        sqlalchemy.exc.IntegrityError: there is no such group.
    """
    if texts and (FALLBACK not in texts or len({text.version for text in texts.values()}) > 1):
        raise ValueError("an agreement has one version in all its languages, English among them")
    before = await agreement_of(connection, group_id)
    if before and texts and before[FALLBACK].version == texts[FALLBACK].version:
        if before == dict(texts):
            return
        raise ValueError("a changed agreement needs a new version")
    await connection.execute(delete(group_agreements).where(group_agreements.c.group_id == group_id))
    if texts:
        await connection.execute(
            insert(group_agreements).values(
                group_id=group_id, version=texts[FALLBACK].version, texts=msgspec.to_builtins(dict(texts))
            )
        )


async def agreement_of(connection: AsyncConnection, group_id: str) -> dict[str, Agreement]:
    """The group's agreement by language; empty when it has none."""
    found = await connection.scalar(select(group_agreements.c.texts).where(group_agreements.c.group_id == group_id))
    return {} if found is None else msgspec.convert(found, dict[str, Agreement])
