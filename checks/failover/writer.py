"""A process that adds messages to an account until it is stopped, as an import does:
`python -m checks.failover.writer URL ACCOUNT_ID`. It retries each batch until it is acknowledged;
each attempt is a line of its output."""

from __future__ import annotations

import sys
import time
from itertools import count

from boxis_gateway.errors import StoreError
from boxis_gateway.store import Store
from checks.failover.accounts import BATCH, batch_from

PAUSE_SECONDS = 0.02
ACKNOWLEDGED, FAILED = "acknowledged", "failed"


def main(url: str, account_id: int) -> None:
    """Add batches for ever."""
    store = Store(url)
    for first in count(0, BATCH):
        while problem := add(store, account_id, first):
            report(FAILED, first, problem)
            time.sleep(PAUSE_SECONDS)
        report(ACKNOWLEDGED, first + BATCH)
        time.sleep(PAUSE_SECONDS)


def add(store: Store, account_id: int, first: int) -> str:
    """The problem with adding a batch, or ""."""
    try:
        store.additions.add(account_id, batch_from(first))
    except StoreError as problem:
        return str(problem)
    return ""


def report(outcome: str, messages: int, problem: str = "") -> None:
    """Print a line: outcome, number of messages, time, problem."""
    print(outcome, messages, time.monotonic(), *problem.split(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
