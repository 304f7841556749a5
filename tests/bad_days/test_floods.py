from __future__ import annotations

from bench.floods import MAX_GROWTH_MB, run


async def test_a_flood_of_forged_datagrams_keeps_nobody_out_and_takes_no_memory() -> None:
    """The short form of `python -m bench floods`: a server in a process of its own, about 6 s in all."""
    found = await run(5, rate=3_000)
    assert found.failures == []
    assert len(found.joined_ms) == found.joins == 5
    assert found.sent > 100
    # Every kind of junk was met, and none was taken for anything.
    assert {"unauthenticated", "unknown_address", "malformed"} <= set(found.refused)
    assert found.growth_mb < MAX_GROWTH_MB
