"""Translation of the store's SQL, which is SQLite's, into PostgreSQL's.

Parameters are `?`, `?1` or `:name`. Few expressions differ between the two: add new ones to
TRANSLATIONS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from boxis_gateway.store.engines.base import Parameters

PARAMETER = r"(?:\?[0-9]*|:[a-z_]+)"
LIST = r"IN \(SELECT value{} FROM json_each\((" + PARAMETER + r")\)\)"
TRANSLATIONS = (
    (LIST.format(""), r"= ANY (ARRAY (SELECT json_array_elements_text(CAST(\1 AS json))))"),
    (
        LIST.format(r" \+ 0"),
        r"= ANY (ARRAY (SELECT CAST(json_array_elements_text(CAST(\1 AS json)) AS bigint)))",
    ),
    (r"\bjson_each\((" + PARAMETER + r")\)", r"json_each_text(CAST(\1 AS json))"),
    (r" OR instr\(text, char\(0\)\) > 0", ""),  # see TextDumper
    (r"\binstr\(", "strpos("),
    (r"\bchar\(10\)", "chr(10)"),
    (r"\btext LIKE ", "lower(text) LIKE "),  # folds ASCII alone: texts have the collation C
    (
        r"printf\('%016x%08x', ([a-z_.]+), ([a-z_.]+)\)",
        r"(lpad(to_hex(\1), 16, '0') || lpad(to_hex(\2), 8, '0'))",
    ),
)
_TRANSLATIONS = tuple((re.compile(pattern), replacement) for pattern, replacement in TRANSLATIONS)
_TOKENS = re.compile(rf"'[^']*'|\"[^\"]*\"|::|{PARAMETER}")


@lru_cache(maxsize=4096)
def to_postgresql(sql: str) -> tuple[str, tuple[str, ...]]:
    """The query with `$1`, `$2` … for its parameters, and the names of named ones in that order."""
    for pattern, replacement in _TRANSLATIONS:
        sql = pattern.sub(replacement, sql)
    names: list[str] = []
    count = 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal count
        token = match[0]
        if token[0] in "'\"" or token == "::":
            return token
        if token[0] == ":":
            if token[1:] not in names:
                names.append(token[1:])
            return f"${names.index(token[1:]) + 1}"
        if token != "?":
            return f"${token[1:]}"
        count += 1
        return f"${count}"

    return _TOKENS.sub(numbered, sql), tuple(names)


def ordered_parameters(names: Sequence[str], parameters: Parameters) -> Sequence[Any]:
    """The parameters in the order of their numbers."""
    if isinstance(parameters, Mapping):
        return [parameters[name] for name in names]
    return parameters
