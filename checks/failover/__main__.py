"""The run: `python -m checks.failover [--smoke] [--rounds 3] [--seconds 8]`. Exit status 1 if an
acknowledged write is lost or an answer was wrong."""

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
from boxis_gateway.opening import open_store
from boxis_gateway.settings import KEYS_VARIABLE, Settings, load_settings
from checks.failover.accounts import make_account
from checks.failover.load import BATCHES, HISTORY, LOGIN, Load
from checks.failover.servers import Cluster, find_programs, running
from checks.failover.tally import Tally, longest_gap, table

USERNAMES = ("anna@example.com", "bert@example.com")
BAD_WORDS = ("Traceback", " CRITICAL ")


def main() -> int:
    """Kill primaries under load, and print the result."""
    parser = argparse.ArgumentParser(prog="python -m checks.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="number of primaries to kill")
    parser.add_argument("--seconds", type=float, default=8, help="before and after each")
    parser.add_argument("--smoke", action="store_true", help="one round, one second")
    parser.add_argument("--replicas", action="store_true", help="read histories from standbys, too")
    parser.add_argument("--keep", type=Path, help="copy all logs into this folder")
    parser.add_argument("--bin", type=Path, help="folder of PostgreSQL's programs")
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.seconds = 1, 1
    with tempfile.TemporaryDirectory(prefix="failover-") as name:
        folder = Path(name)
        with running(Cluster(find_programs(options.bin), folder)) as cluster:
            wrong = run(cluster, folder, options)
        for log in (*folder.glob("*.log"), *folder.glob("servers/*.log")) if options.keep else ():
            shutil.copy(log, options.keep)
    return verdict(wrong)


def run(cluster: Cluster, folder: Path, options: argparse.Namespace) -> list[str]:
    """Print the tables; a line for each thing that was wrong."""
    key = Fernet.generate_key().decode()
    environ = {"BOXIS_GATEWAY_DATABASE_URL": cluster.url, KEYS_VARIABLE: key}
    if options.replicas:
        environ["BOXIS_GATEWAY_REPLICA_URLS"] = cluster.urls
    os.environ.update(environ)
    store = open_store(load_settings())
    store.create()
    store.migrate()
    accounts = [make_account(store, username) for username in USERNAMES]
    store.close()
    log, lines = folder / "gateway.log", []
    stale_seconds = Settings.replica_lag_seconds if options.replicas else 0
    with serving(environ, log) as (_, port):
        load = Load(accounts, cluster.url, [port], environ, folder, stale_seconds)
        with load:
            time.sleep(options.seconds)
            for _ in range(options.rounds):
                lines.append(kill_primary(cluster, load.tallies, options.seconds))
        time.sleep(stale_seconds)
        load.check()
    print("\n".join((HEAD, *lines, "", table(load.tallies))))
    for tally in load.tallies:
        for message, count in tally.messages.most_common():
            print(f"{tally.kind}: {count} times {message}", file=sys.stderr)
    return complaints(load.tallies, log)


HEAD = """
| Killed | promoted | no history for | no batch for | no login for | back as a standby after |
|---|---|---|---|---|---|
""".strip()


def kill_primary(cluster: Cluster, tallies: Sequence[Tally], seconds: float) -> str:
    """Kill the primary, and bring it back as a standby; a line of the table."""
    old = cluster.primary
    pid, killed_at = old.kill(), time.monotonic()
    new = cluster.promote()
    promoted = time.monotonic() - killed_at
    time.sleep(seconds)
    rejoins_at = time.monotonic()
    old.rejoin(new)
    cluster.wait_for_standbys()
    back = time.monotonic() - rejoins_at
    time.sleep(seconds)
    gaps = (longest_gap(tallies, kind, killed_at) for kind in (HISTORY, BATCHES, LOGIN))
    gap = " | ".join(f"{gap:.2f} s" for gap in gaps)
    return (
        f"| {old.name}, process {pid} | {new.name} after {promoted:.2f} s | {gap} | {back:.1f} s |"
    )


def complaints(tallies: Sequence[Tally], log: Path) -> list[str]:
    """A line for each wrong answer, lost write and traceback."""
    wrong = [f"{tally.kind}: {problem}" for tally in tallies for problem in tally.wrong]
    wrong += [f"{tally.kind}: {tally.lost} are lost" for tally in tallies if tally.lost]
    output = log.read_text(errors="replace")
    return wrong + [
        f"the log: {output[output.index(w) :][:3000]}" for w in BAD_WORDS if w in output
    ]


def verdict(wrong: Sequence[str]) -> int:
    """Print the complaints; the exit status."""
    for problem in wrong[:20]:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
