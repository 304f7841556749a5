"""The bounded queues."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import Wire, decode_server
from protocol.ids import ParticipantId, RequestId
from protocol.messages import (
    Ack,
    DevicesChanged,
    Frame,
    MicrophoneHeld,
    PauseChanged,
    ScreenAllowed,
    ScreenChanged,
)
from signaling.outbox import HISTORY_FRAMES, History, Outbox, Prepared
from signaling.session import _key as key_of


def devices(who: str, *, on: bool) -> DevicesChanged:
    return DevicesChanged(ParticipantId(who), microphone=on, camera=False)


def drained(outbox: Outbox) -> list[Frame]:
    return [decode_server(data, outbox.wire)[1] for data in outbox.drain()]


def test_a_body_is_encoded_once_per_wire() -> None:
    prepared = Prepared(Ack(RequestId("r")))
    assert prepared.body(Wire.JSON) is prepared.body(Wire.JSON)
    assert prepared.body(Wire.JSON) != prepared.body(Wire.MSGPACK)


def test_only_the_latest_of_an_ephemeral_value_waits_and_it_goes_to_the_end() -> None:
    outbox = Outbox(Wire.MSGPACK, 10_000)
    outbox.put(Prepared(devices("a", on=False)), latest_of="a")
    outbox.put(Prepared(Ack(RequestId("r"))))
    outbox.put(Prepared(devices("a", on=True)), latest_of="a")
    outbox.put(Prepared(devices("b", on=True)), latest_of="b")
    assert drained(outbox) == [Ack(RequestId("r")), devices("a", on=True), devices("b", on=True)]


def test_what_turns_microphones_off_is_not_replaced_by_what_takes_it_back() -> None:
    ana = ParticipantId("a")
    frames = [MicrophoneHeld(ana, True, 1), PauseChanged(9), MicrophoneHeld(ana, False), PauseChanged(0)]
    outbox = Outbox(Wire.MSGPACK, 10_000)
    for frame in frames:
        outbox.put(Prepared(frame), latest_of=key_of(frame))
    assert drained(outbox) == frames


def test_past_its_bounds_an_outbox_takes_nothing_more_and_says_so() -> None:
    outbox = Outbox(Wire.MSGPACK, 100)
    for n in range(50):
        outbox.put(Prepared(Ack(RequestId(f"r{n}"))))
    assert outbox.overfull
    assert sum(len(data) for data in outbox.drain()) <= 100


def test_history_gives_all_after_a_seq_or_nothing() -> None:
    history = History()
    for n in range(HISTORY_FRAMES + 10):
        history.add(Prepared(devices(f"p{n}", on=True)))
    newest = history.seq
    assert history.after(newest) == ()
    assert history.after(newest + 1) is None
    assert history.after(9) is None, "forgotten"
    kept = history.after(10)
    assert kept is not None
    assert [seq for seq, _ in kept] == list(range(11, newest + 1))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60), st.integers(0, 60))
def test_what_is_drained_in_parts_ends_in_the_same_latest_values(
    values: list[tuple[str, bool]], pause_after: int
) -> None:
    outbox = Outbox(Wire.JSON, 1_000_000)
    seen: dict[str, Frame] = {}
    for n, (who, on) in enumerate(values):
        outbox.put(Prepared(devices(who, on=on)), latest_of=who)
        if n == pause_after:
            seen.update({f.participant_id: f for f in drained(outbox) if isinstance(f, DevicesChanged)})
    seen.update({f.participant_id: f for f in drained(outbox) if isinstance(f, DevicesChanged)})
    assert seen == {who: devices(who, on=on) for who, on in values}
    assert len(outbox) == 0


def test_whose_screen_it_is_makes_a_value_another_one() -> None:
    ana, ben = ParticipantId("a"), ParticipantId("b")
    frames = [frame for who in (ana, ben) for frame in (ScreenChanged(who, screen=False), ScreenAllowed(who, True))]
    outbox = Outbox(Wire.MSGPACK, 10_000)
    for frame in frames:
        outbox.put(Prepared(frame), latest_of=key_of(frame))
    assert drained(outbox) == frames


def test_one_frame_alone_is_never_too_much() -> None:
    outbox = Outbox(Wire.MSGPACK, 100)
    long = Prepared(Ack(RequestId("r" * 500)))
    outbox.put(long)
    assert drained(outbox) == [long.frame]

    outbox.put(Prepared(Ack(RequestId("r"))))
    outbox.put(long)
    assert outbox.overfull
