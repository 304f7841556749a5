"""Settings: config.toml, overridden by HOLDSPACE__SECTION__KEY, checked before anything starts.

Each section is a Struct whose defaults are those of the committed config.toml (a test compares them).
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from media.places import ANY, AUTO, Listen
from server.alerts.settings import AlertsConfig, problem_of

ENVIRONMENT_PREFIX = "HOLDSPACE__"

Port = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(gt=0)]
WholeSeconds = Annotated[int, Meta(gt=0)]
Count = Annotated[int, Meta(gt=0)]


class ConfigError(Exception):
    """The settings cannot be used; the message names the key."""


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections."""


class ServerConfig(Section, frozen=True):
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8080
    base_url: str = ""
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9480
    shutdown_grace_s: Seconds = 10.0
    client_dir: str = "web_client/dist"


class SignInConfig(Section, frozen=True):
    idle_timeout_s: WholeSeconds = 43_200
    max_age_s: WholeSeconds = 604_800
    join_token_s: Annotated[int, Meta(gt=0, le=60)] = 60
    failures_per_minute: Count = 20
    shared_idle_timeout_s: WholeSeconds = 900
    link_s: WholeSeconds = 900
    invitation_s: WholeSeconds = 259_200


class StorageConfig(Section, frozen=True):
    url: str = "sqlite+aiosqlite:///var/holdspace.db"
    busy_timeout_ms: Count = 5_000
    max_pending: Count = 4_096


class KeysConfig(Section, frozen=True):
    root_key_file: str = ""


class AuditConfig(Section, frozen=True):
    checkpoint_file: str = ""
    checkpoint_every_s: Seconds = 60.0


class ProgramConfig(Section, frozen=True):
    name: str = ""
    contact: str = ""
    patient_advocate: str = ""
    complaints: str = ""


class TextsConfig(Section, frozen=True):
    folder: str = ""


class RetentionConfig(Section, frozen=True):
    chat_days: Count = 30


class ListenConfig(Section, frozen=True):
    """One entry of media.listen."""

    bind: str = ANY
    port: Port = 8081
    advertise: tuple[str, ...] = (AUTO,)


class MediaConfig(Section, frozen=True):
    bind: str = ANY
    port: Port = 8081
    advertise: tuple[str, ...] = (AUTO,)
    listen: tuple[ListenConfig, ...] = ()

    def places(self) -> tuple[Listen, ...]:
        """Where sound and picture come in: the entries of `listen`, or the one place that the other settings name."""
        return tuple(Listen(each.bind, each.port, each.advertise) for _, each in self.entries())

    def entries(self) -> Iterator[tuple[str, ListenConfig]]:
        """The same as settings, each with its name."""
        if not self.listen:
            yield "media", ListenConfig(self.bind, self.port, self.advertise)
        for number, each in enumerate(self.listen):
            yield f"media.listen[{number}]", each


class TurnConfig(Section, frozen=True):
    urls: tuple[str, ...] = ()
    secret_file: str = ""
    credentials_s: WholeSeconds = 43_200


class RoomsConfig(Section, frozen=True):
    away_grace_s: Seconds = 60.0
    leader_grace_s: Seconds = 1.5
    cover_wait_s: Seconds = 120.0
    lobby_wait_s: Seconds = 600.0
    end_after_s: Seconds = 43_200.0


class EscalationConfig(Section, frozen=True):
    crisis_s: Seconds = 60.0
    urgent_s: Seconds = 180.0
    follow_up_s: Seconds = 900.0
    glass_s: Seconds = 900.0
    after_end_s: Seconds = 3_600.0
    working_days: tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...] = (
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
    )
    day_starts: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")] = "09:00"
    time_zone: str = "UTC"


class PhoneConfig(Section, frozen=True):
    """One entry of a list in [contacts]."""

    name: str
    phone: str


class ContactsConfig(Section, frozen=True):
    phones: tuple[PhoneConfig, ...] = ()
    local: tuple[PhoneConfig, ...] = ()
    state_reports: tuple[PhoneConfig, ...] = ()


class SignalingConfig(Section, frozen=True):
    ping_every_s: Seconds = 5.0
    frames_per_s: Seconds = 30.0
    frames_burst: Count = 60
    max_outbox_bytes: Annotated[int, Meta(ge=524_288)] = 1_048_576
    chat_per_s: Seconds = 2.0
    chat_burst: Count = 30


