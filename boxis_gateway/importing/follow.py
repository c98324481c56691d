"""Import of a growing log (`--follow`), within two seconds of each line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

from boxis_gateway.errors import ImportFailed, OperatorError
from boxis_gateway.importers import IMPORTERS, Importer, find_importer
from boxis_gateway.importers.reading.lines import BadLine, GoodLine, Line, ReadOptions, ReportLine
from boxis_gateway.importing.account_map import AccountMap
from boxis_gateway.importing.audit_entry import audited
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.log_tail import LogTail
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.run import check_options
from boxis_gateway.importing.summary import Summary
from boxis_gateway.store import DATABASE_ERRORS, describe_error, is_unreachable

GROWING_FORMATS = ("kannel", "jasmin")
POLL_SECONDS = 0.25  # between two checks of the log
RETRY_SECONDS = 1.0  # between two attempts to reach the database server
NOTICE_SECONDS = 60.0  # between two notices that it is unavailable


class Follower:
    """Imports a log as it grows until `stop` is set; resumes at its checkpoint after a restart.

    `notify` takes messages for the operator, one line each."""

    def __init__(
        self,
        path: Path,
        accounts: AccountMap,
        options: ReadOptions,
        *,
        stop: Event,
        notify: Callable[[str], object],
        format_name: str | None = None,
        rejects_path: Path | None = None,
    ) -> None:
        self._path = path.resolve()
        self._accounts = accounts
        self._format = format_name
        self._stop = stop
        self._notify = notify
        self._rejects = RejectFile(rejects_path, accounts.store.own_files(), append=True)
        self._checkpoints = accounts.store.log_positions
        self._saved = self._checkpoints.find(str(self._path))
        self._latest = self._saved.latest if self._saved else None
        self._options = replace(options, not_before=self._latest)
        self._log = LogTail(self._path, self._saved, self._pause, notify)
        self._writer: BatchWriter | None = None

    def run(self) -> Summary:
        """Follow the log until stopped. Raises OperatorError if the log or the store fails; another
        run then resumes without loss."""
        importer = self._importer()
        if importer is None:
            return Summary(self._format or "nothing")
        check_options(importer, self._options)
        summary = Summary(importer.NAME)
        with self._rejects, audited(self._accounts, self._path, summary):
            self._writer = BatchWriter(self._accounts, summary, self._rejects)
            self._accounts.store.audit.record(
                "import.follow", self._path.name, format=importer.NAME
            )
            self._notify(f"Following {self._path} as {importer.NAME}.")
            for line in importer.read(self._log, self._options):
                self._note_time(line)
                bad = isinstance(line, BadLine)
                self._writer.add(line._replace(number=self._log.number()) if bad else line)
            self._save()
        return summary

    def _importer(self) -> Importer | None:
        """Wait until the log has lines that tell its format; None if stopped before."""
        if self._format:
            return _require_growing(IMPORTERS[self._format])
        while not self._log.head():
            if self._stop.wait(POLL_SECONDS):
                return None
        return _require_growing(find_importer(None, self._log))

    def _note_time(self, line: Line) -> None:
        if isinstance(line, GoodLine):
            self._latest = line.message.sent_at
        elif isinstance(line, ReportLine):
            self._latest = line.report.changed_at

    def _pause(self, at_end: bool) -> bool:
        self._save()
        if at_end:
            self._stop.wait(POLL_SECONDS)
        return not self._stop.is_set()

    def _save(self) -> None:
        """Write the lines, then the checkpoint behind them."""
        assert self._writer
        self._writer.flush()
        self._writer.forget_cutoffs()
        self._rejects.flush()
        checkpoint = self._log.checkpoint(self._latest)
        if checkpoint != self._saved and checkpoint.head_octets:
            self._checkpoints.keep(str(self._path), checkpoint)
            self._saved = checkpoint


def follow_with_retry(
    start: Callable[[], Follower], stop: Event, notify: Callable[[str], object]
) -> Summary:
    """Run a follower; start a new one as long as the database server is unavailable.

    Raises OperatorError."""
    noticed_at = -NOTICE_SECONDS
    while True:
        try:
            return start().run()
        except (OperatorError, *DATABASE_ERRORS) as problem:
            if not is_unreachable(problem):
                raise
            if time.monotonic() - noticed_at >= NOTICE_SECONDS:
                notify(f"The database server is unavailable ({describe_error(problem)}). Retrying.")
                noticed_at = time.monotonic()
            if stop.wait(RETRY_SECONDS):
                raise


def _require_growing(importer: Importer) -> Importer:
    if importer.NAME not in GROWING_FORMATS:
        raise ImportFailed(
            f"--follow needs a growing log ({' or '.join(GROWING_FORMATS)}). Import "
            f"{importer.NAME} files without it."
        )
    return importer
