"""Log lines: `2026-11-22 10:20:30,123 INFO name message`, or JSON objects.

Each request writes a line, so lines have to be cheap: the record holds only what they show, and the
handler writes each at once. A message with a method `fields()`, such as a RequestRecord, becomes
fields in JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from boxis_gateway.errors import GatewayError, OperatorError
from boxis_gateway.log_stream import LogStream

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class Record(logging.LogRecord):
    """A log record without the place in the code and the thread."""

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
            self.args = args[0]  # for names in the message, as in logging.LogRecord
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.process = os.getpid()  # for gunicorn's own lines


class Formatter(logging.Formatter):
    """Formatter of FORMAT, which formats each second once."""

    _second, _text = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """Format the line, and the traceback if there is one."""
        if record.exc_info or record.stack_info:
            return super().format(record)
        when = self.formatTime(record)
        return f"{when} {record.levelname} {record.name} {record.getMessage()}"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Format the time as `yyyy-mm-dd hh:mm:ss,mmm`, local time."""
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%F %T", time.localtime(second))
        return f"{self._text},{int(record.msecs):03}"

    def formatException(self, ei: Any) -> str:
        """Format a traceback with its causes. Messages are left out, as they may quote a text or a
        number; those of this package and of SQLite do not."""
        return "\n".join(_traceback(ei[1]))


class JsonFormatter(Formatter):
    """Formatter of JSON objects: `time` (RFC 3339, UTC), `level`, `logger`, `message`, fields of
    the message, `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the object in ASCII."""
        line = {"time": self.formatTime(record), "level": record.levelname.lower()}
        line["logger"] = record.name
        if fields := getattr(record.msg, "fields", None):
            line |= {"message": "request", **fields()}
        else:
            line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Format the time as `yyyy-mm-ddThh:mm:ss.mmmZ`."""
        second = int(record.created)
        if second != self._second:
            self._second, self._text = second, time.strftime("%FT%T", time.gmtime(second))
        return f"{self._text}.{int(record.msecs):03}Z"


def _traceback(problem: BaseException | None) -> Iterator[str]:
    if problem is None:
        return
    cause = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    yield from _traceback(cause)
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(problem.__traceback__)).rstrip("\n")
    kind = type(problem)
    is_safe = isinstance(problem, (GatewayError, OperatorError)) or kind.__module__ == "apsw"
    yield f"{kind.__qualname__}: {problem}" if is_safe else kind.__qualname__


class Handler(logging.Handler):
    """Writes a line and its end at once, so that lines of several processes do not mix."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self.stream = LogStream(stream or sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or drop it if nobody reads the log."""
        try:
            self.stream.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


def dropped_lines() -> int:
    """Lines that this process has dropped since its start."""
    handlers = logging.getLogger().handlers
    return sum(handler.stream.dropped for handler in handlers if isinstance(handler, Handler))


FORMATTERS = {"readable": Formatter, "json": JsonFormatter}


def set_up_logging(level: str, form: str = "readable", stream: TextIO | None = None) -> None:
    """Log to stderr or `stream`, with Python's warnings, in a form of FORMATTERS.

    Callers' source files are not looked up
    (https://docs.python.org/3/howto/logging.html#optimization)."""
    logging._srcfile = None
    logging.setLogRecordFactory(Record)
    handler = Handler(stream)
    handler.setFormatter(FORMATTERS[form](FORMAT))
    logging.captureWarnings(True)
    logging.getLogger("peewee").setLevel(logging.INFO)  # its debug lines show parameters
    logging.basicConfig(level=level.upper(), handlers=[handler])
