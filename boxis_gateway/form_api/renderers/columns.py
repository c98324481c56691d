"""Escaping by columns: what the formats have in common.

A row's text is a template, filled by `%`. Escaping a value costs more than filling it in, and
hardly any value needs it; so each column of a batch is first looked at as a whole, which takes a
few string searches, and only a column that needs it is escaped value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from boxis_gateway.form_api.results import Columns

Column = Sequence[str | int]


def escaped(
    columns: Columns, is_plain: Callable[[str], bool], escape: Callable[[str], str]
) -> list[Column]:
    """The columns with every text escaped. `is_plain` tells of a text that `escape` would leave
    it as it is; it must tell of a text what it tells of the text's parts."""
    return [_escaped_column(column, is_plain, escape) for column in columns]


def _escaped_column(
    column: Column, is_plain: Callable[[str], bool], escape: Callable[[str], str]
) -> Column:
    if isinstance(column[0], int) or is_plain("".join(column)):  # type: ignore[arg-type]
        return column
    return [escape(value) for value in column]  # type: ignore[arg-type]
