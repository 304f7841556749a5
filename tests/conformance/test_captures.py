"""What browsers really sent, played at its own pace; what leaves is compared with what is written down.

`python -m tests.conformance.test_captures` writes it down anew, to be looked at before it is committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from media.engine.interface import EgressSpec, ExtensionIds, IngressSpec, Kind
from tests.conformance import captures
from tests.conformance.captures import Capture
from tests.conformance.engine import factory
from tests.conformance.stage import Slot, Stage
from tests.conformance.wire import Rtp, is_rtcp, read_rtcp, read_rtp, read_vp8

EXPECTED = Path(__file__).parent / "captures" / "expected"
SENDERS = [f"{browser}-{what}" for browser in ("chromium", "firefox") for what in ("camera", "microphone", "simulcast")]
RECEIVERS = ["chromium-receiver", "firefox-receiver"]
KNOWN = ("mid", "transport_cc", "audio_level", "rid", "repaired_rid")


def stage_of(capture: Capture, want: str) -> tuple[Stage, Slot]:
    """The capture's sender, whatever it is called there, and one listener who is routed to it."""
    stage = Stage(factory()())
    ids = ExtensionIds(**{name: number for name, number in capture.extensions.items() if name in KNOWN})
    sender = stage.add_client("sender", ids)
    listener = stage.add_client("listener", ExtensionIds(mid=4, audio_level=5))
    told = {read_rtp(packet.data).payload_type for packet in capture.packets if not is_rtcp(packet.data)}
    mid, (kind, _, rtx, rids) = next(each for each in capture.tracks.items() if each[1][1] in told)
    for name, (each, its_type, its_rtx, its_rids) in capture.tracks.items():
        clock = 48_000 if each == "audio" else 90_000
        spec = IngressSpec(sender.handle, name, Kind(each), its_type, clock, its_rtx, rids=its_rids)
        stage.tracks[name] = spec
        stage.engine.add_ingress(spec, stage.now)
    clock = 48_000 if kind == "audio" else 90_000
    spec = EgressSpec(listener.handle, "s", Kind(kind), 9_001, 96, clock, 9_002, 97)
    out = stage.engine.add_egress(spec, stage.now)
    slot = stage.slots["s"] = Slot("s", listener, "s", Kind(kind), out, 9_001, 96, 9_002, 97)
    for client in (sender, listener):
        stage.check(client)
        stage.engine.set_keys(client.handle, stage.now)
    stage.engine.set_ingress_gate(sender.handle, mid, True, stage.now)
    stage.engine.route(out, sender.handle, mid, want, stage.now)
    assert rtx is not None or kind == "audio"
    assert want == "" or want in rids
    return stage, slot


def play(name: str, want: str = "") -> list[str]:
    """What left for the listener, a packet a line: numbers from the first, and which of the sender's it was."""
    capture = captures.read(name)
    stage, slot = stage_of(capture, want)
    sender = stage.clients["sender"]
    began = stage.now
    for packet in capture.packets:
        if packet.lost:
            continue
        stage.advance(began + packet.at - stage.now)
        stage.deliver(packet.data, sender.path)
    stage.advance(0.5)
    return lines_of(slot, capture)


def lines_of(slot: Slot, capture: Capture) -> list[str]:
    """Each packet that the slot got."""
    lines: list[str] = []
    first: Rtp | None = None
    first_pid = first_tl0 = 0
    for _, packet in slot.waiting:
        picture = read_vp8(packet.payload) if slot.kind is Kind.VIDEO else None
        if first is None:
            first = packet
            if picture is not None:
                first_pid, first_tl0 = picture.pid, picture.tl0 or 0
        seq, ts = packet.seq - first.seq & 0xFFFF, packet.ts - first.ts & 0xFFFFFFFF
        line = f"seq {seq} ts {ts}"
        if picture is not None:
            line += f" pid {picture.pid - first_pid & 0x7FFF}"
            line += f" tl0 {picture.tl0 - first_tl0 & 0xFF}" if picture.tl0 is not None else ""
            line += " key" if picture.key else ""
        line += " marker" if packet.marker else ""
        lines.append(f"{line} is {origin(packet, capture, slot.kind)}")
    return lines


