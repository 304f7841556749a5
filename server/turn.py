"""Credentials for a TURN server (coturn's `use-auth-secret`): made on each join, good for a while, naming nobody."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from protocol.values import IceServer
from server.clock import Clock
from server.config import ConfigError, TurnConfig

_MIN_SECRET: Final = 16


class Turn:
    """Hands out `iceServers`; without any TURN in the settings, none."""

    def __init__(self, config: TurnConfig, clock: Clock) -> None:
        """Reads the secret. Raises ConfigError."""
        self._urls = config.urls
        self._seconds = config.credentials_s
        self._clock = clock
        self._secret = _read_secret(Path(config.secret_file)) if config.urls else b""

    def ice_servers(self) -> tuple[IceServer, ...]:
        """For one person who joins now."""
        if not self._urls:
            return ()
        ends = self._clock.now_ms() // 1000 + self._seconds
        username = f"{ends}:{secrets.token_hex(8)}"
        # coturn, "TURN REST API": SHA-1 is what it checks.
        digest = hmac.new(self._secret, username.encode(), hashlib.sha1).digest()
        return (IceServer(self._urls, username, base64.b64encode(digest).decode()),)


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"turn.secret_file: {path}: {error.strerror}") from None
    if len(secret) < _MIN_SECRET:
        raise ConfigError(f"turn.secret_file: {path}: shorter than {_MIN_SECRET} characters")
    return secret
