"""Reject file: the list of lines that cannot be imported."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.lines import BadLine


class RejectFile:
    """CSV of bad lines: number and reason, never the content. It exists only if there are any; that
    of an earlier run is deleted, or with `append` extended. Raises ImportFailed if it cannot be
    written."""

    def __init__(self, path: Path | None, *, append: bool = False) -> None:
        self.path = path
        self._append = append
        self._file: IO[str] | None = None
        self._rows: Any = None

    def __enter__(self) -> RejectFile:
        if self.path and not self._append:
            with self._translated_errors():
                self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        if self._file:
            with self._translated_errors():
                self._file.close()

    def add(self, line: BadLine) -> None:
        """Write the line."""
        if self.path is None:
            return
        with self._translated_errors():
            if self._file is None:
                mode = os.O_APPEND if self._append else os.O_TRUNC
                descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | mode, 0o600)
                self._file = os.fdopen(descriptor, "a", encoding="utf-8", newline="")
                self._rows = csv.writer(self._file)
                if self._file.tell() == 0:
                    self._rows.writerow(BadLine._fields)
            self._rows.writerow(line)

    def flush(self) -> None:
        """Flush buffered lines, so that other processes can read them."""
        if self._file:
            with self._translated_errors():
                self._file.flush()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise ImportFailed(
                f"The reject file {self.path} cannot be written: {problem.strerror}. "
                "Choose another path with --rejects."
            ) from None
