"""The notice that everyone accepts before they first join, and again when it changes; in each language.

It comes with the package (program/texts), or from a program's own folder of the same files.
"""

from __future__ import annotations

import hashlib
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


S = TypeVar("S", bound=Struct)


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
        raise TextsError(f"{where}: the notice has the same version in all languages, not {', '.join(sorted(versions))}")
    return found


def packaged_agreement() -> dict[str, Agreement]:
    """A group agreement to begin with, by language."""
    return {
        path.name.split(".")[1]: _convert(_read(path), Agreement, path)
        for path in sorted(PACKAGED.glob("agreement.*.toml"))
    }


def _read_notice(path: Path, fill_in: Mapping[str, str]) -> Notice:
    raw = _read(path)
    own = raw.pop("placeholders", {})
    if not isinstance(own, dict):
        raise TextsError(f"{path}: placeholders is a section: write [placeholders]")
    words = {str(name): fill_in.get(str(name)) or str(value) for name, value in own.items()}
    return _convert(_filled(raw, words), Notice, path)


def _filled(value: object, words: Mapping[str, str]) -> object:
    match value:
        case str():
            for name, word in words.items():
                value = value.replace("{" + name + "}", word)
            return value
        case list():
            return [_filled(each, words) for each in value]
        case dict():
            return {key: _filled(each, words) for key, each in value.items()}
        case _:
            return value


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TextsError(f"{path}: cannot be read: {error}") from None


def _convert(raw: object, kind: type[S], path: Path) -> S:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise TextsError(f"{path}: {error}") from None
