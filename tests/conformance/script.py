"""Reads scripts: one instruction a line, as docs/conformance.md describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

INCLUDES = Path(__file__).parent / "scripts" / "include"


@dataclass(slots=True)
class Line:
    """`verb word word key=value as NAME`."""

    number: int
    text: str
    words: list[str]
    given: dict[str, str] = field(default_factory=dict[str, str])
    name: str = ""

    def has(self, flag: str) -> bool:
        """Takes a flag out of the words."""
        if flag in self.words:
            self.words.remove(flag)
            return True
        return False

    def number_of(self, key: str, otherwise: int) -> int:
        """A whole number."""
        return int(self.given.get(key, otherwise))


def read(text: str) -> tuple[str, list[Line]]:
    """A script's sentence, which is its first comment, and its lines."""
    title, lines = "", list[Line]()
    for number, raw in enumerate(text.splitlines(), 1):
        body, _, comment = raw.partition("#")
        if not title and comment:
            title = comment.strip()
        words = body.split()
        if not words:
            continue
        if words[0] == "include":
            lines += read((INCLUDES / f"{words[1]}.txt").read_text())[1]
            continue
        line = Line(number, body.strip(), [])
        if "as" in words:
            place = words.index("as")
            line.name = words[place + 1]
            del words[place : place + 2]
        for word in words:
            key, equals, value = word.partition("=")
            if equals and key:
                line.given[key] = value
            else:
                line.words.append(word)
        lines.append(line)
    return title, lines
