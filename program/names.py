"""What people may be called, and which names look alike. A name stands alone beside a picture: it must be seen, must
not reach into what stands beside it, and must not pass for somebody else's.
"""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_NAME: Final = 40
MAX_MARKS: Final = 4
"""Marks upon one character. Vietnamese needs two, pointed Hebrew three; a pile of them covers what is around it."""

_JOINERS: Final = frozenset("\u200c\u200d\ufe0f")
"""Within words of Persian and between the parts of emoji these are needed. They must stand upon something."""

# Default_Ignorable_Code_Point (Unicode DerivedCoreProperties), and what is blank although called a letter or symbol.
_UNSEEN: Final = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFC), (0x1BCA0, 0x1BCA3), (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip


def is_name(name: str) -> bool:
    """Whether someone can be called that: 1 to 40 characters, something to be seen, nothing unseen, nothing that
    controls, no more marks upon a character than languages need.
    """
    if not 0 < len(name) <= MAX_NAME or not any(unicodedata.category(each)[0] in "LNPS" for each in name):
        return False
    marks, before = MAX_MARKS, ""
    for each in unicodedata.normalize("NFC", name):
        kind = unicodedata.category(each)
        if each in _JOINERS:
            if before in _JOINERS or before in ("", " "):
                return False
        elif kind[0] == "M":
            marks += 1
            if marks > MAX_MARKS or before in ("", " "):
                return False
        elif kind in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} or _is_unseen(each):
            return False
        else:
            marks = 0
        before = each
    return True


def folded(name: str) -> str:
    """Names that look alike at a glance have the same: case, accents, width, spaces and what is unseen do not count.

    Letters of other scripts that look like ours (U+0430 and "a") do: telling them apart takes tables that no short
    list stands for.
    """
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name).casefold())
    seen = (each for each in plain if unicodedata.category(each)[0] != "M" and not _is_unseen(each))
    return " ".join("".join(seen).split())


def _is_unseen(each: str) -> bool:
    code = ord(each)
    return any(first <= code <= last for first, last in _UNSEEN)
