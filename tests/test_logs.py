"""The lines of the log, as `serve` writes them."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime

import apsw
import pytest

from boxis_gateway.errors import ClockMismatch, Unavailable
from boxis_gateway.logs import FORMAT, Formatter, Handler, JsonFormatter, Record
from boxis_gateway.monitoring import RequestRecord


def written(
    stream: io.StringIO,
    *record: object,
    exc_info: object = None,
    formatter: logging.Formatter | None = None,
) -> str:
    """The line for a record of `sms` with these level, message and arguments."""
    level, message, *args = record
    handler = Handler(stream)
    handler.setFormatter(formatter or Formatter(FORMAT))
    handler.handle(Record("sms", level, "", 0, message, tuple(args), exc_info))  # type: ignore[arg-type]
    return stream.getvalue()


def test_a_line_has_the_time_the_level_the_name_and_the_message() -> None:
    line = written(io.StringIO(), logging.INFO, "request=%s result=%s", "1f", "success")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
    assert re.fullmatch(f"{time} INFO sms request=1f result=success\n", line)


def test_names_in_a_message_are_filled_in_from_a_mapping() -> None:
    line = written(io.StringIO(), logging.WARNING, "%(count)d of 100 %%", {"count": 7})
    assert line.endswith(" WARNING sms 7 of 100 %\n")


def test_an_empty_mapping_is_an_argument_like_any() -> None:
    assert written(io.StringIO(), logging.INFO, "%s", {}).endswith(" INFO sms {}\n")


def test_a_message_without_arguments_stands_as_it_is() -> None:
    assert written(io.StringIO(), logging.INFO, "50 %").endswith(" INFO sms 50 %\n")


def a_bug() -> object:
    """The traceback of an exception that quotes a text, and of two behind it."""
    try:
        try:
            try:
                raise apsw.FullError("database or disk is full")
            except apsw.Error:
                raise Unavailable from None
        except Unavailable as problem:
            problem.__suppress_context__ = False
            raise ValueError("Your code is 4711") from problem
    except ValueError:
        return sys.exc_info()


def test_a_stack_follows_its_line_without_the_message_of_the_bug() -> None:
    text = written(io.StringIO(), logging.ERROR, "failed", exc_info=a_bug())
    first, second, *_, last = text.splitlines()
    assert first.endswith(" ERROR sms failed")
    assert second == "Traceback (most recent call last):"
    assert last == "ValueError"
    assert "in a_bug" in text
    assert "FullError: database or disk is full" in text
    assert "Unavailable: service is not available, try again later" in text


def as_json(*record: object, exc_info: object = None) -> dict[str, object]:
    stream = io.StringIO()
    line = written(stream, *record, exc_info=exc_info, formatter=JsonFormatter(FORMAT))
    assert line.count("\n") == 1
    read: dict[str, object] = json.loads(line)
    return read


def test_a_line_of_json_has_the_time_in_utc_and_the_message() -> None:
    line = as_json(logging.WARNING, 'said "%s"', "ż\n\ud800")
    time = line.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(time))
    assert datetime.fromisoformat(str(time)) <= datetime.now(UTC)
    assert line == {"level": "warning", "logger": "sms", "message": 'said "ż\n\ud800"'}


def test_a_json_line_has_the_fields_of_its_record() -> None:
    seen = RequestRecord()
    seen.fail(ClockMismatch())
    line = as_json(logging.INFO, seen)
    assert line.items() >= seen.fields().items()
    assert (line["message"], line["outcome"], line["reason"]) == ("request", "clock", "window")


def test_a_line_of_json_holds_a_stack() -> None:
    line = as_json(logging.ERROR, "failed", exc_info=a_bug())
    assert str(line["traceback"]).endswith("\nValueError")
    assert "4711" not in str(line).replace('"Your code is 4711"', "")  # which is a line of code


def test_queries_are_not_logged_at_any_level() -> None:
    """Queries would show their parameters, which are numbers and digests."""
    code = "import logging, boxis_gateway.logs as l; l.set_up_logging('debug', 'json'); "
    code += "logging.getLogger('peewee').debug('SELECT ?', 1); logging.getLogger('x').debug('it')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["it"]


def test_a_failing_log_stream_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "write", lambda _: 1 / 0, raising=False)
    assert written(stream, logging.INFO, "nobody reads this") == ""
