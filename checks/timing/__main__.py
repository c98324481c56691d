"""The run: `python -m checks.timing [--times 3000] [--write]`.

Kinds of requests come in a random order, from changing addresses, so that no lockout begins; they
are timed in process, and by a client on a socket.
"""

from __future__ import annotations

import argparse
import gc
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.machine import commit
from benchmarks.processes import start, stop, wait_for_address
from boxis_gateway.app import create_app
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from checks.timing.compare import difference, summary
from checks.timing.refusals import CODES, PASSWORDS, MakeForm, make_store

PAGE = Path(__file__).parents[2] / "docs" / "security-measurements.md"
LOGINS = 10  # times fewer, as each takes 20 ms on purpose
WARM_UP = 50  # of each kind
REQUESTS_OF_AN_ADDRESS = 4  # fewer than begin a lockout
REFUSALS = (b"'authcode' is not valid", b"credentials_invalid")
FORM_TYPE = "application/x-www-form-urlencoded"
HEAD = """# Response times of refusals

`make timing TIMING_ARGS=--write` at commit {commit}: requests that are refused with the same
text, {times:,} of each kind in a random order in one run. *Advantage* is how much better than by
chance a request of that kind can be told from one of an unknown user by which took longer (0: not
at all, 1: always), and *sigmas* the same in standard deviations of chance; *distance* is the
greatest between the two distributions, and in brackets the value that chance exceeds once in
twenty runs. Times are in µs. The unknown user is there twice, to show the effect of chance.
"""

Send = Callable[[], bytes]
"""Send a prepared request and return the answer: the timed part."""
Prepare = Callable[[str, Mapping[str, str]], Send]
"""Prepare a request from an address and a form."""
Times = dict[str, list[float]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m checks.timing", description=__doc__)
    parser.add_argument("--times", type=int, default=3_000, help="requests of a kind; at least 20")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    options = parser.parse_args()
    page = HEAD.format(times=options.times, commit=commit())
    with tempfile.TemporaryDirectory(prefix="timing-") as name:
        store = make_store(Path(name))
        for title, path, kinds, times in (
            ("The form API", "/", CODES, options.times),
            ("Login at the REST API", "/auth/login", PASSWORDS, options.times // LOGINS),
        ):
            for where, connect in (("in process", in_process), ("by a socket", by_socket)):
                with connect(store, path) as prepare:
                    page += f"\n## {title}, {where}\n\n{table(measure(prepare, kinds, times))}"
    print(page)
    if options.write:
        PAGE.write_text(page)
    return 0


def measure(prepare: Prepare, kinds: Mapping[str, MakeForm], times: int) -> Times:
    """Microseconds of each answer, by kind."""
    order = [kind for kind in kinds for _ in range(times)]
    random.shuffle(order)
    measured: Times = {kind: [] for kind in kinds}
    gc.collect()
    gc.freeze()
    for number, kind in enumerate([*kinds] * WARM_UP + order):
        send = prepare(_address(number // REQUESTS_OF_AN_ADDRESS), kinds[kind]())
        began = time.perf_counter_ns()
        body = send()
        taken = time.perf_counter_ns() - began
        assert any(text in body for text in REFUSALS), body
        if number >= WARM_UP * len(kinds):
            measured[kind].append(taken / 1000)
    return measured


@contextmanager
def in_process(store: Store, path: str) -> Iterator[Prepare]:
    """Requests to the WSGI application."""
    app = create_app(Store(store.url), Settings())

    def prepare(address: str, form: Mapping[str, str]) -> Send:
        body = urlencode(form).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "CONTENT_TYPE": FORM_TYPE,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": address,
        }
        return lambda: b"".join(app(environ, lambda *_: lambda _: None))

    yield prepare


@contextmanager
def by_socket(store: Store, path: str) -> Iterator[Prepare]:
    """Requests to a server of one process, on one connection for each address."""
    log = store.path.with_suffix(".log")
    options = ("--port", "0", "--watch-port", "0", "--workers", "1", "--log-level", "error")
    environ = {"BOXIS_GATEWAY_DATABASE_URL": store.url}
    process = start([sys.executable, "-m", "boxis_gateway", "serve", *options], log, environ)
    connections: dict[str, socket.socket] = {}

    def close_all() -> None:
        while connections:
            connections.popitem()[1].close()

    def prepare(address: str, form: Mapping[str, str]) -> Send:
        body = urlencode(form)
        request = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        if address not in connections:
            close_all()
            connections[address] = socket.create_connection(("127.0.0.1", port), 30, (address, 0))
        connection = connections[address]

        def send() -> bytes:
            connection.sendall(request)
            return connection.recv(65_536)

        return send

    try:
        port = int(wait_for_address(process, log).rsplit(":", 1)[1])
        yield prepare
    finally:
        close_all()
        stop(process)


def _address(number: int) -> str:
    return f"127.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def table(measured: Times) -> str:
    """A row for each kind, compared with the first."""
    head = "| Kind | 10 % | median | 90 % | 99 % | advantage | sigmas | distance (chance) |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    first = next(iter(measured.values()))
    for kind, times in measured.items():
        quantiles = " | ".join(f"{time:,.1f}" for time in summary(times))
        compared = difference(times, first)
        advantage = f"{compared.advantage:+.3f} | {compared.sigmas:+.1f}"
        distance = f"{compared.distance:.3f} ({compared.chance:.3f})"
        lines.append(f"| {kind} | {quantiles} | {advantage} | {distance} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
