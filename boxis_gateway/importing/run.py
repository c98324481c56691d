"""Import of a whole source."""

from __future__ import annotations

import gc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers import Importer, find_importer
from boxis_gateway.importers.reading.lines import Line, ReadOptions
from boxis_gateway.importers.reading.source import Source
from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.audit_entry import audited
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.summary import Summary
from boxis_gateway.zones import utc_now

READ_ERRORS = (ImportFailed, EOFError, OSError, zlib.error)
"""Errors of a source that cannot be read to its end; lines before them are kept."""
NEW_OBJECTS = 50_000  # before the garbage collector looks at them; a batch has about half


def run_import(
    location: Path | str,
    accounts: AccountMap,
    options: ReadOptions,
    *,
    format_name: str | None = None,
    rejects_path: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda octets: None,
    clock: Callable[[], datetime] = utc_now,
) -> Summary:
    """Import a file (a path) or a URL (a text).

    `progress` is called with the octets read since its last call; `clock` decides which messages
    are older than accounts keep. Raises OperatorError if the source or the store fails; batches
    before that stay."""
    with Source.open(location, progress) as source, _rare_collections():
        importer = find_importer(format_name, source)
        check_options(importer, options)
        own_files = accounts.store.own_files()
        with RejectFile(None if dry_run else rejects_path, own_files) as rejects:
            summary = Summary(importer.NAME)
            writer = BatchWriter(accounts, summary, rejects, dry_run=dry_run, clock=clock)
            with nullcontext() if dry_run else audited(accounts, location, summary):
                _write_all(writer, importer.read(source, options))
        return summary


def _write_all(writer: BatchWriter, lines: Iterator[Line]) -> None:
    try:
        for line in lines:
            writer.add(line)
    except READ_ERRORS:
        writer.flush()
        raise
    writer.flush()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look for cycles less often: batches of messages have none."""
    thresholds = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def check_options(importer: Importer, options: ReadOptions) -> None:
    """Raise ImportFailed if the format lacks the account field, or needs a time zone."""
    if options.account_field not in (None, *importer.ACCOUNT_FIELDS):
        raise ImportFailed(f"{importer.NAME} files have no {options.account_field} field.")
    if importer.LOCAL_TIMES and not options.zone_given:
        raise ImportFailed(
            f"The times of {importer.NAME} files have no zone. Name it: --timezone Europe/Warsaw, "
            "or --timezone UTC."
        )
