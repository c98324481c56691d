"""Rows by columns: what the formats have in common.

Two things make a long list quick. Escaping a value costs more than writing it, and hardly any value
needs it: so each column of a batch is first looked at as a whole, in one go. And a row
is written by an f-string in a comprehension, compiled once for each kind of list: half the time of
`%` or of a call per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.results import Columns, Rows

Column = Sequence[str | int]
NUMBER = -1  # stands for the row's number, where others are those of columns
Writer = Callable[..., str]
"""(numbers of the rows, their columns ...) -> the text of all of them."""


@lru_cache(maxsize=256)
def row_writer(pieces: tuple[str | int, ...], separator: str) -> Writer:
    """What writes rows that are made of these pieces: a text stands for itself, a number for the
    value of that column.

    >>> row_writer(("<sms", NUMBER, ">", 0, ";"), "\\n")((1, 2), ("a", "b"))
    '<sms1>a;\\n<sms2>b;'
    """
    names = ["number", *(f"column{piece}" for piece in sorted(_columns_in(pieces)))]
    fields = {NUMBER: "number", **{piece: f"column{piece}" for piece in _columns_in(pieces)}}
    template = "".join(
        f"{{{fields[piece]}}}" if isinstance(piece, int) else _literal(piece) for piece in pieces
    )
    loop = f"for {', '.join(names)} in zip(numbers, *columns, strict=True)"
    writer: Writer = eval(  # of our own field names and nothing else
        f"lambda numbers, *columns: {separator!r}.join([f{template!r} {loop}])"
    )
    return writer


def _columns_in(pieces: Sequence[str | int]) -> set[int]:
    return {piece for piece in pieces if isinstance(piece, int) and piece != NUMBER}


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def may_need_escaping(rows: Rows) -> list[bool]:
    """For each column of the list, whether `escaped` has to look at it."""
    return [field not in rows.plain for field in rows.fields] or [True]


def escaped(
    columns: Columns, looked_at: Sequence[bool], plain: bytes, escapes: BoundedCache[str, str]
) -> list[Column]:
    """The columns with every text escaped. `plain` are the ASCII characters that stand for
    themselves."""
    return [
        _escaped_column(column, plain, escapes) if look else column
        for column, look in zip(columns, looked_at, strict=True)
    ]


def _escaped_column(column: Column, plain: bytes, escapes: BoundedCache[str, str]) -> Column:
    if isinstance(column[0], int):
        return column
    joined = "".join(column)  # type: ignore[arg-type]
    if joined.isascii() and not joined.encode().translate(None, delete=plain):
        return column
    return escapes.map(column)  # type: ignore[arg-type]
