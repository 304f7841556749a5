"""Identifiers. All are opaque strings; who makes each one is said beside it."""

from __future__ import annotations

from typing import NewType

IdentityId = NewType("IdentityId", str)
"""A stable person, made by the server. Never leaves the server: a room knows participants only."""

SessionId = NewType("SessionId", str)
"""One scheduled meeting of a group, and so its room. Made by the server."""

ParticipantId = NewType("ParticipantId", str)
"""A person's presence in one room. Made by the server; the same person keeps it for that session."""

MessageId = NewType("MessageId", str)
"""A chat message. Made by the client that sends it, so that sending twice posts once."""

ConcernId = NewType("ConcernId", str)
"""Something in a session that a therapist has to know of. Made by the server."""

FlagId = NewType("FlagId", str)
"""One flag. Made by the client that raises it, so that sending twice raises one."""

RequestId = NewType("RequestId", str)
"""One request on one connection. Made by the client; the reply carries it back."""

CLIENT_ID_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
"""Ids made by clients: short, and safe in logs, URLs and HTML."""

WhisperId = NewType("WhisperId", str)
"""A whisper, made by the therapist's client."""

GlassId = NewType("GlassId", str)
"""One time that somebody listened without a flag."""
