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
            if self._rest or self._unsaid:
                self._put_late()
            data = line.encode("utf-8", "backslashreplace")
            self._rest = data[self._send(data) :]
        except BlockingIOError:
            self.dropped += 1
            self._unsaid += 1

    def _put_late(self) -> None:
        """Write the rest of a line, and the notice of dropped ones. Raises BlockingIOError if not
        all of it is taken."""
        assert self._send
        notice = NOTICE.format(self._unsaid).encode() if self._unsaid else b""
        self._rest, self._unsaid = self._rest + notice, 0
        self._rest = self._rest[self._send(self._rest) :]
        if self._rest:
            raise BlockingIOError


def _sender(stream: TextIO) -> Send | None:
    """Writer to the stream's file that never waits; None if it has no file."""
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
