"""The lines of the log, as `serve` writes them."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest

from boxis_gateway.logs import FORMAT, Formatter, Handler, Record


def written(stream: io.StringIO, *record: object, exc_info: object = None) -> str:
    """What becomes of a record of `sms` with these level, message and arguments."""
    level, message, *args = record
    handler = Handler(stream)
    handler.setFormatter(Formatter(FORMAT))
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


def test_a_traceback_stands_under_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        text = written(io.StringIO(), logging.ERROR, "failed", exc_info=sys.exc_info())
    first, second, *_, last = text.splitlines()
    assert first.endswith(" ERROR sms failed")
    assert second == "Traceback (most recent call last):"
    assert last == "ValueError: broken"


def test_a_stream_that_fails_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "write", lambda _: 1 / 0, raising=False)
    assert written(stream, logging.INFO, "nobody reads this") == ""
