"""A log that grows, read line by line through rotation and restarts.

A file is known by its first octets: so it is found again after it was renamed, copied or
compressed. A place to go on from is always the first line of a second, as the log tells the time:
equal lines are counted (identity.py), and those of one second must be counted in one go. The log
has one writer: once that has begun another file, it has done with the one before.
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

HEAD_OCTETS = 1024  # by which a file is known, as far as it has them
LINES_AT_ONCE = 5_000
_SECOND = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Place(NamedTuple):
    """A place in a file of the log: its first octets as far as they were there, and the octets and
    lines that lie behind it."""

    head: bytes = b""
    position: int = 0
    line: int = 0


class LogTail(Source):
    """The log at `path` from a mark on, without an end. `pause` is called when lines have run out,
    and after LINES_AT_ONCE, with whether they have run out; it returns whether to go on. `say` is
    told what an operator should know."""

    def __init__(
        self,
        path: Path,
        mark: LogPosition | None,
        pause: Callable[[bool], bool],
        say: Callable[[str], object],
    ) -> None:
        super().__init__(path=path)
        self._log = path
        self._mark = mark
        self._pause = pause
        self._say = say
        self._place = Place()
        self._second = b""
        self._second_began = Place()
        self._stopped = False

    def head(self) -> bytes:
        """See Source; b"" as long as there is nothing."""
        if not self._log.exists():
            return b""
        with Source.open(self._log) as source:
            return source.head()

    def mark(self, latest: str | None) -> LogPosition:
        """Where to go on after a restart, if every line that was handed out is dealt with."""
        head, position, line = self._second_began
        if self._place.head.startswith(head):
            head = self._place.head  # which has grown since
        return LogPosition(len(head), _digest(head), position, line, latest)

    def number(self) -> int:
        """Of the last line that was handed out, in its file."""
        return self._place.line

    def lines(self) -> Iterator[bytes]:
        """See Source."""
        if self._mark:
            yield from self._lines_since(self._mark, ended=False)
        while not self._stopped:
            try:
                with open(self._log, "rb") as file:
                    ended = yield from self._growing_lines(file)
            except FileNotFoundError:
                self._wait()
                continue
            if not self._stopped:
                head, position, line = self._place
                mark = LogPosition(len(head), _digest(head), position, line, None)
                yield from self._lines_since(mark, ended=ended)

    def _lines_since(self, mark: LogPosition, *, ended: bool) -> Iterator[bytes]:
        """The rest of the file of the mark, and the files after it, but for the log as it is now:
        of that it is told where to begin. `ended` is whether that rest is known to be nothing."""
        place = Place(_first_octets(self._log, mark.head_octets), mark.position, mark.line)
        if _is_marked(self._log, mark) and self._log.stat().st_size >= mark.position:
            self._place = place
            return
        files = _rotated_files(self._log)
        marked = [path for path in files if _is_marked(path, mark)]
        if not marked and not ended:
            self._say(
                f"What {self._log} was when it was read last is not found any more. Import what it "
                "was rotated to, if it was not read to its end."
            )
        for path in files[files.index(marked[0]) :] if marked else ():
            yield from self._finished_lines(path, place if path == marked[0] else Place())
        self._place = Place()

    def _finished_lines(self, path: Path, place: Place) -> Iterator[bytes]:
        self._place = place._replace(head=_first_octets(path, HEAD_OCTETS))
        with Source.open(path) as source:
            source.file.seek(place.position)
            yield from self._whole_lines(source.file, finished=True)

    def _growing_lines(self, file: BinaryIO) -> Generator[bytes, None, bool]:
        """Lines of the log from the present place on, until the log is another file; whether that
        was all of this one."""
        while not self._stopped:
            head = os.pread(file.fileno(), HEAD_OCTETS, 0)
            short = os.fstat(file.fileno()).st_size < self._place.position
            if short or not head.startswith(self._place.head):
                return False  # it was emptied, after a copy was made
            self._place = self._place._replace(head=head)
            replaced = self._is_replaced(file)
            file.seek(self._place.position)
            yield from self._whole_lines(file, finished=replaced)
            if replaced:
                return True
            self._wait()
        return False

    def _is_replaced(self, file: BinaryIO) -> bool:
        """Whether the log has another file, which has something in it."""
        try:
            new = self._log.stat()
        except FileNotFoundError:
            return False
        return new.st_size > 0 and not os.path.samestat(new, os.fstat(file.fileno()))

    def _whole_lines(self, file: BinaryIO, *, finished: bool = False) -> Iterator[bytes]:
        """Lines as far as they are there. The last one of a finished file may lack its end."""
        count = 0
        while not self._stopped and (line := file.readline(LONGEST_LINE)):
            octets = len(line)
            while not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                line = file.readline(LONGEST_LINE)
                octets += len(line)
            if not (line.endswith(b"\n") or finished):
                file.seek(self._place.position)
                return
            self._note_second(line)
            head, position, number = self._place
            self._place = Place(head, position + octets, number + 1)
            yield line if octets <= LONGEST_LINE else TOO_LONG
            count += 1
            if count % LINES_AT_ONCE == 0:
                self._stopped = not self._pause(False)

    def _note_second(self, line: bytes) -> None:
        second = line[:19]
        if second != self._second and _SECOND.match(second):
            self._second, self._second_began = second, self._place

    def _wait(self) -> None:
        self._stopped = not self._pause(True)


def _rotated_files(log: Path) -> list[Path]:
    """Files beside the log that it was rotated to, by their names, the oldest first."""
    beside = [path for path in log.parent.glob(f"{_escaped(log.name)}[.-]*") if path.is_file()]
    logs = [path for path in beside if _SECOND.match(_first_octets(path, HEAD_OCTETS))]
    return sorted(logs, key=lambda path: path.stat().st_mtime_ns)


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _is_marked(path: Path, mark: LogPosition) -> bool:
    head = _first_octets(path, mark.head_octets)
    return len(head) == mark.head_octets and _digest(head) == mark.head_digest


def _first_octets(path: Path, octets: int) -> bytes:
    """As they were before compression; b"" if they cannot be read."""
    try:
        with Source.open(path) as source:
            return source.file.read(octets)
    except ImportFailed:
        return b""


def _digest(head: bytes) -> str:
    return blake2b(head, digest_size=16).hexdigest()
