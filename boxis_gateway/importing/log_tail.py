"""Tail of a growing log, through log rotation and restarts.

A file is identified by its first octets, so it is found again when rotation renames, copies or
compresses it. A checkpoint is always at the first line of a second by the log's clock: equal lines
are counted (fingerprints.py), and those of one second must be counted in one go. A log has one
writer: once it has begun another file, the one before is complete.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

from boxis_gateway.errors import ImportFailed
from boxis_gateway.importers.reading.source import LONGEST_LINE, TOO_LONG, Source
from boxis_gateway.store import LogPosition

HEAD_OCTETS = 1024  # that identify a file; fewer while it is shorter
PAUSE_LINES = 5_000
_SECOND = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class FileOffset(NamedTuple):
    """Offset in a file of the log, in octets and lines, with the first octets of the file."""

    head: bytes = b""
    octets: int = 0
    lines: int = 0


class LogTail(Source):
    """Endless source of the lines of a log after a checkpoint.

    `pause` is called at the end of the log and after every PAUSE_LINES lines, with True at the end;
    it returns False to stop. `notify` takes messages for the operator."""

    def __init__(
        self,
        path: Path,
        checkpoint: LogPosition | None,
        pause: Callable[[bool], bool],
        notify: Callable[[str], object],
    ) -> None:
        super().__init__(path=path)
        self._log = path
        self._checkpoint = checkpoint
        self._pause = pause
        self._notify = notify
        self._offset = FileOffset()
        self._second = b""
        self._second_start = FileOffset()
        self._stopped = False

    def head(self) -> bytes:
        """Return the first lines, or b"" while there are none."""
        if not self._log.exists():
            return b""
        with Source.open(self._log) as source:
            return source.head()

    def checkpoint(self, latest: str | None) -> LogPosition:
        """Checkpoint to resume from, if all lines read so far are stored."""
        offset = self._second_start
        if self._offset.head.startswith(offset.head):
            offset = offset._replace(head=self._offset.head)  # longer by now
        return _position(offset, latest)

    def number(self) -> int:
        """Number of the last line read, in its file."""
        return self._offset.lines

    def lines(self) -> Iterator[bytes]:
        """Yield the lines until stopped."""
        if self._checkpoint:
            yield from self._lines_after(self._checkpoint, ended=False)
        while not self._stopped:
            try:
                with open(self._log, "rb") as file:
                    ended = yield from self._growing_lines(file)
            except FileNotFoundError:
                self._wait()
                continue
            if not self._stopped:
                yield from self._lines_after(_position(self._offset, None), ended=ended)

    def _lines_after(self, checkpoint: LogPosition, *, ended: bool) -> Iterator[bytes]:
        """Yield the rest of the checkpoint's file and the rotated files after it, then set the
        offset for the current file. `ended` if that file is known to be read to its end."""
        head = _first_octets(self._log, checkpoint.head_octets)
        offset = FileOffset(head, checkpoint.position, checkpoint.line)
        if _is_file_of(checkpoint, self._log) and self._log.stat().st_size >= offset.octets:
            self._offset = offset
            return
        files = _rotated_files(self._log)
        candidates = [path for path in files if _is_file_of(checkpoint, path)]
        if not candidates and not ended:
            self._notify(
                f"The file of {self._log} that was read last is not found. If it was not read to "
                "its end, import the file that it was rotated to."
            )
        for path in files[files.index(candidates[0]) :] if candidates else ():
            yield from self._finished_lines(path, offset if path == candidates[0] else FileOffset())
        self._offset = FileOffset()

    def _finished_lines(self, path: Path, offset: FileOffset) -> Iterator[bytes]:
        self._offset = offset._replace(head=_first_octets(path, HEAD_OCTETS))
        with Source.open(path) as source:
            source.file.seek(offset.octets)
            yield from self._whole_lines(source.file, finished=True)

    def _growing_lines(self, file: BinaryIO) -> Generator[bytes, None, bool]:
        """Yield lines from the current offset until the log is another file; return True if the
        file was read to its end."""
        while not self._stopped:
            head = os.pread(file.fileno(), HEAD_OCTETS, 0)
            shorter = os.fstat(file.fileno()).st_size < self._offset.octets
            if shorter or not head.startswith(self._offset.head):
                return False  # truncated after a copy (copytruncate)
            self._offset = self._offset._replace(head=head)
            replaced = self._is_replaced(file)
            file.seek(self._offset.octets)
            yield from self._whole_lines(file, finished=replaced)
            if replaced:
                return True
            self._wait()
        return False

    def _is_replaced(self, file: BinaryIO) -> bool:
        """True if the log's path leads to another file that is not empty."""
        try:
            new = self._log.stat()
        except FileNotFoundError:
            return False
        return new.st_size > 0 and not os.path.samestat(new, os.fstat(file.fileno()))

    def _whole_lines(self, file: BinaryIO, *, finished: bool = False) -> Iterator[bytes]:
        """Yield complete lines. The last line of a finished file may lack its line end."""
        count = 0
        while not self._stopped and (line := file.readline(LONGEST_LINE)):
            octets = len(line)
            while not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                line = file.readline(LONGEST_LINE)
                octets += len(line)
            if not (line.endswith(b"\n") or finished):
                file.seek(self._offset.octets)
                return
            self._note_second(line)
            head, position, number = self._offset
            self._offset = FileOffset(head, position + octets, number + 1)
            yield line if octets <= LONGEST_LINE else TOO_LONG
            count += 1
            if count % PAUSE_LINES == 0:
                self._stopped = not self._pause(False)

    def _note_second(self, line: bytes) -> None:
        second = line[:19]
        if second != self._second and _SECOND.match(second):
            self._second, self._second_start = second, self._offset

    def _wait(self) -> None:
        self._stopped = not self._pause(True)


def _position(offset: FileOffset, latest: str | None) -> LogPosition:
    head = offset.head
    return LogPosition(len(head), _digest(head), offset.octets, offset.lines, latest)


def _rotated_files(log: Path) -> list[Path]:
    """Rotated files beside the log, recognised by their names, oldest first."""
    name = re.sub(r"([*?[])", r"[\1]", log.name)  # no glob pattern
    siblings = [path for path in log.parent.glob(f"{name}[.-]*") if path.is_file()]
    logs = [path for path in siblings if _SECOND.match(_first_octets(path, HEAD_OCTETS))]
    return sorted(logs, key=lambda path: path.stat().st_mtime_ns)


def _is_file_of(checkpoint: LogPosition, path: Path) -> bool:
    head = _first_octets(path, checkpoint.head_octets)
    return len(head) == checkpoint.head_octets and _digest(head) == checkpoint.head_digest


def _first_octets(path: Path, octets: int) -> bytes:
    """First octets, decompressed; b"" if the file cannot be read."""
    try:
        with Source.open(path) as source:
            return source.file.read(octets)
    except ImportFailed:
        return b""


def _digest(head: bytes) -> str:
    return blake2b(head, digest_size=16).hexdigest()
