"""What importers read: a file, be it compressed by gzip or not, or an address."""

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
TOO_LONG = b"\xff\n"  # handed on in place of a longer one: a bad line in every format
GZIP = b"\x1f\x8b"


class Source:
    """Read once, from its beginning to its end. A file has `file`, from which what was compressed
    comes as it was, and mostly a `path`; an address has a `url`."""

    def __init__(
        self, file: BinaryIO | None = None, path: Path | None = None, url: str | None = None
    ) -> None:
        self._file = file
        self.path = path
        self.url = url

    @classmethod
    @contextmanager
    def open(
        cls, place: Path | str, progress: Callable[[int], object] = lambda octets: None
    ) -> Iterator[Source]:
        """A path, or the text of an address. `progress` is told how many octets of the file were
        read since it was told last. Raises ImportFailed, also from what is read inside."""
        if isinstance(place, str):
            yield cls(url=place)
            return
        try:
            with io.BufferedReader(_Counted(place, progress), HEAD_BYTES) as raw:
                packed = raw.peek(len(GZIP)).startswith(GZIP)
                file = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
                yield cls(file, place)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise ImportFailed(
                f"{place} is damaged: it cannot be decompressed to its end. What stood before is "
                "imported; the same again adds the rest when the file is whole."
            ) from None
        except OSError as problem:
            reason = problem.strerror or "not a regular file"
            raise ImportFailed(f"{place} cannot be read: {reason}. Check the path.") from None

    @property
    def file(self) -> BinaryIO:
        """The octets of a file. Raises ImportFailed for an address."""
        if self._file is None:
            raise ImportFailed("This format is read from a file, not from an address.")
        return self._file

    def head(self) -> bytes:
        """Whole lines from the beginning, up to 64 KiB of them."""
        if self.file.seekable():
            head = self.file.read(HEAD_BYTES)
            self.file.seek(0)
        else:
            head = b""
        return head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1] or head

    def lines(self) -> Iterator[bytes]:
        """The lines of a file. One that is longer than LONGEST_LINE is TOO_LONG."""
        readline = partial(self.file.readline, LONGEST_LINE)
        for line in iter(readline, b""):
            if len(line) == LONGEST_LINE:
                while len(readline()) == LONGEST_LINE:
                    pass
                line = TOO_LONG
            yield line


class _Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, progress: Callable[[int], object]) -> None:
        super().__init__(path, "rb")
        self._progress = progress

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]
        """See FileIO."""
        octets = super().readinto(buffer)
        self._progress(octets or 0)
        return octets
