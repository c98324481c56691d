"""A process that adds messages to an account until it is stopped, as an import does:
`python -m checks.failover.writer URL ACCOUNT_ID`. Each batch is tried until it is
acknowledged; a line of its output tells when that was, or why it was not."""

from __future__ import annotations

import sys
import time
from itertools import count

from boxis_gateway.errors import StoreError
from boxis_gateway.store import Store
from checks.failover.shop import BATCH, batch_from

PAUSE_SECONDS = 0.02
ACKNOWLEDGED, FAILED = "acknowledged", "failed"


def main(url: str, account_id: int) -> None:
    """Goes on for ever."""
    store = Store(url)
    for first in count(0, BATCH):
        while problem := add(store, account_id, first):
            tell(FAILED, first, problem)
            time.sleep(PAUSE_SECONDS)
        tell(ACKNOWLEDGED, first + BATCH)
        time.sleep(PAUSE_SECONDS)


def add(store: Store, account_id: int, first: int) -> str:
    """Why a batch could not be added, or ""."""
    try:
        store.additions.add(account_id, batch_from(first))
    except StoreError as problem:
        return str(problem)
    return ""


def tell(what: str, number: int, words: str = "") -> None:
    """A line: what, how many messages, the time, the words."""
    print(what, number, time.monotonic(), *words.split(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
