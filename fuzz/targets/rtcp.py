"""RTCP compounds."""

from __future__ import annotations

from fuzz.targets.claims import claim
from media.engine import rtcp


def one_input(data: bytes) -> None:
    """One datagram."""
    items = rtcp.parse(data)
    if items is None:
        return
    lost = 0
    for item in items:
        match item:
            case rtcp.Nack(ssrc, numbers):
                lost += len(numbers)
                claim(all(0 <= number < 0x10000 for number in numbers), "sequence numbers have 16 bits")
                rising = sorted(set(numbers))
                again = rtcp.parse(rtcp.nack(1, ssrc, rising))
                if rising:
                    claim(again is not None and len(again) == 1, "one NACK is written")
                    read = {n for each in again or [] if isinstance(each, rtcp.Nack) for n in each.lost}
                    claim(read == set(rising), "a NACK that we write names the same packets")
            case rtcp.SenderReport(ssrc, ntp, timestamp):
                claim(rtcp.parse(rtcp.sender_report(ssrc, ntp, timestamp, 1, 2)) == [item], "reports read the same")
            case rtcp.KeyFrameRequest(ssrc):
                claim(rtcp.parse(rtcp.pli(1, ssrc)) == [item], "requests read the same")
            case rtcp.Goodbye(ssrcs):
                claim(len(ssrcs) <= 31, "a BYE names 31 sources at most")
            case rtcp.Reception():
                claim(0 <= item.fraction_lost < 256 and 0 <= item.highest < 1 << 32, "ranges of a report")
    claim(lost <= 256, "one datagram asks for a bounded number of packets")
    claim(len(items) <= len(data) // 4, "work is in proportion to the size")
