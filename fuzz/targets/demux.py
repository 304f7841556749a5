"""The first byte's classes (RFC 7983): datagrams of any kind, from known addresses and from strangers."""

from __future__ import annotations

from fuzz.targets.claims import claim
from fuzz.targets.plant import PASSWORD, PUBLISHER, STRANGER, SUBSCRIBER, Plant, records
from media.engine import stun
from media.engine.interface import DtlsIn
from media.engine.transport import MAX_DTLS_WAITING

_PATHS = (PUBLISHER, SUBSCRIBER, STRANGER)


def one_input(data: bytes) -> None:
    """Records whose first byte says from where."""
    plant = Plant()
    handles = {PUBLISHER: plant.publisher, SUBSCRIBER: plant.subscriber}
    dtls: list[tuple[int, bytes]] = []
    steps = records(data)
    for what, datagram in steps:
        path = _PATHS[what % 3]
        sent = plant.receive(datagram, path)
        if path is STRANGER and sent:
            check = stun.parse(datagram)
            claim(check is not None and check.authentic(PASSWORD.encode()), "a stranger got something sent")
            return  # who knows the password is no stranger any more
        if path is STRANGER:
            continue
        if datagram and 19 < datagram[0] < 64:
            dtls.append((handles[path], datagram))
    events = plant.core.drain(1_000)
    told = [(event.transport, event.data) for event in events if isinstance(event, DtlsIn)]
    waiting: dict[int, int] = {}
    expected: list[tuple[int, bytes]] = []
    for handle, datagram in dtls:
        waiting[handle] = waiting.get(handle, 0) + 1
        if waiting[handle] <= MAX_DTLS_WAITING:
            expected.append((handle, datagram))
    claim(told == expected, "DTLS comes up as it came in, from known addresses, and bounded")
    # Those of the monitor that the plant has are counted apart.
    counted = plant.core.stats().datagrams_in + plant.core.monitor_stats().datagrams_in
    claim(counted == len(steps) + 3, "every datagram is counted")
