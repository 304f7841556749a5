"""Reading session descriptions (RFC 8866) from clients: tolerant of what we do not know, strict on nonsense.

Anything that cannot be read is `Refused(SDP_REJECTED)`, whose detail names the line's kind, never its text.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from protocol.errors import ErrorCode, Refused
from protocol.values import MAX_SDP

MAX_SECTIONS: Final = 64
"""Sound and picture of 32 people: more fit in no description of `MAX_SDP` characters."""

# Several times what browsers write. What is read costs a little for each entry, and the engine keeps the SSRCs.
_MAX_LINES: Final = 2_000
_MAX_FORMATS: Final = 64
_MAX_PARAMETERS: Final = 32
_MAX_EXTENSIONS: Final = 32
_MAX_FINGERPRINTS: Final = 8
_MAX_SSRCS: Final = 8
_MAX_RIDS: Final = 4
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}\Z")
_MID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}\Z")
_RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}\Z")
_ICE: Final = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_DIGEST: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}\Z")
_NUMBER: Final = re.compile(r"[0-9]{1,10}\Z")


class Direction(StrEnum):
    """Who sends, from the side of whoever wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


@dataclass(slots=True)
class Codec:
    """One payload type of an m-section."""

    payload_type: int
    name: str = ""
    clock_rate: int = 0
    parameters: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class FingerprintLine:
    """`a=fingerprint`."""

    algorithm: str
    value: str


