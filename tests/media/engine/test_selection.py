"""Sound of the loudest few of each room; with priority always; a closed microphone never."""

from __future__ import annotations

from random import Random

from media.engine.interface import Drop, Kind
from tests.media.engine.world import AUDIO, Publisher, Subscriber, World, assert_seamless


class Room:
    """Some people with open microphones, and one who hears them all."""

    def __init__(self, people: int, loudest: int = 2) -> None:
        self.world = World()
        self.people = [Publisher(self.world, 5_000 + n, 1_000 + 10 * n) for n in range(people)]
        self.ears = [Subscriber(self.world, 6_000 + n, 9_000 + 10 * n) for n in range(people)]
        self.loudest = loudest
        for person, ear in zip(self.people, self.ears, strict=True):
            person.connect()
            ear.connect()
            person.open(AUDIO)
            ear.route(ear.audio_out, person, AUDIO)
            self.join(person)

    def join(self, person: Publisher, group: int = 1) -> None:
        self.world.core.set_audio_group(person.handle, AUDIO, group, self.loudest)

    def speak(self, *levels: int, times: int = 1) -> list[int]:
        """Everyone sends a packet, so loud (dB below full scale). Who was heard with the last one."""
        heard: list[int] = []
        for _ in range(times):
            before = [len(ear.audio) for ear in self.ears]
            for person, level in zip(self.people, levels, strict=True):
                person.audio(level=level)
            self.world.advance(0.02)
            heard = [n for n, ear in enumerate(self.ears) if len(ear.audio) > before[n]]
        return heard


def test_the_loudest_few_are_heard() -> None:
    room = Room(4)
    assert room.speak(60, 20, 70, 30, times=50) == [1, 3]
    assert room.world.core.stats().dropped[Drop.NOT_CHOSEN] > 0


def test_with_places_for_all_everyone_is_heard() -> None:
    room = Room(3, loudest=3)
    assert room.speak(90, 127, 20, times=10) == [0, 1, 2]


def test_who_begins_to_speak_louder_is_heard_with_the_first_packet() -> None:
    room = Room(4)
    room.speak(60, 60, 90, 90, times=50)
    assert 3 in room.speak(60, 60, 90, 30)


def test_a_pause_between_words_costs_nobody_their_place() -> None:
    room = Room(3)
    room.speak(25, 28, 45, times=50)
    assert room.speak(80, 28, 45, times=15) == [0, 1]  # three tenths of a second
    assert room.speak(25, 28, 45) == [0, 1]
    assert room.speak(80, 28, 45, times=100) == [1, 2]  # but whoever is done makes room


def test_voices_of_like_loudness_do_not_take_turns_at_every_word() -> None:
    room, rng = Room(3), Random(4)
    changes, before = 0, [0, 1]
    for _ in range(500):
        heard = room.speak(*(30 + rng.randrange(6) for _ in range(3)))
        changes += heard != before
        before = heard
    assert changes <= 10  # in ten seconds; the loudest changes fifty times a second


def test_priority_is_heard_beside_the_loudest() -> None:
    room = Room(4)
    room.world.core.set_priority(room.people[0].handle, AUDIO, True)
    assert room.speak(120, 20, 70, 30, times=20) == [0, 1, 3]
    room.world.core.set_priority(room.people[0].handle, AUDIO, False)
    assert room.speak(120, 20, 70, 30, times=100) == [1, 3]


def test_a_closed_microphone_is_never_chosen_and_takes_no_place() -> None:
    room = Room(3)
    room.speak(20, 30, 40, times=20)
    room.people[0].open(AUDIO, False)
    room.world.core.set_priority(room.people[0].handle, AUDIO, True)
    assert room.speak(0, 30, 40, times=5) == [1, 2]


