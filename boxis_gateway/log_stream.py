"""Stream of log lines that never waits: it drops and counts those that nobody reads.

stderr may be a pipe whose reader has stopped. A process that answers requests must not wait for it.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

NOTICE = "{} log lines before this one were dropped, because nobody read the log\n"

Send = Callable[[bytes], int]
"""Writes bytes and returns how many were taken. Raises BlockingIOError if none can be."""


class LogStream:
    """Writes lines to a file descriptor, or to a text stream that has none. `dropped` counts the
    lines of this process that were dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._text = stream
        self._send = _sender(stream)
        self._rest = b""  # of a line that was taken in part
        self._unsaid = self.dropped = 0

    def write(self, line: str) -> None:
        """Write the line, with its end, or drop it. Raises OSError, such as for a full disk."""
        if self._send is None:
            self._text.write(line)
            return
        try:
            self._flush()
            self._put(line.encode("utf-8", "backslashreplace"))
        except BlockingIOError:
            self.dropped += 1
            self._unsaid += 1

    def _flush(self) -> None:
        if self._rest:
            rest, self._rest = self._rest, b""
            self._put(rest, must_keep=True)
        if self._unsaid:
            self._put(NOTICE.format(self._unsaid).encode())
            self._unsaid = 0

    def _put(self, data: bytes, *, must_keep: bool = False) -> None:
        assert self._send
        try:
            taken = self._send(data)
        except BlockingIOError:
            if must_keep:
                self._rest = data
            raise
        if taken < len(data):
            self._rest = data[taken:]
            if must_keep:
                raise BlockingIOError


def _sender(stream: TextIO) -> Send | None:
    """What writes to the stream's file without waiting; None if it has no file."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        connection = socket.socket(fileno=os.dup(descriptor))
        return lambda data: connection.send(data, socket.MSG_DONTWAIT)
    if stat.S_ISFIFO(mode) or os.isatty(descriptor):
        # Opened anew, since the flag would hold for all processes that share the old description.
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
            descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
    return lambda data: os.write(descriptor, data)
