"""What a handler may return; how it looks on the wire is the renderers' business."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Columns = Sequence[Sequence[str | int]]
"""Some rows, turned: one sequence of values per field, all of one length. Working by columns lets a
renderer look at a thousand values at once (renderers/columns.py)."""


@dataclass(frozen=True)
class Rows:
    """A list whose members are numbered from 1: `sms1`, `sms2`, … A member has the fields that are
    named, or, if none are, it is the value of the one column: `sender1`, `sender2`, …

    `start()` begins one walk over the rows; a renderer that shows the list under two names begins
    both walks before it reads either, so that they see the same rows. `names` are the containers
    that the list stands in, `names_in` those of formats that differ. `plain` are the fields whose
    values need escaping in no format: ASCII digits, dates, words of ours."""

    item: str
    fields: Sequence[str]
    start: Callable[[], Iterator[Columns]]
    names: Sequence[str]
    names_in: Mapping[str, Sequence[str]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()

    def names_for(self, format_name: str) -> Sequence[str]:
        """The containers in that output format."""
        return self.names_in.get(format_name, self.names)


@dataclass(frozen=True)
class Params:
    """Single values inside `params`. In JSON texts are strings and integers are numbers; the
    documentation has both (protocol page, section 5)."""

    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Success:
    """`result` 1, `resulttxt` success, and the payload."""

    payload: Rows | Params


@dataclass(frozen=True)
class Failure:
    """`result` 0 and the description of what is wrong (protocol page, section 7)."""

    description: str
    clock_mismatch: bool = False


Result = Success | Failure
