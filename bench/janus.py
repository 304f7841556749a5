"""Janus, the WebRTC server to compare with: Debian's package, its VideoRoom, on loopback, in a folder of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from pathlib import Path
from time import monotonic
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from bench.process import end

PROTOCOL: Final = Subprotocol("janus-protocol")
READY_S: Final = 15.0

# As little else as it takes: no other plugins, no other ways in. Like ours it is ICE-lite, and shows one address only.
_SETTINGS: Final = {
    "janus.jcfg": """
general: {{ debug_level = 3 session_timeout = 0 {loops} }}
media: {{ rtp_port_range = "32000-32700" }}
nat: {{ ice_lite = true ice_enforce_list = "127.0.0.1" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
""",
    "janus.transport.websockets.jcfg": """
general: {{ json = "compact" ws = true ws_ip = "127.0.0.1" ws_port = {port} wss = false }}
admin: {{ admin_ws = false }}
""",
    "janus.plugin.videoroom.jcfg": "general: {{ }}\n",
}
_PLUGINS: Final = "audiobridge duktape echotest lua nosip recordplay sip streaming textroom videocall voicemail"
_TRANSPORTS: Final = "http mqtt nanomsg pfunix rabbitmq"


class JanusMissing(Exception):
    """Janus is not installed; the message says how to get it."""

    def __init__(self) -> None:
        super().__init__("Janus is not installed. On Debian: apt-get install janus; or leave out --janus.")


class JanusFailed(Exception):
    """Janus did not start, or refused; the run is void."""


def find_janus() -> str:
    """The program.

    Raises:
        JanusMissing: there is none.
    """
    found = shutil.which("janus")
    if found is None:
        raise JanusMissing
    return found


def janus_version(program: str) -> str:
    """Its version, as in "1.1.2"; "unknown" when it does not say."""
    # Whatever it thinks of the option, it says so first.
    said = subprocess.run((program, "--version"), capture_output=True, text=True, check=False, timeout=10).stdout
    return read_version(said)


def read_version(said: str) -> str:
    """The version in what it prints when it starts."""
    found = re.search(r"^Janus version: \d+ \(([^)]+)\)", said, re.MULTILINE)
    return "unknown" if found is None else found[1]


class JanusProcess:
    """A Janus of our own, ended by its pid."""

    def __init__(self, folder: Path, port: int, loops: int = 0) -> None:
        """`loops` threads serve all connections; 0: each connection has one of its own, as Debian sets it."""
        self.url = f"ws://127.0.0.1:{port}"
        self._folder = folder
        self._log = folder / "janus.log"
        self._process: asyncio.subprocess.Process | None = None
        names = {
            "port": port,
            "loops": f"event_loops = {loops}" if loops else "",
            "plugins": ",".join(f"libjanus_{name}.so" for name in _PLUGINS.split()),
            "transports": ",".join(f"libjanus_{name}.so" for name in _TRANSPORTS.split()),
        }
        for name, text in _SETTINGS.items():
            (folder / name).write_text(text.format(**names))

    @property
    def pid(self) -> int:
        """The running process.

        Raises:
            JanusFailed: it does not run.
        """
        if self._process is None or self._process.returncode is not None:
            raise JanusFailed("Janus is gone.\n" + self._tail())
        return self._process.pid

    async def start(self) -> float:
        """Starts it; seconds until its WebSocket can be opened.

        Raises:
            JanusMissing, JanusFailed: it is not there, ended, or is not ready after 15 s.
        """
        program = find_janus()
        began = monotonic()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                program,
                f"--configs-folder={self._folder}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while monotonic() - began < READY_S and self._process.returncode is None:
            try:
                async with connect(self.url, subprotocols=[PROTOCOL], proxy=None):
                    return monotonic() - began
            except (OSError, InvalidHandshake, TimeoutError):
                await asyncio.sleep(0.01)
        raise JanusFailed("Janus did not become ready.\n" + self._tail())

    async def stop(self) -> None:
        """Ends it, by its pid."""
        process, self._process = self._process, None
        await end(process)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:] if self._log.exists() else ""
