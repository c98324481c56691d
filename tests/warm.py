"""Commands without the wait for Python to load them: `boxis-gateway` as a process of its own, but
forked from one that has imported all that commands are made of.

What differs from a start of their own is what loading them does; tests that are about that, or give
Python itself something in the environment, start them by `python -m boxis_gateway`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

from boxis_gateway.commands import COMMANDS, main

LONGEST_JOB = 200_000  # octets
LONGEST_SECONDS = 60


class Warm:
    """The process that is forked."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """What the command said, and its exit code."""
        job = {"words": words, "environ": dict(environ), "cwd": str(cwd or Path.cwd())}
        with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
            self._socket.settimeout(LONGEST_SECONDS)
            files = [output.fileno(), errors.fileno()]
            socket.send_fds(self._socket, [json.dumps(job).encode()], files)
            code = int(self._socket.recv(100))
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(list(words), code, output.read(), errors.read())

    def stop(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def serve_jobs(jobs: socket.socket) -> None:
    """A child for each job, which returns from here to do it."""
    while True:
        job, files, _, _ = socket.recv_fds(jobs, LONGEST_JOB, 2)
        if not job:
            os._exit(0)
        child = os.fork()
        if not child:
            jobs.close()
            become(json.loads(job), files)
            return
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        jobs.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(job: Mapping[str, object], files: Sequence[int]) -> None:
    """What a process has when it is started."""
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(job["environ"])  # type: ignore[arg-type,call-overload]
    os.chdir(str(job["cwd"]))
    sys.argv[1:] = job["words"]  # type: ignore[assignment]


if __name__ == "__main__":
    for name in COMMANDS.values():
        import_module(f"boxis_gateway.commands.{name}")
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        serve_jobs(connection)
    main()
