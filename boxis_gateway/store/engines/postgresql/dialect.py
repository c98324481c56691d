"""SQL of the store in PostgreSQL's words.

The store's SQL is SQLite's, with `?`, `?1` or `:name` for parameters. Few of its words are not
PostgreSQL's too: these are in WORDS, and whoever needs another one adds it there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

PARAMETER = r"(?:\?[0-9]*|:[a-z_]+)"
LIST = r"IN \(SELECT value{} FROM json_each\((" + PARAMETER + r")\)\)"

WORDS = (
    (LIST.format(""), r"= ANY (ARRAY (SELECT json_array_elements_text(CAST(\1 AS json))))"),
    (
        LIST.format(r" \+ 0"),
        r"= ANY (ARRAY (SELECT CAST(json_array_elements_text(CAST(\1 AS json)) AS bigint)))",
    ),
    (r"\bjson_each\((" + PARAMETER + r")\)", r"json_each_text(CAST(\1 AS json))"),
    (r" OR instr\(text, char\(0\)\) > 0", ""),  # see TextDumper
    (r"\binstr\(", "strpos("),
    (r"\bchar\(10\)", "chr(10)"),
    (r"\btext LIKE ", "lower(text) LIKE "),  # of ASCII alone: texts are in the collation C
    (
        r"printf\('%016x%08x', ([a-z_.]+), ([a-z_.]+)\)",
        r"(lpad(to_hex(\1), 16, '0') || lpad(to_hex(\2), 8, '0'))",
    ),
)
_WORDS = tuple((re.compile(words), told) for words, told in WORDS)
_PLACES = re.compile(rf"'[^']*'|\"[^\"]*\"|::|{PARAMETER}")


@lru_cache(maxsize=4096)
def to_postgresql(sql: str) -> tuple[str, tuple[str, ...]]:
    """The query with `$1`, `$2` … for its parameters, and the names of those that have names, in
    the order of these numbers."""
    for words, told in _WORDS:
        sql = words.sub(told, sql)
    names: list[str] = []
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        word = found[0]
        if word[0] in "'\"" or word == "::":
            return word
        if word[0] == ":":
            if word[1:] not in names:
                names.append(word[1:])
            return f"${names.index(word[1:]) + 1}"
        if word != "?":
            return f"${word[1:]}"
        count += 1
        return f"${count}"

    return _PLACES.sub(place, sql), tuple(names)


def ordered_parameters(
    names: Sequence[str], parameters: Sequence[Any] | Mapping[str, Any]
) -> Sequence[Any]:
    """The parameters as their numbers have them."""
    if isinstance(parameters, Mapping):
        return [parameters[name] for name in names]
    return parameters
