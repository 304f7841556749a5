"""Secrets that are passed on once: where they come from, how they are kept, and the tokens for joining a room."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from protocol.errors import ErrorCode, raise_for
from protocol.ids import IdentityId, SessionId
from protocol.values import Role
from server.clock import Clock

TokenSource = Callable[[], str]

MAX_JOIN_TOKEN_S: Final = 60
MAX_PER_PERSON: Final = 8
"""Unused tokens of one person, whatever they are for (reloading fast, several tabs); one more ends the oldest."""


def new_token() -> str:
    """A secret of 256 bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """An id that nobody can guess, of the letters that `protocol.ids` allows."""
    return secrets.token_urlsafe(12)


def digest(token: str) -> str:
    """What is kept of a secret. It has 256 bits of its own, so that salt or slowness would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class JoinGrant:
    """Who may open one WebSocket into which room, as what, and by which sign-in."""

    person_id: IdentityId
    session_id: SessionId
    role: Role
    sign_in: str
    enrolled: bool = True


@dataclass(frozen=True, slots=True)
class WatchGrant:
    """Who may open one WebSocket that watches the sessions of their groups, and by which sign-in."""

    person_id: IdentityId
    sign_in: str


class Grant(Protocol):
    """What a token stands for."""

    @property
    def person_id(self) -> IdentityId:
        """Whose it is."""
        ...

    @property
    def sign_in(self) -> str:
        """What it hangs on."""
        ...


G = TypeVar("G", bound=Grant)


@dataclass(frozen=True, slots=True)
class JoinToken:
    """The secret, and when it ends (Unix ms)."""

    token: str
    expires_at_ms: int


class SingleUseTokens(Generic[G]):
    """Single-use tokens for the first frame of a WebSocket. In memory: after a restart a client asks for another."""

    def __init__(
        self, clock: Clock, source: TokenSource = new_token, *, ttl_s: int = MAX_JOIN_TOKEN_S, cap: int = 20_000
    ) -> None:
        if not 0 < ttl_s <= MAX_JOIN_TOKEN_S:
            raise ValueError(f"a join token lives at most {MAX_JOIN_TOKEN_S} s")
        self._clock = clock
        self._source = source
        self._ttl_s = ttl_s
        self._cap = cap
        # By digest, the oldest first: all live equally long, so those at the front end first.
        self._grants: OrderedDict[str, tuple[G, float]] = OrderedDict()
        self._of_person: dict[IdentityId, list[str]] = {}

    def __len__(self) -> int:
        return len(self._grants)

    def issue(self, grant: G) -> JoinToken:
        """A new token for that grant.

        Raises:
            Unavailable: OVERLOADED, too many are waiting to be used.
        """
        self._drop_ended()
        own = self._of_person.get(grant.person_id, [])
        if len(own) >= MAX_PER_PERSON:
            self._forget(own[0])
        elif len(self._grants) >= self._cap:
            raise raise_for(ErrorCode.OVERLOADED, "join tokens")
        token = self._source()
        key = digest(token)
        self._grants[key] = (grant, self._clock.monotonic() + self._ttl_s)
        self._of_person.setdefault(grant.person_id, []).append(key)
        return JoinToken(token, self._clock.now_ms() + self._ttl_s * 1000)

    def redeem(self, token: str) -> G:
        """What the token was issued for; it is used up.

        Raises:
            Refused: TOKEN_INVALID, it was used, has ended or never was.
        """
        self._drop_ended()
        found = self._forget(digest(token))
        if found is None:
            raise raise_for(ErrorCode.TOKEN_INVALID)
        return found

    def revoke(self, sign_in: str) -> None:
        """Ends all tokens that hang on a sign-in, as when it ends."""
        for key in [key for key, (grant, _) in self._grants.items() if grant.sign_in == sign_in]:
            self._forget(key)

    def revoke_person(self, person_id: IdentityId) -> None:
        """Ends all tokens of a person, as when they took back what a join asks for."""
        for key in list(self._of_person.get(person_id, ())):
            self._forget(key)

    def _forget(self, key: str) -> G | None:
        found = self._grants.pop(key, None)
        if found is None:
            return None
        grant = found[0]
        rest = self._of_person[grant.person_id]
        rest.remove(key)
        if not rest:
            del self._of_person[grant.person_id]
        return grant

    def _drop_ended(self) -> None:
        now = self._clock.monotonic()
        while self._grants:
            key, (_, ends) = next(iter(self._grants.items()))
            if ends > now:
                return
            self._forget(key)


class JoinTokens(SingleUseTokens[JoinGrant]):
    """Into rooms."""

    def revoke_session(self, person_id: IdentityId, session_id: SessionId) -> None:
        """Ends a person's tokens into one session, as when that is over."""
        for key in list(self._of_person.get(person_id, ())):
            if self._grants[key][0].session_id == session_id:
                self._forget(key)


class WatchTokens(SingleUseTokens[WatchGrant]):
    """For those who watch. A token of one kind is none of the other."""
