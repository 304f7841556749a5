"""All checks, in the order in which one would look."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from server.clock import Clock, SystemClock
from server.config import Config, ConfigError, database_file, load_config
from server.doctor import addresses, disk, files, machine, media
from server.doctor.alerts import alerts
from server.doctor.database import database, newest_event_ms
from server.doctor.finding import Finding, broken, ok
from server.lan import lan_folder


async def examine(path: Path | None, environ: Mapping[str, str], clock: Clock | None = None) -> tuple[Finding, ...]:
    """Looks at everything. Settings that cannot be read are the only finding: the rest would be about others."""
    where = "defaults and environment" if path is None else str(path)
    try:
        config = load_config(path, environ)
    except ConfigError as error:
        return (broken("settings", str(error), "config.toml in the project lists every setting"),)
    return (
        ok("settings", where),
        *await examine_config(config, clock or SystemClock()),
        files.root_key(config, environ),
    )


async def examine_config(config: Config, clock: Clock) -> tuple[Finding, ...]:
    """Looks at everything that these settings name."""
    server = config.server
    file = database_file(config.storage.url)
    stored = await database(config)
    beside: tuple[Finding, ...] = ()
    if file is not None:
        beside = (disk.free_space(file.parent), await asyncio.to_thread(disk.sync_time, file.parent))
    return (
        await asyncio.to_thread(addresses.listening, server.host, server.port),
        addresses.address(config),
        *await media.media_ports(config),
        *media.media_addresses(config),
        await asyncio.to_thread(addresses.metrics, server.metrics_host, server.metrics_port),
        *stored,
        *beside,
        files.built_client(Path(server.client_dir)),
        files.notice(config),
        *await alerts(config.alerts),
        *files.secret_files(config, lan_folder(config) / "key.pem"),
        machine.wall_clock(clock, await newest_event_ms(config)),
        machine.monotonic_clock(clock),
        machine.clock_synchronized(machine.kernel_clock_synchronized()),
        machine.open_files(),
        machine.udp_buffers(),
    )
