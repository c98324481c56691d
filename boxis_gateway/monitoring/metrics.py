"""Prometheus metrics of requests and processes (docs/monitoring.md).

Import this module late and only in a server: prometheus_client decides at import whether processes
share their metrics (multiprocess.py). Label values come from fixed sets, never from a client.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from boxis_gateway import __version__
from boxis_gateway.logs import dropped_lines
from boxis_gateway.monitoring.multiprocess import VARIABLE
from boxis_gateway.monitoring.request_record import RequestRecord

BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
"""Seconds: a short request takes 0.2 ms, a million messages seconds, a slow client a minute."""

FLUSH_SECONDS = 1.0
PREFIX = "boxis_gateway_"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

disable_created_metrics()  # type: ignore[no-untyped-call]


class _Pending:
    """Counts of requests with the same labels, not yet added to the metrics."""

    def __init__(self, seconds: Histogram) -> None:
        self.seconds = seconds  # observed at once: looking up its labels costs as much
        self.requests = self.rows = self.bytes = 0


class Metrics:
    """Metrics of this process; `exposition()` has those of all processes of the server.

    Writing to memory that processes share is slow, so counts are added to it only every
    FLUSH_SECONDS, and by `update`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._pending: dict[tuple[str, str, str, str], _Pending] = {}
        self._flushed_at = 0.0
        self._lock = Lock()  # for servers with threads
        route, why = ("api", "action"), ("api", "reason")
        self._requests = self._counter("requests", "Requests.", *route, "outcome", "format")
        self._seconds = self._histogram("request_seconds", "Time to the last byte.", *route)
        self._first_byte = self._histogram(
            "first_byte_seconds", "Time to the first byte of streamed answers.", *route
        )
        self._rows = self._counter("rows", "Rows in answers.", *route)
        self._bytes = self._counter("bytes", "Bytes of answers, without headers.", *route)
        self._refused = self._counter("auth_failures", "Requests refused by authentication.", *why)
        self._limited = self._counter("limited", "Requests refused by a limit.", *why)
        self._processes = _Processes(self._registry)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, help, labels, registry=self._registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(PREFIX + name, help, labels, registry=self._registry, buckets=BUCKETS)

    def observe(self, record: RequestRecord) -> None:
        """Count a request that has ended."""
        key = (record.api, record.action, record.outcome, record.format)
        with self._lock:
            pending = self._pending.get(key)
            if pending is None:
                seconds = self._seconds.labels(record.api, record.action)
                pending = self._pending[key] = _Pending(seconds)
            pending.requests += 1
            pending.rows += record.rows
            pending.bytes += record.bytes
        pending.seconds.observe(record.seconds)
        if record.streams:
            self._first_byte.labels(record.api, record.action).observe(record.first_byte)
        if record.outcome in ("refused", "clock"):
            self._refused.labels(record.api, record.reason).inc()
        elif record.outcome == "limited":
            self._limited.labels(record.api, record.reason).inc()
        ended = record.began + record.seconds
        if ended - self._flushed_at > FLUSH_SECONDS:
            self._flushed_at = ended
            self._flush()

    def add_streams(self, number: int) -> None:
        """Change the gauge of streams in progress by `number`, which may be negative."""
        self._processes.streams.inc(number)

    def update(self, connections: int, store_connections: Mapping[str, int]) -> None:
        """Flush pending counts and set this process's gauges."""
        self._flush()
        self._processes.update(connections, store_connections)

    def exposition(self, gauges: Mapping[tuple[str, str], float]) -> bytes:
        """All metrics in Prometheus text format, with `gauges` by (name, help) added."""
        shared, extra = self._registry, CollectorRegistry()
        if VARIABLE in os.environ:
            shared = CollectorRegistry()
            _StartedProcesses(shared)  # type: ignore[no-untyped-call]
        extra.register(_Gauges(gauges))
        return generate_latest(shared) + generate_latest(extra)

    def _flush(self) -> None:
        with self._lock:
            for (api, action, outcome, format), pending in self._pending.items():
                if pending.requests:
                    self._requests.labels(api, action, outcome, format).inc(pending.requests)
                    self._rows.labels(api, action).inc(pending.rows)
                    self._bytes.labels(api, action).inc(pending.bytes)
                    pending.requests = pending.rows = pending.bytes = 0


class _StartedProcesses(MultiProcessCollector):
    """Collector that skips the empty file of a process that is just starting, which the base class
    cannot read."""

    def collect(self) -> Iterable[Metric]:
        folder = Path(os.environ[VARIABLE])
        files = [str(file) for file in folder.glob("*.db") if _size(file)]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):  # its process has ended
        return file.stat().st_size
    return 0


class _Processes:
    """Gauges of this process; Prometheus sees their sum over all live processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(
                PREFIX + name, help, labels, registry=registry, multiprocess_mode="livesum"
            )

        self.streams = gauge("streams_in_progress", "Streamed answers in progress.")
        self._connections = gauge("connections_open", "Open client connections.")
        self._store = gauge("store_connections", "Connections to the store, by state.", ("state",))
        self._processes = gauge("processes", "Server processes.", ("version",))
        self._memory = gauge("process_memory_bytes", "Resident memory without shared pages.")
        self._descriptors = gauge("process_open_descriptors", "Open file descriptors.")
        self._cpu = Counter(PREFIX + "process_cpu_seconds", "CPU time.", registry=registry)
        self._cpu_seconds = 0.0
        self._dropped = Counter(
            PREFIX + "log_lines_dropped", "Log lines that nobody read.", registry=registry
        )
        self._dropped_lines = dropped_lines()
        self.streams.set(0)

    def update(self, connections: int, store_connections: Mapping[str, int]) -> None:
        """Set all gauges but `streams`."""
        self._connections.set(connections)
        for state, number in store_connections.items():
            self._store.labels(state).set(number)
        self._processes.labels(__version__).set(1)
        with suppress(OSError):  # Linux alone has /proc/self
            resident, shared = map(int, Path("/proc/self/statm").read_bytes().split()[1:3])
            self._memory.set((resident - shared) * PAGE_BYTES)
            self._descriptors.set(len(os.listdir("/proc/self/fd")))
        dropped = dropped_lines()
        self._dropped.inc(dropped - self._dropped_lines)
        self._dropped_lines = dropped
        now = time.process_time()
        self._cpu.inc(now - self._cpu_seconds)
        self._cpu_seconds = now


class _Gauges:
    """Collector of given values."""

    def __init__(self, gauges: Mapping[tuple[str, str], float]) -> None:
        self._gauges = gauges

    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily(*about, value) for about, value in self._gauges.items()]
