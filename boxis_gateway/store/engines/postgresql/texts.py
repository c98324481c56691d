"""Texts that PostgreSQL does not take as they are: those with a NUL.

U+FDD0, which is no character, stands for it. Where a text has that one itself, or U+FDD1, another
U+FDD1 stands before it (with U+FDD2 or U+FDD3 in its place), so that each text comes back as it
was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from psycopg.types.string import StrDumper, TextLoader

from boxis_gateway.store.engines.postgresql.dialect import NUL

ODD = re.compile("[\0\ufdd0\ufdd1]")
TOLD = re.compile("\ufdd0|\ufdd1[\ufdd2\ufdd3]")
_AS = {"\0": NUL, NUL: "\ufdd1\ufdd2", "\ufdd1": "\ufdd1\ufdd3"}
_BACK = {told: odd for odd, told in _AS.items()}


def told(text: str) -> str:
    """The text as PostgreSQL takes it."""
    return ODD.sub(lambda found: _AS[found[0]], text) if ODD.search(text) else text


def back(text: str) -> str:
    """What `told` was given."""
    return TOLD.sub(lambda found: _BACK[found[0]], text)


class Dumper(StrDumper):
    """Of `str`, as the type `text`: so that the server never has to guess a type."""

    def dump(self, obj: str) -> Any:
        """The text in UTF-8."""
        return super().dump(told(obj))


class Loader(TextLoader):
    """Of `text`."""

    def load(self, data: Any) -> Any:
        """The text; the few that are odd as they were."""
        text = str(super().load(data))
        return back(text) if NUL in text or "\ufdd1" in text else text


def rows_back(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows that were read without the loader, which takes longer for each text than they do."""
    if not any(map(_is_odd, zip(*rows, strict=True))):
        return rows
    return [tuple(back(cell) if isinstance(cell, str) else cell for cell in row) for row in rows]


def _is_odd(column: Sequence[Any]) -> bool:
    """Whether it has a text that is to be mended: looked for in all of them at once."""
    cells = list(filter(None, column))
    if not cells or not isinstance(cells[0], str):
        return False
    texts = "".join(cells)
    return NUL in texts or "\ufdd1" in texts
