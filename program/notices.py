"""The notice that everyone accepts before they first join, and again when it changes; in each language.

It comes with the package (program/texts), or from a program's own folder of the same files.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

PACKAGED: Final = Path(__file__).parent / "texts"
FALLBACK: Final = "en"

Icon = Literal["eye", "two", "chat", "lock", "cam-off", "clock", "moon", "help", "again"]
Version = Annotated[str, Meta(min_length=1, max_length=32)]


_GAP: Final = re.compile(r"\{(\w+)\}")

T = TypeVar("T")


class TextsError(Exception):
    """A text cannot be used; the message names the file and says why."""


class Promise(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the short list, with its sign."""

    icon: Icon
    heading: str
    paragraphs: tuple[str, ...]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A heading and what stands below it."""

    heading: str
    paragraphs: tuple[str, ...]


class Notice(Struct, frozen=True, forbid_unknown_fields=True):
    """The notice in one language: the short list, and the full text. `version` is what its writers call it."""

    version: Version
    title: str
    sections: Annotated[tuple[Promise, ...], Meta(min_length=1)]
    full: Annotated[tuple[Section, ...], Meta(min_length=1)]


class Agreement(Struct, frozen=True, forbid_unknown_fields=True):
    """What a group agrees on, in one language."""

    version: Version
    title: str
    sections: Annotated[tuple[Section, ...], Meta(min_length=1)]


def text_hash(text: Notice | Agreement) -> str:
    """SHA-256, in hexadecimal, of everything that is shown."""
    return hashlib.sha256(msgspec.json.encode(text)).hexdigest()


def load_notices(folder: Path | None, fill_in: Mapping[str, str]) -> dict[str, Notice]:
    """The notice by language, English among them. `folder` None: the packaged one.

    Files are `notice.LANGUAGE.toml`. `{name}` in a text stands for `fill_in[name]`, or, where that is missing or
    empty, for what the file's own [placeholders] say.

    Raises:
        TextsError: a file cannot be read or is not a notice, there is none in English, or versions differ.
    """
    where = folder or PACKAGED
    found = {path.name.split(".")[1]: _read_notice(path, fill_in) for path in sorted(where.glob("notice.*.toml"))}
    if FALLBACK not in found:
        raise TextsError(f"{where}: there is no notice.{FALLBACK}.toml")
    versions = {notice.version for notice in found.values()}
    if len(versions) > 1:
        raise TextsError(
            f"{where}: the notice has the same version in all languages, not {', '.join(sorted(versions))}"
        )
    return found


def packaged_agreement() -> dict[str, Agreement]:
    """A group agreement to begin with, by language."""
    return {
        path.name.split(".")[1]: _convert(_read(path), Agreement, path)
        for path in sorted(PACKAGED.glob("agreement.*.toml"))
    }


def _read_notice(path: Path, fill_in: Mapping[str, str]) -> Notice:
    raw = _read(path)
    own = _convert(raw.pop("placeholders", {}), dict[str, str], path)
    words = {name: fill_in.get(name) or value for name, value in own.items()}
    notice = _convert(raw, Notice, path)
    return Notice(
        notice.version,
        _filled(notice.title, words),
        tuple(Promise(each.icon, _filled(each.heading, words), _all(each, words)) for each in notice.sections),
        tuple(Section(_filled(each.heading, words), _all(each, words)) for each in notice.full),
    )


def _all(part: Promise | Section, words: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_filled(paragraph, words) for paragraph in part.paragraphs)


def _filled(text: str, words: Mapping[str, str]) -> str:
    """One pass: what is filled in is not looked at again."""
    return _GAP.sub(lambda gap: words.get(gap[1], gap[0]), text)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TextsError(f"{path}: cannot be read: {error}") from None


def _convert(raw: object, kind: type[T], path: Path) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise TextsError(f"{path}: {error}") from None
