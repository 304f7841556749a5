"""What the media plane tells the engine: who is there, what is open, and what feeds what."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

from media.engine.addresses import AddressBook
from media.engine.binding import unbind_all
from media.engine.control import Control
from media.engine.egress import Slot
from media.engine.forward import Forwarder
from media.engine.inbound import InboundSources
from media.engine.interface import (
    EgressSpec,
    EngineStats,
    Event,
    ExtensionIds,
    IngressSpec,
    Kind,
    OutId,
    SrtpKeys,
    TransportId,
)
from media.engine.replaying import Replays
from media.engine.selection import AudioGroups
from media.engine.sending import Sender
from media.engine.srtp import CipherFactory, LibSrtp
from media.engine.track import Track
from media.engine.transport import Path, Transport


class Commands:
    """Commands of `PacketEngine` with the time, in monotonic seconds, as an argument; and the state that they change.

    What is to be done because of them, and when, is for `EngineCore.poll`.
    """

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
        self._apart = EngineStats()
        """Of monitors."""
        self.events: deque[Event] = deque()
        """Waiting events; take them by `drain`."""
        self.withdraw: Callable[[Path, int | None], None] = _nothing_waits
        """Told of media under an SSRC that may not leave that way any more, though it was handed out to be sent.

        None: nothing may, as what the way was for is over.
        """
        self._book = AddressBook(self._stats, self._apart)
        self._transports: dict[TransportId, Transport] = {}
        self._slots: dict[OutId, Slot] = {}
        self._timers: list[tuple[float, TransportId]] = []
        self._groups = AudioGroups()
        self._handles = self._monitor_handles = 0
        sender = Sender(self._stats, self._apart, self._after)
        ssrc = rng.getrandbits(31) + 1
        cname = f"{rng.getrandbits(96):024x}"  # RFC 7022 section 4.2
        self._control = Control(ssrc, cname, sender, self.events)
        self._forward = Forwarder(sender, self._control, self.events)
        self._replays = Replays(sender, self.events)

    def add_transport(self, ufrag: str, pwd: str, now: float, *, monitor: bool = False) -> TransportId:
        """See `PacketEngine.add_transport`."""
        handle = TransportId(self._handle(monitor=monitor))
        outbox, stats = (self._after, self._apart) if monitor else (self._out, self._stats)
        transport = Transport(handle, ufrag, pwd.encode("ascii"), now, outbox, stats, monitor=monitor)
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
            to.outbox.append((data, to.path))

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
        self._refresh(known, track, now)  # whoever watches: for those, too, who will and may not ask

    def refresh(self, transport: TransportId, mid: str, now: float) -> None:
        """See `PacketEngine.refresh`."""
        known, track = self._transports.get(transport), self._track(transport, mid)
        if known is not None and track is not None:
            self._refresh(known, track, now)

    def _refresh(self, transport: Transport, track: Track, now: float) -> None:
        lowest = track.lowest()
        if lowest is not None and not lowest.fresh_key(now):
            lowest.want_key(now)
            self._arm(transport, lowest.next_due())

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
        out = OutId(self._handle(monitor=spec.monitor))
        slot = Slot(out, spec, transport, self._monitor_rng if spec.monitor else self._rng)
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

    # ── when something is due ────────────────────────────────────────────────────────────────

    def _arm(self, transport: Transport, at: float) -> None:
        if at < transport.due:
            transport.due = at
            heapq.heappush(self._timers, (at, transport.id))

    def _arm_source(self, slot: Slot) -> None:
        if slot.track is not None and not slot.spec.monitor:
            self._arm_publisher(slot.track.spec.transport)

    def _arm_publisher(self, handle: TransportId) -> None:
        publisher = self._transports.get(handle)
        if publisher is not None:
            self._arm(publisher, publisher.next_due())

    def _handle(self, *, monitor: bool = False) -> int:
        # Monitors count downwards: they leave no gap in what anyone else is called.
        if monitor:
            self._monitor_handles -= 1
            return self._monitor_handles
        self._handles += 1
        return self._handles


def _nothing_waits(path: Path, ssrc: int | None) -> None:
    """Where each datagram leaves at once."""
