"""WSGI servers beside ours: `make servers`. A table for docs/performance.md.

Each has one process and the same application (peers/plain.py). What matters beside the rate: if
a client can tell an answer that broke off, by a fault of the application or since the process was
killed, and whether clients that stop reading hold up others.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.processes import family, free_address, start, stop, stop_all, wait_for_port

APP = "benchmarks.peers.plain:app"
SECONDS = 2
SLOW_READERS = 8
BROKEN = (http.client.IncompleteRead, ConnectionError)

SERVERS = {
    "ours": "-m benchmarks.peers.plain",
    "gunicorn, sync": f"-m gunicorn -b 127.0.0.1:{{port}} {APP}",
    "gunicorn, gthread × 4": f"-m gunicorn -b 127.0.0.1:{{port}} -k gthread --threads 4 {APP}",
    "granian, 1 thread": f"-m granian --interface wsgi --port {{port}} --no-ws {APP}",
    "granian, 4 threads": (
        f"-m granian --interface wsgi --port {{port}} --no-ws --blocking-threads 4 {APP}"
    ),
    "waitress × 4": f"-m waitress --listen 127.0.0.1:{{port}} {APP}",
}


def rate(port: int, connections: int) -> float:
    """Requests a second of a closed loop."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\nwrk.body = "username=anna%40example.com&timestamp=1"\n')
        script.write('wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"\n')
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script.name]
        done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True)
    found = re.search(rb"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found, done
    return float(found[1])


def shows_a_fault(port: int) -> bool:
    """Whether the client errs when the application does."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", "/cut")
        client.getresponse().read()
    except BROKEN:
        return True
    finally:
        client.close()
    return False


def shows_a_kill(port: int, process: subprocess.Popen[bytes], ending: signal.Signals) -> bool:
    """Whether the client errs when the server's processes end in mid-answer."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        client.request("GET", "/long")
        answer = client.getresponse()
        answer.read(1000)
        for pid in family(process.pid)[1:] or [process.pid]:
            os.kill(pid, ending)
        while answer.read(1 << 20):
            pass
    except BROKEN:
        return True
    finally:
        client.close()
    return False


def is_held_up(port: int) -> bool:
    """Whether a short request waits for clients that began a long answer and read no further."""
    slow = []
    for _ in range(SLOW_READERS):
        slow.append(socket.create_connection(("127.0.0.1", port), 10))
        slow[-1].sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(1)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        client.request("POST", "/", "a=b")
        return client.getresponse().status != 200
    except (OSError, http.client.HTTPException):
        return True
    finally:
        for one in (*slow, client):
            one.close()


def row(name: str, words: str, folder: Path) -> str:
    """One server, in Markdown."""

    def fresh() -> tuple[int, subprocess.Popen[bytes]]:
        address = free_address()
        port = int(address.rsplit(":", 1)[1])
        command = [sys.executable, *words.format(port=port).split()]
        process = start(command, folder / "log", {"PORT": str(port)})
        wait_for_port(process, folder / "log", address)
        time.sleep(0.5)
        return port, process

    port, process = fresh()
    rates = [f"{rate(port, connections):,.0f}" for connections in (1, 16, 64)]
    fault, held_up = shows_a_fault(port), is_held_up(port)
    stop(process)
    port, process = fresh()
    killed = shows_a_kill(port, process, signal.SIGKILL)
    stop(process)
    words_of = {True: "yes", False: "**no**"}
    others = "**yes**" if held_up else "no"
    return f"| {name} | {' / '.join(rates)} | {words_of[fault]} | {words_of[killed]} | {others} |"


def main() -> None:
    """The table."""
    print(
        "| server | requests/s at 1 / 16 / 64 connections | a fault shows | a kill shows |", end=""
    )
    print(f" {SLOW_READERS} slow readers hold up others |\n|---|---|---|---|---|")
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, words in SERVERS.items():
                print(row(name, words, Path(folder)), flush=True)
    finally:
        stop_all()


if __name__ == "__main__":
    main()
