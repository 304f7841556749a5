"""Plays a script: one instruction a line, as docs/conformance.md describes them."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

from media.engine.interface import EgressSpec, ExtensionIds, IngressSpec, Kind
from media.engine.transport import Path
from tests.conformance.control import control
from tests.conformance.engine import EngineUnderTest
from tests.conformance.judge import judge
from tests.conformance.script import Line, read
from tests.conformance.stage import LOCAL, Client, Sent, Slot, Stage, Stream, Unmet
from tests.conformance.wire import Rtp, write_feedback, write_rtp, write_sr

STRANGER = Path("192.0.2.66", 666, LOCAL)


def play(text: str, engine: EngineUnderTest) -> None:
    """Raises Unmet, with the line, where the engine does something else; ValueError for a line that is none."""
    player = Player(engine)
    line = None
    try:
        for line in read(text)[1]:
            player.do(line)
        player.settle()
    except Unmet as unmet:
        where = f"line {line.number}: {line.text}" if line is not None else "the end"
        raise Unmet(f"{where}\n  {unmet}") from None


class Player:
    """The verbs."""

    def __init__(self, engine: EngineUnderTest) -> None:
        self.stage = Stage(engine)
        self.sent: dict[str, Sent] = {}
        self._verbs: dict[str, Callable[[Line], None]] = {
            name.removeprefix("_do_"): getattr(self, name) for name in dir(self) if name.startswith("_do_")
        }

    def do(self, line: Line) -> None:
        """One line."""
        if len(line.words) > 1 and line.words[1] == "<":
            who = line.words[0]
            if who in self.stage.slots:
                self._media(self.stage.slots[who], line)
            else:
                control(self.stage, self.stage.clients[who], line)
            return
        verb = line.words.pop(0)
        if verb != "event":
            self.settle()
        if verb in self.stage.streams:
            self._stream(self.stage.streams[verb], line)
        elif verb in self._verbs:
            self._verbs[verb](line)
        else:
            raise ValueError(f"line {line.number}: nothing is called {verb}")

    def settle(self) -> None:
        """Nothing that was not expected may have come."""
        for slot in self.stage.slots.values():
            if slot.waiting:
                _, packet = slot.waiting[0]
                name = next(
                    (name for name, sent in self.sent.items() if _same(sent.packet, packet)), "of unknown origin"
                )
                raise Unmet(f"before this, {slot.name} got a packet ({name}) that nobody expects")

    # ── who is there ──────────────────────────────────────────────────────────────────────────

    def _do_publisher(self, line: Line) -> None:
        known = {each.name for each in dataclasses.fields(ExtensionIds)}
        ids = {key: int(value) for key, value in line.given.items() if key in known}
        client = self.stage.add_client(line.words[0], ExtensionIds(**ids))
        if "rsize" in line.words:
            client.reduced = True
            self.stage.engine.set_reduced_rtcp(client.handle, True, self.stage.now)

    _do_subscriber = _do_publisher

    def _do_track(self, line: Line) -> None:
        name, owner, mid, kind = line.words
        more: dict[str, Any] = {}
        for key in ("ssrcs", "rtx_ssrcs"):
            if key in line.given:
                more[key] = tuple(int(each) for each in line.given[key].split(","))
        if "rids" in line.given:
            more["rids"] = tuple(line.given["rids"].split(","))
        spec = IngressSpec(
            transport=self.stage.clients[owner].handle,
            mid=mid,
            kind=Kind(kind),
            payload_type=line.number_of("pt", 0),
            clock_rate=48_000 if kind == "audio" else 90_000,
            rtx_payload_type=int(line.given["rtx"]) if "rtx" in line.given else None,
            **more,
        )
        self.stage.tracks[name] = spec
        self.stage.engine.add_ingress(spec, self.stage.now)
        self.stage.flush()

    def _do_slot(self, line: Line) -> None:
        name, owner, mid, kind = line.words[:4]
        client = self.stage.clients[owner]
        rtx_ssrc, _, rtx_type = line.given.get("rtx", "").partition("/")
        more: dict[str, Any] = {"monitor": True} if "monitor" in line.words else {}
        spec = EgressSpec(
            transport=client.handle,
            mid=mid,
            kind=Kind(kind),
            ssrc=line.number_of("ssrc", 0),
            payload_type=line.number_of("pt", 0),
            clock_rate=48_000 if kind == "audio" else 90_000,
            rtx_ssrc=int(rtx_ssrc) if rtx_ssrc else None,
            rtx_payload_type=int(rtx_type) if rtx_type else None,
            **more,
        )
        out = self.stage.engine.add_egress(spec, self.stage.now)
        self.stage.slots[name] = Slot(
            name, client, mid, spec.kind, out, spec.ssrc, spec.payload_type, spec.rtx_ssrc, spec.rtx_payload_type
        )

    def _do_stream(self, line: Line) -> None:
        name, track = line.words
        spec = self.stage.tracks[track]
        client = next(each for each in self.stage.clients.values() if each.handle == spec.transport)
        pid, _, bits = line.given.get("pid", "0/15").partition("/")
        tl0 = line.given.get("tl0", "0")
        rtx_ssrc, _, rtx_seq = line.given.get("rtx", "0/100").partition("/")
        self.stage.streams[name] = Stream(
            client=client,
            mid=spec.mid,
            kind=spec.kind,
            payload_type=spec.payload_type,
            ssrc=line.number_of("ssrc", 0),
            seq=line.number_of("seq", 0),
            ts=line.number_of("ts", 0),
            pid=int(pid),
            pid_bits=int(bits),
            tl0=None if tl0 == "none" else int(tl0),
            rid=line.given.get("rid", ""),
            rtx_payload_type=spec.rtx_payload_type or 0,
            rtx_ssrc=int(rtx_ssrc),
            rtx_seq=int(rtx_seq or 100),
        )

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def _do_connect(self, line: Line) -> None:
        for name in line.words:
            self.stage.check(self.stage.clients[name])
            self.stage.engine.set_keys(self.stage.clients[name].handle, self.stage.now)
            self.stage.flush()

    def _do_check(self, line: Line) -> None:
        client = self.stage.clients[line.words[0]]
        if line.has("replayed"):
            self.stage.deliver(self.stage.last_check, STRANGER)
            return
        if "port" in line.given:
            path = client.path._replace(port=line.number_of("port", 0))
            if not line.has("forged"):
                self.stage.move(client, path)
            self.stage.check(client, path, nominate="plain" not in line.words, controlled="controlled" in line.words)
            return
        if line.has("forged"):
            real, client.pwd = client.pwd, "not-the-password-at-all"
            self.stage.check(client, STRANGER)
            client.pwd = real
            return
        self.stage.check(client, nominate="plain" not in line.words, controlled="controlled" in line.words)

    def _do_keys(self, line: Line) -> None:
        self.stage.engine.set_keys(self.stage.clients[line.words[0]].handle, self.stage.now)
        self.stage.flush()

    def _do_open(self, line: Line) -> None:
        self._gate(line, is_open=True)

    def _do_close(self, line: Line) -> None:
        self._gate(line, is_open=False)

    def _gate(self, line: Line, *, is_open: bool) -> None:
        for name in line.words:
            if name in self.stage.slots:
                self.stage.engine.set_egress_gate(self.stage.slots[name].out, is_open, self.stage.now)
            else:
                spec = self.stage.tracks[name]
                self.stage.engine.set_ingress_gate(spec.transport, spec.mid, is_open, self.stage.now)
            self.stage.flush()

    def _do_route(self, line: Line) -> None:
        slot, track = self.stage.slots[line.words[0]], line.words[1]
        spec = None if track == "none" else self.stage.tracks[track]
        want = line.given.get("want", "")
        source, mid = (spec.transport, spec.mid) if spec is not None else (None, "")
        self.stage.engine.route(slot.out, source, mid, want, self.stage.now)
        self.stage.flush()

    def _do_remove(self, line: Line) -> None:
        engine, now = self.stage.engine, self.stage.now
        for name in line.words:
            if name in self.stage.slots:
                engine.remove_egress(self.stage.slots[name].out, now)
            elif name in self.stage.tracks:
                engine.remove_ingress(self.stage.tracks[name].transport, self.stage.tracks[name].mid, now)
            else:
                engine.remove_transport(self.stage.clients[name].handle, now)
            self.stage.flush()

    def _do_call(self, line: Line) -> None:
        """A command that only some engines have: `call set_audio_group mic 7 2`; names become handles."""
        name, *words = line.words
        arguments: list[object] = []
        for word in words:
            if word in self.stage.tracks:
                arguments += [self.stage.tracks[word].transport, self.stage.tracks[word].mid]
            elif word in self.stage.slots:
                arguments.append(self.stage.slots[word].out)
            else:
                arguments.append({"true": True, "false": False}.get(word, int(word) if word.isdecimal() else word))
        getattr(self.stage.engine, name)(*arguments, now=self.stage.now)
        self.stage.flush()

    # ── datagrams ─────────────────────────────────────────────────────────────────────────────

    def _stream(self, stream: Stream, line: Line) -> None:
        what = line.words.pop(0)
        held, two_byte, sync = line.has("held"), line.has("two-byte"), not line.has("nosync")
        block = bytes.fromhex(line.given["block"]) if "block" in line.given else None
        csrcs, level = line.number_of("csrcs", 0), line.number_of("level", 40)
        match what:
            case "set":
                for key, value in line.given.items():
                    number, _, bits = value.partition("/")
                    setattr(stream, key, None if value == "none" else int(number))
                    if bits:
                        stream.pid_bits = int(bits)
                return
            case "audio":
                packets = [stream.audio(None if "silent" in line.words else level)]
            case "key" | "delta":
                parts, step = line.number_of("parts", 1), line.number_of("step", 9_000)
                packets = stream.picture(
                    key=what == "key", parts=parts, step=step, tid=line.number_of("tid", 0), sync=sync
                )
            case "pad":
                packets = [stream.packet(b"", padding=line.number_of("size", 100))]
            case "empty":
                packets = [stream.packet(b"")]
            case "payload":
                packets = [stream.packet(bytes.fromhex(line.words[0]), marker=True)]
            case "rtx":
                packets = [stream.again(self.sent[name].packet) for name in line.words]
            case "probe":
                packets = [
                    Rtp(
                        stream.rtx_payload_type, False, stream.rtx_seq, stream.ts, stream.rtx_ssrc,
                        stream.extensions(repair=True), b"", 100,
                    )
                ]  # fmt: skip
                stream.rtx_seq = stream.rtx_seq + 1 & 0xFFFF
            case "sr":
                ts = stream.ts + line.number_of("ts", 0)
                self._give(stream.client, write_sr(stream.ssrc, int(line.given["ntp"], 16), ts))
                return
            case "bye":
                self._give(stream.client, struct.pack("!BBHI", 0x81, 203, 1, stream.ssrc))
                return
            case _:
                raise ValueError(f"line {line.number}: a stream does not {what}")
        for part, packet in enumerate(packets, 1):
            sent = Sent(stream, packet, write_rtp(packet, csrcs=csrcs, two_byte=two_byte, block=block))
            if line.name:
                self.sent[line.name if len(packets) == 1 else f"{line.name}.{part}"] = sent
            if not held:
                self._give(stream.client, sent.raw)

    def _give(self, client: Client, data: bytes) -> None:
        self.stage.deliver(data, client.path)

    def _do_send(self, line: Line) -> None:
        for name in line.words:
            self._give(self.sent[name].stream.client, self.sent[name].raw)

    def _do_nack(self, line: Line) -> None:
        slot, *numbers = line.words
        target = self.stage.slots[slot]
        first = target.first[0] if target.first is not None else 0
        body = b"".join(struct.pack("!HH", first + int(number) & 0xFFFF, 0) for number in numbers)
        self._give(target.client, write_feedback(205, 1, target.ssrc, body))

    def _do_pli(self, line: Line) -> None:
        slot = self.stage.slots[line.words[0]]
        self._give(slot.client, write_feedback(206, 1, slot.ssrc))

    def _do_fir(self, line: Line) -> None:
        slot = self.stage.slots[line.words[0]]
        self._give(slot.client, write_feedback(206, 4, 0, struct.pack("!IB3x", slot.ssrc, 1)))

    def _do_raw(self, line: Line) -> None:
        who, data = line.words[0], "".join(line.words[1:])
        path = STRANGER if who == "stranger" else self.stage.clients[who].path
        for turn in range(line.number_of("times", 1)):
            self.stage.deliver(bytes.fromhex(data.replace("NN", f"{turn & 0xFF:02x}")), path)

    def _do_wait(self, line: Line) -> None:
        self.stage.advance(float(line.words[0]))

    # ── what must come of it ──────────────────────────────────────────────────────────────────

    def _media(self, slot: Slot, line: Line) -> None:
        names = line.words[2:]
        over_rtx, again = "rtx" in names, "again" in names
        for name in names:
            if name in ("rtx", "again"):
                continue
            if not slot.waiting and self.stage.engine.patience_s:
                self.stage.advance(self.stage.engine.patience_s)
            if not slot.waiting:
                raise Unmet(f"{name} did not reach {slot.name}")
            at, packet = slot.waiting.popleft()
            try:
                seq = int(line.given["seq"]) if "seq" in line.given else None
                ts = int(line.given["ts"]) if "ts" in line.given else None
                judge(slot, self.sent[name], packet, at, seq=seq, ts=ts, again=again, over_rtx=over_rtx)
            except Unmet as unmet:
                raise Unmet(f"{name} at {slot.name}: {unmet}") from None
            again = False

    def _do_event(self, line: Line) -> None:
        if line.words[0] == "none":
            told = [each for each in self.stage.events if f"{each} ".startswith(f"{' '.join(line.words[1:])} ")]
            if told:
                raise Unmet(f"it told {told}")
            return
        wanted = " ".join(line.words)
        if "within" in line.given:
            end = self.stage.now + float(line.given["within"])
            while wanted not in self.stage.events and self.stage.now < end:
                self.stage.advance(0.05)
        if wanted not in self.stage.events:
            raise Unmet(f"it told {self.stage.events}")
        del self.stage.events[: self.stage.events.index(wanted) + 1]


def _same(sent: Rtp, came: Rtp) -> bool:
    return sent.payload[-5:] == came.payload[-5:]
