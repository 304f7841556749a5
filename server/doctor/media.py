"""Where sound and picture come in: each place's UDP and TCP port, and the addresses that browsers are told."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import urlsplit

from media.engine.interface import Candidate
from media.places import Bound, Listen, candidates, hosts_to_bind, own_addresses
from media.streams import open_tcp
from media.udp import open_udp
from server.config import Config, is_loopback
from server.doctor.addresses import is_served_by_us, number_of, refused
from server.doctor.finding import Finding, broken, look, ok


async def media_ports(config: Config) -> tuple[Finding, ...]:
    """Whether each place's UDP port, and the TCP port of its number, can be had, or are already ours."""
    server = config.server
    running = await asyncio.to_thread(is_served_by_us, server.host, server.port)
    places = zip(config.media.entries(), config.media.places(), strict=True)
    return tuple([_port(setting, place, running=running) for (setting, _), place in places])


def _port(setting: str, place: Listen, *, running: bool) -> Finding:
    name = "media port" if setting == "media" else f"media port, {setting.removeprefix('media.')}"
    hosts = hosts_to_bind(place.bind)
    for kind, open_port in (("UDP ", open_udp), ("TCP ", open_tcp)):
        for host in hosts:
            try:
                with closing(open_port(host, place.port)):
                    pass
            except OSError as error:
                if running and error.errno == errno.EADDRINUSE:
                    return ok(name, f"UDP and TCP port {place.port} are in use, and this server is running")
                return refused(name, f"{setting}.bind and {setting}.port", host, place.port, error, kind)
    if place.port == 0:
        return look(
            name, "any free port, another one at each start", f"set {setting}.port, and open it in the firewall"
        )
    where = " and ".join(hosts)
    return ok(name, f"{where}: UDP and TCP port {place.port} are free; open both in the firewall")


def media_addresses(config: Config) -> tuple[Finding, ...]:
    """Whether browsers can reach an address that they are told to send sound and picture to, and over IPv6, too."""
    places = config.media.places()
    told = candidates([Bound(each, host, each.port) for each in places for host in hosts_to_bind(each.bind)])
    own, base_url = own_addresses(), config.base_url()
    return advertised(told, own, base_url), ipv6(told, own, base_url)


def advertised(told: Sequence[Candidate], own: Sequence[str], base_url: str) -> Finding:
    """The verdict on addresses: browsers that opened `base_url` are told `told`; this machine's are `own`."""
    name = "media addresses"
    hosts = list(dict.fromkeys(each.host for each in told))
    listed = ", ".join(hosts)
    found = f"browsers send sound and picture to {listed}"
    numbers = [number for host in hosts if (number := number_of(host)) is not None]
    reachable = [number for number in numbers if not number.is_loopback and not number.is_unspecified]
    if is_loopback(base_url) and numbers:
        return ok(name, found)
    if not reachable:
        return broken(
            name,
            f"{found}: nobody on another machine can" if hosts else "none: nobody can be heard or seen",
            "set media.bind to *, or media.advertise to an address that others reach",
        )
    foreign = {each.host: each.port for each in told if each.host not in own}
    if foreign:
        passed = ", ".join(f"{host} port {port}" for host, port in foreign.items())
        found += f"; not of this machine, so something must pass UDP and TCP on to it: {passed}"
    typed = number_of(urlsplit(base_url).hostname or "")
    if any(number.is_global for number in reachable) or typed in reachable:
        return ok(name, found)
    return look(
        name,
        f"{found}: private addresses, which only the same network reaches",
        "for people elsewhere, set media.advertise to the public address and forward the port (UDP and TCP) to here",
    )


def ipv6(told: Sequence[Candidate], own: Sequence[str], base_url: str) -> Finding:
    """Whether people whose network has IPv6 only reach the server without their provider's help."""
    name = "media IPv6"
    sixes = [host for host in dict.fromkeys(each.host for each in told) if _is_global_six(host)]
    if sixes:
        return ok(name, f"over IPv6, too: {', '.join(sixes)}")
    unused = [host for host in own if _is_global_six(host)]
    if unused and not is_loopback(base_url):
        return look(
            name,
            f"this machine has {', '.join(unused)}, and browsers are not told",
            'set media.bind to "*" and media.advertise to "auto", or add an entry to media.listen',
        )
    return ok(name, "IPv4 only; phones on networks without it come through their provider")


def _is_global_six(host: str) -> bool:
    number = number_of(host)
    return number is not None and number.version == 6 and number.is_global
