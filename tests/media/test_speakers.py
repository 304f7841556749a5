"""Who is said to be heard."""

from __future__ import annotations

from itertools import pairwise

from media.speakers import Speakers

LOUD, QUIET = 20, 90


def test_a_click_is_no_speaker_but_speech_is() -> None:
    speakers = Speakers()
    speakers.hear([("a", LOUD)], 10.0)
    assert speakers.news(10.0) is None
    speakers.hear([("a", QUIET)], 10.1)
    speakers.hear([("a", LOUD)], 10.2)
    assert speakers.news(10.2) is None
    speakers.hear([("a", LOUD)], 10.3)
    assert speakers.news(10.3) == ("a",)


def test_news_comes_only_when_something_changed() -> None:
    speakers = Speakers()
    for step in range(30):
        speakers.hear([("a", LOUD)], 10 + step / 10)
    assert speakers.news(13.0) == ("a",)
    speakers.hear([("a", LOUD)], 13.1)
    assert speakers.news(14.0) is None


def test_a_pause_for_breath_is_bridged_and_silence_is_told() -> None:
    speakers = Speakers()
    for at in (10.0, 10.1):
        speakers.hear([("a", LOUD)], at)
    assert speakers.news(10.1) == ("a",)
    for step in range(9):
        speakers.hear([("a", QUIET)], 10.2 + step / 10)
        assert speakers.news(10.2 + step / 10) is None
    assert speakers.next_due(11.0) == 11.1
    assert speakers.news(11.1) == ()
    assert speakers.next_due(11.1) is None


def test_news_is_spaced() -> None:
    speakers = Speakers()
    told = []
    for step in range(100):
        at = 10 + step / 20
        speakers.hear([("a" if step % 40 < 20 else "b", LOUD)], at)
        if speakers.news(at) is not None:
            told.append(at)
    assert all(after - before >= 0.35 for before, after in pairwise(told))
    assert len(told) > 2


def test_who_began_first_comes_first_and_who_left_is_gone() -> None:
    speakers = Speakers()
    for at in (10.0, 10.1):
        speakers.hear([("b", LOUD)], at)
    for at in (10.2, 10.3):
        speakers.hear([("a", LOUD), ("b", LOUD)], at)
    assert speakers.news(10.3) == ("b", "a")
    speakers.forget("b")
    speakers.forget("nobody")
    assert speakers.news(10.4) is None  # too soon
    assert speakers.next_due(10.4) == 10.3 + 0.35
    assert speakers.news(10.7) == ("a",)
