from __future__ import annotations

import os
import socket
import time

import pytest

from bench.kernel import cpu_s, drops_of, sockets_of

TABLES = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 7
  101: 0100007F:1F92 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112 2 0000000000000000 5
  sl  local_address                         remote_address                        st tx_queue rx_queue tr
  102: 00000000000000000000000001000000:1F93 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 \
00000000     0        0 113 2 0000000000000000 9
"""


def test_only_drops_of_the_sockets_in_question_count_by_either_protocol() -> None:
    assert drops_of(TABLES, frozenset({111})) == 7
    assert drops_of(TABLES, frozenset({112, 113})) == 14
    assert drops_of(TABLES, frozenset()) == 0


def test_an_open_socket_of_a_process_is_found_by_its_inode() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        inode = os.fstat(opened.fileno()).st_ino
        assert inode in sockets_of(os.getpid())
    assert inode not in sockets_of(os.getpid())


def test_cpu_time_of_a_process_is_what_it_says_itself_and_grows_when_it_works() -> None:
    before = cpu_s(os.getpid())
    assert before == pytest.approx(time.process_time(), abs=0.05)
    sum(range(200_000))
    assert cpu_s(os.getpid()) > before


def test_a_process_that_is_not_there_used_no_time() -> None:
    with pytest.raises(ProcessLookupError):
        cpu_s(2**22 + 1)  # beyond the kernel's largest process id
