"""Dates and tables of commands that show rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

FORMATS = {10: "%Y-%m-%d", 16: "%Y-%m-%d %H:%M", 19: "%Y-%m-%d %H:%M:%S"}  # by length
LAST_OF = {10: " 23:59:59", 16: ":59", 19: ""}  # by what a date of that length leaves out


def first_moment(text: str | None) -> datetime | None:
    """First second of a day, a minute or a second. Raises UsageError."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, FORMATS[len(text)])
    except (KeyError, ValueError):
        raise click.UsageError(f"{text!r} is not a date such as yyyy-mm-dd [hh:mm[:ss]].") from None


def last_moment(text: str | None) -> datetime | None:
    """Last second of a day, a minute or a second. Raises UsageError."""
    return None if text is None else first_moment(text + LAST_OF.get(len(text), ""))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns of the least width."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())


def printable(text: str) -> str:
    """The text with control characters as escapes, so that it cannot drive a terminal."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