class LogConfig(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Config(Section, frozen=True):
    """All settings, one field a section of config.toml."""

    server: ServerConfig = ServerConfig()
    sign_in: SignInConfig = SignInConfig()
    storage: StorageConfig = StorageConfig()
    keys: KeysConfig = KeysConfig()
    audit: AuditConfig = AuditConfig()
    program: ProgramConfig = ProgramConfig()
    texts: TextsConfig = TextsConfig()
    retention: RetentionConfig = RetentionConfig()
    media: MediaConfig = MediaConfig()
    turn: TurnConfig = TurnConfig()
    rooms: RoomsConfig = RoomsConfig()
    escalation: EscalationConfig = EscalationConfig()
    contacts: ContactsConfig = ContactsConfig()
    signaling: SignalingConfig = SignalingConfig()
    alerts: AlertsConfig = AlertsConfig()
    log: LogConfig = LogConfig()

    def base_url(self) -> str:
        """The address people type, without a slash at the end."""
        if self.server.base_url:
            return self.server.base_url.rstrip("/")
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"http://{host}:{self.server.port}"


_EXAMPLES = {
    tuple[ListenConfig, ...]: '[{ bind = "192.0.2.10", port = 8081 }]',
    tuple[PhoneConfig, ...]: '[{ name = "Crisis line", phone = "988" }]',
}
"""Settings that are tables, each with one as it may look."""


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Reads `path` (None: defaults only), then the environment.

    Raises:
        ConfigError: the file is missing or is not TOML, or a key is unknown or has a value that does not fit.
    """
    found = {} if path is None else _read(path)
    _check_sections(found, str(path))
    for name, value in sorted(environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            section, key, parsed = _from_environment(name, value)
            found.setdefault(section, {})[key] = parsed
    try:
        config = msgspec.convert(found, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error)) from None
    _check_base_url(config.server.base_url)
    _check_media(config.media)
    _check_turn(config.turn)
    _check_escalation(config.escalation)
    if problem := problem_of(config.alerts):
        raise ConfigError(problem)
    return config


def is_loopback(base_url: str) -> bool:
    """Whether only this machine can reach that address."""
    host = urlsplit(base_url).hostname or ""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def database_file(url: str) -> Path | None:
    """The file of an SQLite database by its storage.url; None when the database is elsewhere, or the URL is none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    name = parsed.database or ":memory:"
    if parsed.get_backend_name() != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def allowed_origins(*base_urls: str) -> frozenset[str]:
    """Values of the Origin header (RFC 6454 section 6.2) that may change something here.

    On loopback the three spellings of this machine are one place; browsers take them for three.
    """
    return frozenset[str]().union(*map(_origins, base_urls))


def _origins(base_url: str) -> frozenset[str]:
    parts = urlsplit(base_url)
    hosts = {parts.hostname or ""}
    if is_loopback(base_url):
        hosts |= {"localhost", "127.0.0.1", "::1"}
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return frozenset(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}" for host in hosts)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None


def _check_sections(found: dict[str, Any], where: str) -> None:
    sections = get_type_hints(Config)
    for name, value in found.items():
        if name not in sections:
            raise ConfigError(f"{where}: unknown section [{name}]; there are {', '.join(sections)}")
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: {name} is a section: write [{name}]")


def _from_environment(name: str, value: str) -> tuple[str, str, object]:
    section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
    sections: dict[str, type[Struct]] = get_type_hints(Config)
    hints = get_type_hints(sections[section], include_extras=True) if section in sections else {}
    if key not in hints:
        raise ConfigError(f"{name}: there is no setting {section}.{key}")
    wanted = hints[key]
    if wanted == tuple[str, ...] or (section, key) == ("escalation", "working_days"):
        return section, key, [part.strip() for part in value.split(",") if part.strip()]
    if wanted in _EXAMPLES:
        try:
            return section, key, tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            raise ConfigError(f"{name}: is not like {_EXAMPLES[wanted]}") from None
    try:
        return section, key, msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {error}") from None


def _explain(error: msgspec.ValidationError) -> str:
    """Names the key in our words: `unknown key server.prot`, `storage.url: Expected `str`, got `int``."""
    text, _, path = str(error).partition(" - at `$")
    where = path.rstrip("`").lstrip(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text)
    if unknown:
        return f"unknown key {where}.{unknown[1]}"
    return f"{where}: {text}"


def _check_base_url(base_url: str) -> None:
    if not base_url:
        return
    parts = urlsplit(base_url)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError(f"server.base_url: {base_url!r} is not like https://groups.example.org")


def _check_media(media: MediaConfig) -> None:
    if media.listen and MediaConfig(media.bind, media.port, media.advertise) != MediaConfig():
        raise ConfigError("media: listen takes the place of bind, port and advertise; set it or them")
    taken: dict[tuple[str, int], str] = {}
    for name, each in media.entries():
        if each.bind != ANY and _address(each.bind) is None:
            raise ConfigError(f'{name}.bind: {each.bind!r} is no IP address of this machine, and not "{ANY}"')
        if not each.advertise:
            raise ConfigError(f'{name}.advertise: lists nothing; write "{AUTO}", or the addresses that others reach')
        for entry in each.advertise:
            address = _address(entry)
            if entry != AUTO and (address is None or address.is_unspecified or address.is_multicast):
                raise ConfigError(f'{name}.advertise: {entry!r} is no IP address to send to, and not "{AUTO}"')
        for host in ("0.0.0.0", "::") if each.bind == ANY else (each.bind,):
            other = taken.setdefault((host, each.port), name)
            if other != name and each.port:
                raise ConfigError(f"{name}: listens where {other} does, on {host} port {each.port}")


def _check_turn(turn: TurnConfig) -> None:
    for url in turn.urls:
        if not re.fullmatch(r"turns?:[^\s/?@]+(\?transport=(udp|tcp))?", url):
            raise ConfigError(f"turn.urls: {url!r} is not like turns:turn.example.org:5349?transport=tcp")
    if bool(turn.urls) != bool(turn.secret_file):
        raise ConfigError("turn: urls and secret_file go together")


def _check_escalation(escalation: EscalationConfig) -> None:
    if not escalation.working_days:
        raise ConfigError("escalation.working_days: lists no day")
    try:
        time_zone(escalation.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"escalation.time_zone: {escalation.time_zone!r} is not known here") from None


def time_zone(name: str) -> tzinfo:
    """The time zone of that name, as in the IANA database. Raises ZoneInfoNotFoundError, ValueError, OSError."""
    # A machine may have no such database.
    return UTC if name == "UTC" else ZoneInfo(name)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
