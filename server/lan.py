"""Trying it on a phone in the same network: an address of this machine there, and a certificate of its own.

Browsers give cameras and microphones to HTTPS pages only, and nobody issues certificates for addresses of a home.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Final

import ifaddr
import msgspec
import segno
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.clock import Clock
from server.config import Config, MediaConfig, database_file

LASTS: Final = timedelta(days=30)
RENEWED_BEFORE: Final = timedelta(days=1)

_VIRTUAL: Final = re.compile(
    r"docker|br-|bridge|veth|virbr|vmnet|vboxnet|vethernet|lxc|lxd|cni|flannel|cali|podman|tun|tap|utun|wg|tailscale|zt"
)
"""Names of interfaces that lead to containers, virtual machines or tunnels, and not to a phone on the sofa."""

_SOMEWHERE: Final = ("198.51.100.1", 9)
"""Nobody's address (RFC 5737): asked for its route only, nothing is sent."""


class LanError(Exception):
    """This machine cannot be reached by others in its network as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of our own, in files, and the authority that signed it and nothing else.

    Attributes:
        certificate: the server's certificate, with the authority's behind it.
        key: the server's private key.
        authority: what a device is told to trust, where going on past the warning is not enough.
        fingerprint: SHA-256 of the server's certificate as browsers show it.
    """

    certificate: Path
    key: Path
    authority: Path
    fingerprint: str

    def server_context(self) -> ssl.SSLContext:
        """For listening."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        # HTTP/2 is not spoken here.
        context.set_alpn_protocols(["http/1.1"])
        return context


@dataclass(frozen=True, slots=True)
class Lan:
    """What a node needs for `serve --lan`.

    Attributes:
        tls: the one port speaks TLS by itself.
        also_at: addresses of the same pages besides base_url.
        authority: the authority's certificate (PEM), for devices to fetch.
    """

    tls: ssl.SSLContext
    also_at: tuple[str, ...]
    authority: bytes


def lan_address(wanted: str | None = None) -> str:
    """The IPv4 address that others in this network reach this machine at; `wanted` is taken as it is.

    Raises:
        LanError: there is none, or `wanted` is not an address that others could use.
    """
    if wanted is not None:
        return _checked(wanted)
    found = [(adapter.name, ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    chosen = choose_address(found, default_route_address())
    if chosen is None:
        raise LanError("this machine has no IPv4 address that others can reach; connect it, or name one: --lan-address")
    return chosen


def choose_address(found: Iterable[tuple[str, str]], default_route: str | None) -> str | None:
    """Of interfaces' names and IPv4 addresses the one that a phone most likely reaches; None when there is none.

    Real interfaces come before those of containers and tunnels, the way to the internet before others, private
    addresses before public ones.
    """
    usable = [
        (bool(_VIRTUAL.match(name.lower())), text != default_route, not ipaddress.ip_address(text).is_private, text)
        for name, text in found
        if _is_usable(text)
    ]
    return min(usable)[-1] if usable else None


def default_route_address() -> str | None:
    """The address that packets to the internet would leave from; None without a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


def lan_settings(config: Config, address: str) -> Config:
    """The settings, changed so that others in the network reach pages, sound and picture at `address`."""
    server = msgspec.structs.replace(config.server, host="0.0.0.0", base_url=f"https://{address}:{config.server.port}")
    # In front, and also when it is none of this machine's own (a virtual machine whose host forwards ports).
    first = config.media.places()[0]
    media = MediaConfig("0.0.0.0", first.port, (address, *first.advertise))
    return msgspec.structs.replace(config, server=server, media=media)


def lan_access(config: Config, certificate: Certificate) -> Lan:
    """For a node with these settings."""
    return Lan(certificate.server_context(), also_at(config), certificate.authority.read_bytes())


def also_at(config: Config, hostname: str | None = None) -> tuple[str, ...]:
    """Further addresses that the certificate is good for: this machine's own, and its name."""
    return tuple(f"https://{host}:{config.server.port}" for host in _hosts(hostname or socket.gethostname()))


