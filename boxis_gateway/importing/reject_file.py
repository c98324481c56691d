"""The file of lines that cannot be used."""

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
    """The file of bad lines: number and reason, never what the line says. It is there only if there
    is a bad line; that of an earlier run goes, unless it is `kept` and added to. Raises
    ImportFailed if it cannot be written."""

    def __init__(self, path: Path | None, *, kept: bool = False) -> None:
        self.path = path
        self._kept = kept
        self._file: IO[str] | None = None
        self._rows: Any = None

    def __enter__(self) -> RejectFile:
        if self.path and not self._kept:
            with self._explained():
                self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        if self._file:
            with self._explained():
                self._file.close()

    def add(self, line: BadLine) -> None:
        """Write the line down."""
        if self.path is None:
            return
        with self._explained():
            if self._file is None:
                how = os.O_APPEND if self._kept else os.O_TRUNC
                descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | how, 0o600)
                self._file = os.fdopen(descriptor, "a", encoding="utf-8", newline="")
                self._rows = csv.writer(self._file)
                if self._file.tell() == 0:
                    self._rows.writerow(BadLine._fields)
            self._rows.writerow(line)

    def flush(self) -> None:
        """Let others see what was written."""
        if self._file:
            with self._explained():
                self._file.flush()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise ImportFailed(
                f"The list of bad lines {self.path} cannot be written: {problem.strerror}. "
                "Choose another place with --rejects."
            ) from None
