"""Where people reach the server: the TCP port, the address they type, the UDP port of media, the metrics."""

from __future__ import annotations

import asyncio
import errno
import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from media.shell import SocketEngine
from server.config import Config, is_loopback
from server.doctor.finding import Finding, broken, look, ok

PROBE_TIMEOUT_S: Final = 2.0


def listening(host: str, port: int) -> Finding:
    """Whether the one TCP port is free, or already ours."""
    name = "listening"
    error = _cannot_listen(host, port)
    if error is None:
        return ok(name, f"{host} port {port} is free")
    if error.errno == errno.EADDRINUSE and is_served_by_us(host, port):
        return ok(name, f"this server is running on {host} port {port}")
    return _refused(name, "server.host and server.port", host, port, error)


def address(config: Config) -> Finding:
    """Whether browsers, at the address people type, give cameras; and whether it fits where we listen."""
    name, base_url, host = "address", config.base_url(), config.server.host
    secure = base_url.startswith("https://")
    on_loopback = is_loopback(base_url)
    listens_to_others = not _is_own(host)
    if (urlsplit(base_url).hostname or "") in ("0.0.0.0", "::"):
        return broken(
            name, f"{base_url} is where it listens, no address to type", "set server.base_url to https://YOUR-NAME"
        )
    if not secure and not on_loopback:
        return broken(
            name,
            f"{base_url} is not HTTPS: browsers give no camera and no microphone to it",
            "put a proxy with a certificate in front and set server.base_url to its https:// address",
        )
    if on_loopback and listens_to_others:
        return look(
            name,
            f"others can reach {host}, but pages are for {base_url} only: what they send is refused",
            "set server.base_url to the address people type, or server.host to 127.0.0.1",
        )
    if on_loopback:
        return ok(name, f"{base_url}: this machine only")
    if listens_to_others:
        return look(
            name,
            f"people type {base_url}, but {host} port {config.server.port} takes plain HTTP from other machines, too",
            "when the proxy runs on this machine, set server.host to 127.0.0.1; else let only the proxy through",
        )
    return ok(name, base_url)


async def media_port(config: Config) -> Finding:
    """Whether the one UDP port can be had, or is already ours."""
    name, bind, port = "media port", config.media.bind, config.media.port
    try:
        await _candidates(bind, port, ())
    except OSError as error:
        served = error.errno == errno.EADDRINUSE and await asyncio.to_thread(
            is_served_by_us, config.server.host, config.server.port
        )
        if served:
            return ok(name, f"UDP port {port} is in use, and this server is running")
        return _refused(name, "media.bind and media.port", bind, port, error, "UDP ")
    if port == 0:
        return look(name, "any free UDP port, another one at each start", "set media.port, and open it in the firewall")
    return ok(name, f"{bind} UDP port {port} is free; open it in the firewall")


async def media_addresses(config: Config) -> Finding:
    """Whether one of the addresses that browsers are told to send sound and picture to can be reached by them."""
    name = "media addresses"
    try:
        hosts = await _candidates(config.media.bind, 0, config.media.advertise)
    except OSError as error:
        return _refused(name, "media.bind", config.media.bind, 0, error, "UDP ")
    return advertised(hosts, config.base_url())


def advertised(hosts: Sequence[str], base_url: str) -> Finding:
    """The verdict on addresses: `hosts` are told to browsers that opened `base_url`."""
    name, listed = "media addresses", ", ".join(hosts)
    found = f"browsers send sound and picture to {listed}"
    wrong = [host for host in hosts if _number(host) is None]
    if wrong:
        return broken(name, f"{', '.join(wrong)}: not an IP address", "write numbers in media.advertise, no names")
    numbers = [number for host in hosts if (number := _number(host)) is not None]
    reachable = [number for number in numbers if not number.is_loopback and not number.is_unspecified]
    if is_loopback(base_url) and numbers:
        return ok(name, found)
    if not reachable:
        return broken(
            name,
            f"{found}: nobody on another machine can" if hosts else "none: nobody can be heard or seen",
            "set media.bind to 0.0.0.0, or media.advertise to an address that others reach",
        )
    typed = _number(urlsplit(base_url).hostname or "")
    if any(number.is_global for number in reachable) or typed in reachable:
        return ok(name, found)
    return look(
        name,
        f"{found}: private addresses, which only the same network reaches",
        "for people elsewhere, set media.advertise to the public address and forward the UDP port to this machine",
    )


def metrics(host: str, port: int) -> Finding:
    """Whether the metrics' listener is free (or ours) and out of reach for others."""
    name = "metrics"
    error = _cannot_listen(host, port)
    running = ""
    if error is not None:
        if error.errno != errno.EADDRINUSE or not _has_our_metrics(host, port):
            return _refused(name, "server.metrics_host and server.metrics_port", host, port, error)
        running = ", running"
    if not _is_own(host):
        return look(
            name,
            f"{host} port {port}{running}: can be reached from other machines, and asks nobody who they are",
            "set server.metrics_host to 127.0.0.1, or let only the machine that collects them through",
        )
    return ok(name, f"{host} port {port}{running}: this machine only")


def is_served_by_us(host: str, port: int) -> bool:
    """Whether a Holdspace answers there, with or without TLS."""
    answer = _get(host, port, "/healthz", tls=False) or _get(host, port, "/healthz", tls=True)
    if answer is None:
        return False
    server, body = answer
    try:
        return server == "holdspace" and json.loads(body) == {"status": "ok"}
    except ValueError:
        return False


async def _candidates(bind: str, port: int, advertise: Sequence[str]) -> list[str]:
    engine = SocketEngine(bind, port, advertise)
    engine.start(lambda: None)
    try:
        return [candidate.host for candidate in engine.candidates()]
    finally:
        engine.close()


def _cannot_listen(host: str, port: int) -> OSError | None:
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in places:
            with socket.socket(family, kind, protocol) as probe:
                # As asyncio does: a port whose last connections are still closing counts as free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(place)
                probe.listen(1)
    except OSError as error:
        return error
    return None


def _refused(name: str, settings: str, host: str, port: int, error: OSError, kind: str = "") -> Finding:
    match error.errno:
        case errno.EADDRINUSE:
            return broken(
                name, f"another program has {kind}port {port}", f"stop it, or choose another port: {settings}"
            )
        case errno.EACCES | errno.EPERM:
            return broken(
                name,
                f"this user may not listen on {kind}port {port}",
                f"choose a port above 1023 ({settings}) behind a proxy, or give the service CAP_NET_BIND_SERVICE",
            )
        case errno.EADDRNOTAVAIL:
            return broken(name, f"{host} is not an address of this machine", f"correct {settings}")
        case _:
            return broken(name, f"{host} {kind}port {port}: {error.strerror}", f"correct {settings}")


def _get(host: str, port: int, path: str, *, tls: bool) -> tuple[str, bytes] | None:
    """Server header and body of an answer with status 200; None when there is none."""
    where = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    if tls:
        # Whoever answers is only asked whether they are there.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(where, port, timeout=PROBE_TIMEOUT_S, context=context)
    else:
        connection = http.client.HTTPConnection(where, port, timeout=PROBE_TIMEOUT_S)
    with closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return (answer.getheader("Server", ""), answer.read(65_536)) if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None


def _has_our_metrics(host: str, port: int) -> bool:
    answer = _get(host, port, "/metrics", tls=False)
    return answer is not None and b"holdspace_" in answer[1]


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_own(host: str) -> bool:
    number = _number(host)
    return host == "localhost" if number is None else number.is_loopback
