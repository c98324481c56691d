"""Long answers read at once, and dropped.

    python -m benchmarks.clients.streams ADDRESS FILE COUNT SECONDS ENDING

COUNT connections send the first request of FILE (`METHOD TAB path TAB body`) and read as fast as
they can. With SECONDS 0 each reads one answer to its end; otherwise they repeat it until that time
is over, and break off. Each answer is a line of JSON: `seconds`, `first_byte_ms`, `whole` (true if
ENDING stands at its end; null if it was broken off here).
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path

PIECE = 1 << 18  # bytes
TAIL = 300  # bytes that are kept to look for the ending
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


def stream(address: str, request: tuple[str, str, str], until: float, ending: bytes) -> None:
    """Send the request and read. `until` is 0 or the time to break off (time.monotonic)."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=120)
    method, path, body = request
    connection.connect()
    started = time.perf_counter()
    connection.request(method, path, body or None, HEADERS)
    response = connection.getresponse()
    tail = response.read(1)
    first_byte = time.perf_counter() - started
    whole: bool | None = None
    try:
        while piece := response.read1(PIECE):
            tail = (tail + piece[-TAIL:])[-TAIL:]
            if until and time.monotonic() > until:
                break
        else:
            whole = ending in tail
    except (OSError, http.client.HTTPException):
        whole = False
    seconds = time.perf_counter() - started
    connection.close()
    answer = {"seconds": seconds, "first_byte_ms": first_byte * 1000, "whole": whole}
    sys.stdout.write(json.dumps(answer) + "\n")


def main(address: str, file: str, count: str, seconds: str, ending: str) -> None:
    """Run all connections at once."""
    method, path, body = Path(file).read_text().splitlines()[0].split("\t")
    until = time.monotonic() + float(seconds) if float(seconds) else 0.0

    def repeat() -> None:
        while True:
            stream(address, (method, path, body), until, ending.encode())
            if time.monotonic() > until:
                return

    threads = [threading.Thread(target=repeat) for _ in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
