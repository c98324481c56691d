"""Log lines: `2026-11-22 10:20:30,123 INFO name message`, or the same as JSON, an object a line.

Each request has a line, so it costs little. All through `logging`, by the places that it has for
this: a record that holds what our lines show, a handler that writes it in a single go, and messages
that are objects: one with `fields()`, such as watching.RequestRecord, is shown in JSON by those.
"""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from boxis_gateway.errors import GatewayError, OperatorError

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

    def formatException(self, ei: Any) -> str:
        """The stack of an exception and of those behind it, by lines of code. What it says is left
        out, since it may quote a text or a number, but for our own words and SQLite's, which quote
        names of tables at most."""
        return "\n".join(_told(ei[1]))


class JsonFormatter(Formatter):
    """An object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, and the fields of a
    message that has some; a stack as `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; what is not ASCII is escaped."""
        said = {"time": self.formatTime(record), "level": record.levelname.lower()}
        said["logger"] = record.name
        if fields := getattr(record.msg, "fields", None):
            said |= {"message": "request", **fields()}
        else:
            said["message"] = record.getMessage()
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """`yyyy-mm-ddThh:mm:ss.mmmZ`."""
        second = int(record.created)
        if second != self._second:
            self._second, self._words = second, time.strftime("%FT%T", time.gmtime(second))
        return f"{self._words}.{int(record.msecs):03}Z"


def _told(problem: BaseException | None) -> Iterator[str]:
    if problem is None:
        return
    behind = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    yield from _told(behind)
    yield "Traceback (most recent call last):"
    yield "".join(traceback.format_tb(problem.__traceback__)).rstrip("\n")
    kind = type(problem)
    ours = isinstance(problem, (GatewayError, OperatorError)) or kind.__module__ == "apsw"
    yield f"{kind.__qualname__}: {problem}" if ours else kind.__qualname__


class Handler(logging.StreamHandler[TextIO]):
    """Writes a line at a time, with its end: lines of several processes don't mix."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line; a stream of ours flushes at the end of a line."""
        try:
            self.stream.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


FORMATTERS = {"readable": Formatter, "json": JsonFormatter}


def set_up_logging(level: str, form: str = "readable", stream: TextIO | None = None) -> None:
    """Lines of that form (one of FORMATTERS) to stderr, or to the stream; Python's warnings too.
    What our lines don't show is not looked up
    (https://docs.python.org/3/howto/logging.html#optimization)."""
    logging._srcfile = None
    logging.setLogRecordFactory(Record)
    handler = Handler(stream)
    handler.setFormatter(FORMATTERS[form](FORMAT))
    logging.captureWarnings(True)
    logging.getLogger("peewee").setLevel(logging.INFO)  # below that it shows parameters
    logging.basicConfig(level=level.upper(), handlers=[handler])
