"""Reject file: the list of lines that cannot be imported."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType
from typing import IO, Any

from boxis_gateway.errors import ImportFailed, StoreError
from boxis_gateway.importers.reading.lines import BadLine
from boxis_gateway.store import is_stream, put, require_free, require_not_own

HEADER = ",".join(BadLine._fields)


class RejectFile:
    """CSV of bad lines: number and reason, never the content. It exists only if there are any; that
    of an earlier run goes when this one ends, or with `append` is extended. Any other file stays,
    and so do `own_files` of the store. Raises ImportFailed if it cannot be written."""

    def __init__(
        self, path: Path | None, own_files: Iterable[Path] = (), *, append: bool = False
    ) -> None:
        self.path = path
        self._own_files, self._append = own_files, append
        self._file: IO[str] | None = None
        self._part: Path | None = None
        self._rows: Any = None

    def __enter__(self) -> RejectFile:
        if self.path:
            with self._translated_errors():
                if is_stream(self.path):
                    require_not_own(self.path, self._own_files)
                    self._append = True
                else:
                    require_free(self.path, self._own_files, replace=_is_reject_file(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, t: TracebackType | None
    ) -> None:
        is_interrupted = kind is not None and not issubclass(kind, Exception)
        with self._translated_errors():
            if self._file:
                self._file.close()
            if self._part and is_interrupted:
                self._part.unlink()
            elif self._part and self.path:
                put(self._part, self.path, replace=True)
            elif self.path and not self._append and not is_interrupted:
                self.path.unlink(missing_ok=True)

    def add(self, line: BadLine) -> None:
        """Write the line."""
        if self.path is None:
            return
        with self._translated_errors():
            if self._file is None:
                self._file = os.fdopen(self._open(self.path), "a", encoding="utf-8", newline="")
                self._rows = csv.writer(self._file)
                if not self._file.seekable() or self._file.tell() == 0:
                    self._rows.writerow(BadLine._fields)
            self._rows.writerow(line)

    def _open(self, path: Path) -> int:
        """A log that is followed has its rejects at once; a file has them when it is read."""
        if self._append:
            no_link = 0 if is_stream(path) else os.O_NOFOLLOW
            return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | no_link, 0o600)
        descriptor, name = mkstemp(".part", f".{path.name}.", path.parent)
        self._part = Path(name)
        return descriptor

    def flush(self) -> None:
        """Flush buffered lines, so that other processes can read them."""
        if self._file:
            with self._translated_errors():
                self._file.flush()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except StoreError as problem:
            raise ImportFailed(f"{problem} It is named by --rejects.") from None
        except OSError as problem:
            raise ImportFailed(
                f"The reject file {self.path} cannot be written: {problem.strerror}. "
                "Choose another path with --rejects."
            ) from None


def _is_reject_file(path: Path) -> bool:
    """True for a file that this module has made: it has nothing that is not in the source."""
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return lines.readline(1000).rstrip("\r\n") in (HEADER, "")
