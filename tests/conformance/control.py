"""What a client must have been told over RTCP, or answered over STUN."""

from __future__ import annotations

from typing import Any

from tests.conformance.script import Line
from tests.conformance.stage import Client, Slot, Stage, Unmet


def control(stage: Stage, client: Client, line: Line) -> None:
    """`who < kind …`: raises Unmet when something else came since the last such line; takes what came."""
    kind, *words = line.words[2:]
    if "within" in line.given:
        _until(stage, client, kind, float(line.given["within"]))
    if kind == "at":
        if client.port != int(words[0]):
            raise Unmet(f"media went to port {client.port}")
        return
    if kind in ("stun", "dtls"):
        came = client.stun if kind == "stun" else len(client.dtls)
        client.stun, client.dtls = (0, client.dtls) if kind == "stun" else (client.stun, [])
        _count(came, words)
        return
    taken = [each for each in client.control if each.kind == kind]
    name = words.pop(0) if words and (words[0] in stage.streams or words[0] in stage.slots) else ""
    ssrc = _ssrc(stage, name)
    found = [each for each in taken if name == "" or each.ssrc == ssrc]
    client.control = [each for each in client.control if each not in found]
    if kind in ("nack", "arrivals") and words != ["none"]:
        numbers = {number for each in found for number in each.numbers}
        wanted = {int(word) for word in words}
        if numbers != wanted:
            raise Unmet(f"{kind} names {sorted(numbers)}, not {sorted(wanted)}")
    elif kind == "rr" and line.given:
        _numbers(found, line, {"highest": 0, "lost": 1, "fraction": 2})
    elif kind == "sr" and line.given:
        _sender_report(stage.slots[name], found, line)
    else:
        _count(len(found), words)


def _ssrc(stage: Stage, name: str) -> int:
    if name in stage.streams:
        return stage.streams[name].ssrc
    return stage.slots[name].ssrc if name in stage.slots else 0


def _until(stage: Stage, client: Client, kind: str, seconds: float) -> None:
    end = stage.now + seconds
    while stage.now < end - 1e-9 and not any(each.kind == kind for each in client.control):
        stage.advance(min(0.005, end - stage.now))


def _count(came: int, words: list[str]) -> None:
    text = words[0] if words else "1"
    least, _, most = ("0" if text == "none" else text).partition("..")
    if not int(least) <= came <= int(most or least):
        raise Unmet(f"{came} came, not {text}")


def _numbers(found: list[Any], line: Line, places: dict[str, int]) -> None:
    if not found:
        raise Unmet("none came")
    for key, value in line.given.items():
        # The cycles above `highest` may start anywhere (RFC 3550 section 6.4.1).
        mask = 0xFFFF if key == "highest" else 0xFFFFFF
        if key in places and found[-1].numbers[places[key]] & mask != int(value):
            raise Unmet(f"{key} is {found[-1].numbers[places[key]] & mask}, not {value}")


def _sender_report(slot: Slot, found: list[Any], line: Line) -> None:
    if not found or slot.first is None:
        raise Unmet("none came")
    ntp, ts, packets, _ = found[-1].numbers
    if "ntp" in line.given and ntp != int(line.given["ntp"], 16):
        raise Unmet(f"NTP is {ntp:x}")
    if "ts" in line.given and ts - slot.first[1] & 0xFFFFFFFF != int(line.given["ts"]) & 0xFFFFFFFF:
        raise Unmet(f"the timestamp is {ts - slot.first[1]} after the slot's first, not {line.given['ts']}")
    if "packets" in line.given and packets != int(line.given["packets"]):
        raise Unmet(f"it counts {packets} packets")
