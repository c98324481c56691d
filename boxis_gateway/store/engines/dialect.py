"""SQL that differs by engine: a dialect has a named fragment for each difference.

The store has SQL in two styles. Peewee builds and runs simple queries about people, and makes
tables. All other queries are texts with `?`, `?1` or `:name` for parameters, in words that every
engine understands; where there are none, a function such as `find_sql(dialect)` takes a fragment.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class Dialect(ABC):
    """Fragments of an engine. A new difference is a new fragment here and in each engine."""

    merges_ordered_unions: bool
    """True if the engine merges ordered UNION ALL branches lazily; otherwise each branch needs a
    LIMIT of its own."""
    missing_audit_triggers: str
    """Query for the number of triggers that the table `audit_entry` lacks."""

    @property
    @abstractmethod
    def history_end(self) -> str:
        """Condition on `sent_at` before a parameter, for a scan from the newest message on."""

    @abstractmethod
    def in_array(self, parameter: str = "?") -> str:
        """Condition on the expression before it: a value of the `array` in the parameter."""

    @abstractmethod
    def array(self, values: Sequence[Any]) -> Any:
        """Numbers or texts as the parameter of `in_array`."""

    @abstractmethod
    def index_hint(self, index: str) -> str:
        """Hint after the name of a table to use that index, for planners without statistics."""

    @abstractmethod
    def object_items(self, parameter: str = "?") -> str:
        """Table with the columns `key` and `value` of the JSON object in the parameter."""

    @abstractmethod
    def position(self, text: str, part: str) -> str:
        """Number of the character where `part` begins in the text; 0 if it is not there."""

    @abstractmethod
    def like(self, text: str, pattern: str = "?") -> str:
        """Condition that the text matches the pattern, which is in lower case and has `!` before
        special characters. The case of ASCII letters does not matter."""

    @abstractmethod
    def has_nul(self, text: str) -> str:
        """Condition that the text contains U+0000, at which functions of SQLite stop."""

    @abstractmethod
    def wire_id(self, submission_id: str, account_id: str) -> str:
        """The id on the wire (ids.py), made of two columns."""