def origin(packet: Rtp, capture: Capture, kind: Kind) -> str:
    """Which packet of the capture this one was, by what no rewriting touches; with its fate where it was lost."""
    rest = read_vp8(packet.payload).rest if kind is Kind.VIDEO else packet.payload
    ssrcs: list[int] = []
    for sent in capture.packets:
        if is_rtcp(sent.data):
            continue
        theirs = read_rtp(sent.data)
        if kind is Kind.VIDEO and theirs.payload_type != capture.tracks[video_mid(capture)][1]:
            continue
        if theirs.ssrc not in ssrcs:
            ssrcs.append(theirs.ssrc)
        mine = read_vp8(theirs.payload).rest if kind is Kind.VIDEO else theirs.payload
        if mine == rest and theirs.marker == packet.marker and (kind is Kind.VIDEO or _level(theirs, capture)):
            return f"{'abc'[ssrcs.index(theirs.ssrc)]}{theirs.seq}{' repaired' if sent.lost else ''}"
    raise AssertionError("a packet that nobody sent")


def _level(packet: Rtp, capture: Capture) -> bool:
    return capture.extensions["audio_level"] in packet.extensions


def video_mid(capture: Capture) -> str:
    """The mid of the camera."""
    return next(mid for mid, track in capture.tracks.items() if track[0] == "video")


def variants() -> list[tuple[str, str]]:
    """Each sender, and for layers each wish."""
    return [(name, want) for name in SENDERS for want in (("l", "h") if name.endswith("simulcast") else ("",))]


@pytest.mark.parametrize(("name", "want"), variants())
def test_what_a_browser_sent_leaves_as_it_is_written_down(name: str, want: str) -> None:
    played = play(name, want)
    expected = (EXPECTED / f"{name}{'-' * bool(want)}{want}.txt").read_text().splitlines()
    assert played == expected


@pytest.mark.parametrize(("name", "want"), variants())
def test_what_is_written_down_has_no_seam(name: str, want: str) -> None:
    numbers: list[int] = []
    stamps: dict[int, int] = {}
    for line in (EXPECTED / f"{name}{'-' * bool(want)}{want}.txt").read_text().splitlines():
        words = line.split()
        numbers.append(int(words[1]))
        stamps[int(words[1])] = int(words[3])
    assert len(set(numbers)) == len(numbers)
    assert sorted(numbers) == list(range(len(numbers)))
    assert [stamps[number] for number in sorted(numbers)] == sorted(stamps.values())


@pytest.mark.parametrize("name", RECEIVERS)
def test_what_a_browser_says_as_a_receiver_is_understood(name: str) -> None:
    capture = captures.read(name)
    said = [item for packet in capture.packets for item in read_rtcp(packet.data)]
    asked = next(item.ssrc for item in said if item.kind == "pli")
    stage = Stage(factory()())
    ann, ben = stage.add_client("ann", ExtensionIds(mid=1)), stage.add_client("ben", ExtensionIds(mid=4))
    spec = IngressSpec(ann.handle, "1", Kind.VIDEO, 96, 90_000, 97)
    stage.tracks["cam"] = spec
    stage.engine.add_ingress(spec, stage.now)
    out = stage.engine.add_egress(EgressSpec(ben.handle, "v", Kind.VIDEO, asked, 96, 90_000, 9_002, 97), stage.now)
    stage.slots["v"] = Slot("v", ben, "v", Kind.VIDEO, out, asked, 96, 9_002, 97)
    for client in (ann, ben):
        stage.check(client)
        stage.engine.set_keys(client.handle, stage.now)
    stage.engine.set_ingress_gate(ann.handle, "1", True, stage.now)
    stage.engine.route(out, ann.handle, "1", "", stage.now)
    key = bytes.fromhex("9060000100000000000003e9bede00011031000090e0812c0720100102")
    stage.deliver(key, ann.path)
    assert len(stage.slots["v"].waiting) == 1
    stage.advance(1.0)
    ann.control.clear()
    began, plis = stage.now, 0
    for packet in capture.packets:
        stage.advance(began + packet.at - stage.now)
        before = sum(item.kind == "pli" for item in ann.control)
        stage.deliver(packet.data, ben.path)
        if any(item.kind == "pli" for item in read_rtcp(packet.data)):
            stage.advance(0.05)
            plis += sum(item.kind == "pli" for item in ann.control) - before
            # The key frame comes: what was asked for is not asked for again.
            seq = 2 + plis
            stage.deliver(key[:2] + seq.to_bytes(2, "big") + key[4:], ann.path)
    assert plis >= 1


def _write() -> None:
    EXPECTED.mkdir(exist_ok=True)
    for name, want in variants():
        (EXPECTED / f"{name}{'-' * bool(want)}{want}.txt").write_text("\n".join(play(name, want)) + "\n")


if __name__ == "__main__":
    _write()
