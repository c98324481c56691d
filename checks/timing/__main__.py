"""The run: `python -m checks.timing [--times 3000] [--write]`.

Kinds of requests come in a random order, from addresses that change, so that nobody is locked out;
times are taken in process, and by a client on a socket.
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

from benchmarks.processes import start, stop, wait_for_address
from boxis_gateway.app import create_app
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from checks.timing.asked import CODES, PASSWORDS, Make, as_post, make_store
from checks.timing.compare import described, difference

PAGE = Path(__file__).parents[2] / "docs" / "security-measurements.md"
LOGINS = 10  # times fewer, as each takes 20 ms on purpose
WARM_UP = 50  # of each kind
ASKS_OF_AN_ADDRESS = 4  # fewer than make somebody wait
REFUSALS = (b"'authcode' is not valid", b"credentials_invalid")
HEAD = """# What time tells

`make timing TIMING_ARGS=--write`: requests that are refused with the same words, {times:,} of each
kind in a random order in one run. *Advantage* is how much better than by chance one of that kind is
told from one of an unknown user by which took longer (0: not at all, 1: always), and how many
standard deviations of chance that is; *distance* the greatest between the two distributions, and in
brackets what chance alone exceeds once in twenty runs. Times are in µs. The unknown user stands
here twice to show what chance does.
"""

Ask = Callable[[], bytes]
"""Send what is ready, and return the answer: what is timed."""
Asking = Callable[[str, Mapping[str, str]], Ask]
"""Make that ready, of an address and a form."""
Times = dict[str, list[float]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m checks.timing", description=__doc__)
    parser.add_argument("--times", type=int, default=3_000)
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    options = parser.parse_args()
    page = HEAD.format(times=options.times)
    with tempfile.TemporaryDirectory(prefix="timing-") as name:
        store = make_store(Path(name))
        for title, path, kinds, times in (
            ("The form API", "/", CODES, options.times),
            ("Login at the REST API", "/auth/login", PASSWORDS, options.times // LOGINS),
        ):
            for where, way in (("in process", in_process), ("by a socket", by_socket)):
                with way(store, path) as asking:
                    found = measure(asking, kinds, times)
                page += f"\n## {title}, {where}\n\n{table(found)}"
    print(page)
    if options.write:
        PAGE.write_text(page)
    return 0


def measure(asking: Asking, kinds: Mapping[str, Make], times: int) -> Times:
    """Microseconds of each answer."""
    order = [kind for kind in kinds for _ in range(times)]
    random.shuffle(order)
    found: Times = {kind: [] for kind in kinds}
    gc.collect()
    gc.freeze()
    for number, kind in enumerate([*kinds] * WARM_UP + order):
        ask = asking(_address(number // ASKS_OF_AN_ADDRESS), kinds[kind]())
        began = time.perf_counter_ns()
        body = ask()
        taken = time.perf_counter_ns() - began
        assert any(words in body for words in REFUSALS), body
        if number >= WARM_UP * len(kinds):
            found[kind].append(taken / 1000)
    return found


@contextmanager
def in_process(store: Store, path: str) -> Iterator[Asking]:
    """The application called as a server does."""
    app = create_app(Store(store.url), Settings())

    def asking(address: str, form: Mapping[str, str]) -> Ask:
        body = urlencode(form).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": address,
        }
        return lambda: b"".join(app(environ, lambda *_: lambda _: None))

    yield asking


@contextmanager
def by_socket(store: Store, path: str) -> Iterator[Asking]:
    """A server of one process; a connection, with an address of its own, for some requests."""
    log = store.path.with_suffix(".log")
    words = ("serve", "--port", "0", "--workers", "1", "--log-level", "error")
    environ = {"BOXIS_GATEWAY_DATABASE_URL": store.url}
    process = start([sys.executable, "-m", "boxis_gateway", *words], log, environ)
    made: dict[str, socket.socket] = {}

    def asking(address: str, form: Mapping[str, str]) -> Ask:
        request = as_post(path, form)
        if address not in made:
            for old in [made.pop(one) for one in list(made)]:
                old.close()
            made[address] = socket.create_connection(("127.0.0.1", port), 30, (address, 0))
        connection = made[address]

        def ask() -> bytes:
            connection.sendall(request)
            return connection.recv(65_536)

        return ask

    try:
        port = int(wait_for_address(process, log).rsplit(":", 1)[1])
        yield asking
    finally:
        for one in made.values():
            one.close()
        stop(process)


def _address(number: int) -> str:
    return f"127.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def table(found: Times) -> str:
    """A row for each kind, compared with the first."""
    head = "| Kind | 10 % | median | 90 % | 99 % | advantage | sigmas | distance (chance) |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    first = next(iter(found.values()))
    for kind, times in found.items():
        quantiles = " | ".join(f"{one:,.1f}" for one in described(times))
        apart = difference(times, first)
        told = f"{apart.advantage:+.3f} | {apart.sigmas:+.1f}"
        lines.append(
            f"| {kind} | {quantiles} | {told} | {apart.distance:.3f} ({apart.chance:.3f}) |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