@dataclass(slots=True)
class Section:
    """One m-section, with the session's attributes where it has none of its own."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    direction: Direction = Direction.SENDRECV
    setup: str = ""
    ufrag: str = ""
    pwd: str = ""
    fingerprints: list[FingerprintLine] = field(default_factory=list[FingerprintLine])
    rtcp_mux: bool = False
    reduced_rtcp: bool = False
    """`a=rtcp-rsize` (RFC 5506)."""
    mixed: bool = False
    """`a=extmap-allow-mixed` (RFC 8285 section 6), of this section or of all."""
    bundle_only: bool = False
    codecs: dict[int, Codec] = field(default_factory=dict[int, Codec])
    extensions: dict[str, int] = field(default_factory=dict[str, int])
    ssrcs: dict[int, None] = field(default_factory=dict[int, None])
    """In the order in which they are named."""
    repairs: dict[int, int] = field(default_factory=dict[int, int])
    """SSRC to the SSRC of its RTX (ssrc-group FID)."""
    sent_rids: dict[str, None] = field(default_factory=dict[str, None])
    """Those of `a=rid` lines that say "send" (RFC 8851)."""
    simulcast: tuple[str, ...] = ()
    """The rids that `a=simulcast` sends, in its order; of alternatives the first (RFC 8853 section 5.1)."""

    @property
    def rejected(self) -> bool:
        """Port 0, unless that only says that it lives in the bundle (RFC 8843 section 6)."""
        return self.port == 0 and not self.bundle_only

    def codec(self, name: str) -> Codec | None:
        """The first codec of that name, in the order of preference."""
        for entry in self.formats:
            codec = self.codecs.get(int(entry)) if _NUMBER.match(entry) else None
            if codec is not None and codec.name == name.lower():
                return codec
        return None

    def repair_of(self, payload_type: int) -> int | None:
        """The RTX payload type (RFC 4588) for that one."""
        for codec in self.codecs.values():
            if codec.name == "rtx" and codec.parameters.get("apt") == str(payload_type):
                return codec.payload_type
        return None


@dataclass(slots=True)
class Description:
    """A whole description."""

    bundle: tuple[str, ...] = ()
    mixed: bool = False
    """`a=extmap-allow-mixed` of the session."""
    sections: list[Section] = field(default_factory=list[Section])


def refuse(detail: str) -> Refused:
    """The one error of this module."""
    return Refused(ErrorCode.SDP_REJECTED, detail)


def parse(text: str, max_sections: int = MAX_SECTIONS) -> Description:
    """Reads a description. Raises Refused(SDP_REJECTED), also for more sections, or more of anything, than allowed."""
    if len(text) > MAX_SDP:
        raise refuse("too long")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > _MAX_LINES:
        raise refuse("line limit")
    if lines[0] != "v=0":
        raise refuse("v")
    description = Description()
    session = Section("session", 9, "", ())
    section = session
    for line in lines:
        if not line:
            continue
        if len(line) < 2 or line[1] != "=" or not line.isprintable():
            raise refuse("line")
        if line[0] == "m":
            if len(description.sections) >= max_sections:
                raise refuse("m limit")
            section = _media(line[2:], session)
            description.sections.append(section)
        elif line[0] == "a":
            name, _, value = line[2:].partition(":")
            if section is session and name == "group":
                if value.startswith("BUNDLE"):
                    description.bundle = tuple(value.split()[1:])
                    _bound(description.bundle, MAX_SECTIONS, name)
            else:
                _attribute(section, session, name, value)
    description.mixed = session.mixed
    mids = [section.mid for section in description.sections if section.mid]
    if len(set(mids)) != len(mids):
        raise refuse("mid")
    return description


def _media(value: str, session: Section) -> Section:
    fields = value.split(" ")
    if len(fields) < 4 or not all(fields):
        raise refuse("m")
    kind, port, protocol, *formats = fields
    if not _TOKEN.match(kind) or not re.fullmatch(r"[A-Za-z0-9/]{1,32}", protocol):
        raise refuse("m")
    _bound(formats, _MAX_FORMATS, "formats")
    if not all(_TOKEN.match(entry) for entry in formats):
        raise refuse("m")
    section = Section(kind, _number(port, 65_535, "m"), protocol, tuple(formats))
    section.direction = session.direction
    section.setup, section.ufrag, section.pwd = session.setup, session.ufrag, session.pwd
    section.fingerprints = list(session.fingerprints)
    section.rtcp_mux, section.mixed = session.rtcp_mux, session.mixed
    return section


def _attribute(section: Section, session: Section, name: str, value: str) -> None:
    match name:
        case "mid":
            section.mid = _matching(_MID, value, name)
        case "sendrecv" | "sendonly" | "recvonly" | "inactive":
            section.direction = Direction(name)
        case "setup":
            if value not in ("active", "passive", "actpass", "holdconn"):
                raise refuse(name)
            section.setup = value
        case "ice-ufrag":
            section.ufrag = _matching(_ICE, value, name)
        case "ice-pwd":
            section.pwd = _matching(_ICE, value, name)
        case "fingerprint":
            _fingerprint(section, session, value)
        case "rtcp-mux":
            section.rtcp_mux = True
        case "rtcp-rsize":
            section.reduced_rtcp = True
        case "extmap-allow-mixed":
            section.mixed = True
        case "bundle-only":
            section.bundle_only = True
        case "rtpmap":
            codec, rest = _codec(section, value, name)
            parts = rest.split("/")
            if len(parts) < 2:
                raise refuse(name)
            codec.name = parts[0].lower()
            codec.clock_rate = _number(parts[1], 1_000_000, name)
        case "fmtp":
            codec, rest = _codec(section, value, name)
            for parameter in rest.split(";"):
                key, _, setting = parameter.strip().partition("=")
                codec.parameters[key] = setting
            _bound(codec.parameters, _MAX_PARAMETERS, name)
        case "extmap":
            number, _, rest = value.partition(" ")
            uri = rest.split(" ", 1)[0]
            found = _number(number.split("/", 1)[0], 255, name)
            if not uri or found == 0:
                raise refuse(name)
            section.extensions.setdefault(uri, found)
            _bound(section.extensions, _MAX_EXTENSIONS, name)
        case "ssrc" | "ssrc-group":
            _sources(section, name, value)
        case "rid" | "simulcast":
            _layers(section, name, value)
        case _:
            pass


def _sources(section: Section, name: str, value: str) -> None:
    if name == "ssrc":
        section.ssrcs[_number(value.split(" ", 1)[0], 0xFFFFFFFF, name)] = None
        _bound(section.ssrcs, _MAX_SSRCS, name)
        return
    parts = value.split()
    if len(parts) == 3 and parts[0] == "FID":
        section.repairs[_number(parts[1], 0xFFFFFFFF, name)] = _number(parts[2], 0xFFFFFFFF, name)
        _bound(section.repairs, _MAX_SSRCS, name)


def _layers(section: Section, name: str, value: str) -> None:
    fields = value.split()
    if name == "rid":
        if len(fields) > 1 and fields[1] == "send":
            section.sent_rids[_matching(_RID, fields[0], name)] = None
            _bound(section.sent_rids, _MAX_RIDS, name)
        return
    for direction, streams in zip(fields[::2], fields[1::2], strict=False):
        if direction == "send":
            # Of the alternatives for one stream the first; "~" only says that it starts paused.
            chosen = [stream.split(",", 1)[0].removeprefix("~") for stream in streams.split(";")]
            _bound(chosen, _MAX_RIDS, name)
            if len(set(chosen)) != len(chosen):
                raise refuse(name)
            section.simulcast = tuple(_matching(_RID, rid, name) for rid in chosen)


def _codec(section: Section, value: str, name: str) -> tuple[Codec, str]:
    number, _, rest = value.partition(" ")
    payload_type = _number(number, 127, name)
    if not rest:
        raise refuse(name)
    codec = section.codecs.setdefault(payload_type, Codec(payload_type))
    _bound(section.codecs, _MAX_FORMATS, name)
    return codec, rest


def _fingerprint(section: Section, session: Section, value: str) -> None:
    algorithm, _, digest = value.partition(" ")
    line = FingerprintLine(
        _matching(_TOKEN, algorithm, "fingerprint").lower(), _matching(_DIGEST, digest, "fingerprint").upper()
    )
    if section is not session and section.fingerprints == session.fingerprints:
        section.fingerprints = []
    section.fingerprints.append(line)
    _bound(section.fingerprints, _MAX_FINGERPRINTS, "fingerprint")


def _bound(entries: Sized, most: int, name: str) -> None:
    if len(entries) > most:
        raise refuse(f"{name} limit")


def _matching(pattern: re.Pattern[str], value: str, name: str) -> str:
    if not pattern.match(value):
        raise refuse(name)
    return value


def _number(text: str, highest: int, name: str) -> int:
    if not _NUMBER.match(text) or int(text) > highest:
        raise refuse(name)
    return int(text)
