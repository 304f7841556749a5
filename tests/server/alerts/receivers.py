"""Real receivers on loopback: an HTTP and a mail server that keep every byte, and misbehave when told to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
NAME = "alerts.example.org"


def saying(status: str, headers: str = "", body: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()

    return answer


async def dribbling(writer: asyncio.StreamWriter) -> None:
    """A byte of a header now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.005)


@dataclass
class Posted:
    """One request. `headers` with names in small letters."""

    line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


@dataclass
class Receiver:
    """An HTTP server. `sent`: bytes that it got rid of."""

    answer: Answer = field(default_factory=lambda: saying("204 No Content"))
    port: int = 0
    requests: list[Posted] = field(default_factory=list)
    connections: int = 0
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/holdspace"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            line, *lines = head.decode().rstrip().split("\r\n")
            headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Posted(line, headers, body, head + body))
            await self.answer(writer)

    async def pour(self, writer: asyncio.StreamWriter) -> None:
        """Success, and then an answer without end."""
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000000000\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()
            self.sent += 65_536


@dataclass
class MailServer:
    """An SMTP server.

    `refuses`: recipients; `dribbles`: an answer that never ends; `slow_s`: before each; `said`: every line of clients.
    """

    tls: ssl.SSLContext | None = None
    refuses: frozenset[str] = frozenset()
    dribbles: bool = False
    slow_s: float = 0.0
    greeting: bytes = b"220 mail.example.org ready\r\n"
    port: int = 0
    said: list[bytes] = field(default_factory=list)
    in_clear: list[bytes] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            if self.dribbles:
                while True:
                    writer.write(b"220-wait\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.005)
            writer.write(self.greeting)
            secure = False
            while line := await reader.readline():
                self.said.append(line)
                await asyncio.sleep(self.slow_s)
                if not secure:
                    self.in_clear.append(line)
                word, _, rest = line.decode().strip().partition(" ")
                if word.upper() == "STARTTLS" and self.tls is not None:
                    writer.write(b"220 go ahead\r\n")
                    await writer.drain()
                    await writer.start_tls(self.tls)
                    secure = True
                elif word.upper() == "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    await self._answer(word.upper(), rest, reader, writer, secure=secure)
                await writer.drain()

    async def _answer(
        self, word: str, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool
    ) -> None:
        match word:
            case "EHLO":
                offers = [b"250-mail.example.org\r\n"]
                if self.tls is not None and not secure:
                    offers.append(b"250-STARTTLS\r\n")
                writer.write(b"".join(offers) + b"250 AUTH PLAIN\r\n")
            case "RCPT":
                to = rest.removeprefix("TO:").strip("<>")
                self.recipients.append(to)
                writer.write(b"550 nobody of that name\r\n" if to in self.refuses else b"250 ok\r\n")
            case "DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
            case "AUTH":
                writer.write(b"235 welcome\r\n")
            case _:
                writer.write(b"250 ok\r\n")


@asynccontextmanager
async def listening(to: Receiver | MailServer, tls: ssl.SSLContext | None = None) -> AsyncGenerator[None]:
    """On a free port of loopback, or the one it had before."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await to.serve(reader, writer)
        except asyncio.CancelledError:
            # Not raised again: asyncio's own callback does not expect it.
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", to.port, ssl=tls)
    to.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def certificate(folder: Path, *names: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for these names, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "receiver.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))
