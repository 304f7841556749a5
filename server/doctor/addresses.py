"""Where people reach the server: the TCP port, the address they type, the metrics."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import json
import socket
import ssl
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

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
    return refused(name, "server.host and server.port", host, port, error)


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


def metrics(host: str, port: int) -> Finding:
    """Whether the metrics' listener is free (or ours) and out of reach for others."""
    name = "metrics"
    error = _cannot_listen(host, port)
    running = ""
    if error is not None:
        if error.errno != errno.EADDRINUSE or not _has_our_metrics(host, port):
            return refused(name, "server.metrics_host and server.metrics_port", host, port, error)
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


def refused(name: str, settings: str, host: str, port: int, error: OSError, kind: str = "") -> Finding:
    """The verdict on a port that cannot be had; `kind` is "UDP " or "TCP " where that has to be said."""
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


def number_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_own(host: str) -> bool:
    number = number_of(host)
    return host == "localhost" if number is None else number.is_loopback