def test_who_is_chosen_again_goes_on_without_a_seam() -> None:
    room = Room(3)
    room.speak(20, 30, 60, times=20)
    room.speak(20, 60, 30, times=60)
    assert room.speak(20, 30, 90, times=60) == [0, 1]
    for ear in room.ears:
        assert_seamless(ear.audio)
    first, last = room.ears[1].audio[0], room.ears[1].audio[-1]
    assert (last.timestamp - first.timestamp & 0xFFFFFFFF) == 139 * 960  # silence counts as time


def test_rooms_are_apart() -> None:
    room = Room(4, loudest=1)
    for person in room.people[2:]:
        room.join(person, group=2)
    assert room.speak(20, 30, 60, 70, times=20) == [0, 2]


def test_who_leaves_a_group_or_the_room_makes_room() -> None:
    room = Room(3, loudest=1)
    room.speak(20, 30, 60, times=20)
    room.join(room.people[0], group=0)
    assert room.speak(20, 30, 60, times=20) == [0, 1]
    room.world.core.remove_transport(room.people[1].handle)
    assert room.speak(20, 30, 60, times=5) == [0, 2]


def test_a_lower_limit_counts_at_once() -> None:
    room = Room(3, loudest=3)
    room.speak(20, 30, 60, times=20)
    room.loudest = 1
    room.join(room.people[0])
    assert len(room.speak(20, 30, 60)) == 1
    assert room.speak(20, 30, 60, times=60) == [0]


def test_a_packet_that_does_not_say_how_loud_it_is_counts_as_silence() -> None:
    room = Room(2, loudest=1)
    room.speak(60, 90, times=5)
    room.people[1].extensions = lambda mid, level=None: Publisher.extensions(room.people[1], mid)  # type: ignore[method-assign]
    assert room.speak(60, 0, times=20) == [0]


def test_who_listens_or_watches_makes_no_difference() -> None:
    room = Room(3)
    assert room.people[0].handle in room.world.core._transports
    kinds = {track.spec.kind for track in room.world.core._transports[room.people[0].handle].tracks.values()}
    assert kinds == {Kind.AUDIO, Kind.VIDEO}
    room.world.core.set_egress_gate(room.ears[0].audio_out, False, room.world.now)
    assert room.speak(20, 30, 40, times=20) == [1]  # the first is chosen although nobody hears them


def test_whose_priority_ends_while_others_are_heard_goes_on_later_without_a_seam() -> None:
    room = Room(3)
    holder, ear = room.people[2], room.ears[2]
    room.world.core.set_priority(holder.handle, AUDIO, True)
    assert 2 in room.speak(20, 25, 30, times=20)
    room.world.core.set_priority(holder.handle, AUDIO, False)
    assert room.speak(20, 25, 90, times=200) == [0, 1]
    room.world.core.set_priority(holder.handle, AUDIO, True)
    assert 2 in room.speak(20, 25, 30, times=20)
    assert_seamless(ear.audio)


def test_who_joins_those_that_compete_and_does_not_pass_goes_on_later_without_a_seam() -> None:
    room = Room(3)
    newcomer, ear = room.people[2], room.ears[2]
    room.join(newcomer, 0)
    room.speak(20, 25, 90, times=20)
    room.join(newcomer)
    assert room.speak(20, 25, 90, times=200) == [0, 1]
    assert 2 in room.speak(20, 25, 10, times=20)
    assert_seamless(ear.audio)


def test_a_late_packet_of_who_does_not_pass_leaves_no_gap_behind_it() -> None:
    room = Room(2, loudest=1)
    quiet, ear = room.people[1], room.ears[1]
    room.speak(20, 60, times=10)
    room.world.core.set_priority(quiet.handle, AUDIO, False)
    sequence, time = quiet.audio_seq, quiet.audio_time
    room.speak(20, 60, times=3)
    room.world.core.set_priority(quiet.handle, AUDIO, True)
    after = quiet.audio_seq, quiet.audio_time
    quiet.audio_seq, quiet.audio_time = sequence - 10, time - 9_600
    quiet.audio(level=60)
    quiet.audio_seq, quiet.audio_time = after
    room.speak(20, 60, times=5)
    assert len(ear.audio) >= 5
    assert_seamless(ear.audio)
