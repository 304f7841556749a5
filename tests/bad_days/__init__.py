"""Bad days, over real sockets and on a real database file. What is proven elsewhere is not proven here again.

| Bad day | Proven in |
|---|---|
| nonsense as SDP | `test_frames`; every form of it in `tests/media/test_sdp.py` |
| frames of 1 MB, floods of frames | `test_frames`; `tests/signaling/test_endpoint.py` |
| a page of another origin | `tests/server/test_front.py` (socket), `tests/server/http/test_api.py` (everything else) |
| a used or late join token | `test_tokens`; `tests/server/test_tokens.py` |
| a used or ended sign-in link | `tests/server/test_auth.py`; the words in `tests/end_to_end/test_accessibility.py` |
| two tabs of one person | `tests/signaling/test_endpoint.py`, `tests/end_to_end/test_devices.py` |
| camera denied, or taken by another program | `tests/end_to_end/test_devices.py` |
| the server away for a minute | `test_server_away`; kill -9 in `tests/end_to_end/test_room.py`, `bench/crashes.py` |
| a full disk | `test_disk_full`; the words in `tests/end_to_end/test_bad_days.py` |
| the machine's clock set by two hours | `test_clock_steps`; `tests/server/test_clock.py` |
| floods of datagrams | `test_floods`, `bench/floods.py`; `tests/media/engine/test_guard.py` |
"""
