"""Prometheus metrics of requests and of processes. docs/monitoring.md has the table.

prometheus_client decides when it is imported whether processes share their figures (folder.py): so
this module is imported by who serves, and late. Label values are words of ours: never who asks, for
whom, or from where.
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
from boxis_gateway.monitoring.folder import VARIABLE
from boxis_gateway.monitoring.request_record import Seen

BUCKETS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
"""Seconds. A short request takes 0.2 ms, a million messages seconds, a slow client a minute."""

ADDED_SECONDS = 1.0
PREFIX = "boxis_gateway_"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

disable_created_metrics()  # type: ignore[no-untyped-call]


class _Tally:
    """What has been counted of requests that are alike since it was last added to the metrics."""

    def __init__(self, seconds: Histogram) -> None:
        self.seconds = seconds  # told of each request: looking up its labels costs as much
        self.requests = self.rows = self.bytes = 0


class Metrics:
    """The metrics of this process; `text()` is of all processes of a server.

    Memory that processes share is slow to write to: so counts of requests are added to it every
    ADDED_SECONDS only, and by `pulse`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._tallies: dict[tuple[str, str, str, str], _Tally] = {}
        self._added_at = 0.0
        self._lock = Lock()  # for servers with threads
        kind, why = ("door", "action"), ("door", "reason")
        self._requests = self._counter("requests", "Requests answered.", *kind, "outcome", "format")
        self._seconds = self._histogram("request_seconds", "To the end of the answer.", *kind)
        self._first_byte = self._histogram(
            "first_byte_seconds",
            "To the first byte, if the answer streams; others leave whole.",
            *kind,
        )
        self._rows = self._counter("rows", "Rows in answers.", *kind)
        self._bytes = self._counter("bytes", "Bytes of answers, without heads.", *kind)
        self._refused = self._counter("auth_failures", "Requests of who is not let in.", *why)
        self._limited = self._counter("limited", "Requests that were one too many.", *why)
        self._processes = _Processes(self._registry)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, help, labels, registry=self._registry)

    def _histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(PREFIX + name, help, labels, registry=self._registry, buckets=BUCKETS)

    def tell(self, seen: Seen) -> None:
        """Count a request that has ended."""
        key = (seen.door, seen.action, seen.outcome, seen.format)
        with self._lock:
            tally = self._tallies.get(key)
            if tally is None:
                tally = self._tallies[key] = _Tally(self._seconds.labels(seen.door, seen.action))
            tally.requests += 1
            tally.rows += seen.rows
            tally.bytes += seen.bytes
        tally.seconds.observe(seen.seconds)
        if seen.streams:
            self._first_byte.labels(seen.door, seen.action).observe(seen.first_byte)
        if seen.outcome in ("refused", "clock"):
            self._refused.labels(seen.door, seen.reason).inc()
        elif seen.outcome == "limited":
            self._limited.labels(seen.door, seen.reason).inc()
        ended = seen.began + seen.seconds
        if ended - self._added_at > ADDED_SECONDS:
            self._added_at = ended
            self._add()

    def stream(self, number: int) -> None:
        """So many streams more (or less) are under way."""
        self._processes.streams.inc(number)

    def pulse(self, connections: int, store_connections: Mapping[str, int]) -> None:
        """Write down how this process is, and what it has counted; called now and then."""
        self._add()
        self._processes.write(connections, store_connections)

    def text(self, figures: Mapping[tuple[str, str], float]) -> bytes:
        """What Prometheus reads: all that was counted, and `figures` of now by name and help."""
        counted, now = self._registry, CollectorRegistry()
        if VARIABLE in os.environ:
            counted = CollectorRegistry()
            _Begun(counted)  # type: ignore[no-untyped-call]
        now.register(_Figures(figures))
        return generate_latest(counted) + generate_latest(now)

    def _add(self) -> None:
        with self._lock:
            for (door, action, outcome, format), tally in self._tallies.items():
                if tally.requests:
                    self._requests.labels(door, action, outcome, format).inc(tally.requests)
                    self._rows.labels(door, action).inc(tally.rows)
                    self._bytes.labels(door, action).inc(tally.bytes)
                    tally.requests = tally.rows = tally.bytes = 0


class _Begun(MultiProcessCollector):
    """All processes but those that are just beginning: nothing can be read from a file that is made
    and has no octet yet."""

    def collect(self) -> Iterable[Metric]:
        """What prometheus_client makes of it."""
        folder = Path(os.environ[VARIABLE])
        files = [str(file) for file in folder.glob("*.db") if _octets(file)]
        merged: Iterable[Metric] = self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]
        return merged


def _octets(file: Path) -> int:
    with suppress(FileNotFoundError):  # its process has ended
        return file.stat().st_size
    return 0


class _Processes:
    """What a process has: its own gauges, summed up over those that live."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(
                PREFIX + name, help, labels, registry=registry, multiprocess_mode="livesum"
            )

        self.streams = gauge("streams_under_way", "Answers that leave in pieces now.")
        self._connections = gauge("connections_open", "Connections of clients.")
        self._store = gauge("store_connections", "Connections to the store.", ("state",))
        self._processes = gauge("processes", "Server processes.", ("version",))
        self._memory = gauge("process_memory_bytes", "Memory of processes, without files.")
        self._descriptors = gauge("process_open_descriptors", "Open files and sockets.")
        self._cpu = Counter(PREFIX + "process_cpu_seconds", "Processor time.", registry=registry)
        self._cpu_seconds = 0.0
        self.streams.set(0)

    def write(self, connections: int, store_connections: Mapping[str, int]) -> None:
        """The figures of now."""
        self._connections.set(connections)
        for state, number in store_connections.items():
            self._store.labels(state).set(number)
        self._processes.labels(__version__).set(1)
        with suppress(OSError):  # not every system has it
            resident, shared = map(int, Path("/proc/self/statm").read_bytes().split()[1:3])
            self._memory.set((resident - shared) * PAGE_BYTES)
            self._descriptors.set(len(os.listdir("/proc/self/fd")))
        now = time.process_time()
        self._cpu.inc(now - self._cpu_seconds)
        self._cpu_seconds = now


class _Figures:
    """Figures that stand as they are, as prometheus_client takes them."""

    def __init__(self, figures: Mapping[tuple[str, str], float]) -> None:
        self._figures = figures

    def collect(self) -> list[GaugeMetricFamily]:
        """A gauge for each."""
        return [GaugeMetricFamily(*about, value) for about, value in self._figures.items()]