def lan_folder(config: Config) -> Path:
    """Where certificate and key are kept: beside the database, when that is a file."""
    file = database_file(config.storage.url)
    return (Path("var") if file is None else file.parent) / "lan"


def own_certificate(folder: Path, address: str, clock: Clock, hostname: str | None = None) -> Certificate:
    """The certificate kept in `folder` while it fits, else a new one: for `address`, this host's name, localhost.

    Raises:
        OSError: the folder cannot be written to.
    """
    names = _names(address, hostname or socket.gethostname())
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    certificate, key, authority = folder / "certificate.pem", folder / "key.pem", folder / "authority.pem"
    served = _kept(certificate, key, authority, names, now)
    if served is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = ec.generate_private_key(ec.SECP256R1())
        root, served = _made(private, names, now)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_secret(key, pem)
        authority.write_bytes(_pem(root))
        certificate.write_bytes(_pem(served) + _pem(root))
    return Certificate(certificate, key, authority, served.fingerprint(hashes.SHA256()).hex(":").upper())


def qr_code(url: str) -> str:
    """The address as lines of half blocks, light on dark, with the quiet zone that cameras need."""
    out = StringIO()
    segno.make(url, error="l", micro=False).terminal(out, compact=True)
    return out.getvalue()


def _checked(wanted: str) -> str:
    try:
        address = ipaddress.IPv4Address(wanted)
    except ValueError:
        raise LanError(f"--lan-address: {wanted} is not an IPv4 address") from None
    if not _is_usable(str(address)):
        raise LanError(f"--lan-address: others cannot reach this machine at {address}")
    return str(address)


def _is_usable(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


def _names(address: str, hostname: str) -> list[x509.GeneralName]:
    numbers = dict.fromkeys((address, "127.0.0.1", "::1"))
    return [
        *(x509.IPAddress(ipaddress.ip_address(number)) for number in numbers),
        *(x509.DNSName(host) for host in _hosts(hostname)),
    ]


def _hosts(hostname: str) -> tuple[str, ...]:
    # Browsers write names in lower case.
    own = (hostname.lower(),) if _is_dns_name(hostname) else ()
    return tuple(dict.fromkeys(("localhost", *own)))


def _is_dns_name(hostname: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", hostname) is not None and len(hostname) < 254


def _kept(
    certificate: Path, key: Path, authority: Path, names: Sequence[x509.GeneralName], now: datetime
) -> x509.Certificate | None:
    """What an earlier start made, if it is whole, is for these names, and lasts long enough."""
    try:
        served, root = x509.load_pem_x509_certificates(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        its_names = list(served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        served.verify_directly_issued_by(root)
        fits = (
            served.public_key() == private.public_key()
            and authority.read_bytes() == _pem(root)
            and its_names == list(names)
            and served.not_valid_before_utc <= now < served.not_valid_after_utc - RENEWED_BEFORE
        )
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return None
    if not fits:
        return None
    key.chmod(0o600)
    return served


def _made(
    private: ec.EllipticCurvePrivateKey, names: Sequence[x509.GeneralName], now: datetime
) -> tuple[x509.Certificate, x509.Certificate]:
    """An authority, and the certificate it signs. The authority's key is forgotten: it will never sign another.

    So a device that is told to trust the authority trusts this server, and nothing that anyone could make later.
    """
    signing = ec.generate_private_key(ec.SECP256R1())
    root_name, name = _named("Holdspace in this network, for trying it"), _named("Holdspace in this network")
    root_id = x509.SubjectKeyIdentifier.from_public_key(signing.public_key())
    root = (
        _begun(root_name, root_name, signing.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(root_id, critical=False)
        .sign(signing, hashes.SHA256())
    )
    served = (
        _begun(name, root_name, private.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return root, served


def _begun(
    name: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # Phones whose clock is a little slow.
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LASTS)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=False,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_secret(path: Path, content: bytes) -> None:
    """Never readable by others, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
