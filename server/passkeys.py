"""Passkeys (WebAuthn level 2): what browsers are asked, and whether what they answer is right.

A challenge belongs to one sign-in, is used once, and ends after a few minutes. They are in memory: a restart asks anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

from program.factors import Factor
from protocol.errors import ErrorCode, raise_for
from server.clock import Clock
from server.config import is_loopback

CHALLENGE_S: Final = 300.0
MAX_CHALLENGES: Final = 1_000
RP_NAME: Final = "Holdspace"


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey."""

    credential_id: bytes
    public_key: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class Signed:
    """Which passkey signed, and its count from now on."""

    factor: Factor
    counter: int


class Passkeys:
    """Asks and checks, for the address that people type."""

    def __init__(self, clock: Clock, base_url: str, origins: Collection[str]) -> None:
        """`origins`: pages of ours. On loopback passkeys belong to `localhost`: an IP address can have none."""
        self._clock = clock
        self._rp_id = "localhost" if is_loopback(base_url) else urlsplit(base_url).hostname or ""
        self._origins = sorted(origins)
        self._challenges: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def to_make(self, sign_in: str, email: str, have: Collection[bytes]) -> str:
        """Options for `navigator.credentials.create`, as JSON."""
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=RP_NAME,
            user_name=email,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in have],
        )
        self._keep(sign_in, options.challenge)
        return options_to_json(options)

    def made(self, sign_in: str, credential: str) -> Made:
        """What the browser made (JSON). Raises Refused(FACTOR_REFUSED)."""
        challenge = self._take(sign_in)
        if challenge is None:
            raise raise_for(ErrorCode.FACTOR_REFUSED)
        try:
            done = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            raise raise_for(ErrorCode.FACTOR_REFUSED) from None
        return Made(done.credential_id, done.credential_public_key, done.sign_count)

    def to_sign(self, sign_in: str, have: Collection[bytes]) -> str:
        """Options for `navigator.credentials.get`, as JSON."""
        options = generate_authentication_options(
            rp_id=self._rp_id, allow_credentials=[PublicKeyCredentialDescriptor(id=each) for each in have]
        )
        self._keep(sign_in, options.challenge)
        return options_to_json(options)

    def signed(self, sign_in: str, credential: str, have: Collection[Factor]) -> Signed | None:
        """Which of these passkeys signed that (JSON); None: none of them, or it was signed before."""
        challenge = self._take(sign_in)
        if challenge is None:
            return None
        try:
            asked = parse_authentication_credential_json(credential)
            factor = next((each for each in have if each.credential_id == asked.raw_id), None)
            if factor is None or factor.public_key is None:
                return None
            done = verify_authentication_response(
                credential=asked,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=factor.public_key,
                credential_current_sign_count=factor.counter,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return None
        return Signed(factor, done.new_sign_count)

    def _keep(self, sign_in: str, challenge: bytes) -> None:
        self._challenges[sign_in] = (challenge, self._clock.monotonic() + CHALLENGE_S)
        self._challenges.move_to_end(sign_in)
        if len(self._challenges) > MAX_CHALLENGES:
            self._challenges.popitem(last=False)

    def _take(self, sign_in: str) -> bytes | None:
        challenge, until = self._challenges.pop(sign_in, (b"", 0.0))
        return challenge if self._clock.monotonic() < until else None
