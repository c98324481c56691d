"""Audit entry of an import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.summary import Summary
from boxis_gateway.store import DATABASE_ERRORS


@contextmanager
def audited(accounts: AccountMap, source: Path | str, summary: Summary) -> Iterator[None]:
    """Record the import in the audit log when it ends or fails. A killed process records none."""
    whole = False
    try:
        yield
        whole = True
    finally:
        with suppress(*(() if whole else DATABASE_ERRORS)):  # mostly the reason for the failure
            accounts.store.audit.record(
                "import.run",
                _name(source),
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


def _name(source: Path | str) -> str:
    """File name without folder, or host of a URL, which may hold secrets."""
    return source.name if isinstance(source, Path) else urlsplit(source).hostname or ""
