"""What is declared in `protocol`, as plain data for the renderers.

Types and defaults come from msgspec. Docstrings that follow a field, a member or a constant exist only in
the source text, so the text is passed in.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from itertools import pairwise
from typing import Final, get_args

import msgspec
from msgspec.inspect import EnumType, StructType, type_info

from protocol import monitoring, supervision, values
from protocol.errors import ErrorCode, Next
from protocol.frame import Frame
from protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, RoomFrame

ENUMS: Final[tuple[type[StrEnum], ...]] = (
    ErrorCode,
    Next,
    values.Role,
    values.Source,
    values.TileSize,
    values.SessionStatus,
    values.LeaveReason,
    values.WaitsFor,
    values.Reaction,
    supervision.ConcernKind,
    supervision.Severity,
    supervision.Category,
    supervision.FlagKind,
    supervision.Step,
    supervision.Outcome,
    supervision.StateReport,
    supervision.FlagStatus,
    monitoring.MayListen,
    monitoring.MonitoringEnd,
    monitoring.Finding,
    values.TurnMode,
    values.RoundOrder,
    values.TurnEnd,
    values.TurnForm,
)
VIEWS: Final[tuple[type[msgspec.Struct], ...]] = (
    values.ParticipantView,
    values.WaitingView,
    values.ChatView,
    values.SessionView,
    supervision.MomentLine,
    supervision.FlagView,
    supervision.Resolution,
    supervision.ConcernView,
    monitoring.GlassView,
    monitoring.WhisperView,
    monitoring.MentorView,
    monitoring.ListeningView,
    supervision.SupervisedView,
    values.TurnView,
    values.FloorView,
    values.TalkTime,
    values.Snapshot,
    values.TrackInfo,
    values.Picture,
    values.Tile,
    values.IceServer,
)
ROOM_FRAMES: Final[tuple[type[Frame], ...]] = get_args(RoomFrame)
CONSTANTS: Final = ("MAX_TEXT", "MAX_TEXT_BYTES", "MAX_SDP")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a Struct; `kind` is its type as `msgspec.inspect` tells it."""

    name: str
    kind: msgspec.inspect.Type
    required: bool
    default: object
    doc: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A message (with its `tag`) or a value within messages (without)."""

    name: str
    tag: str | None
    doc: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The values of an enum in the order of their declaration, each with its docstring."""

    name: str
    doc: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Constant:
    name: str
    value: int
    doc: str


@dataclass(frozen=True, slots=True)
class Declarations:
    """All of it, in the order in which it is declared."""

    constants: tuple[Constant, ...]
    enums: tuple[Enumeration, ...]
    views: tuple[Struct, ...]
    client: tuple[Struct, ...]
    server: tuple[Struct, ...]
    room_frames: tuple[str, ...]
    """Names of those server messages that a room sends."""


def declarations(source: str) -> Declarations:
    """Reads the declarations; `source` is the text of the `SOURCES` together."""
    notes = _notes(ast.parse(source))
    return Declarations(
        constants=tuple(Constant(name, getattr(values, name), notes.get(name, "")) for name in CONSTANTS),
        enums=tuple(_enumeration(cls, notes) for cls in ENUMS),
        views=tuple(_struct(cls, notes) for cls in VIEWS),
        client=tuple(_struct(cls, notes) for cls in CLIENT_MESSAGES),
        server=tuple(_struct(cls, notes) for cls in SERVER_MESSAGES),
        room_frames=tuple(cls.__name__ for cls in ROOM_FRAMES),
    )


def _enumeration(cls: type[StrEnum], notes: dict[str, str]) -> Enumeration:
    members = tuple((member.value, notes.get(f"{cls.__name__}.{member.name}", "")) for member in cls)
    return Enumeration(cls.__name__, cleandoc(cls.__doc__ or ""), members)


def _struct(cls: type[msgspec.Struct], notes: dict[str, str]) -> Struct:
    info = type_info(cls)
    if not isinstance(info, StructType):
        raise TypeError(cls.__name__)
    doc, attributes = _split_attributes(cleandoc(cls.__doc__ or ""))
    fields = tuple(
        Field(
            name=field.encode_name,
            kind=field.type,
            required=field.required,
            default=field.default,
            doc=attributes.get(field.name, notes.get(f"{cls.__name__}.{field.name}", "")),
        )
        for field in info.fields
    )
    undeclared = attributes.keys() - {field.name for field in info.fields}
    if undeclared:
        raise ValueError(f"{cls.__name__} documents fields it does not have: {sorted(undeclared)}")
    return Struct(cls.__name__, None if info.tag is None else str(info.tag), doc, fields)


def _split_attributes(doc: str) -> tuple[str, dict[str, str]]:
    """A docstring without its "Attributes:" section, and that section by field."""
    before, found, section = doc.partition("\nAttributes:\n")
    attributes: dict[str, str] = {}
    name = ""
    for line in section.splitlines() if found else ():
        if line.startswith("    ") and not line.startswith("     "):
            name, _, text = line.strip().partition(": ")
            attributes[name] = text
        elif line.strip():
            attributes[name] += f" {line.strip()}"
    return before.strip(), {name: text[:1].upper() + text[1:] for name, text in attributes.items()}


def _notes(tree: ast.Module) -> dict[str, str]:
    """Docstrings that follow an assignment, by `NAME` or `Class.name`."""
    notes: dict[str, str] = {}
    for prefix, body in (
        ("", tree.body),
        *((f"{node.name}.", node.body) for node in tree.body if isinstance(node, ast.ClassDef)),
    ):
        for before, after in pairwise(body):
            name = _assigned(before)
            match after:
                case ast.Expr(value=ast.Constant(value=str() as text)) if name:
                    notes[prefix + name] = cleandoc(text)
                case _:
                    pass
    return notes


def _assigned(node: ast.stmt) -> str:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def name_of(kind: msgspec.inspect.Type) -> str:
    """The declared name of an enum or Struct type."""
    match kind:
        case EnumType(cls=cls) | StructType(cls=cls):
            return cls.__name__
        case _:
            raise TypeError(f"{kind} has no name of its own")
