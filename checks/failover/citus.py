"""A worker of Citus dies under load and comes back:
`python -m checks.failover.citus --bin FOLDER [--rounds 2] [--seconds 8]`.

Two gateways, which share the coordinator and nothing else, serve accounts of all three workers. It
ends with 1 if anything that was acknowledged is lost, any answer was wrong, or a request failed
that had nothing to do with the worker."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from benchmarks.processes import serving
from boxis_gateway.store import Store
from boxis_gateway.zones import utc_text
from checks.failover.__main__ import KEY, complaints
from checks.failover.load import BATCHES, HISTORY, Load
from checks.failover.servers import Programs, Server, find_programs
from checks.failover.shop import FIRST, Shop, make_shop
from checks.failover.tally import Tally, longest_gap, table

WORKERS = ("w1", "w2", "w3")
VICTIM = WORKERS[0]
OURS, OTHERS = "of its accounts", "of the others"
SHOPS_OF_EACH_KIND = 2
MONTHS = 18  # there is room for: a worker that is down can make none
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'citus'
max_prepared_transactions = 200
citus.node_conninfo = 'sslmode=disable'
citus.shard_count = 12
citus.recover_2pc_interval = '2s'
"""
PLACE_SQL = """
    SELECT nodeport FROM citus_shards WHERE table_name = 'message'::regclass
        AND shardid = get_shard_id_for_distribution_column('message', {})
"""


class Cluster:
    """A coordinator, and its workers."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.coordinator = Server("coordinator", programs, folder)
        self.workers = [Server(name, programs, folder) for name in WORKERS]

    @property
    def url(self) -> str:
        """Of the store."""
        return f"postgresql://gateway@127.0.0.1:{self.coordinator.port}/gateway"

    def ask(self, server: Server, *statements: str) -> Any:
        """What the last one answers in its first row and column, in the store's database."""
        with psycopg.connect(f"{server.place} dbname=gateway", autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def start(self) -> None:
        """An empty database `gateway` on all of them, which know each other."""
        for server in (self.coordinator, *self.workers):
            self._start(server)
        port = self.coordinator.port
        self.ask(self.coordinator, f"SELECT citus_set_coordinator_host('127.0.0.1', {port})")
        for worker in self.workers:
            self.ask(self.coordinator, f"SELECT citus_add_node('127.0.0.1', {worker.port})")

    def _start(self, server: Server) -> None:
        server.programs.make_folder(server.data)
        words = ("-D", server.data, "-U", "postgres", "-A", "trust", "-E", "UTF8")
        server.programs.run("initdb", *words, "--locale=C.UTF-8")
        with (server.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        server.start()
        server.sql(
            "CREATE ROLE gateway LOGIN",
            "CREATE DATABASE gateway OWNER gateway",
        )
        self.ask(server, "CREATE EXTENSION citus")

    def worker_of(self, account_id: int) -> str:
        """The name of the worker that has the account."""
        port = self.ask(self.coordinator, PLACE_SQL.format(account_id))
        return next(worker.name for worker in self.workers if worker.port == port)

    def stop(self) -> None:
        """All of them."""
        for server in (self.coordinator, *self.workers):
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


def main() -> int:
    """Kill a worker under load, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m checks.failover.citus", description=__doc__)
    parser.add_argument("--bin", type=Path, required=True, help="of a PostgreSQL that has Citus")
    parser.add_argument("--rounds", type=int, default=2, help="how often the worker is killed")
    parser.add_argument("--seconds", type=float, default=8, help="of calm, and without the worker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failover-") as name:
        folder = Path(name)
        with running(find_programs(options.bin), folder) as cluster:
            wrong = run(cluster, folder, options.rounds, options.seconds)
    for one in wrong[:20]:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if wrong else 0


def run(cluster: Cluster, folder: Path, rounds: int, seconds: float) -> list[str]:
    """Print what became of the requests; what was wrong."""
    environ = {"BOXIS_GATEWAY_DATABASE_URL": cluster.url, KEY: Fernet.generate_key().decode()}
    os.environ.update(environ)
    shops = make_shops(cluster)
    logs, lines = [folder / "gateway-1.log", folder / "gateway-2.log"], []
    with serving(environ, logs[0]) as (_, one), serving(environ, logs[1]) as (_, other):
        load = Load(shops, cluster.url, [one, other], environ, folder)
        with load:
            time.sleep(seconds)
            for _ in range(rounds):
                lines.append(kill_worker(cluster, load.tallies, seconds))
        load.check()
    print("\n".join((HEAD, *lines, "", table(load.tallies))))
    wrong = [one for log in logs for one in complaints(load.tallies, log)]
    return wrong + [f"{one.kind}: failed" for one in load.tallies if one.failed and is_apart(one)]


def make_shops(cluster: Cluster) -> list[Shop]:
    """As many on the worker that is to die as elsewhere."""
    store = Store(cluster.url)
    store.migrate()
    store.database.ensure_partitions(months())
    shops: Mapping[str, list[Shop]] = {OURS: [], OTHERS: []}
    number = 0
    while min(map(len, shops.values())) < SHOPS_OF_EACH_KIND:
        number += 1
        shop = make_shop(store, f"shop{number}@example.com")
        group = OURS if cluster.worker_of(shop.account_id) == VICTIM else OTHERS
        shops[group].append(replace(shop, group=group))
    store.close()
    return [shop for some in shops.values() for shop in some[:SHOPS_OF_EACH_KIND]]


def months() -> list[str]:
    """A time in each month of the load's."""
    numbers = (divmod(FIRST.year * 12 + number, 12) for number in range(MONTHS))
    return [utc_text(FIRST.replace(year=year, month=month + 1)) for year, month in numbers]


def is_apart(tally: Tally) -> bool:
    """Whether it is of requests that don't need the worker."""
    return tally.kind.endswith(OTHERS)


HEAD = """
| Killed | its accounts: no history for | no batch for | others: no history for | no batch for |
|---|---|---|---|---|
""".strip()


def kill_worker(cluster: Cluster, tallies: Sequence[Tally], seconds: float) -> str:
    """Let the worker die, and start it after some time; a line of the table."""
    victim = next(worker for worker in cluster.workers if worker.name == VICTIM)
    moment = time.monotonic()
    pid = victim.kill()
    time.sleep(seconds)
    gone = time.monotonic()
    victim.start()
    back = time.monotonic()
    time.sleep(seconds)
    gaps = " | ".join(
        f"{longest_gap(tallies, f'{kind} {group}', moment):.2f} s"
        for group in (OURS, OTHERS)
        for kind in (HISTORY, BATCHES)
    )
    killed = f"{VICTIM}, process {pid}; started after {gone - moment:.1f} s"
    return f"| {killed}, up {back - gone:.1f} s later | {gaps} |"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
