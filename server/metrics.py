"""Numbers for Prometheus: counts and durations, never a person. Served on a listener of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_GROUP = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Everything that is counted, in a registry of its own. A monitor of a session changes none of it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._rooms = Gauge("holdspace_rooms", "Rooms that are open", registry=self.registry)
        self._participants = Gauge("holdspace_participants", "People present in rooms", registry=self.registry)
        self._sockets = Gauge("holdspace_sockets", "Open WebSocket connections", registry=self.registry)
        self._commands = Counter(
            "holdspace_commands", "Commands by type and outcome", ["type", "outcome"], registry=self.registry
        )
        self._command_seconds = Histogram(
            "holdspace_command_seconds",
            "From a command's arrival to its answer",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._commits = Histogram(
            "holdspace_commit_seconds", "One group commit, sync included", buckets=_SECONDS, registry=self.registry
        )
        self._group = Histogram(
            "holdspace_commit_group_size", "Appends in one group commit", buckets=_GROUP, registry=self.registry
        )
        self._commit_failures = Counter(
            "holdspace_commit_failures", "Group commits that failed", registry=self.registry
        )
        self._frames = Counter("holdspace_frames_sent", "Frames sent on WebSockets", registry=self.registry)
        self._bytes = Counter("holdspace_bytes_sent", "Bytes sent on WebSockets", registry=self.registry)
        self._refusals = Counter(
            "holdspace_frames_refused", "Client frames answered with an error", ["code"], registry=self.registry
        )
        self._room_failures = Counter("holdspace_room_failures", "Rooms ended by a fault", registry=self.registry)
        self._alerts = Counter(
            "holdspace_alert_tries", "Tries to tell the contact", ["way", "outcome"], registry=self.registry
        )

    def set_rooms(self, count: int) -> None:
        self._rooms.set(count)

    def count_participants(self, count: Callable[[], int]) -> None:
        """Asks `count` at each scrape."""
        self._participants.set_function(lambda: float(count()))

    def socket_opened(self) -> None:
        self._sockets.inc()

    def socket_closed(self) -> None:
        self._sockets.dec()

    def command(self, kind: str, outcome: str, seconds: float | None = None) -> None:
        """`kind` is a message's tag and `outcome` "ok" or an error code: both from fixed lists, never from input."""
        self._commands.labels(kind, outcome).inc()
        if seconds is not None:
            self._command_seconds.observe(seconds)

    def frame_refused(self, code: str) -> None:
        """A client's frame was answered with an error; `code` is an ErrorCode."""
        self._refusals.labels(code).inc()

    def committed(self, appends: int, seconds: float) -> None:
        """`appends`: those of rooms. A group without any is none: it would tell of what therapists do."""
        if not appends:
            return
        self._group.observe(appends)
        self._commits.observe(seconds)

    def commit_failed(self) -> None:
        self._commit_failures.inc()

    def frames_sent(self, frames: int, size: int) -> None:
        """`size` in bytes, of all these frames together."""
        self._frames.inc(frames)
        self._bytes.inc(size)

    def room_failed(self) -> None:
        self._room_failures.inc()

    def alert_tried(self, way: str, outcome: str) -> None:
        """`way` is `webhook` or `mail`; `outcome` is `delivered`, `failed` or `given_up`."""
        self._alerts.labels(way, outcome).inc()

    def collect_from(self, prefix: str, source: Callable[[], dict[str, float]]) -> None:
        """Asks `source` at each scrape; each entry becomes the gauge `holdspace_{prefix}_{name}`."""
        self.registry.register(_Collected(prefix, source))

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


class _Collected(Collector):
    def __init__(self, prefix: str, source: Callable[[], dict[str, float]]) -> None:
        self._prefix = prefix
        self._source = source

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        for name, value in sorted(self._source().items()):
            yield GaugeMetricFamily(f"holdspace_{self._prefix}_{name}", f"{self._prefix}: {name}", value=value)


class MetricsListener:
    """Serves `/metrics` on an address of its own."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens; returns the port.

        Raises:
            OSError: the address cannot be listened on.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=30.0, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Ends the listener."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
