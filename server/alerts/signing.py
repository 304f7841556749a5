"""Signatures by Standard Webhooks (https://www.standardwebhooks.com), version 1."""

from __future__ import annotations

import base64
import binascii
import hmac
from pathlib import Path
from typing import Final

from server.config import ConfigError

PREFIX: Final = "whsec_"
MIN_BYTES: Final = 24
MAX_BYTES: Final = 64
MAX_SECRETS: Final = 2


def sign(secrets: tuple[bytes, ...], message_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature a secret, so that a receiver may know either."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets)


def read_secrets(path: Path, setting: str = "alerts.webhook_secret_file") -> tuple[bytes, ...]:
    """The secrets of a file, one a line: two while one takes the place of the other.

    Raises:
        ConfigError: the file cannot be read, or holds something else. The message never quotes it.
    """
    try:
        lines = path.read_text(encoding="ascii").split()
    except OSError as error:
        raise ConfigError(f"{setting}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}: {path}: is no text") from None
    if not 1 <= len(lines) <= MAX_SECRETS:
        raise ConfigError(f"{setting}: {path}: holds {len(lines)} secrets; one, or two while you change it")
    return tuple(_secret(line, f"{setting}: {path}") for line in lines)


def _secret(line: str, where: str) -> bytes:
    if not line.startswith(PREFIX):
        raise ConfigError(f"{where}: a secret begins with {PREFIX}")
    try:
        secret = base64.b64decode(line.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ConfigError(f"{where}: behind {PREFIX} there is no base64") from None
    if not MIN_BYTES <= len(secret) <= MAX_BYTES:
        raise ConfigError(f"{where}: a secret of {len(secret)} bytes; it has {MIN_BYTES} to {MAX_BYTES}")
    return secret
