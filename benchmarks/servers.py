"""WSGI servers beside the gateway's: a table for the documents, printed by `make servers`.

    python -m benchmarks.servers [--smoke] [--write]

Each has one process and the same application (peers/plain.py). Besides the rate it matters whether
a client can detect an answer that breaks off, because the application fails or the process is
killed, and whether readers of a long answer block others or fill the memory.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

from benchmarks.candidates import PEERS
from benchmarks.load import closed_loop
from benchmarks.processes import (
    family,
    find_program,
    free_address,
    start,
    stop_all,
    wait_for_port,
)
from benchmarks.report import write_table
from benchmarks.usage import anonymous_bytes

APP = "benchmarks.peers.plain:app"
SECONDS, SMOKE_SECONDS = 2.0, 0.2
CONNECTIONS = (1, 16, 64)
SLOW_READERS = 8
BROKEN = (http.client.IncompleteRead, ConnectionError)
BEHIND_NGINX = ", behind nginx"

GUNICORN = f"-m gunicorn {APP} -b 127.0.0.1:{{port}}"
GRANIAN = f"-m granian --interface wsgi --no-ws --port {{port}} {APP}"
SERVERS = {
    "the gateway's": "-m benchmarks.peers.plain",
    "gunicorn, sync": GUNICORN,
    f"gunicorn, sync{BEHIND_NGINX}": GUNICORN,
    "gunicorn, gthread × 4": f"{GUNICORN} -k gthread --threads 4",
    "gunicorn, gevent": f"{GUNICORN} -k gevent",
    "granian, 1 thread": GRANIAN,
    "granian, 4 threads": f"{GRANIAN} --blocking-threads 4",
    "uvicorn": f"-m uvicorn --interface wsgi --no-access-log --port {{port}} {APP}",
    "waitress × 4": f"-m waitress --listen 127.0.0.1:{{port}} {APP}",
}


def rate(port: int, connections: int, seconds: float) -> float:
    """Requests a second of a closed loop."""
    lines = [("POST", "/", "username=anna%40example.com&timestamp=1")]
    loop = closed_loop(f"http://127.0.0.1:{port}", lines, seconds, connections=connections)
    return loop.requests


def application_failure_is_visible(port: int) -> bool:
    """True if the client gets an error when the application raises one."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
        try:
            client.request("GET", "/cut")
            client.getresponse().read()
        except BROKEN:
            return True
    return False


def kill_is_visible(port: int, process: subprocess.Popen[bytes]) -> bool:
    """True if the client gets an error when the server's processes are killed in mid-answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        try:
            client.request("GET", "/long")
            answer = client.getresponse()
            answer.read(1000)
            for pid in family(process.pid)[1:] or [process.pid]:
                os.kill(pid, signal.SIGKILL)
            while answer.read(1 << 20):
                pass
        except BROKEN:
            return True
    return False


def short_request_is_blocked(port: int) -> bool:
    """True if a short request is not answered within a second."""
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1)) as client:
            client.request("POST", "/", "a=b")
            return client.getresponse().status != 200
    except (OSError, http.client.HTTPException):
        return True


def fast_reader_blocks(port: int) -> bool:
    """True if a short request waits while one client reads a long answer as fast as it comes."""
    reader, stopped = _long_reader(port), threading.Event()

    def read() -> None:
        while not stopped.is_set() and reader.recv(1 << 20):
            pass

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.3)
    blocked = short_request_is_blocked(port)
    stopped.set()
    thread.join()
    reader.close()
    return blocked


def slow_readers_block(port: int, pid: int) -> tuple[bool, float]:
    """True if a short request waits for clients that stopped reading a long answer; and the MB that
    the server's memory grew by in these seconds."""
    before = anonymous_bytes(family(pid))
    readers = [_long_reader(port) for _ in range(SLOW_READERS)]
    time.sleep(1)
    blocked = short_request_is_blocked(port)
    grown = anonymous_bytes(family(pid)) - before
    for reader in readers:
        reader.close()
    return blocked, grown / 1e6


def _long_reader(port: int) -> socket.socket:
    reader = socket.create_connection(("127.0.0.1", port), 10)
    reader.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    return reader


def start_server(name: str, arguments: str, folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """The port that clients use, and the server's process."""
    address = free_address()
    port = int(address.rsplit(":", 1)[1])
    command = [sys.executable, *arguments.format(port=port).split()]
    process = start(command, folder / "log", {"PORT": str(port)})
    wait_for_port(process, folder / "log", address)
    if name.endswith(BEHIND_NGINX):
        front, text = free_address(), (PEERS / "proxy.conf").read_text()
        front_port = front.rsplit(":", 1)[1]
        for word, value in (("FOLDER", folder), ("UPSTREAM", port), ("PORT", front_port)):
            text = text.replace(f"@{word}@", str(value))
        configuration, errors = folder / "proxy.conf", folder / "errors"
        configuration.write_text(text)
        command = [find_program("nginx"), "-p", str(folder), "-e", str(errors)]
        nginx = start([*command, "-c", str(configuration)], folder / "nginx.out")
        wait_for_port(nginx, folder / "nginx.out", front)
        port = int(front_port)
    time.sleep(0.5)
    return port, process


def row(name: str, arguments: str, folder: Path, seconds: float) -> str:
    """Markdown of a server."""
    port, process = start_server(name, arguments, folder)
    rates = " / ".join(f"{rate(port, connections, seconds):,.0f}" for connections in CONNECTIONS)
    failure, fast = application_failure_is_visible(port), fast_reader_blocks(port)
    stop_all()
    port, process = start_server(name, arguments, folder)
    slow, grown = slow_readers_block(port, process.pid)
    stop_all()
    killed = kill_is_visible(*start_server(name, arguments, folder))
    stop_all()
    good = [("yes" if visible else "**no**") for visible in (failure, killed)]
    good += [("**yes**" if blocks else "no") for blocks in (fast, slow)]
    return f"| {name} | {rates} | {' | '.join(good)} | {grown:,.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="short loads: the rates mean nothing")
    parser.add_argument("--write", action="store_true", help="write the table into the document")
    options = parser.parse_args()
    heads = (
        "server",
        f"requests/s at {' / '.join(map(str, CONNECTIONS))} connections",
        "a failure is visible",
        "a kill is visible",
        "a fast reader blocks others",
        f"{SLOW_READERS} stalled readers block others",
        "MB that these take",
    )
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    print("\n".join(lines))
    try:
        for name, arguments in SERVERS.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds = SMOKE_SECONDS if options.smoke else SECONDS
                lines.append(row(name, arguments, Path(folder), seconds))
                print(lines[-1], flush=True)
    finally:
        stop_all()
    if options.write:
        write_table("make servers", "\n".join(lines))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stops what was started, too
    main()
