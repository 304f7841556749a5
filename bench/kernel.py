"""What Linux says about a process: CPU time, memory, and datagrams that its UDP sockets lost (/proc)."""

from __future__ import annotations

import os
import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """CPU time used so far by all threads, user and system, in seconds, as exactly as the scheduler knows it.

    Raises:
        ProcessLookupError: there is no such process.
    """
    # What clock_getcpuclockid(3) gives, which Python does not have: the process, and CPUCLOCK_SCHED.
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        raise ProcessLookupError(f"no process {pid}") from None


def machine_busy_s() -> float:
    """CPU time that all cores together have spent on anything since the machine started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:]]
    user, nice, system, _idle, _waiting, interrupts, soft, stolen = fields[:8]
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def scheduling() -> str:
    """How this process and those it starts are favored over others: nice values, its own and its session's."""
    group = Path("/proc/self/autogroup")  # sched(7), where the kernel has it
    own = f"nice {os.getpriority(os.PRIO_PROCESS, 0)}"
    return f"{own}, session {group.read_text().partition(' ')[2].strip()}" if group.exists() else own


def rss_mb(pid: int) -> float:
    """Resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def udp_tables() -> str:
    """The kernel's lists of UDP sockets, IPv4 and IPv6."""
    return "".join(Path(f"/proc/net/{name}").read_text() for name in ("udp", "udp6"))


def sockets_of(pid: int) -> frozenset[int]:
    """The inodes of a process's open sockets."""
    found: set[int] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            found.add(int(target[8:-1]))
    return frozenset(found)


def drops_of(tables: str, inodes: frozenset[int]) -> int:
    """Datagrams that the kernel dropped because these sockets were not read fast enough."""
    dropped = 0
    for line in tables.splitlines():
        fields = line.split()
        # A heading has no colon in its first field; the inode is the tenth, drops the last.
        if fields[0].endswith(":") and int(fields[9]) in inodes:
            dropped += int(fields[-1])
    return dropped
