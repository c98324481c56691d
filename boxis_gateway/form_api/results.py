"""Results of handlers; the renderers turn them into XML or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Columns = Sequence[Sequence[str | int]]
"""A batch of rows by column: one sequence of values per field, all of one length, so that a
renderer can check a thousand values at once (renderers/columns.py)."""


@dataclass(frozen=True)
class Rows:
    """A list whose members are numbered from 1: `sms1`, `sms2`, … with the given fields, or without
    fields the values of the only column: `sender1`, `sender2`, …

    `start()` starts an iteration over the rows. A renderer that writes the list under two names
    starts both before it reads either, so that they see the same rows. `names` are the list's
    containers, `names_in` those of formats that differ. Values of `plain` fields need no escaping
    in any format: ASCII digits, dates, fixed words."""

    item: str
    fields: Sequence[str]
    start: Callable[[], Iterator[Columns]]
    names: Sequence[str]
    names_in: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    def names_for(self, format_name: str) -> Sequence[str]:
        """Containers in an output format."""
        return self.names_in.get(format_name, self.names)


@dataclass(frozen=True)
class Params:
    """Single values inside `params`. In JSON, integers are numbers and texts are strings (protocol
    page, section 5)."""

    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Success:
    """`result` 1, `resulttxt` success, and the payload."""

    payload: Rows | Params


@dataclass(frozen=True)
class Failure:
    """`result` 0 and the description of the error (protocol page, section 7)."""

    description: str
    clock_mismatch: bool = False


Result = Success | Failure
