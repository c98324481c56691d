"""Commands and servers that start at once: `boxis-gateway` as a process of its own, forked from one
that has imported all modules of commands.

Tests about loading, or about Python's own environment, run `python -m boxis_gateway` instead.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from itertools import count
from tempfile import TemporaryFile
from threading import Lock
from typing import Any, NoReturn

import peewee

from boxis_gateway.commands import COMMANDS, main

DIE_AT_COMMIT = "TESTS_DIE_AT_COMMIT"  # in the environment of a command
LONGEST_JOB = 200_000  # octets
LONGEST_SECONDS = 600
SET_CHILD_SUBREAPER = 36  # prctl(2)


class Warm:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forked_commands", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._stop)

    def run(
        self, words: Sequence[str], environ: Mapping[str, str], stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Output and exit code of a command."""
        with ExitStack() as stack:
            files = [stack.enter_context(TemporaryFile("w+")) for _ in range(3)]
            files[0].write(stdin)
            files[0].seek(0)
            code = self._do(words, environ, os.getcwd(), [file.fileno() for file in files])
            for file in files:
                file.seek(0)
            return subprocess.CompletedProcess(list(words), code, files[1].read(), files[2].read())

    def fileno(self) -> int:
        """The socket that takes jobs; a child process may use it while this one waits."""
        return self._socket.fileno()

    def start(
        self, words: Sequence[str], environ: Mapping[str, str], cwd: str, files: Sequence[int]
    ) -> int:
        """Start a command in a session of its own, as a child of this process."""
        with adopting():
            return self._do(words, environ, cwd, files, is_alone=True)

    def _do(
        self,
        words: Sequence[str],
        environ: Mapping[str, str],
        cwd: str,
        files: Sequence[int],
        is_alone: bool = False,
    ) -> int:
        job = {"words": words, "environ": dict(environ), "cwd": cwd, "is_alone": is_alone}
        with self._lock:
            self._socket.settimeout(LONGEST_SECONDS)
            socket.send_fds(self._socket, [json.dumps(job).encode()], files)
            return int(self._socket.recv(100))

    def _stop(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def warm() -> Warm:
    """The process that this one forks from."""
    return Warm()


class Forked(subprocess.Popen[str]):
    """Popen for `python -m boxis_gateway` with text output, in a session of its own."""

    def _execute_child(self, args: Any, *how: Any) -> None:
        cwd, environ, pipes = how[4], how[5], how[9:15]
        with open(os.devnull) as nothing:
            outputs = (own if pipe < 0 else pipe for pipe, own in ((pipes[3], 1), (pipes[5], 2)))
            files = (nothing.fileno(), *outputs)
            environ = os.environ if environ is None else environ
            self.pid = warm().start(args[3:], environ, cwd or os.getcwd(), files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


@contextmanager
def adopting() -> Iterator[None]:
    """Adopt processes whose parent ends within the context."""
    libc = ctypes.CDLL(None)
    libc.prctl(SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        libc.prctl(SET_CHILD_SUBREAPER, 0)


def serve_jobs(jobs: socket.socket) -> None:
    """Fork a child for each job; the child returns from here to do it."""
    while True:
        message, files, _, _ = socket.recv_fds(jobs, LONGEST_JOB, 3)
        if not message:
            os._exit(0)
        job = json.loads(message)
        answer = fork(job["is_alone"])
        if not answer:
            jobs.close()
            become(job, files)
            return
        for file in files:
            os.close(file)
        jobs.send(answer)


def fork(is_alone: bool) -> bytes:
    """The exit code of a child, or at once the process id of an orphan; in the child b""."""
    told, telling = os.pipe()
    child = os.fork()
    if child:
        os.close(telling)
        _, status = os.waitpid(child, 0)
        with open(told, "rb") as pipe:
            return pipe.read() or str(os.waitstatus_to_exitcode(status)).encode()
    if is_alone:
        if grandchild := os.fork():
            os.write(telling, str(grandchild).encode())
            os._exit(0)
        os.setsid()
    os.close(told)
    os.close(telling)
    return b""


def become(job: Mapping[str, object], files: Sequence[int]) -> None:
    """Take files, environment, folder and words of a job."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(job["environ"])  # type: ignore[arg-type,call-overload]
    os.chdir(str(job["cwd"]))
    if number := os.environ.get(DIE_AT_COMMIT):
        die_at_commit(int(number))
    sys.argv[1:] = job["words"]  # type: ignore[assignment]


def die_at_commit(number: int) -> None:
    """Let this process kill itself just before its commit of that number, from 1."""
    commit, numbers = peewee._transaction.commit, count(1)

    def counted(transaction: Any, begin: bool = True) -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(transaction, begin)

    peewee._transaction.commit = counted


def end_with(command: Callable[[], None]) -> NoReturn:
    """Exit as Python does, but without tearing down all modules."""
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
    import_module("boxis_gateway.store.engines.postgresql.engine")
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        gc.freeze()
        serve_jobs(connection)
    end_with(main)
