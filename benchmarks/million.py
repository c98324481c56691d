"""One account with a million messages, asked over a socket: first byte, memory, count and order.

    .venv/bin/python benchmarks/million.py [ROWS]

It makes a store in a temporary folder, starts `boxis-gateway serve` over it with one worker, reads
the whole history as XML and as JSON through lxml and json, and prints for each: the time to the
first byte, rows a second to the last one, and the most anonymous memory of the server above what it
has when idle. It ends with 1 if a row is missing or out of order.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from boxis_gateway.store import Store

USERNAME, USER_KEY = "million@example.com", "0123456789abcdefABCDEF01"
ROWS = (
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?) "
    "INSERT INTO message SELECT ?, datetime(1300000000 + i * 37, 'unixepoch'), i, i, 'boxis.net', "
    "printf('+485%08d', i), 1, 1000, 'sent', 'sent', NULL, NULL, NULL FROM n"
)


def fill(store: Store, rows: int) -> None:
    """The account, and its messages straight into the table."""
    store.create()
    store.migrate()
    account = store.accounts.add(USERNAME, USER_KEY, datetime.now(UTC))
    with store.database.atomic():
        store.database.execute_sql(ROWS, (rows, account.id))
    store.close()


def serve(url: str) -> tuple[subprocess.Popen[str], str]:
    """The server's process and where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "boxis_gateway", "serve", "--port", "0", "--workers", "1"],
        env={**os.environ, "BOXIS_GATEWAY_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return process, found[0]


def ask(url: str, **form: str) -> urllib.request.http.client.HTTPResponse:
    """Send a signed getHistory."""
    timestamp = str(int(time.time()))
    code = hashlib.md5((timestamp + USER_KEY).encode()).hexdigest()
    form = {"username": USERNAME, "timestamp": timestamp, "authcode": code, **form}
    body = urllib.parse.urlencode({"section": "sms", "action": "getHistory", **form}).encode()
    return urllib.request.urlopen(url, body)


def anonymous_bytes(pid: int) -> int:
    """Memory of the process and its workers that no file stands behind."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollups = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in (pid, *children)]
    return sum(int(n) * 1024 for text in rollups for n in re.findall(r"Anonymous:\s+(\d+)", text))


class Watch(threading.Thread):
    """The most memory that a process has while this runs."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.pid, self.peak, self.over = pid, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.02):
            self.peak = max(self.peak, anonymous_bytes(self.pid))


def recipients(returntype: str, answer: bytes) -> Iterator[int]:
    """The numbers of the rows, in the order of the answer, through a real parser."""
    if returntype == "xml":
        for _, element in etree.iterparse(io.BytesIO(answer), tag="reciptient"):
            yield int(element.text[3:])
    else:
        rows = json.loads(answer)["params"]["senders"]
        for number, (name, row) in enumerate(rows.items(), 1):
            assert name == f"sms{number}"
            yield int(row["reciptient"][3:])


def measure(pid: int, url: str, returntype: str, rows: int) -> bool:
    """Ask once, print what it took; whether every row came in its place."""
    idle = anonymous_bytes(pid)
    watch = Watch(pid)
    watch.start()
    started = time.perf_counter()
    with ask(url, returntype=returntype) as response:
        answer = response.read(1)
        first = time.perf_counter() - started
        answer += response.read()
    total = time.perf_counter() - started
    watch.over.set()
    watch.join()
    right = list(recipients(returntype, answer)) == list(range(rows - 1, -1, -1))
    print(
        f"{returntype:4}  {rows:,} rows, {len(answer) / 1e6:.0f} MB: first byte {first * 1000:.1f} "
        f"ms, {rows / total / 1000:.0f}k rows/s, memory above idle "
        f"{max(0, watch.peak - idle) / 1e6:.1f} MB, {'whole and in order' if right else 'WRONG'}"
    )
    return right


def main() -> int:
    """0 if all came."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/store.db")
        fill(store, rows)
        process, url = serve(store.url)
        try:
            ask(url, datefrom="2099-01-01 00:00").read()  # warm
            right = [measure(process.pid, url, name, rows) for name in ("xml", "json")]
            return 0 if all(right) else 1
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
