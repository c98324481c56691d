"""Log lines: `2026-11-22 10:20:30,123 INFO name message`. Each request has one, so it costs little.

All through `logging`, by the places that it has for this: a record that holds what our lines show,
and a handler that writes a plain one in a single go. Exceptions take the usual way.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any, TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Record(logging.LogRecord):
    """What is logged, without where in the code and in which thread."""

    def __init__(  # the arguments of logging.setLogRecordFactory
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: tuple[object, ...] | Mapping[str, object],
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
    ) -> None:
        self.name, self.levelno, self.levelname = name, level, logging.getLevelName(level)
        self.msg, self.args = msg, args
        if isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
            self.args = args[0]  # for the names in the message, as logging has it
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.process = os.getpid()  # gunicorn's own lines show it


class Formatter(logging.Formatter):
    """FORMAT; a second is put into words once."""

    _second, _words = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one."""
        if record.exc_info or record.stack_info:
            return super().format(record)
        when = self.formatTime(record)
        return f"{when} {record.levelname} {record.name} {record.getMessage()}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """`yyyy-mm-dd hh:mm:ss,mmm` on the clock of the machine."""
        second = int(record.created)
        if second != self._second:
            self._second, self._words = second, time.strftime("%F %T", time.localtime(second))
        return f"{self._words},{int(record.msecs):03}"


class Handler(logging.StreamHandler[TextIO]):
    """Writes a line at a time, with its end: lines of several processes don't mix."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a stream of ours flushes at the end of a line."""
        try:
            self.stream.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


def set_up_logging(level: str, stream: TextIO | None = None) -> None:
    """Lines to stderr, or to the stream. What our lines don't show is not looked up
    (https://docs.python.org/3/howto/logging.html#optimization)."""
    logging._srcfile = None
    logging.setLogRecordFactory(Record)
    handler = Handler(stream)
    handler.setFormatter(Formatter(FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
