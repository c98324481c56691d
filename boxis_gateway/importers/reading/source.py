"""Source of an import: a file, compressed by gzip or not, or a URL."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from boxis_gateway.errors import ImportFailed

HEAD_BYTES = 65_536
LONGEST_LINE = 1_048_576  # bytes
CHUNK = 65_536  # bytes
TOO_LONG = b"\xff\n"  # replaces a longer line: a bad line in every format
GZIP = b"\x1f\x8b"


class Source:
    """Source that is read once, from start to end: a `url`, or a decompressed `file`, mostly with
    a `path`."""

    def __init__(
        self, file: BinaryIO | None = None, path: Path | None = None, url: str | None = None
    ) -> None:
        self._file = file
        self.path = path
        self.url = url

    @classmethod
    @contextmanager
    def open(
        cls, location: Path | str, progress: Callable[[int], object] = lambda octets: None
    ) -> Iterator[Source]:
        """Open a file (a path) or a URL (a text). `progress` is called with the octets of the file
        read since its last call. Translates read errors inside the context into ImportFailed."""
        if isinstance(location, str):
            yield cls(url=location)
            return
        try:
            with io.BufferedReader(_CountingFile(location, progress), HEAD_BYTES) as raw:
                compressed = raw.peek(len(GZIP)).startswith(GZIP)
                file = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if compressed else raw
                yield cls(file, location)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ImportFailed(
                f"{location} is damaged: it cannot be decompressed to its end. The lines before "
                "are imported. Import it again when it is whole."
            ) from None
        except OSError as problem:
            reason = problem.strerror or "not a regular file"
            raise ImportFailed(f"{location} cannot be read: {reason}. Check the path.") from None

    @property
    def file(self) -> BinaryIO:
        """Open file. Raises ImportFailed for a URL."""
        if self._file is None:
            raise ImportFailed("This format is read from a file, not from a URL.")
        return self._file

    def head(self) -> bytes:
        """Return the first whole lines, up to 64 KiB."""
        if self.file.seekable():
            head = self.file.read(HEAD_BYTES)
            self.file.seek(0)
        else:
            head = b""
        return head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of a file, TOO_LONG for those longer than LONGEST_LINE."""
        readline = partial(self.file.readline, LONGEST_LINE)
        for line in iter(readline, b""):
            if len(line) == LONGEST_LINE:
                while len(readline()) == LONGEST_LINE:
                    pass
                line = TOO_LONG
            yield line

    def chunks(self) -> Iterator[bytes]:
        """Yield the content of a file in chunks."""
        return iter(partial(self.file.read, CHUNK), b"")


class _CountingFile(io.FileIO):
    """File that reports the octets read from it."""

    def __init__(self, path: Path, progress: Callable[[int], object]) -> None:
        super().__init__(path, "rb")
        self._progress = progress

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        """Read as FileIO does, and report the octets."""
        octets = super().readinto(buffer)
        self._progress(octets or 0)
        return octets
