"""One peer connection of a client: its transport in the engine and its DTLS association."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from media.dtls import Certificate, DtlsEndpoint, Fingerprint
from media.engine.interface import PacketEngine, SrtpKeys, TransportId
from media.negotiation import Local


class Connection:
    """Lives until `close`; `on_ended` is called once if it ends by itself (failed, or closed by the client)."""

    def __init__(
        self,
        engine: PacketEngine,
        certificate: Certificate,
        chance: Random,
        on_up: Callable[[], None],
        on_ended: Callable[[bool], None],
        *,
        monitor: bool = False,
    ) -> None:
        """`on_ended` is told whether the connection had been up. `chance` makes up its secrets."""
        self._engine = engine
        self._on_up = on_up
        self._certificate = certificate
        self._fingerprint: Fingerprint | None = None
        self.up = False
        """Whether the handshake is done."""
        ufrag, pwd = f"{chance.getrandbits(48):012x}", f"{chance.getrandbits(128):032x}"
        self.transport: TransportId = engine.add_transport(ufrag, pwd, monitor=monitor)
        self.endpoint = DtlsEndpoint(certificate, self._send, self._keys, on_ended)
        self.local = Local(ufrag, pwd, certificate.fingerprint, tuple(engine.candidates()), chance.getrandbits(62))

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The client's, once known."""
        return self._fingerprint

    def begin(self, fingerprint: Fingerprint) -> None:
        """Lets the client's DTLS in."""
        self._fingerprint = fingerprint
        self.endpoint.start(fingerprint)

    def close(self) -> None:
        """Says goodbye and forgets the transport."""
        self.endpoint.close()
        self._engine.remove_transport(self.transport)

    def _send(self, data: bytes) -> None:
        self._engine.send_dtls(self.transport, data)

    def _keys(self, keys: SrtpKeys) -> None:
        self.up = True
        self._engine.set_keys(self.transport, keys)
        self._on_up()
