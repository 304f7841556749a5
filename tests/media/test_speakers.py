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


def speak(speakers: Speakers, who: str, since: float, until: float) -> None:
    """Loud ten times a second."""
    for step in range(round((until - since) * 10) + 1):
        speakers.hear([(who, LOUD)], since + step / 10)


def test_talk_time_runs_from_the_first_loud_moment_to_the_last_over_pauses_for_breath() -> None:
    speakers = Speakers()
    speak(speakers, "a", 10.0, 12.1)
    speak(speakers, "a", 12.9, 13.9)
    assert speakers.news(20.0) is None
    speakers.hear([("a", QUIET)], 20.0)
    # The first loud moment is no speaker yet; and silence counts for nobody, long or at the end.
    assert speakers.take_talk() == {"a": 3_800}
    assert not speakers.talked
    assert speakers.take_talk() == {}


def test_silence_that_nobody_asked_about_is_not_talk() -> None:
    speakers = Speakers()
    speak(speakers, "a", 10.0, 11.1)
    speak(speakers, "a", 60.0, 61.0)
    assert speakers.take_talk() == {"a": 2_000}


def test_what_is_below_a_millisecond_waits_for_more_and_is_not_lost() -> None:
    speakers = Speakers()
    counted = 0
    for step in range(1_001):
        speakers.hear([("a", LOUD)], step * 0.0025)
        counted += speakers.take_talk().get("a", 0)
    assert 2_496 <= counted <= 2_498, "the first moment is not counted"


def test_people_who_talk_at_once_are_counted_each_and_who_is_closed_keeps_what_they_spoke() -> None:
    speakers = Speakers()
    for step in range(11):
        speakers.hear([("a", LOUD), ("b", LOUD if step < 5 else QUIET)], step / 10)
    speakers.forget("a")
    assert speakers.talked
    assert speakers.take_talk() == {"a": 900, "b": 300}
