"""The entry of an import in the audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.summary import Summary
from boxis_gateway.store import DATABASE_ERRORS


@contextmanager
def recorded(accounts: AccountMap, place: Path | str, summary: Summary) -> Iterator[None]:
    """Write down what became of the source when it has been read, or when that stops early. A
    process that is killed writes nothing down."""
    try:
        yield
    except BaseException:
        with suppress(*DATABASE_ERRORS):  # which mostly is why it stopped
            _record(accounts, place, summary, whole=False)
        raise
    _record(accounts, place, summary, whole=True)


def _record(accounts: AccountMap, place: Path | str, summary: Summary, *, whole: bool) -> None:
    accounts.store.audit.record(
        "import.run",
        _name(place),
        account=accounts.default.username if accounts.default else None,
        format=summary.format,
        whole=whole,
        read=summary.read,
        added=summary.added,
        known=summary.known,
        changed=summary.changed,
        reports=summary.reports,
        bad=summary.bad,
    )


def _name(place: Path | str) -> str:
    """Of a file its name alone; of an address, which may hold secrets, the host."""
    return place.name if isinstance(place, Path) else urlsplit(place).hostname or ""
