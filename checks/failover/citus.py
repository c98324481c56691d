"""A worker of Citus is killed under load and comes back:
`python -m checks.failover.citus --bin FOLDER [--rounds 2] [--seconds 8]`.

Two gateways, which share nothing but the coordinator, serve accounts of all three workers. Exit
status 1 if an acknowledged write is lost, an answer was wrong, or a request failed that did not
need the killed worker."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.processes import serving
from boxis_gateway.opening import open_store
from boxis_gateway.settings import KEYS_VARIABLE, load_settings
from boxis_gateway.zones import utc_text
from checks.failover.__main__ import complaints, verdict
from checks.failover.accounts import FIRST, NumberedAccount, make_account
from checks.failover.load import BATCHES, HISTORY, Load
from checks.failover.servers import Programs, Server, find_programs, running
from checks.failover.tally import Tally, longest_gap, table

WORKERS = ("w1", "w2", "w3")
VICTIM = WORKERS[0]
OF_VICTIM, OF_OTHERS = "of its accounts", "of the others"
ACCOUNTS_OF_A_GROUP = 2
MONTHS = 18  # with partitions: none can be made while a worker is down
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'citus'
max_prepared_transactions = 200
citus.node_conninfo = 'sslmode=disable'
citus.shard_count = 12
citus.recover_2pc_interval = '2s'
"""
NODE_PORT_SQL = """
    SELECT nodeport FROM citus_shards WHERE table_name = 'message'::regclass
        AND shardid = get_shard_id_for_distribution_column('message', {})
"""


class Cluster:
    """A coordinator with its workers, in a new folder `servers`."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        folder.chmod(0o755)  # PostgreSQL's user has to enter it
        servers = programs.make_folder(folder / "servers")
        self.coordinator = Server("coordinator", programs, servers)
        self.workers = [Server(name, programs, servers) for name in WORKERS]

    @property
    def url(self) -> str:
        """The URL of the store."""
        return f"postgresql://gateway@127.0.0.1:{self.coordinator.port}/gateway"

    def start(self) -> None:
        """Start all servers, with an empty database `gateway` on each."""
        for server in (self.coordinator, *self.workers):
            server.make(SETTINGS)
            server.start()
            server.sql("CREATE ROLE gateway LOGIN", "CREATE DATABASE gateway OWNER gateway")
            server.sql("CREATE EXTENSION citus", database="gateway")
        statements = [f"citus_set_coordinator_host('127.0.0.1', {self.coordinator.port})"]
        statements += [f"citus_add_node('127.0.0.1', {worker.port})" for worker in self.workers]
        self.coordinator.sql(*(f"SELECT {call}" for call in statements), database="gateway")

    def worker_of(self, account_id: int) -> str:
        """The name of the worker that stores the account's messages."""
        port = self.coordinator.sql(NODE_PORT_SQL.format(account_id), database="gateway")
        return next(worker.name for worker in self.workers if worker.port == port)

    def stop(self) -> None:
        """Stop all servers."""
        for server in (self.coordinator, *self.workers):
            server.stop()


def main() -> int:
    """Kill a worker under load, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m checks.failover.citus", description=__doc__)
    parser.add_argument("--bin", type=Path, required=True, help="of a PostgreSQL that has Citus")
    parser.add_argument("--rounds", type=int, default=2, help="number of kills")
    parser.add_argument("--seconds", type=float, default=8, help="before, and without the worker")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failover-") as name:
        folder = Path(name)
        with running(Cluster(find_programs(options.bin), folder)) as cluster:
            return verdict(run(cluster, folder, options.rounds, options.seconds))


def run(cluster: Cluster, folder: Path, rounds: int, seconds: float) -> list[str]:
    """Print the tables; a line for each thing that was wrong."""
    key = Fernet.generate_key().decode()
    environ = {"BOXIS_GATEWAY_DATABASE_URL": cluster.url, KEYS_VARIABLE: key}
    os.environ.update(environ)
    accounts = make_accounts(cluster)
    logs, lines = [folder / "gateway-1.log", folder / "gateway-2.log"], []
    with serving(environ, logs[0]) as (_, first), serving(environ, logs[1]) as (_, second):
        load = Load(accounts, cluster.url, [first, second], environ, folder)
        with load:
            time.sleep(seconds)
            for _ in range(rounds):
                lines.append(kill_worker(cluster, load.tallies, seconds))
        load.check()
    print("\n".join((HEAD, *lines, "", table(load.tallies))))
    wrong = [problem for log in logs for problem in complaints(load.tallies, log)]
    unaffected = (tally for tally in load.tallies if tally.kind.endswith(OF_OTHERS))
    return wrong + [f"{tally.kind}: failed" for tally in unaffected if tally.failed]


def make_accounts(cluster: Cluster) -> list[NumberedAccount]:
    """Add as many accounts to the worker to be killed as to the others."""
    store = open_store(load_settings())
    store.migrate()
    store.database.ensure_partitions(months())
    groups: Mapping[str, list[NumberedAccount]] = {OF_VICTIM: [], OF_OTHERS: []}
    number = 0
    while min(map(len, groups.values())) < ACCOUNTS_OF_A_GROUP:
        number += 1
        account = make_account(store, f"account{number}@example.com")
        group = OF_VICTIM if cluster.worker_of(account.account_id) == VICTIM else OF_OTHERS
        groups[group].append(replace(account, group=group))
    store.close()
    return [account for group in groups.values() for account in group[:ACCOUNTS_OF_A_GROUP]]


def months() -> list[str]:
    """A time in each month of the load's messages."""
    numbers = (divmod(FIRST.year * 12 + number, 12) for number in range(MONTHS))
    return [utc_text(FIRST.replace(year=year, month=month + 1)) for year, month in numbers]


HEAD = """
| Killed | its accounts: no history for | no batch for | others: no history for | no batch for |
|---|---|---|---|---|
""".strip()


def kill_worker(cluster: Cluster, tallies: Sequence[Tally], seconds: float) -> str:
    """Kill the worker, and start it again after some time; a line of the table."""
    victim = next(worker for worker in cluster.workers if worker.name == VICTIM)
    killed_at = time.monotonic()
    pid = victim.kill()
    time.sleep(seconds)
    restarted_at = time.monotonic()
    victim.start()
    up_at = time.monotonic()
    time.sleep(seconds)
    gaps = " | ".join(
        f"{longest_gap(tallies, f'{kind} {group}', killed_at):.2f} s"
        for group in (OF_VICTIM, OF_OTHERS)
        for kind in (HISTORY, BATCHES)
    )
    down, start = restarted_at - killed_at, up_at - restarted_at
    return (
        f"| {VICTIM}, process {pid}; started after {down:.1f} s, up {start:.1f} s later | {gaps} |"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
