"""What the metrics page shows of the media plane."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from media.engine.interface import Drop, EngineStats


@dataclass(frozen=True, slots=True)
class MediaStats:
    """Present sizes, and counters since the start. Flat, and without ids, for the metrics page.

    A person who tries out their way is a check, and counts as no room, peer or published track.
    """

    rooms: int
    checks: int
    peers: int
    published: int
    transports: int
    handshakes_ok: int
    handshakes_failed: int
    offers: int
    datagrams_in: int
    datagrams_out: int
    packets_in: int
    packets_forwarded: int
    packets_resent: int
    nacks_in: int
    nacks_out: int
    plis_in: int
    plis_out: int
    feedback_out: int
    dropped_malformed: int
    dropped_unknown_address: int
    dropped_unauthenticated: int
    dropped_address_in_use: int
    dropped_dtls_overflow: int
    dropped_no_keys: int
    dropped_too_many_sources: int
    dropped_srtp_failed: int
    dropped_unbound: int
    dropped_duplicate: int
    dropped_padding: int
    dropped_gate_closed: int
    dropped_not_chosen: int
    dropped_too_much: int
    dropped_too_long: int
    dropped_send_blocked: int
    dropped_fault: int


def media_stats(
    engine: EngineStats,
    *,
    rooms: int,
    checks: int,
    peers: int,
    published: int,
    handshakes_ok: int,
    handshakes_failed: int,
    offers: int,
) -> MediaStats:
    """The engine's counters beside the plane's own."""
    counters = asdict(engine)
    dropped: dict[Drop, int] = counters.pop("dropped")
    return MediaStats(
        rooms=rooms,
        checks=checks,
        peers=peers,
        published=published,
        handshakes_ok=handshakes_ok,
        handshakes_failed=handshakes_failed,
        offers=offers,
        **counters,
        **{f"dropped_{why}": count for why, count in dropped.items()},
    )
