"""Importing a source from its beginning to its end."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import Importer, find_importer
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.audit_entry import recorded
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.summary import Summary
from boxis_gateway.zones import utc_now

BROKEN_OFF = (ImportFailed, EOFError, OSError, zlib.error)
"""What a source that cannot be read to its end raises; what was read of it is kept."""


def run_import(
    place: Path | str,
    accounts: AccountMap,
    options: ReadOptions,
    *,
    format_name: str | None = None,
    rejects_path: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda octets: None,
    clock: Callable[[], datetime] = utc_now,
) -> Summary:
    """Import a file or, given as a text, an address; `progress` is told how many octets of the
    file were read since it was told last, and `clock` tells what is too old to be kept.

    Raises OperatorError if the source or the store cannot be used; the batches before stay."""
    with Source.open(place, progress) as source:
        importer = find_importer(format_name, source)
        check_options(importer, options)
        with RejectFile(None if dry_run else rejects_path) as rejects:
            summary = Summary(importer.NAME)
            batches = BatchWriter(accounts, summary, rejects, dry_run=dry_run, clock=clock)
            with nullcontext() if dry_run else recorded(accounts, place, summary):
                _take_all(batches, importer.read(source, options))
        return summary


def _take_all(batches: BatchWriter, lines: Iterator[Line]) -> None:
    try:
        for line in lines:
            batches.take(line)
    except BROKEN_OFF:
        batches.flush()
        raise
    batches.flush()


def check_options(importer: Importer, options: ReadOptions) -> None:
    """Raise ImportFailed if the format lacks the field that is to tell the account, or if its times
    have no zone and nobody named one."""
    if options.account_field not in (None, *importer.ACCOUNT_FIELDS):
        raise ImportFailed(f"{importer.NAME} files have no {options.account_field} field.")
    if importer.LOCAL_TIMES and not options.zone_given:
        raise ImportFailed(
            f"The times of {importer.NAME} files have no zone. Name it: --timezone Europe/Warsaw, "
            "or --timezone UTC."
        )
