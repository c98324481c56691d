"""Fast rendering of rows by column, shared by the formats.

Hardly any value needs escaping, which costs more than writing: so each column of a batch is checked
as a whole first. Rows are written by an f-string in a comprehension, compiled once for each kind of
list: half the time of `%` or of a call per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from boxis_gateway.bounded_cache import BoundedCache
from boxis_gateway.form_api.results import Columns, Rows

Column = Sequence[str | int]
ROW_NUMBER = -1  # in place of a column's number
Writer = Callable[..., str]
"""(row numbers, columns …) -> text of the rows."""


@lru_cache(maxsize=256)
def row_writer(pieces: tuple[str | int, ...], separator: str) -> Writer:
    """Compile a writer of rows. Pieces are literal texts and numbers of columns.

    >>> row_writer(("<sms", ROW_NUMBER, ">", 0, ";"), "\\n")((1, 2), ("a", "b"))
    '<sms1>a;\\n<sms2>b;'
    """
    names = ["number", *(f"column{piece}" for piece in sorted(_columns_in(pieces)))]
    fields = {ROW_NUMBER: "number", **{piece: f"column{piece}" for piece in _columns_in(pieces)}}
    template = "".join(
        f"{{{fields[piece]}}}" if isinstance(piece, int) else _literal(piece) for piece in pieces
    )
    loop = f"for {', '.join(names)} in zip(numbers, *columns, strict=True)"
    writer: Writer = eval(  # built from our own field names alone
        f"lambda numbers, *columns: {separator!r}.join([f{template!r} {loop}])"
    )
    return writer


def _columns_in(pieces: Sequence[str | int]) -> set[int]:
    return {piece for piece in pieces if isinstance(piece, int) and piece != ROW_NUMBER}


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def may_need_escaping(rows: Rows) -> list[bool]:
    """Flags of the columns that `escaped` has to check."""
    return [field not in rows.plain for field in rows.fields] or [True]


def escaped(
    columns: Columns, checked: Sequence[bool], plain: bytes, escapes: BoundedCache[str, str]
) -> list[Column]:
    """Escape the texts of the `checked` columns; `plain` are ASCII characters that need none."""
    return [
        _escaped_column(column, plain, escapes) if is_checked else column
        for column, is_checked in zip(columns, checked, strict=True)
    ]


def _escaped_column(column: Column, plain: bytes, escapes: BoundedCache[str, str]) -> Column:
    if isinstance(column[0], int):
        return column
    joined = "".join(column)  # type: ignore[arg-type]
    if joined.isascii() and not joined.encode().translate(None, delete=plain):
        return column
    return escapes.map(column)  # type: ignore[arg-type]
