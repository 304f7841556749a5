"""What people may be called."""

from __future__ import annotations

import pytest

from program.names import MAX_MARKS, folded, is_name


@pytest.mark.parametrize(
    "name",
    [
        "Ellie",
        "Élodie 🌱",
        "Nguyễn Thị Hồng",
        "E\u0302\u0301lodie",
        "שָׁלוֹם",
        "علی‌رضا",
        "👩‍💻 Sam",
        "❤️",
        "ประภา",
        "李 小龍",
        "O'Brien-Śmith (she)",
        "한글",
        "7",
        "x" * 40,
    ],
)
def test_names_of_many_languages_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 41,
        "\u3164",
        "\u115f\u1160",
        "\uffa0",
        "\u2800",
        "\u200b",
        "El\u200blie",
        "El\u2060lie",
        "\ufeffEllie",
        "El\u00adlie",
        "\u200dEllie",
        "El\u200d\u200dlie",
        "\u202eeilE",
        "\u061cx",
        "E\U000e0041",
        "x" + "\u0301" * (MAX_MARKS + 1),
        "Z" + "\u0336" * 31,
        "\u0301Ellie",
        "a \u0301",
        "a\nb",
        "a\u2028b",
        "\ue000",
        "\U0001fffe",
    ],
)
def test_what_is_not_seen_or_covers_others_is_none(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("other", ["dana", "DANA", "Dána", "  Dana ", "Ｄａｎａ", "Da\u200dna", "Da\u00adna"])
def test_names_that_look_alike_are_one(other: str) -> None:
    assert folded(other) == folded("Dana")


@pytest.mark.parametrize("other", ["Dan", "Dana T.", "Da na", "Diana"])
def test_others_are_not(other: str) -> None:
    assert folded(other) != folded("Dana")
