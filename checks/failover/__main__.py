"""The run: `python -m checks.failover [--rounds 3] [--seconds 8]`. It ends with 1 if anything
that was acknowledged is lost, or any answer was wrong."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.processes import serving
from boxis_gateway.settings import Settings
from boxis_gateway.store import Store
from checks.failover.load import BATCHES, HISTORY, LOGIN, Load
from checks.failover.servers import Cluster, find_programs, running
from checks.failover.shop import make_shop
from checks.failover.tally import Tally, longest_gap, table

KEY = "BOXIS_GATEWAY_SECRET_KEYS"
SHOPS = ("anna@example.com", "bert@example.com")
BAD = ("Traceback", " CRITICAL ")


def main() -> int:
    """Kill primaries under load, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m checks.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="primaries to be killed")
    parser.add_argument("--seconds", type=float, default=8, help="of calm before and after each")
    parser.add_argument("--replicas", action="store_true", help="histories are read there, too")
    parser.add_argument("--keep", type=Path, help="folder for the logs of all, which is to stay")
    parser.add_argument("--bin", type=Path, help="where PostgreSQL's programs are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="failover-") as name:
        folder = Path(name)
        with running(find_programs(options.bin), folder) as cluster:
            wrong = run(cluster, folder, options)
        for log in (*folder.glob("*.log"), *folder.glob("servers/*.log")) if options.keep else ():
            shutil.copy(log, options.keep)
    for one in wrong[:20]:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if wrong else 0


def run(cluster: Cluster, folder: Path, options: argparse.Namespace) -> list[str]:
    """Print what became of the requests; what was wrong."""
    environ = {"BOXIS_GATEWAY_DATABASE_URL": cluster.url, KEY: Fernet.generate_key().decode()}
    if options.replicas:
        environ["BOXIS_GATEWAY_REPLICA_URLS"] = cluster.urls
    os.environ.update(environ)
    store = Store(cluster.url)
    store.create()
    store.migrate()
    shops = [make_shop(store, username) for username in SHOPS]
    store.close()
    log, lines = folder / "gateway.log", []
    stale_seconds = Settings.replica_lag_seconds if options.replicas else 0
    with serving(environ, log) as (_, port):
        load = Load(shops, cluster.url, [port], environ, folder, stale_seconds)
        with load:
            time.sleep(options.seconds)
            for _ in range(options.rounds):
                lines.append(kill_one(cluster, load.tallies, options.seconds))
        time.sleep(stale_seconds)
        load.check()
    print("\n".join((HEAD, *lines, "", table(load.tallies))))
    for tally in load.tallies:
        for words, count in tally.said.most_common():
            print(f"{tally.kind}: {count} times {words}", file=sys.stderr)
    return complaints(load.tallies, log)


HEAD = """
| Killed | promoted | no history for | no batch for | no login for | back as a standby after |
|---|---|---|---|---|---|
""".strip()


def kill_one(cluster: Cluster, tallies: Sequence[Tally], seconds: float) -> str:
    """Let the primary die and come back as a standby; a line of the table."""
    old = cluster.primary
    pid, moment = old.kill(), time.monotonic()
    new = cluster.promote()
    promoted = time.monotonic() - moment
    time.sleep(seconds)
    gone = time.monotonic()
    old.come_back(new)
    cluster.wait_for_standbys()
    back = time.monotonic() - gone
    time.sleep(seconds)
    gaps = (longest_gap(tallies, kind, moment) for kind in (HISTORY, BATCHES, LOGIN))
    gap = " | ".join(f"{gap:.2f} s" for gap in gaps)
    return (
        f"| {old.name}, process {pid} | {new.name} after {promoted:.2f} s | {gap} | {back:.1f} s |"
    )


def complaints(tallies: Sequence[Tally], log: Path) -> list[str]:
    """What must not be."""
    wrong = [f"{tally.kind}: {one}" for tally in tallies for one in tally.wrong]
    wrong += [f"{tally.kind}: {tally.lost} are lost" for tally in tallies if tally.lost]
    words = log.read_text(errors="replace")
    return wrong + [f"the log: {words[words.index(bad) :][:3000]}" for bad in BAD if bad in words]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
