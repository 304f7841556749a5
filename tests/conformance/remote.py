"""An engine in another process, written in whatever language: one line of JSON for each call, one for each answer.

`CONFORMANCE_ENGINE=tests.conformance.remote:RemoteEngine CONFORMANCE_COMMAND="./engine --conformance"` runs the suite
against it. docs/conformance.md lists the calls. `python -m tests.conformance.remote` serves ours in this way.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from media.engine import interface
from media.engine.interface import EgressSpec, Event, ExtensionIds, IngressSpec, Kind, Level, OutId, TransportId
from media.engine.transport import Path
from tests.conformance.engine import PythonEngine

_EVENTS: dict[str, Any] = {
    each.__name__: each
    for each in (
        interface.DtlsIn,
        interface.Selected,
        interface.LayerUp,
        interface.LayerDown,
        interface.Switched,
        interface.Loss,
        interface.Levels,
        interface.Silent,
    )
}


class RemoteEngine:
    """The adapter's end of the pipe."""

    patience_s = float(os.environ.get("CONFORMANCE_PATIENCE_S", "0"))

    def __init__(self, command: Sequence[str] | None = None) -> None:
        words = command or shlex.split(os.environ["CONFORMANCE_COMMAND"])
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process, which ends when its input does."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(10)

    def _call(self, name: str, now: float, **arguments: object) -> Any:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        pipe_in.write(json.dumps({"call": name, "now": now, **arguments}, default=_plain) + "\n")
        pipe_in.flush()
        line = pipe_out.readline()
        if not line:
            raise RuntimeError(f"the engine ended at {name}")
        return json.loads(line)

    def receive(self, datagram: bytes, path: Path, now: float) -> None:
        self._call("receive", now, datagram=datagram, path=list(path))

    def poll(self, now: float) -> tuple[list[tuple[bytes, Path]], float | None]:
        answer = self._call("poll", now)
        return [(bytes.fromhex(data), Path(*path)) for data, path in answer["datagrams"]], answer["due"]

    def drain(self) -> Sequence[Event]:
        return [_event(each) for each in self._call("drain", 0)]

    def add_transport(self, ufrag: str, pwd: str, now: float) -> TransportId:
        return self._call("add_transport", now, ufrag=ufrag, pwd=pwd)

    def remove_transport(self, transport: TransportId, now: float) -> None:
        self._call("remove_transport", now, transport=transport)

    def send_dtls(self, transport: TransportId, data: bytes, now: float) -> None:
        self._call("send_dtls", now, transport=transport, data=data)

    def set_keys(self, transport: TransportId, now: float) -> None:
        self._call("set_keys", now, transport=transport)

    def set_ext_ids(self, transport: TransportId, ids: ExtensionIds, now: float) -> None:
        self._call("set_ext_ids", now, transport=transport, ids=ids)

    def set_reduced_rtcp(self, transport: TransportId, allowed: bool, now: float) -> None:
        self._call("set_reduced_rtcp", now, transport=transport, allowed=allowed)

    def add_ingress(self, spec: IngressSpec, now: float) -> None:
        self._call("add_ingress", now, spec=spec)

    def remove_ingress(self, transport: TransportId, mid: str, now: float) -> None:
        self._call("remove_ingress", now, transport=transport, mid=mid)

    def set_ingress_gate(self, transport: TransportId, mid: str, is_open: bool, now: float) -> None:
        self._call("set_ingress_gate", now, transport=transport, mid=mid, is_open=is_open)

    def add_egress(self, spec: EgressSpec, now: float) -> OutId:
        return self._call("add_egress", now, spec=spec)

    def remove_egress(self, out: OutId, now: float) -> None:
        self._call("remove_egress", now, out=out)

    def set_egress_gate(self, out: OutId, is_open: bool, now: float) -> None:
        self._call("set_egress_gate", now, out=out, is_open=is_open)

    def route(self, out: OutId, source: TransportId | None, mid: str, want: str, now: float) -> None:
        self._call("route", now, out=out, source=source, mid=mid, want=want)

    def prime_from_cache(self, out: OutId, now: float) -> None:
        self._call("prime_from_cache", now, out=out)

    def refresh(self, transport: TransportId, mid: str, now: float) -> None:
        self._call("refresh", now, transport=transport, mid=mid)

    def set_audio_group(self, transport: TransportId, mid: str, group: int, loudest: int, now: float) -> None:
        self._call("set_audio_group", now, transport=transport, mid=mid, group=group, loudest=loudest)

    def set_priority(self, transport: TransportId, mid: str, always: bool, now: float) -> None:
        self._call("set_priority", now, transport=transport, mid=mid, always=always)


def _plain(value: Any) -> object:
    return value.hex() if isinstance(value, bytes) else dataclasses.asdict(value)


def _event(told: dict[str, Any]) -> Event:
    kind = _EVENTS[told.pop("event")]
    if kind is interface.Levels:
        return interface.Levels(told["at"], tuple(Level(**level) for level in told["levels"]))
    if kind is interface.DtlsIn:
        told["data"] = bytes.fromhex(told["data"])
    return kind(**told)


def serve() -> None:
    """Our own engine at the other end, as an example of one."""
    engine = PythonEngine()
    for line in sys.stdin:
        given = json.loads(line)
        name, now = given.pop("call"), given.pop("now")
        if "path" in given:
            given["path"] = Path(*given["path"])
        for key in ("datagram", "data"):
            if key in given:
                given[key] = bytes.fromhex(given[key])
        if "ids" in given:
            given["ids"] = ExtensionIds(**given["ids"])
        if "spec" in given:
            given["spec"] = _spec(given["spec"])
        result: Any = engine.drain() if name == "drain" else getattr(engine, name)(**given, now=now)
        if name == "poll":
            datagrams, due = result
            result = {"datagrams": [(data, list(path)) for data, path in datagrams], "due": due}
        elif name == "drain":
            result = [{"event": type(event).__name__, **dataclasses.asdict(event)} for event in result]
        sys.stdout.write(json.dumps(result, default=_plain) + "\n")
        sys.stdout.flush()


def _spec(given: dict[str, Any]) -> IngressSpec | EgressSpec:
    given["kind"] = Kind(given["kind"])
    if "ssrcs" not in given:
        return EgressSpec(**given)
    for key in ("ssrcs", "rtx_ssrcs", "rids"):
        given[key] = tuple(given[key])
    return IngressSpec(**given)


if __name__ == "__main__":
    serve()
