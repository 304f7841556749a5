from __future__ import annotations

import socket
import time

import pytest

from bench.batches import BATCH, SLOT, Batch

SO_TIMESTAMPNS = 35


def test_datagrams_that_wait_are_taken_together_with_their_length_and_time_of_arrival() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        here.bind(("127.0.0.1", 0))
        here.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        there.connect(here.getsockname())
        batch = Batch()
        assert batch.read(here.fileno()) == 0
        began = time.time_ns()
        for size in (20, 1_200, SLOT + 100):
            there.send(bytes((size & 0xFF,)) * size)
        assert batch.read(here.fileno()) == 3
        assert [batch.length(place) for place in range(3)] == [20, 1_200, SLOT]
        assert [batch.data[place * SLOT] for place in range(3)] == [20, 1_200 & 0xFF, (SLOT + 100) & 0xFF]
        arrivals = [batch.arrived_ns(place) for place in range(3)]
        assert began - 1_000_000_000 < arrivals[0] <= arrivals[1] <= arrivals[2] <= time.time_ns() + 1_000_000_000


def test_a_batch_is_no_longer_than_its_buffers_and_can_be_used_again() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        here.bind(("127.0.0.1", 0))
        there.connect(here.getsockname())
        batch = Batch()
        for number in range(BATCH + 3):
            there.send(bytes((number,)))
        assert batch.read(here.fileno()) == BATCH
        assert batch.read(here.fileno()) == 3
        assert batch.data[2 * SLOT] == BATCH + 2


def test_what_is_no_socket_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        Batch().read(-1)
