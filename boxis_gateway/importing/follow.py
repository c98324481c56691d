"""Following a log: what it says is in the history within two seconds, for as long as it grows."""

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
from boxis_gateway.importing.audit_entry import recorded
from boxis_gateway.importing.batch_writer import BatchWriter
from boxis_gateway.importing.log_tail import LogTail
from boxis_gateway.importing.reject_file import RejectFile
from boxis_gateway.importing.run import check_options
from boxis_gateway.importing.summary import Summary
from boxis_gateway.store import DATABASE_ERRORS, describe_error, is_unreachable

FOLLOWED = ("kannel", "jasmin")  # formats of logs that a program goes on writing
LOOK_SECONDS = 0.25  # between two looks for more
AWAY_SECONDS = 1.0  # between two tries to reach the server of a store
TELL_SECONDS = 60.0  # between two lines that tell of it


class Follower:
    """Imports what the log at `path` says and will say, until `stop` is set; after a restart it
    goes on where it was. `say` is told what an operator should know, a line at a time."""

    def __init__(
        self,
        path: Path,
        accounts: AccountMap,
        options: ReadOptions,
        *,
        stop: Event,
        say: Callable[[str], object],
        format_name: str | None = None,
        rejects_path: Path | None = None,
    ) -> None:
        self._path = path.resolve()
        self._accounts = accounts
        self._format = format_name
        self._stop = stop
        self._say = say
        self._rejects = RejectFile(rejects_path, kept=True)
        self._marks = accounts.store.log_positions
        mark = self._marks.find(str(self._path))
        self._kept = mark
        self._latest = mark.latest if mark else None
        self._options = replace(options, not_before=self._latest)
        self._log = LogTail(self._path, mark, self._pause, say)
        self._batches: BatchWriter | None = None

    def run(self) -> Summary:
        """What became of the lines meanwhile. Raises OperatorError if the log or the store cannot
        be used; run again then, nothing is lost."""
        importer = self._importer()
        if importer is None:
            return Summary(self._format or "nothing")
        check_options(importer, self._options)
        summary = Summary(importer.NAME)
        with self._rejects, recorded(self._accounts, self._path, summary):
            self._batches = BatchWriter(self._accounts, summary, self._rejects)
            self._accounts.store.audit.record(
                "import.follow", self._path.name, format=importer.NAME
            )
            self._say(f"Following {self._path} as {importer.NAME}.")
            for line in importer.read(self._log, self._options):
                self._note_time(line)
                bad = isinstance(line, BadLine)
                self._batches.take(line._replace(number=self._log.number()) if bad else line)
            self._keep()
        return summary

    def _importer(self) -> Importer | None:
        """That of the log, as soon as it tells its format; None if it is to stop before."""
        if self._format:
            return _followed(IMPORTERS[self._format])
        while not self._log.head():
            if self._stop.wait(LOOK_SECONDS):
                return None
        return _followed(find_importer(None, self._log))

    def _note_time(self, line: Line) -> None:
        if isinstance(line, GoodLine):
            self._latest = line.message.sent_at
        elif isinstance(line, ReportLine):
            self._latest = line.report.changed_at

    def _pause(self, caught_up: bool) -> bool:
        self._keep()
        if caught_up:
            self._stop.wait(LOOK_SECONDS)
        return not self._stop.is_set()

    def _keep(self) -> None:
        """Bring what was read into the store, and then how far that is."""
        assert self._batches
        self._batches.flush()
        self._batches.look_again()
        self._rejects.flush()
        mark = self._log.mark(self._latest)
        if mark != self._kept and mark.head_octets:
            self._marks.keep(str(self._path), mark)
            self._kept = mark


def follow_with_retry(
    start: Callable[[], Follower], stop: Event, say: Callable[[str], object]
) -> Summary:
    """What `Follower.run` gives. While the server of the store is away, it begins again and again,
    where it was. Raises OperatorError."""
    told_at = -TELL_SECONDS
    while True:
        try:
            return start().run()
        except (OperatorError, *DATABASE_ERRORS) as problem:
            if not is_unreachable(problem):
                raise
            if time.monotonic() - told_at >= TELL_SECONDS:
                say(f"The server of the store is away ({describe_error(problem)}). Waiting for it.")
                told_at = time.monotonic()
            if stop.wait(AWAY_SECONDS):
                raise


def _followed(importer: Importer) -> Importer:
    if importer.NAME not in FOLLOWED:
        raise ImportFailed(
            f"{importer.NAME} files don't grow; without --follow they are imported as they are. "
            f"Logs that can be followed are {' and '.join(FOLLOWED)}."
        )
    return importer
