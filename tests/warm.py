"""Commands without the wait for Python to load them: `boxis-gateway` as a process of its own, but
forked from one that has imported all that commands are made of.

What differs from a start of their own is what loading them does; tests that are about that, or give
Python itself something in the environment, start them by `python -m boxis_gateway`.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

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
        self, words: Sequence[str], environ: Mapping[str, str], cwd: Path, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """What the command said, and its exit code."""
        job = {"words": words, "environ": dict(environ), "cwd": str(cwd)}
        with ExitStack() as stack:
            given, output, errors = (stack.enter_context(TemporaryFile("w+")) for _ in range(3))
            given.write(stdin)
            given.seek(0)
            self._socket.settimeout(LONGEST_SECONDS)
            files = [file.fileno() for file in (given, output, errors)]
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
        job, files, _, _ = socket.recv_fds(jobs, LONGEST_JOB, 3)
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
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(job["environ"])  # type: ignore[arg-type,call-overload]
    os.chdir(str(job["cwd"]))
    sys.argv[1:] = job["words"]  # type: ignore[assignment]


def end_with(command: Callable[[], None]) -> NoReturn:
    """As Python ends, but for taking apart all that it has loaded."""
    code = 0
    try:
        command()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    for name in COMMANDS.values():
        import_module(f"boxis_gateway.commands.{name}")
    import_module("boxis_gateway.store.postgresql_engine")
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        gc.freeze()
        serve_jobs(connection)
    end_with(main)
