from __future__ import annotations

from bench.process import kernel_drops

TABLE = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 7
  101: 0100007F:1F92 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112 2 0000000000000000 5
  102: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 113 2 0000000000000000 9
"""


def test_only_drops_of_the_ports_in_question_count() -> None:
    assert kernel_drops(TABLE, frozenset({0x1F91})) == 7
    assert kernel_drops(TABLE, frozenset({0x1F91, 0x1F92})) == 12
    assert kernel_drops(TABLE, frozenset()) == 0
