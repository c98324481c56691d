"""Long jobs that change a store, and their dry runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ParamSpec

from boxis_gateway.store.engines.base import Maintenance, StoreDatabase
from boxis_gateway.store.engines.errors import translate_errors

P = ParamSpec("P")


class Job:
    """Long work in short transactions. A dry run does the same in one read transaction, but for its
    changes: it waits for no writer, and finds what the job would change."""

    def __init__(self, database: StoreDatabase, maintenance: Maintenance, *, dry_run: bool) -> None:
        self._database, self._maintenance = database, maintenance
        self._dry_run = dry_run

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the job inside the context. Raises StoreError; finished transactions stay."""
        with translate_errors():
            if self._dry_run:
                with self._database.read_transaction():
                    yield
            else:
                self._maintenance.enable_secure_delete()
                yield

    def transaction(self, account_id: int | None = None) -> AbstractContextManager[None]:
        """A throttled transaction (engines/base.py), unless this is a dry run."""
        if self._dry_run:
            return nullcontext()
        return self._maintenance.throttled_transaction(account_id)

    def change(self, function: Callable[P, Any], *words: P.args, **named: P.kwargs) -> None:
        """Call the function, which changes the store, unless this is a dry run."""
        if not self._dry_run:
            function(*words, **named)
