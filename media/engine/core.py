"""The engine without sockets or clocks: datagrams and time go in, datagrams and events come out."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from media.engine.addresses import AddressBook
from media.engine.binding import unbind_all
from media.engine.control import Control
from media.engine.egress import Slot
from media.engine.forward import Forwarder
from media.engine.inbound import InboundSources
from media.engine.interface import (
    Drop,
    DtlsIn,
    EgressSpec,
    EngineStats,
    Event,
    ExtensionIds,
    Feature,
    IngressSpec,
    Kind,
    OutId,
    Selected,
    Silent,
    SrtpKeys,
    TransportId,
)
from media.engine.key_frames import NEVER
from media.engine.replaying import Replays
from media.engine.selection import AudioGroups
from media.engine.sending import Sender
from media.engine.srtp import CipherFactory, LibSrtp
from media.engine.track import Track
from media.engine.transport import MAX_DTLS_WAITING, SILENT_S, Path, Transport

_SILENT_AGAIN_S = 5.0


class EngineCore:
    """Commands of `PacketEngine` with the time as an argument, `receive`, and `poll`. Times are monotonic seconds."""

    features: frozenset[Feature] = frozenset()

    def __init__(self, rng: Random, cipher: CipherFactory = LibSrtp) -> None:
        """`rng` chooses first sequence numbers, timestamps and our RTCP SSRC; give a seeded one to replay a run."""
        self._rng = rng
        self._cipher = cipher
        # A monitor's slots draw from a sequence of their own: who watches leaves no trace in others' packets.
        self._monitor_rng = Random(rng.getrandbits(64))  # noqa: S311
        self._out: list[tuple[bytes, Path]] = []
        self._after: list[tuple[bytes, Path]] = []
        """What leaves after everything else."""
        self._stats = EngineStats()
        self.events: deque[Event] = deque()
        """Waiting events; take them by `drain`."""
        self.withdraw: Callable[[Path, int | None], None] = _nothing_waits
        """Told of media under an SSRC that may not leave that way any more, though it was handed out to be sent.

        None: nothing may, as what the way was for is over.
        """
        self._book = AddressBook()
        self._transports: dict[TransportId, Transport] = {}
        self._slots: dict[OutId, Slot] = {}
        self._timers: list[tuple[float, TransportId]] = []
        self._groups = AudioGroups()
        self._handles = 0
        sender = Sender(self._stats)
        ssrc = rng.getrandbits(31) + 1
        cname = f"{rng.getrandbits(96):024x}"  # RFC 7022 section 4.2
        self._control = Control(ssrc, cname, sender, self.events, self._stats)
        self._forward = Forwarder(sender, self._control, self.events, self._stats)
        self._replays = Replays(sender, self.events)

    # ── datagrams and time ────────────────────────────────────────────────────────────────────

    def receive(self, data: bytes, path: Path, now: float, arrival: float | None = None) -> None:
        """Takes a datagram (RFC 7983 says what it is). `arrival` is the kernel's time stamp where known.

        Nothing in it can raise: what does not parse or authenticate is counted and dropped.
        """
        self._stats.datagrams_in += 1
        if not data:
            self._drop(Drop.MALFORMED)
            return
        first = data[0]
        if first < 4:
            self._stun(data, path, now)
            return
        transport = self._book.find(path)
        if transport is None:
            self._drop(Drop.UNKNOWN_ADDRESS)
        elif 127 < first < 192:
            self._media(transport, data, path, now if arrival is None else arrival, now)
        elif 19 < first < 64:
            self._dtls(transport, data)
        else:
            self._drop(Drop.MALFORMED)

    def poll(self, now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        """Datagrams to send now, and when to poll again at the latest."""
        while self._timers and self._timers[0][0] <= now:
            at, handle = heapq.heappop(self._timers)
            transport = self._transports.get(handle)
            if transport is not None and transport.due == at:
                transport.due = NEVER
                self._tick(transport, now)
        self._forward.tick_levels(now)
        if now >= self._replays.due:
            self._replays.tick(now)
        out = self._out + self._after if self._after else self._out.copy()
        self._out.clear()
        self._after.clear()
        self._stats.datagrams_out += len(out)
        due = min(self._timers[0][0] if self._timers else NEVER, self._forward.levels_at, self._replays.due)
        return out, None if due == NEVER else due

    def _tick(self, transport: Transport, now: float) -> None:
        self._control.tick(transport, now)
        if now >= transport.silent_at:
            # The same sum as is waited for: `now - heard_at` may round to less at the very moment that it is due,
            # and the timer would be set for that moment for ever.
            due = transport.heard_at + SILENT_S
            if now >= due:
                self.events.append(Silent(transport.id, now - transport.heard_at))
                transport.silent_at = now + _SILENT_AGAIN_S
            else:
                transport.silent_at = due
        self._arm(transport, transport.next_due())

    def _arm(self, transport: Transport, at: float) -> None:
        if at < transport.due:
            transport.due = at
            heapq.heappush(self._timers, (at, transport.id))

    def _drop(self, why: Drop) -> None:
        self._stats.dropped[why] += 1

    def _stun(self, data: bytes, path: Path, now: float) -> None:
        answer = self._book.check(data, path, now)
        if isinstance(answer, Drop):
            self._drop(answer)
            return
        transport, reply, moved = answer
        transport.heard_at = now
        self._out.append((reply, path))
        if moved:
            self.events.append(Selected(transport.id))

    def _dtls(self, transport: Transport, data: bytes) -> None:
        if transport.dtls_waiting >= MAX_DTLS_WAITING:
            self._drop(Drop.DTLS_OVERFLOW)
            return
        transport.dtls_waiting += 1
        self.events.append(DtlsIn(transport.id, data))

    def _media(self, transport: Transport, data: bytes, path: Path, arrival: float, now: float) -> None:
        cipher = transport.cipher
        if cipher is None:
            self._drop(Drop.NO_KEYS)
            return
        control = len(data) > 1 and 192 <= data[1] <= 223  # RFC 5761 section 4
        at = 4 if control else 8
        ssrc = int.from_bytes(data[at : at + 4], "big")
        if not transport.inbound.admits(ssrc, len(transport.slots), now):
            self._drop(Drop.TOO_MANY_SOURCES)
            return
        plain = cipher.unprotect_rtcp(data) if control else cipher.unprotect(data)
        if plain is None:
            self._drop(Drop.SRTP_FAILED)
            return
        gone = transport.inbound.heard(ssrc, len(transport.slots), now)
        if gone is not None:
            cipher.forget(gone)
        transport.heard_at = transport.paths[path] = now
        if control:
            for asked in self._control.take(transport, plain, now):
                self._arm_publisher(asked)
        else:
            self._forward.rtp(transport, plain, arrival, now)
            source = transport.sources.get(ssrc)
            due = transport.feedback_at if source is None else min(transport.feedback_at, source[0].next_due())
            self._arm(transport, due)

    def _arm_source(self, slot: Slot) -> None:
        if slot.track is not None:
            self._arm_publisher(slot.track.spec.transport)

    def _arm_publisher(self, handle: TransportId) -> None:
        publisher = self._transports.get(handle)
        if publisher is not None:
            self._arm(publisher, publisher.next_due())

    # ── commands ──────────────────────────────────────────────────────────────────────────────

    def add_transport(self, ufrag: str, pwd: str, now: float) -> TransportId:
        """See `PacketEngine.add_transport`."""
        handle = TransportId(self._handle())
        transport = Transport(handle, ufrag, pwd.encode("ascii"), now, self._out)
        self._transports[handle] = transport
        self._book.add(transport)
        self._arm(transport, transport.next_due())
        return handle

    def remove_transport(self, transport: TransportId) -> None:
        """See `PacketEngine.remove_transport`."""
        gone = self._transports.pop(transport, None)
        if gone is None:
            return
        for path in list(gone.paths):
            self.withdraw(path, None)
        self._book.remove(gone)
        for mid in list(gone.tracks):
            self._remove_track(gone, mid)
        for slot in list(self._slots.values()):
            if slot.transport is gone:
                self.remove_egress(slot.out)

    def send_dtls(self, transport: TransportId, data: bytes) -> None:
        """See `PacketEngine.send_dtls`."""
        to = self._transports.get(transport)
        if to is not None and to.path is not None:
            self._out.append((data, to.path))

    def set_keys(self, transport: TransportId, keys: SrtpKeys, now: float) -> None:
        """See `PacketEngine.set_keys`."""
        keyed = self._transports.get(transport)
        if keyed is None:
            return
        keyed.cipher = self._cipher(keys)
        keyed.inbound = InboundSources()
        for slot in dict.fromkeys(keyed.slots.values()):
            self._forward.prime(slot, now)
            self._arm_source(slot)
        self._replays.go_on(keyed, now)
        for track in keyed.tracks.values():  # requests that waited for keys
            for layer in track.layers.values():
                self._arm(keyed, layer.next_due())

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds) -> None:
        """See `PacketEngine.set_ext_ids`."""
        known = self._transports.get(transport)
        if known is not None:
            known.ids = ids

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool) -> None:
        """See `PacketEngine.set_reduced_rtcp`."""
        known = self._transports.get(transport)
        if known is not None:
            known.reduced_rtcp = allowed

    def add_ingress(self, spec: IngressSpec) -> None:
        """See `PacketEngine.add_ingress`."""
        transport = self._transports.get(spec.transport)
        if transport is None:
            return
        track = transport.tracks.get(spec.mid)
        if track is None:
            transport.tracks[spec.mid] = Track(spec)
        elif track.spec != spec:
            unbind_all(transport, track)
            track.spec = spec

    def remove_ingress(self, transport: TransportId, mid: str) -> None:
        """See `PacketEngine.remove_ingress`."""
        known = self._transports.get(transport)
        if known is not None:
            self._remove_track(known, mid)

    def _remove_track(self, transport: Transport, mid: str) -> None:
        track = transport.tracks.pop(mid, None)
        if track is None:
            return
        unbind_all(transport, track)
        self._groups.move(track, 0)
        for slot in list(track.slots):
            self._detach(slot)

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool, now: float) -> None:
        """See `PacketEngine.set_ingress_gate`."""
        known = self._transports.get(transport)
        track = known.tracks.get(mid) if known is not None else None
        if known is None or track is None or track.open == is_open:
            return
        known.waiting.clear()  # whatever it is, it came before
        if not is_open:
            track.close()
            for slot in track.slots:
                self._withdraw(slot)
            self._forward.hush(transport, mid)
            return
        track.reopen()
        lowest = track.lowest()
        if lowest is not None:  # whoever watches: for those, too, who will and may not ask
            lowest.want_key(now)
            self._arm(known, lowest.next_due())

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int) -> None:
        """See `PacketEngine.set_audio_group`."""
        track = self._track(transport, mid)
        if track is not None and track.spec.kind is Kind.AUDIO:
            self._groups.move(track, group, loudest)

    def set_priority(self, transport: TransportId, mid: str, always: bool) -> None:
        """See `PacketEngine.set_priority`."""
        track = self._track(transport, mid)
        if track is None:
            return
        track.always = always
        if always and track.group is not None:
            track.group.release(track)

    def _track(self, transport: TransportId, mid: str) -> Track | None:
        known = self._transports.get(transport)
        return known.tracks.get(mid) if known is not None else None

    def add_egress(self, spec: EgressSpec) -> OutId:
        """See `PacketEngine.add_egress`. Raises KeyError for a transport that is gone."""
        transport = self._transports[spec.transport]
        out = OutId(self._handle())
        slot = Slot(out, spec, transport, self._monitor_rng if spec.monitor else self._rng)
        if spec.monitor:
            transport.outbox = self._after
        self._slots[out] = slot
        transport.slots[spec.ssrc] = slot
        return out

    def remove_egress(self, out: OutId) -> None:
        """See `PacketEngine.remove_egress`."""
        slot = self._slots.pop(out, None)
        if slot is None:
            return
        self._detach(slot)
        if slot.transport.slots.get(slot.spec.ssrc) is slot:
            del slot.transport.slots[slot.spec.ssrc]

    def route(self, out: OutId, source: TransportId | None, mid: str, want: str, now: float) -> None:
        """See `PacketEngine.route`. A source of the other kind, or one that is gone, is as none."""
        slot = self._slots.get(out)
        if slot is None:
            return
        publisher = self._transports.get(source) if source is not None else None
        track = publisher.tracks.get(mid) if publisher is not None else None
        if track is not None and track.spec.kind is not slot.spec.kind:
            track = None
        slot.want = want
        if slot.track is not track:
            self._detach(slot)
            slot.track = track
            if track is not None:
                track.slots.append(slot)
        slot.aim()
        if track is not None and not slot.live and slot.spec.kind is Kind.VIDEO:
            self._forward.prime(slot, now)
            self._arm_source(slot)

    def prime_from_cache(self, out: OutId, now: float) -> None:
        """See `PacketEngine.prime_from_cache`."""
        slot = self._slots.get(out)
        if slot is not None:
            self._replays.ask(slot, now)

    def _detach(self, slot: Slot) -> None:
        if slot.track is not None:
            slot.track.slots.remove(slot)
            slot.track = None
            self._withdraw(slot)
        slot.pause()

    def _withdraw(self, slot: Slot) -> None:
        for path in slot.transport.paths:
            self.withdraw(path, slot.spec.ssrc)
            if slot.spec.rtx_ssrc is not None:
                self.withdraw(path, slot.spec.rtx_ssrc)

    def set_egress_gate(self, out: OutId, is_open: bool, now: float) -> None:
        """See `PacketEngine.set_egress_gate`."""
        slot = self._slots.get(out)
        if slot is None or slot.open == is_open:
            return
        slot.open = is_open
        if is_open:
            self._forward.prime(slot, now)
            self._arm_source(slot)
            self._replays.go_on(slot.transport, now)
        else:
            slot.pause()
            self._withdraw(slot)

    def knows(self, path: Path) -> bool:
        """Whether a check that came that way was authentic, and its transport is still there."""
        return self._book.find(path) is not None

    def forget_path(self, path: Path) -> None:
        """That way is closed: nothing is sent there any more."""
        self._book.forget(path)

    def drain(self, limit: int) -> Sequence[Event]:
        """See `PacketEngine.drain`."""
        taken: list[Event] = []
        while self.events and len(taken) < limit:
            event = self.events.popleft()
            if isinstance(event, DtlsIn):
                transport = self._transports.get(event.transport)
                if transport is None:
                    continue
                transport.dtls_waiting -= 1
            taken.append(event)
        return taken

    def blocked(self, count: int = 1) -> None:
        """The shell could not send `count` datagrams."""
        self._stats.dropped[Drop.SEND_BLOCKED] += count

    def faulted(self) -> None:
        """The shell met an error of ours while it handed a datagram or the time in."""
        self._drop(Drop.FAULT)

    def stats(self) -> EngineStats:
        """See `PacketEngine.stats`."""
        return replace(self._stats, transports=len(self._transports), dropped=dict(self._stats.dropped))

    def _handle(self) -> int:
        self._handles += 1
        return self._handles


def _nothing_waits(path: Path, ssrc: int | None) -> None:
    """Where each datagram leaves at once."""
